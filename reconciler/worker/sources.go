package worker

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
)

// How often sources are looked at without a hint.
const (
	// looksPerSecond bounds the looks at one host that no hint asked for: with many sources there each has to wait longer.
	looksPerSecond = 20
	// idleShare is the share of the time since a source last moved that passes until the next look.
	idleShare = 60
	// slowestPoll is the longest wait between two looks, so that a source that is lost is told of within a minute; slowestLook is
	// the wait where hints come, as with webhooks.
	slowestLook = 5 * time.Minute
	slowestPoll = 40 * time.Second
	// hintsCount is how long a hint counts as a sign that hints come, and hintsLead how long it may be ahead of what the server
	// shows to those who look.
	hintsCount = 24 * time.Hour
	hintsLead  = time.Minute
	// never is for what cannot move.
	never = 365 * 24 * time.Hour
)

// Watch is a place of a source repository whose tip is wanted.
type Watch struct {
	Repository string
	reconciler.Place
}

// WatchOf is the watch of an image's source.
func WatchOf(input manifest.SourceInput) Watch {
	return Watch{input.Source.Repository, reconciler.PlaceOf(input)}
}

func (w Watch) compare(o Watch) int {
	return cmp.Or(strings.Compare(w.Repository, o.Repository), strings.Compare(w.Branch, o.Branch),
		strings.Compare(w.Revision, o.Revision), strings.Compare(w.Path, o.Path), strings.Compare(w.Framework, o.Framework),
		strings.Compare(w.Dockerfile, o.Dockerfile), strings.Compare(w.Place.Watch, o.Place.Watch))
}

// Sighting is what is known of a watch.
type Sighting struct {
	Watch
	// Tip as it was last seen, and whether it ever was.
	Tip  reconciler.Tip
	Seen bool
	// Err of the last look, and how many failed in a row since a time.
	Err      error
	Failures int
	Since    time.Time
	// Reason of the last failure; Steady says that the one before it had the same.
	Reason manifest.LostReason
	Steady bool
}

// Sources keeps looking at source repositories, each as a whole: ten services of one repository are one look.
type Sources struct {
	Common
	port  reconciler.Sources
	every time.Duration
	queue Queue

	mu    sync.Mutex
	repos map[string]*repository
	// spellings are the URLs in repos, by what news of a repository are looked for under.
	spellings map[string][]string
	hosts     map[string]int // how many repositories of each host are watched
	fresh     map[Watch]bool
}

// repository is one that is watched, by its URL as written.
type repository struct {
	news, host string
	watches    map[Watch]*watched
	// moved is when a look last found something new there; hinted is when the last hint about it came.
	moved, hinted time.Time
	looking       bool
}

type watched struct {
	Sighting
	// stale says that the look under way began before Renew, so that what it finds does not count.
	stale bool
}

// NewSources returns the worker. every is the shortest time between two looks at a repository that no hint asked for; 0
// for hints only.
func NewSources(port reconciler.Sources, every time.Duration, common Common) *Sources {
	s := &Sources{Common: common, port: port, every: every, repos: map[string]*repository{}, spellings: map[string][]string{},
		hosts: map[string]int{}, fresh: map[Watch]bool{}}
	s.queue = common.Queue(queue.Options{Turn: s.look, Host: repourl.Host, MinBackoff: max(every, time.Second)})
	return s
}

// Run looks until the context ends.
func (s *Sources) Run(ctx context.Context) error { return s.queue.Run(ctx) }

// Add adds a watch. What is known of it already counts as news again, for the new caller.
func (s *Sources) Add(w Watch) {
	s.mu.Lock()
	repo := s.repos[w.Repository]
	if repo == nil {
		repo = &repository{
			news: repourl.News(w.Repository), host: repourl.Host(w.Repository), watches: map[Watch]*watched{}, moved: s.Clock(),
		}
		s.repos[w.Repository] = repo
		s.spellings[repo.news] = append(s.spellings[repo.news], w.Repository)
		s.hosts[repo.host]++
	}
	known := repo.watches[w]
	switch {
	case known == nil:
		repo.watches[w] = &watched{Sighting: Sighting{Watch: w}}
	case known.Seen || known.Err != nil:
		s.fresh[w] = true
	}
	s.mu.Unlock()
	if known == nil {
		s.queue.Add(w.Repository)
	}
}

// Drop ends a watch.
func (s *Sources) Drop(w Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.fresh, w)
	repo := s.repos[w.Repository]
	if repo == nil {
		return
	}
	if delete(repo.watches, w); len(repo.watches) > 0 {
		return
	}
	delete(s.repos, w.Repository)
	left := slices.DeleteFunc(s.spellings[repo.news], func(url string) bool { return url == w.Repository })
	if s.spellings[repo.news] = left; len(left) == 0 {
		delete(s.spellings, repo.news)
	}
	if s.hosts[repo.host]--; s.hosts[repo.host] == 0 {
		delete(s.hosts, repo.host)
	}
}

// DropAll ends all watches.
func (s *Sources) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.repos)
	clear(s.spellings)
	clear(s.hosts)
	clear(s.fresh)
}

// Hint has a repository looked at now, whichever way its URL is written.
func (s *Sources) Hint(url string) {
	s.mu.Lock()
	due := slices.Sorted(slices.Values(s.spellings[repourl.News(url)]))
	for _, name := range due {
		s.repos[name].hinted = s.Clock()
	}
	s.mu.Unlock()
	for _, name := range due {
		s.queue.Add(name)
	}
}

// HintAll has every repository looked at soon: those of one host one after the other, at the pace of looks that no hint asked
// for.
func (s *Sources) HintAll() {
	s.mu.Lock()
	due := slices.Sorted(maps.Keys(s.repos))
	place := map[string]time.Duration{}
	waits := make([]time.Duration, len(due))
	for i, name := range due {
		repo := s.repos[name]
		waits[i] = place[repo.host] * time.Second / looksPerSecond
		place[repo.host]++
	}
	s.mu.Unlock()
	for i, name := range due {
		s.queue.AddAfter(name, waits[i])
	}
}

// Renew forgets where a watch is: only a look that begins from now on counts, and it is news whatever it finds.
func (s *Sources) Renew(w Watch) {
	s.mu.Lock()
	repo := s.repos[w.Repository]
	if repo != nil && repo.watches[w] != nil {
		known := repo.watches[w]
		known.Seen, known.Err, known.stale = false, nil, repo.looking
		delete(s.fresh, w)
	}
	s.mu.Unlock()
	if repo != nil {
		s.queue.Add(w.Repository)
	}
}

// Take returns the watches with news since it was last asked, in order.
func (s *Sources) Take() []Sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	var news []Sighting
	for _, w := range slices.SortedFunc(maps.Keys(s.fresh), Watch.compare) {
		news = append(news, s.repos[w.Repository].watches[w].Sighting)
	}
	clear(s.fresh)
	return news
}

// look is one look at one repository.
func (s *Sources) look(ctx context.Context, url string) (again time.Duration, err error) {
	watches, places := s.begin(url)
	if len(watches) == 0 {
		return 0, nil
	}
	found, err := s.port.Tips(ctx, url, places)
	news, again := s.note(url, watches, found, err)
	if news {
		s.Notify()
	}
	return again, err
}

// begin marks a repository as being looked at, and returns what is wanted of it; nothing when it is not watched any more.
func (s *Sources) begin(url string) (watches []Watch, places []reconciler.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo := s.repos[url]
	if repo == nil {
		return nil, nil
	}
	repo.looking = true
	for _, w := range slices.SortedFunc(maps.Keys(repo.watches), Watch.compare) {
		repo.watches[w].stale = false
		watches, places = append(watches, w), append(places, w.Place)
	}
	return watches, places
}

// note keeps what a look found, and says whether any of it is news and when to look again.
func (s *Sources) note(url string, watches []Watch, found []reconciler.Found, err error) (news bool, again time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo := s.repos[url]
	if repo == nil { // it is not watched any more
		return false, 0
	}
	repo.looking = false
	for i, w := range watches {
		known := repo.watches[w]
		if known == nil || known.stale {
			continue
		}
		here := reconciler.Found{Err: err}
		if err == nil {
			here = found[i]
		}
		if known.take(here, s.Clock()) {
			repo.moved = s.Clock()
			s.fresh[w] = true
			news = true
		}
	}
	return news, s.interval(repo)
}

// take takes in what a look found and says whether that is news.
func (k *watched) take(here reconciler.Found, now time.Time) bool {
	if here.Err != nil {
		reason := reconciler.LostReasonOf(here.Err)
		if k.Failures == 0 {
			k.Since = now
		}
		k.Steady = k.Failures > 0 && k.Reason == reason
		k.Err, k.Reason = here.Err, reason
		k.Failures++
		return true
	}
	news := !k.Seen || k.Tip != here.Tip || k.Err != nil
	k.Tip, k.Seen, k.Err, k.Failures = here.Tip, true, nil, 0
	return news
}

// interval is the time until the next look at a repository that answered: longer the longer it has not moved, so that many
// sources that are hardly ever pushed to are no burden, and longer where hints say when to look. What is pinned cannot move.
func (s *Sources) interval(repo *repository) time.Duration {
	switch {
	case repo.pinned():
		return never
	case s.every <= 0:
		return 0
	}
	wait := min(max(s.every, s.Clock().Sub(repo.moved)/idleShare), max(s.every, slowestPoll))
	switch hinted := s.Clock().Sub(repo.hinted); {
	case hinted < hintsLead && repo.moved.Before(repo.hinted): // what it told of was not there yet, or is nothing to us
		wait = max(s.every, hinted)
	case hinted < hintsCount:
		wait = max(s.every, slowestLook)
	}
	wait = max(wait, time.Duration(s.hosts[repo.host])*time.Second/looksPerSecond)
	return wait + s.Jitter(wait/4)
}

// pinned says that all that is watched of a repository is pinned to a commit, and was found.
func (r *repository) pinned() bool {
	for _, w := range r.watches {
		if w.Revision == "" || !w.Seen || w.Err != nil {
			return false
		}
	}
	return true
}
