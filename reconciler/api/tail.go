package api

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/logline"
)

// Bounds of a tail.
const (
	// maxSpool is how much of a log is kept for readers.
	maxSpool = 16 << 20
	// everyLines is how often the place of a line is noted.
	everyLines = 256
	// askTimeout bounds one question for a log.
	askTimeout = 2 * time.Minute
)

// tail is the log of one build as all its readers share it: asked for once, cleaned, and kept in a file without a name that goes with the
// process. What readers have of it is the number of the last line that they got, which is the same in each process.
type tail struct {
	ask   reconciler.BuildLogQuestion
	logs  reconciler.BuildLogs
	masks func() *logline.Masks

	// Of the goroutine that follows the log alone.
	cleaner *logline.Cleaner
	next    int64

	mu    sync.Mutex
	file  *os.File
	tries []attempt
	// size is how much of the file may be read.
	size int64
	// cut says that the log is longer than what is kept.
	cut      bool
	state    tailState
	trouble  string
	watchers map[chan struct{}]bool
}

// tailState is what was last answered.
type tailState int

const (
	tailAsking  tailState = iota // nothing was answered yet
	tailGrows                    // more may come
	tailEnded                    // the build has ended, and all of its log is here
	tailMissing                  // there is no log, or none yet
	tailTrouble                  // it cannot be read now
)

// attempt is one try of the build in the file.
type attempt struct {
	// name is the builder's; mark is short for it.
	name, mark string
	// start and end are where it is in the file; the end of the last one is that of the file.
	start, end int64
	lines      int64
	// index is where each everyLines-th line begins.
	index []int64
}

// markOf is short for the name of a try, and fit for an offset.
func markOf(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return fmt.Sprintf("%08x", h.Sum32())
}

// errFull ends reading what there is no room for.
var errFull = errors.New("the log is longer than what is kept of it")

// take asks for what is new. It returns whether to ask again at once.
func (t *tail) take(ctx context.Context) (again bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	t.cleaner.Masks = t.masks()
	t.mu.Lock()
	q := t.ask
	if n := len(t.tries); n > 0 {
		q.Try, q.From = t.tries[n-1].name, t.next
	}
	w := t.spool()
	t.mu.Unlock()
	end, err := t.logs.BuildLog(ctx, q, w)
	if errors.Is(err, errFull) {
		end.Try, end.Next, end.Ended, err = cmp.Or(end.Try, q.Try), max(end.Next, q.From), true, nil
	}
	if err == nil && (q.Try != "" && end.Try != q.Try || end.Next < q.From && !w.full) {
		t.anew(end.Try)
		return true
	}
	if err == nil && end.Ended {
		if line, some := w.cleaner.Rest(); some {
			err = w.line(line)
		}
	}
	if err == nil || errors.Is(err, errFull) {
		err = w.out.Flush()
	}
	t.commit(w, end, err)
	return false
}

// spool writes what comes behind what is in the file. The caller holds the lock.
func (t *tail) spool() *spool {
	w := &spool{cleaner: t.cleaner.Clone(), at: t.size, full: t.cut}
	w.out = bufio.NewWriterSize(io.NewOffsetWriter(t.file, t.size), 64<<10)
	if n := len(t.tries); n > 0 {
		w.lines = t.tries[n-1].lines
	}
	return w
}

// commit has readers see what was written, or forgets it: after an error it will be written again.
func (t *tail) commit(w *spool, end reconciler.BuildLogEnd, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	state, trouble := tailGrows, ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		state = tailMissing
	case err != nil:
		state, trouble = tailTrouble, err.Error()
	default:
		if end.Ended {
			state = tailEnded
		}
		if len(t.tries) == 0 {
			t.tries = append(t.tries, attempt{name: end.Try, mark: markOf(end.Try)})
		}
		last := &t.tries[len(t.tries)-1]
		last.index, last.lines, last.end = append(last.index, w.index...), w.lines, w.at
		t.cleaner, t.next, t.cut = w.cleaner, end.Next, w.full
	}
	if state == t.state && trouble == t.trouble && (err != nil || w.at == t.size) {
		return
	}
	if err == nil {
		t.size = w.at
	}
	t.state, t.trouble = state, trouble
	t.tell()
}

// anew begins another try: the builder has another log under the build's ID.
func (t *tail) anew(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleaner, t.next = &logline.Cleaner{}, 0
	t.tries = append(t.tries, attempt{name: name, mark: markOf(name), start: t.size, end: t.size})
	t.state = tailAsking
	t.tell()
}

func (t *tail) tell() {
	for watcher := range t.watchers {
		wake(watcher)
	}
}

// spool puts lines into the file of a tail, as one step that is taken or not.
type spool struct {
	cleaner *logline.Cleaner
	out     *bufio.Writer
	at      int64
	lines   int64
	index   []int64
	full    bool
}

// Write implements io.Writer.
func (w *spool) Write(p []byte) (int, error) {
	if w.full {
		return 0, errFull
	}
	if err := w.cleaner.Write(p, w.line); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *spool) line(text string) error {
	if w.at+int64(len(text)) > maxSpool {
		w.full = true
		text = fmt.Sprintf("… the log is cut here: it is longer than %d MiB", maxSpool>>20)
	}
	if w.lines%everyLines == 0 {
		w.index = append(w.index, w.at)
	}
	n, err := w.out.WriteString(text + "\n")
	w.at += int64(n)
	w.lines++
	if err == nil && w.full {
		err = errFull
	}
	return err
}

// place is how far a reader of a tail is.
type place struct {
	// mark of the try, and the number of its lines that the reader has; without a mark it has nothing.
	mark  string
	lines int64
	// try and at are where that is in the file, once it is found.
	try   int
	at    int64
	found bool
	// moved says that it was another try that mark and lines are of.
	moved bool
}

// endOf is where a try ends in the file, as far as it may be read. The caller holds the lock.
func (t *tail) endOf(try int) int64 {
	if try < len(t.tries)-1 {
		return t.tries[try].end
	}
	return t.size
}

// find has a place be where it is in the file. One of a try that is not there begins with the one that is.
func (t *tail) find(p *place) error {
	t.mu.Lock()
	p.try = max(0, slices.IndexFunc(t.tries, func(a attempt) bool { return a.mark == p.mark }))
	if len(t.tries) == 0 {
		t.mu.Unlock()
		return nil
	}
	a, end := t.tries[p.try], t.endOf(p.try)
	t.mu.Unlock()
	p.found = true
	if a.mark != p.mark || p.lines <= 0 || len(a.index) == 0 {
		p.at, p.lines = a.start, 0
		return nil
	}
	p.lines = min(p.lines, a.lines)
	n := min(p.lines/everyLines, int64(len(a.index)-1))
	p.at = a.index[n]
	in := bufio.NewReader(io.NewSectionReader(t.file, p.at, end-p.at))
	for range p.lines - n*everyLines {
		line, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			p.at += int64(len(line))
			line, err = in.ReadSlice('\n')
		}
		if err != nil {
			return fmt.Errorf("reading the copy of a log: %w", err)
		}
		p.at += int64(len(line))
	}
	return nil
}

// piece is what a reader gets at once.
type piece struct {
	lines []string
	// anew says that the lines are of another try than the reader had before.
	anew bool
	// state of the tail, when there is nothing more to read.
	state   tailState
	trouble string
}

// maxPiece is how much is read at once, beside one long line.
const maxPiece = 8 << 10

// read returns what comes next for a reader. With no lines, it has all there is.
func (t *tail) read(p *place) (piece, error) {
	if !p.found {
		if err := t.find(p); err != nil {
			return piece{}, err
		}
	}
	t.mu.Lock()
	if !p.found {
		defer t.mu.Unlock()
		return piece{state: t.state, trouble: t.trouble}, nil
	}
	for p.try < len(t.tries)-1 && p.at >= t.tries[p.try].end { // one that has printed nothing is passed over
		p.try, p.moved = p.try+1, true // the mark stays until there is a line: with the offset up to here, no line comes twice
	}
	a, end := t.tries[p.try], t.endOf(p.try)
	got := piece{state: t.state, trouble: t.trouble}
	t.mu.Unlock()
	if p.at == end {
		return got, nil
	}
	if other := p.mark != a.mark; p.moved || other {
		got.anew = p.moved || p.mark != "" || p.try > 0
		p.lines, p.moved = 0, false
	}
	in := bufio.NewReaderSize(io.NewSectionReader(t.file, p.at, end-p.at), maxPiece)
	for size := 0; size < maxPiece && p.at < end; {
		line, err := in.ReadString('\n')
		if err != nil {
			return piece{}, fmt.Errorf("reading the copy of a log: %w", err)
		}
		size += len(line)
		p.at += int64(len(line))
		p.lines++
		got.lines = append(got.lines, strings.TrimSuffix(line, "\n"))
	}
	p.mark = a.mark
	return got, nil
}
