package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// repositories are the sources: branches by repository, and how often each was asked.
type repositories struct {
	mu    sync.Mutex
	heads map[string]string
	asked map[string]int
	down  bool
}

func (r *repositories) Tips(_ context.Context, repository string, places []reconciler.Place) ([]reconciler.Found, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[repository]++
	if r.down {
		return nil, errors.New("connection refused")
	}
	found := make([]reconciler.Found, len(places))
	for i, place := range places {
		if found[i].Commit = r.heads[place.Branch]; found[i].Commit == "" {
			found[i].Err = fmt.Errorf("no branch %s", place.Branch)
		}
	}
	return found, nil
}

func (r *repositories) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func watch(branch, path string) worker.Watch {
	return worker.Watch{Repository: "https://git.test/shop.git", Place: reconciler.Place{Branch: branch, Path: path}}
}

func TestTenServicesOfOneRepositoryAreOneLook(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, 0, common)
		for i := range 10 {
			s.Add(watch("main", fmt.Sprint("service", i)))
		}
		run(s.Run)
		synctest.Wait()
		if n := r.asked["https://git.test/shop.git"]; n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		if news := s.Take(); len(news) != 10 || news[0].Tip.Commit != "c1" {
			t.Errorf("got %+v, want news of ten places", news)
		}
		r.set(func() { r.heads["main"] = "c2" })
		s.Hint("git@git.test:shop") // another spelling of the same
		synctest.Wait()
		if news := s.Take(); len(news) != 10 || news[0].Tip.Commit != "c2" {
			t.Errorf("after a hint got %+v", news)
		}
	})
}

func TestAPlaceThatIsMissingHurtsNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, time.Second, common)
		s.Add(watch("main", ""))
		s.Add(watch("gone", ""))
		run(s.Run)
		synctest.Wait()
		got := map[string]string{}
		for _, news := range s.Take() {
			got[news.Branch] = fmt.Sprint(news.Tip.Commit, " ", news.Err)
		}
		if diff := cmp.Diff(map[string]string{"main": "c1 <nil>", "gone": " no branch gone"}, got); diff != "" {
			t.Errorf("news (-want +got):\n%s", diff)
		}
	})
}

func TestALookThatFailsIsMadeAgainAndCounts(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}, down: true}
		s := worker.NewSources(r, time.Second, common)
		s.Add(watch("main", ""))
		run(s.Run)
		pass(20 * time.Second)
		news := s.Take()
		if len(news) != 1 || news[0].Failures < 3 || news[0].Seen {
			t.Errorf("got %+v, want several failures in a row", news)
		}
		r.set(func() { r.down = false })
		pass(10 * time.Minute)
		if news := s.Take(); len(news) != 1 || news[0].Failures != 0 || news[0].Tip.Commit != "c1" {
			t.Errorf("once it answers got %+v", news)
		}
	})
}

// Sources that hardly ever move are asked less often, and those of a host with very many of them more slowly.
func TestQuietSourcesAreAskedLessOften(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, time.Second, common)
		s.Add(watch("main", ""))
		run(s.Run)
		pass(time.Minute)
		asked := func() (n int) {
			r.set(func() { n = r.asked["https://git.test/shop.git"] })
			return n
		}
		first := asked()
		pass(24 * time.Hour)
		before := asked()
		pass(time.Hour)
		if later := asked() - before; first < 30 || later < 75 || later > 95 {
			t.Errorf("asked %d times in the first minute and %d in an hour after a day, want about 60 and 90", first, later)
		}
	})
}

// A host with many sources is asked for each of them less often, so that it never has to answer more than it can bear.
func TestSourcesOfOneHostShareItsPace(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, time.Second, common)
		for i := range 200 {
			s.Add(worker.Watch{Repository: fmt.Sprintf("https://git.test/%d.git", i), Place: reconciler.Place{Branch: "main"}})
		}
		run(s.Run)
		pass(time.Minute + time.Second)
		r.set(func() {
			for repository, n := range r.asked {
				if n != 7 {
					t.Errorf("%s was asked %d times in a minute, want once and then every 10 seconds", repository, n)
				}
			}
		})
	})
}

// Looks are spread: sources that were added together are not looked at together for ever.
func TestLooksAreSpread(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		common.Jitter = func(most time.Duration) time.Duration { return most }
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, 8*time.Second, common)
		s.Add(watch("main", ""))
		run(s.Run)
		pass(9 * time.Second)
		asked := func() (n int) {
			r.set(func() { n = r.asked["https://git.test/shop.git"] })
			return n
		}
		if n := asked(); n != 1 {
			t.Errorf("asked %d times within the longest wait, want once", n)
		}
		pass(2 * time.Second)
		if n := asked(); n != 2 {
			t.Errorf("asked %d times after it, want twice", n)
		}
	})
}

// Where hints say when to look, looks without one are rare.
func TestSourcesWithHintsAreHardlyAskedWithout(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, time.Second, common)
		s.Add(watch("main", ""))
		run(s.Run)
		s.Hint("https://git.test/shop")
		pass(time.Minute)
		asked := func() (n int) {
			r.set(func() { n = r.asked["https://git.test/shop.git"] })
			return n
		}
		before := asked()
		pass(time.Hour)
		if later := asked() - before; later < 11 || later > 13 {
			t.Errorf("asked %d times in an hour, want every five minutes", later)
		}
		pass(23 * time.Hour) // hints have come to an end
		before = asked()
		pass(time.Hour)
		if later := asked() - before; later < 50 {
			t.Errorf("asked %d times in an hour a day after the last hint, want every minute", later)
		}
	})
}

// A look that began before somebody asked for a new one does not count.
func TestRenewWantsALookOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, 0, common)
		s.Add(watch("main", ""))
		run(s.Run)
		synctest.Wait()
		s.Take()
		s.Renew(watch("main", ""))
		synctest.Wait()
		if news := s.Take(); len(news) != 1 || news[0].Tip.Commit != "c1" {
			t.Errorf("got %+v, want the same place as news", news)
		}
	})
}

// A look that is under way when somebody asks for a new one finds nothing that counts.
func TestALookThatBeganBeforeRenewDoesNotCount(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &slow{repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}}
		s := worker.NewSources(r, 0, common)
		s.Add(watch("main", ""))
		run(s.Run)
		pass(time.Second)
		r.set(func() { r.heads["main"] = "c2" }) // the look has seen what was before
		s.Renew(watch("main", ""))
		pass(slowness)
		if news := s.Take(); len(news) != 0 {
			t.Errorf("an old look came to %+v", news)
		}
		pass(slowness)
		if news := s.Take(); len(news) != 1 || news[0].Tip.Commit != "c2" {
			t.Errorf("got %+v, want what is there now", news)
		}
	})
}

// slowness is how long slow repositories take to answer.
const slowness = 10 * time.Second

// slow repositories answer after a while with what was there when they were asked.
type slow struct{ repositories }

func (s *slow) Tips(ctx context.Context, repository string, places []reconciler.Place) ([]reconciler.Found, error) {
	found, err := s.repositories.Tips(ctx, repository, places)
	<-time.After(slowness)
	return found, err
}

// Why looks fail, since when, and whether the last two agree, is known of a source; a look that finds it ends that.
func TestWhyASourceIsNotFound(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		place := &oneSource{}
		sources := worker.NewSources(place, time.Minute, common)
		run(sources.Run)
		begun := time.Now()
		gone := &reconciler.SourceError{Reason: manifest.LostBranch, Err: errors.New("no branch main")}
		for i, tt := range []struct {
			err    error
			reason manifest.LostReason
			steady bool
		}{
			{errors.New("connection refused"), manifest.LostHost, false},
			{fmt.Errorf("asking: %w", gone), manifest.LostBranch, false},
			{gone, manifest.LostBranch, true},
		} {
			place.set(tt.err)
			if i == 0 {
				sources.Add(watch("main", ""))
			} else {
				sources.Hint("https://git.test/shop.git")
			}
			synctest.Wait()
			news := sources.Take()
			if len(news) != 1 || news[0].Failures != i+1 || news[0].Reason != tt.reason || news[0].Steady != tt.steady || !news[0].Since.Equal(begun) {
				t.Errorf("after %v it is %+v", tt.err, news)
			}
		}
		place.set(nil)
		sources.Hint("https://git.test/shop.git")
		synctest.Wait()
		if news := sources.Take(); len(news) != 1 || news[0].Failures != 0 || news[0].Err != nil {
			t.Errorf("found again it is %+v", news)
		}
	})
}

// oneSource is a source that is there, or not.
type oneSource struct {
	mu  sync.Mutex
	err error
}

func (o *oneSource) set(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *oneSource) Tips(context.Context, string, []reconciler.Place) ([]reconciler.Found, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return []reconciler.Found{{Tip: reconciler.Tip{Commit: "c1"}, Err: o.err}}, nil
}
