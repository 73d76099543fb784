package pods

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Bounds of what is read of one container before it is followed, and of a line.
const (
	maxLines = 10_000
	maxBytes = 4 << 20
	maxLine  = 64 << 10
)

// origin is one start of a container: what it prints is one log.
type origin struct {
	namespace, pod, container string
	// previous is the one before the last start.
	previous bool
	starts   int32
}

// entry is one line, with the time that the node gave it.
type entry struct {
	origin
	at   time.Time
	text string
}

// String is the line for people: the time, the process, and what it printed.
func (e entry) String() string {
	who := e.pod
	if e.container != app {
		who += "/" + e.container
	}
	if e.previous {
		who += " (before it was started again)"
	}
	return e.at.UTC().Format("2006-01-02T15:04:05.000Z") + " " + who + " " + e.text
}

// app is the container that charts have for what people bring; its name says nothing.
const app = "app"

// AppLog implements reconciler.AppLogs: the lines of all pods by their time, and of a container that was started again also those from
// before that.
func (r Reader) AppLog(ctx context.Context, key manifest.Key, ask reconciler.AppLogQuestion, line func(text string) error) error {
	found, err := r.list(ctx, key)
	if err != nil && !(ask.Follow && errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	if len(found) == 0 && !ask.Follow {
		return fmt.Errorf("%s has no pod: %w", key, fs.ErrNotExist)
	}
	f := &follower{
		reader: r, key: key, line: line, seen: map[origin]time.Time{}, reads: map[origin]bool{}, skip: map[origin]bool{}, done: map[origin]bool{},
		lines: make(chan entry), ended: make(chan origin),
	}
	if err := f.begin(ctx, found, ask.Last); err != nil || !ask.Follow {
		return err
	}
	return f.follow(ctx)
}

// follower follows the logs of a project.
type follower struct {
	reader Reader
	key    manifest.Key
	line   func(string) error
	// seen is the time of the last line of each log, and reads are those that are read now.
	seen  map[origin]time.Time
	reads map[origin]bool
	// skip are logs of which only what is to come is wanted, and done those to which nothing comes any more.
	skip, done map[origin]bool
	lines      chan entry
	ended      chan origin
}

// origins are the logs that pods have, and whether more may come to them.
func origins(pods []corev1.Pod) map[origin]bool {
	all := map[origin]bool{}
	for _, pod := range pods {
		for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			o := origin{namespace: pod.Namespace, pod: pod.Name, container: c.Name, starts: c.RestartCount}
			if c.RestartCount > 0 && c.LastTerminationState.Terminated != nil {
				before := o
				before.previous, before.starts = true, c.RestartCount-1
				all[before] = false
			}
			if c.State.Running != nil || c.State.Terminated != nil {
				all[o] = c.State.Running != nil
			}
		}
	}
	return all
}

// sorted are logs in an order that is always the same.
func sorted(all map[origin]bool) []origin {
	return slices.SortedFunc(maps.Keys(all), func(a, b origin) int {
		return cmp.Or(strings.Compare(a.pod, b.pod), strings.Compare(a.container, b.container), cmp.Compare(a.starts, b.starts))
	})
}

// begin hands on the last lines that there are.
func (f *follower) begin(ctx context.Context, pods []corev1.Pod, last int) error {
	if last < 0 || last > maxLines {
		last = maxLines
	}
	if last == 0 {
		for o := range origins(pods) {
			f.skip[o] = true
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(f.reader.Call, 15*time.Second))
	defer cancel()
	var all []entry
	var trouble []string
	for _, o := range sorted(origins(pods)) {
		lines, bytes := int64(last), int64(maxBytes)
		err := f.reader.read(ctx, o, corev1.PodLogOptions{TailLines: &lines, LimitBytes: &bytes}, func(e entry) error {
			all = append(all, e)
			f.seen[o] = e.at
			return nil
		})
		if ctx.Err() != nil {
			return fmt.Errorf("reading what %s printed: %w", f.key, ctx.Err())
		}
		if err != nil && !o.previous { // a node keeps the one before as long as it likes
			trouble = append(trouble, fmt.Sprintf("[plateform] what %s printed cannot be read: %v", o.pod, err))
		}
		if len(all) > 4*last { // however many pods there are
			all = newest(all, last)
		}
	}
	for _, e := range newest(all, last) {
		if err := f.line(e.String()); err != nil {
			return err
		}
	}
	for _, text := range trouble {
		if err := f.line(text); err != nil {
			return err
		}
	}
	return nil
}

// newest are the last lines by their time.
func newest(all []entry, last int) []entry {
	slices.SortStableFunc(all, func(a, b entry) int { return a.at.Compare(b.at) })
	return all[max(0, len(all)-last):]
}

// read hands on the lines of one log.
func (r Reader) read(ctx context.Context, o origin, ask corev1.PodLogOptions, take func(entry) error) error {
	ask.Container, ask.Previous, ask.Timestamps = o.container, o.previous, true
	stream, err := r.Cluster.CoreV1().Pods(o.namespace).GetLogs(o.pod, &ask).Stream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	in := bufio.NewReaderSize(stream, maxLine)
	var last time.Time
	for {
		line, cut, err := in.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		stamp, text, _ := strings.Cut(string(line), " ")
		for cut && err == nil {
			_, cut, err = in.ReadLine()
		}
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			at, text = last, string(line)
		}
		last = at
		if err := take(entry{o, at, text}); err != nil {
			return err
		}
	}
}

// follow hands on what is printed from now on, also by pods that come, until the context ends.
func (f *follower) follow(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	ticker := time.NewTicker(cmp.Or(f.reader.Every, 2*time.Second))
	defer ticker.Stop()
	f.join(ctx, &reading)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			f.join(ctx, &reading)
		case o := <-f.ended:
			delete(f.reads, o)
		case e := <-f.lines:
			f.seen[e.origin] = e.at
			delete(f.skip, e.origin)
			if err := f.line(e.String()); err != nil {
				return err
			}
		}
	}
}

// join begins to read the logs that are not read yet. That pods cannot be listed now is no end: the next time they may.
func (f *follower) join(ctx context.Context, reading *sync.WaitGroup) {
	found, err := f.reader.list(ctx, f.key)
	if err != nil {
		return
	}
	logs := origins(found)
	for _, o := range sorted(logs) {
		now := o
		now.previous = false // of one before, that which was read while it ran has to come to its end first
		if !f.reads[o] && !f.done[o] && !f.reads[now] {
			f.reads[o], f.done[o] = true, !logs[o]
			ask, since := f.rest(o, logs[o])
			reading.Go(func() { f.read(ctx, o, ask, since) })
		}
	}
}

// rest asks for what was not read yet of a log: what comes after a time.
func (f *follower) rest(o origin, goesOn bool) (ask corev1.PodLogOptions, since time.Time) {
	ask.Follow = goesOn
	if f.skip[o] {
		ask.TailLines = new(int64(0))
	}
	since, known := f.seen[o]
	if !known && o.previous { // it was the one that ran when it was read
		now := o
		now.previous = false
		since = f.seen[now]
	}
	if !since.IsZero() {
		ask.SinceTime = new(metav1.NewTime(since.Truncate(time.Second))) // the API counts in seconds
	}
	return ask, since
}

// read hands on the rest of a log. What breaks off is read on from there by the next one.
func (f *follower) read(ctx context.Context, o origin, ask corev1.PodLogOptions, since time.Time) {
	_ = f.reader.read(ctx, o, ask, func(e entry) error {
		if !e.at.After(since) {
			return nil
		}
		select {
		case f.lines <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	select {
	case f.ended <- o:
	case <-ctx.Done():
	}
}
