package loop

import (
	"cmp"
	"container/heap"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

const (
	// looksAtOnce bounds how many source repositories are asked at the same time.
	looksAtOnce = 8
	// doubtfulAtOnce bounds how many of them are looks at sources that could not be read the last time. They may never
	// answer, and the others must get their turn.
	doubtfulAtOnce = 3
	// lookTimeout bounds one look at a source repository.
	lookTimeout = 2 * time.Minute
	// idleLook is how long the lookout sleeps when nothing is polled.
	idleLook = time.Hour
)

// watch is a place of a source repository that somebody wants to know the tip of.
type watch struct{ repository, branch, revision, path string }

func watchOf(s manifest.Source) watch {
	if s.Revision != "" {
		return watch{s.Repository, "", s.Revision, s.Path}
	}
	return watch{s.Repository, s.Branch, "", s.Path}
}

func (w watch) source() manifest.Source {
	return manifest.Source{Repository: w.repository, Branch: w.branch, Revision: w.revision, Path: w.path}
}

// sighting is what is known of a watch.
type sighting struct {
	tip  reconciler.Tip
	seen bool
	// err of the last look, and how many failed in a row.
	err      error
	failures int

	of      watch
	due     time.Time
	looking bool
	place   int // in its queue
	// again says that a hint came in the middle of a look; stale, that what the look finds must not be taken any more.
	again bool
	stale bool
}

// lookout keeps looking at source repositories, apart from the loop, so that one that is slow or never answers holds
// nobody up.
type lookout struct {
	sources reconciler.Sources
	every   time.Duration
	clock   func() time.Time
	notify  func()
	woken   chan struct{}

	mu      sync.Mutex
	watches map[watch]*sighting
	// sound and doubtful are the watches that nobody looks at now, by whether the last look failed. looking counts the looks
	// at doubtful ones.
	sound, doubtful dueQueue
	looking         int
	// fresh are the watches with news that nobody has taken yet.
	fresh map[watch]bool
}

func newLookout(sources reconciler.Sources, every time.Duration, clock func() time.Time, notify func()) *lookout {
	return &lookout{
		sources: sources, every: every, clock: clock, notify: notify,
		woken: make(chan struct{}, 1), watches: map[watch]*sighting{}, fresh: map[watch]bool{},
	}
}

// add adds a watch. One that is known already counts as news again, for somebody new wants to know.
func (l *lookout) add(w watch) {
	l.mu.Lock()
	if known := l.watches[w]; known == nil {
		l.watches[w] = &sighting{of: w}
		heap.Push(&l.sound, l.watches[w])
	} else if known.seen || known.err != nil {
		l.fresh[w] = true
	}
	l.mu.Unlock()
	l.wake()
}

// drop ends a watch.
func (l *lookout) drop(w watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.watches[w]; s != nil {
		l.leave(s)
	}
	delete(l.watches, w)
	delete(l.fresh, w)
}

// queue is where a watch waits for its next look.
func (l *lookout) queue(s *sighting) *dueQueue {
	if s.failures > 0 {
		return &l.doubtful
	}
	return &l.sound
}

// leave ends waiting: the watch is looked at, or nobody wants to know any more.
func (l *lookout) leave(s *sighting) {
	switch {
	case !s.looking:
		heap.Remove(l.queue(s), s.place)
	case s.failures > 0:
		l.looking--
	}
}

// dueAt changes when a watch is due.
func (l *lookout) dueAt(s *sighting, due time.Time) {
	s.due = due
	if !s.looking {
		heap.Fix(l.queue(s), s.place)
	}
}

// news is a watch and what is known of it now.
type news struct {
	watch
	sighting
}

// take returns the watches with news since it was last asked, in order.
func (l *lookout) take() []news {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []news
	for _, w := range slices.SortedFunc(maps.Keys(l.fresh), compareWatches) {
		all = append(all, news{w, *l.watches[w]})
	}
	clear(l.fresh)
	return all
}

func compareWatches(a, b watch) int {
	return cmp.Or(strings.Compare(a.repository, b.repository), strings.Compare(a.branch, b.branch),
		strings.Compare(a.revision, b.revision), strings.Compare(a.path, b.path))
}

// hint makes all watches of a repository due.
func (l *lookout) hint(repository string) {
	l.mu.Lock()
	for w, s := range l.watches {
		if w.repository == repository {
			l.dueAt(s, time.Time{})
			s.again = s.looking
		}
	}
	l.mu.Unlock()
	l.wake()
}

// renew forgets where a watch is: only a look that begins from now on counts, and it is news whatever it finds.
func (l *lookout) renew(w watch) {
	l.mu.Lock()
	if s := l.watches[w]; s != nil {
		s.seen, s.err, s.stale = false, nil, s.looking
		l.dueAt(s, time.Time{})
		delete(l.fresh, w)
	}
	l.mu.Unlock()
	l.wake()
}

func (l *lookout) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// run looks at what is due until the context ends, and then waits for the looks under way.
func (l *lookout) run(ctx context.Context) error {
	var looks sync.WaitGroup
	defer looks.Wait()
	slots := make(chan struct{}, looksAtOnce)
	for {
		w, wait := l.next()
		if wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			case <-l.woken:
			case <-timer.C:
			}
			timer.Stop()
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case slots <- struct{}{}:
		}
		looks.Go(func() {
			l.look(ctx, w)
			<-slots
		})
	}
}

// next picks the watch that is due the longest and marks it as being looked at; else it says how long to wait.
func (l *lookout) next() (watch, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first *sighting
	if len(l.sound) > 0 {
		first = l.sound[0]
	}
	if len(l.doubtful) > 0 && l.looking < doubtfulAtOnce && (first == nil || l.doubtful[0].before(first)) {
		first = l.doubtful[0]
	}
	if first == nil {
		return watch{}, idleLook
	}
	if wait := first.due.Sub(l.clock()); wait > 0 {
		return first.of, wait
	}
	l.leave(first)
	if first.looking = true; first.failures > 0 {
		l.looking++
	}
	return first.of, 0
}

func (l *lookout) look(ctx context.Context, w watch) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	tip, err := l.sources.Tip(ctx, w.source())
	if l.note(w, tip, err) {
		l.notify()
	}
	l.wake()
}

// note keeps what a look found and says whether that is news.
func (l *lookout) note(w watch, tip reconciler.Tip, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.watches[w]
	if s == nil { // nobody wants to know any more
		return false
	}
	l.leave(s)
	s.looking = false
	if s.stale {
		s.stale, s.again, s.due = false, false, time.Time{}
		heap.Push(l.queue(s), s)
		return false
	}
	s.due = l.clock().Add(l.interval(w, s, err))
	if s.again {
		s.due, s.again = time.Time{}, false
	}
	news := err != nil || !s.seen || s.tip != tip || s.err != nil
	if err != nil {
		s.err = err
		s.failures++
	} else {
		s.tip, s.seen, s.err, s.failures = tip, true, nil, 0
	}
	heap.Push(l.queue(s), s)
	if news {
		l.fresh[w] = true
	}
	return news
}

// interval until the next look: longer after failures, and for ever for a revision that was found, which cannot move.
func (l *lookout) interval(w watch, s *sighting, err error) time.Duration {
	every := l.every
	if every <= 0 {
		every = idleLook
	}
	switch {
	case err != nil:
		return min(max(every, time.Second)<<min(s.failures, 6), 5*time.Minute)
	case w.revision != "":
		return 365 * 24 * time.Hour
	}
	return every
}

// before says that a watch is due before another.
func (s *sighting) before(o *sighting) bool {
	return cmp.Or(s.due.Compare(o.due), compareWatches(s.of, o.of)) < 0
}

// dueQueue is a heap of watches, with the one that is due the longest first.
type dueQueue []*sighting

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].before(q[j]) }

func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *dueQueue) Push(x any) {
	s := x.(*sighting)
	s.place = len(*q)
	*q = append(*q, s)
}

// Pop implements heap.Interface.
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	s := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return s
}
