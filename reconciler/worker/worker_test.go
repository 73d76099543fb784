package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// bubble runs a worker in a bubble of its own time until the test in it ends.
func bubble(t *testing.T, test func(t *testing.T, common worker.Common, run func(func(context.Context) error))) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		common := worker.Common{
			Queue: worker.Keyed, Clock: time.Now, Jitter: func(time.Duration) time.Duration { return 0 }, Notify: func() {},
		}
		test(t, common, func(run func(context.Context) error) {
			running.Go(func() {
				if err := run(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("the worker ended with %v", err)
				}
			})
		})
		stop()
		running.Wait()
	})
}

// pass lets time pass in a bubble, and waits until nothing happens any more.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

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
		if later := asked() - before; first < 30 || later < 50 || later > 70 {
			t.Errorf("asked %d times in the first minute and %d in an hour after a day, want about 60 each", first, later)
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

// images is a registry.
type images struct {
	mu      sync.Mutex
	silent  bool
	gone    bool
	tagged  []string
	refused int
	taken   bool
}

func (i *images) Has(ctx context.Context, _, _ string) (bool, error) {
	i.mu.Lock()
	silent, gone := i.silent, i.gone
	i.mu.Unlock()
	if silent {
		<-ctx.Done()
		return false, ctx.Err()
	}
	return !gone, nil
}

type notThere struct{}

func (notThere) Error() string   { return "there is no such image\nand more" }
func (notThere) Temporary() bool { return false }

func (i *images) Resolve(ctx context.Context, reference string) (manifest.Image, error) {
	i.mu.Lock()
	silent, gone := i.silent, i.gone
	i.mu.Unlock()
	switch {
	case silent:
		<-ctx.Done()
		return manifest.Image{}, ctx.Err()
	case gone:
		return manifest.Image{}, notThere{}
	}
	return manifest.Image{Repository: reference, Digest: "sha256:1"}, nil
}

func (i *images) Tag(_ context.Context, repository, _, tag string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.refused > 0 {
		i.refused--
		return errors.New("503")
	}
	if i.taken {
		return &reconciler.TagTakenError{Repository: repository, Tag: tag, Digest: "sha256:9"}
	}
	i.tagged = append(i.tagged, repository+":"+tag)
	return nil
}

// machine is a builder whose builds end when the test says so.
type machine struct {
	mu       sync.Mutex
	started  []string
	statuses map[string]reconciler.BuildStatus
	asked    [][]string
	canceled []string
	trouble  error
}

func (m *machine) Start(_ context.Context, r reconciler.BuildRequest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started = append(m.started, r.ID)
	if _, found := m.statuses[r.ID]; !found {
		m.statuses[r.ID] = reconciler.BuildStatus{}
	}
	return nil
}

func (m *machine) Statuses(_ context.Context, ids []string) (map[string]reconciler.BuildStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, ids)
	if m.trouble != nil {
		return nil, m.trouble
	}
	found := map[string]reconciler.BuildStatus{}
	for _, id := range ids {
		if status, known := m.statuses[id]; known {
			found[id] = status
		}
	}
	return found, nil
}

func (m *machine) Cancel(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.canceled = append(m.canceled, id)
	return nil
}

func (m *machine) set(id string, status reconciler.BuildStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.statuses[id] = status
}

// fail has it answer with an error; nil ends that.
func (m *machine) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = err
}

func newMachine() *machine { return &machine{statuses: map[string]reconciler.BuildStatus{}} }

func done() reconciler.BuildStatus {
	return reconciler.BuildStatus{Done: true, Stages: []reconciler.Stage{reconciler.StageBuilding}, Image: &manifest.Image{Digest: "sha256:2"}}
}

func TestOneQuestionForAllBuilds(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		m := newMachine()
		b := worker.NewBuilds(m, &images{}, common)
		for i := range 20 {
			b.Want(reconciler.BuildRequest{ID: fmt.Sprintf("b%02d", i)})
		}
		run(b.Run)
		pass(10 * time.Second)
		if last := m.asked[len(m.asked)-1]; len(last) != 20 {
			t.Errorf("the last question was for %v, want all 20", last)
		}
		m.set("b07", done())
		b.Hint()
		synctest.Wait()
		if news := b.Take(); len(news) != 1 || news[0].Request.ID != "b07" || !news[0].Status.Done {
			t.Errorf("got %+v, want the end of b07", news)
		}
		if news := b.Take(); len(news) != 0 {
			t.Errorf("taken twice: %+v", news)
		}
	})
}

func TestALostBuildIsStartedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		m := newMachine()
		b := worker.NewBuilds(m, &images{}, common)
		b.Want(reconciler.BuildRequest{ID: "b"})
		run(b.Run)
		synctest.Wait()
		m.mu.Lock()
		delete(m.statuses, "b")
		m.mu.Unlock()
		pass(time.Minute)
		if len(m.started) < 2 {
			t.Errorf("started %v, want it again", m.started)
		}
	})
}

// An answer that is older than one that came before it is no news, and takes nothing back.
func TestABuildNeverGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		m := newMachine()
		b := worker.NewBuilds(m, &images{}, common)
		b.Want(reconciler.BuildRequest{ID: "b"})
		run(b.Run)
		synctest.Wait()
		far := []reconciler.Stage{reconciler.StageBuilding, reconciler.StageScanning}
		m.set("b", reconciler.BuildStatus{Stages: far})
		pass(10 * time.Second)
		if news := b.Take(); len(news) != 1 || len(news[0].Status.Stages) != 2 {
			t.Errorf("got %+v, want two stages", news)
		}
		m.set("b", reconciler.BuildStatus{Stages: far[:1]})
		pass(10 * time.Second)
		b.Want(reconciler.BuildRequest{ID: "b"}) // what is known is news for whoever asks anew
		if news := b.Take(); len(news) != 1 || len(news[0].Status.Stages) != 2 {
			t.Errorf("after an older answer got %+v, want two stages", news)
		}
	})
}

// A build that ended is begun again when a retry asks for it, and when it had been stopped; else its end is news again.
func TestABuildThatEndedIsBegunAgainForARetry(t *testing.T) {
	failed := reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Summary: "does not compile"}}
	stopped := reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Canceled: true}}
	for _, tt := range []struct {
		name    string
		ended   reconciler.BuildStatus
		attempt string
		starts  int
	}{
		{"asked for once more", failed, "", 1},
		{"a retry", failed, "retry1", 2},
		{"it was stopped", stopped, "", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
				m := newMachine()
				b := worker.NewBuilds(m, &images{}, common)
				b.Want(reconciler.BuildRequest{ID: "b"})
				run(b.Run)
				synctest.Wait()
				m.set("b", tt.ended)
				pass(time.Minute)
				b.Take()
				b.Want(reconciler.BuildRequest{ID: "b", Attempt: tt.attempt})
				pass(time.Minute)
				if len(m.started) != tt.starts {
					t.Errorf("it was started %d times, want %d", len(m.started), tt.starts)
				}
				if news := b.Take(); len(news) != 1 || !news[0].Status.Done {
					t.Errorf("got %+v, want its end", news)
				}
			})
		})
	}
}

// That a builder answers again is news, also when nothing has happened meanwhile: people were told that it does not.
func TestABuilderThatAnswersAgainIsNews(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		m := newMachine()
		b := worker.NewBuilds(m, &images{}, common)
		b.Want(reconciler.BuildRequest{ID: "b"})
		run(b.Run)
		synctest.Wait()
		m.fail(errors.New("502"))
		pass(10 * time.Second)
		if news := b.Take(); len(news) != 1 || news[0].Err == nil {
			t.Errorf("got %+v, want to know that it does not answer", news)
		}
		m.fail(nil)
		pass(5 * time.Minute)
		if news := b.Take(); len(news) != 1 || news[0].Err != nil {
			t.Errorf("once it answers got %+v", news)
		}
	})
}

func TestAFailureThatIsTemporaryIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		m := newMachine()
		b := worker.NewBuilds(m, &images{}, common)
		m.set("b", reconciler.BuildStatus{
			Done: true, Stages: []reconciler.Stage{reconciler.StageBuilding},
			Failure: &reconciler.BuildFailure{Summary: "no room", Temporary: true},
		})
		b.Want(reconciler.BuildRequest{ID: "b"})
		run(b.Run)
		synctest.Wait()
		news := b.Take()
		if len(news) != 1 || news[0].Err == nil || news[0].Err.Error() != "no room" || news[0].Status.Done || len(news[0].Status.Stages) != 1 {
			t.Fatalf("got %+v, want that it is tried again, and the stage it was at", news)
		}
		pass(10 * time.Minute)
		// 1, 2, 4, 8, 16, 32 seconds, then a minute each
		if n := len(m.started); n < 14 || n > 18 {
			t.Errorf("started %d times in ten minutes", n)
		}
		m.set("b", done())
		pass(time.Minute)
		b.Take()
		starts := len(m.started)
		if pass(5 * time.Minute); len(m.started) != starts {
			t.Error("it was started again after it was done")
		}
		if news := b.Take(); len(news) != 0 {
			t.Errorf("got %+v", news)
		}
	})
}

func TestAStoppedBuildIsNotTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		m := newMachine()
		b := worker.NewBuilds(m, &images{}, common)
		m.set("b", reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Summary: "no room", Temporary: true}})
		b.Want(reconciler.BuildRequest{ID: "b"})
		run(b.Run)
		pass(10 * time.Second)
		b.Stop("b")
		synctest.Wait()
		starts := len(m.started)
		if pass(5 * time.Minute); len(m.started) != starts || len(b.Take()) != 0 {
			t.Errorf("started %d times after it was stopped", len(m.started)-starts)
		}
	})
}

func TestAStoppedBuildIsHeardOfNoMore(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		m := newMachine()
		b := worker.NewBuilds(m, &images{}, common)
		b.Want(reconciler.BuildRequest{ID: "b"})
		run(b.Run)
		synctest.Wait()
		m.set("b", done())
		b.Stop("b")
		pass(time.Minute)
		if news := b.Take(); len(news) != 0 || len(m.canceled) != 1 {
			t.Errorf("news %+v, canceled %v", news, m.canceled)
		}
		b.Want(reconciler.BuildRequest{ID: "b"})
		pass(time.Minute)
		if news := b.Take(); len(news) != 1 {
			t.Errorf("wanted again, got %+v", news)
		}
	})
}

// A registry that accepts and never answers is asked again; nobody waits for it, and it is said.
func TestASilentRegistryIsAskedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		i := &images{silent: true}
		b := worker.NewBuilds(newMachine(), i, common)
		b.Want(reconciler.BuildRequest{ID: "b", Image: "app", Reference: "silent.test/app:1"})
		run(b.Run)
		pass(2 * time.Minute)
		if news := b.Take(); len(news) != 1 || news[0].Err == nil || news[0].Status.Done {
			t.Errorf("got %+v, want to know that it does not answer", news)
		}
		i.mu.Lock()
		i.silent = false
		i.mu.Unlock()
		pass(5 * time.Minute)
		if news := b.Take(); len(news) != 1 || news[0].Status.Image == nil || news[0].Status.Image.Name != "app" {
			t.Errorf("once it answers got %+v", news)
		}
	})
}

func TestAnImageThatIsNotThereFailsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		b := worker.NewBuilds(nil, &images{gone: true}, common)
		b.Want(reconciler.BuildRequest{ID: "b", Reference: "silent.test/app:gone"})
		b.Want(reconciler.BuildRequest{ID: "source"})
		run(b.Run)
		synctest.Wait()
		news := b.Take()
		if len(news) != 2 || news[0].Status.Failure.Summary != "there is no such image" {
			t.Errorf("got %+v, want its first line as the failure, and that nothing is built", news)
		}
	})
}

func TestATagIsPutOnUntilItIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		i := &images{refused: 3}
		tags := worker.NewTags(i, slog.New(slog.DiscardHandler), common)
		tags.Want(worker.Tag{Repository: "r.test/app", Digest: "sha256:1", Tag: "v1.0.0"})
		run(tags.Run)
		pass(time.Hour)
		if diff := cmp.Diff([]string{"r.test/app:v1.0.0"}, i.tagged); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	})
}

// people is a forge.
type people struct {
	mu      sync.Mutex
	reports []reconciler.Report
	refused int
}

func (p *people) Report(_ context.Context, reports []reconciler.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused > 0 {
		p.refused--
		return errors.New("502")
	}
	p.reports = append(p.reports, reports...)
	return nil
}

func (p *people) Recall(context.Context, string) ([]reconciler.Recalled, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused > 0 {
		p.refused--
		return nil, errors.New("502")
	}
	return []reconciler.Recalled{{Commit: "c1"}}, nil
}

func TestReportsLandInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		p := &people{refused: 2}
		o := worker.NewOutbox(p, slog.New(slog.DiscardHandler), common)
		for i := range 10 {
			if n := o.Add(reconciler.Report{Detail: fmt.Sprint(i)}); n != i+1 {
				t.Errorf("report %d has number %d", i, n)
			}
		}
		if o.Landed() != 0 {
			t.Errorf("%d landed before anything was sent", o.Landed())
		}
		run(o.Run)
		pass(time.Minute)
		if o.Landed() != 10 || len(p.reports) != 10 || p.reports[9].Detail != "9" {
			t.Errorf("%d landed, people know %v", o.Landed(), p.reports)
		}
	})
}

// More reports than go out at once go out one after the other, all without another push.
func TestVeryManyReportsLand(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		const many = 12_000
		p := &people{}
		o := worker.NewOutbox(p, slog.New(slog.DiscardHandler), common)
		for range many {
			o.Add(reconciler.Report{})
		}
		run(o.Run)
		pass(time.Second)
		if o.Landed() != many || len(p.reports) != many {
			t.Errorf("%d landed, people know %d", o.Landed(), len(p.reports))
		}
	})
}

func TestRecallIsAskedUntilItIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		p := &people{refused: 2}
		o := worker.NewOutbox(p, slog.New(slog.DiscardHandler), common)
		o.AskRecall("head")
		run(o.Run)
		synctest.Wait()
		if r := o.Recall(); r.Answered || r.Failures != 1 {
			t.Errorf("after one try: %+v", r)
		}
		pass(time.Minute)
		if r := o.Recall(); !r.Answered || len(r.Said) != 1 {
			t.Errorf("in the end: %+v", r)
		}
	})
}

// slowForge answers about each head when it is let.
type slowForge struct {
	people
	answers map[string]chan error
}

func (f *slowForge) Recall(ctx context.Context, head string) ([]reconciler.Recalled, error) {
	select {
	case err := <-f.answers[head]:
		return []reconciler.Recalled{{Commit: head}}, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// What the forge says of an old head, late, is no answer about the new one, nor is that it does not answer.
func TestOnlyTheNewestHeadIsRecalled(t *testing.T) {
	for _, late := range []error{nil, errors.New("502")} {
		bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
			f := &slowForge{answers: map[string]chan error{"one": make(chan error, 1), "two": make(chan error, 1)}}
			o := worker.NewOutbox(f, slog.New(slog.DiscardHandler), common)
			run(o.Run)
			o.AskRecall("one")
			pass(time.Second)
			o.AskRecall("two")
			pass(time.Second)
			f.answers["one"] <- late
			pass(10 * time.Second)
			if r := o.Recall(); r.Answered || r.Failures != 0 {
				t.Errorf("about two it heard of one: %+v", r)
			}
			f.answers["two"] <- nil
			pass(time.Second)
			if r := o.Recall(); !r.Answered || r.Said[0].Commit != "two" {
				t.Errorf("about two: %+v", r)
			}
		})
	}
}

// engine takes what is wanted, the first time when it is let, and knows nothing of what was removed.
type engine struct {
	mu     sync.Mutex
	first  chan struct{}
	wanted []reconciler.Target
	asked  int
}

func (e *engine) Want(ctx context.Context, _ string, targets []reconciler.Target) error {
	e.mu.Lock()
	e.wanted = append(e.wanted, targets...)
	n := len(e.wanted)
	e.mu.Unlock()
	if n > len(targets) {
		return nil
	}
	select {
	case <-e.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *engine) Rollouts(context.Context, []manifest.Key) (map[manifest.Key]reconciler.Rollout, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	return nil, nil
}

// What is wanted while the engine takes what was wanted before is handed on, whatever is different; and what is gone is
// not asked about any more.
func TestTheNewestTargetCountsAndWhatIsGoneIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		e := &engine{first: make(chan struct{})}
		r := worker.NewRollouts(e, common)
		run(r.Run)
		k := manifest.Key{Workspace: "ws-1", Project: "data"}
		r.Want("c1", []reconciler.Target{{Key: k, Remove: true, KeepData: true}})
		pass(time.Second)
		r.Want("c2", []reconciler.Target{{Key: k, Remove: true}})
		pass(time.Second)
		close(e.first)
		pass(10 * time.Minute)
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.wanted) != 2 || e.wanted[1].KeepData {
			t.Errorf("the engine was handed %+v", e.wanted)
		}
		if e.asked > 2 {
			t.Errorf("it was asked %d times about what is gone", e.asked)
		}
	})
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

// refusal is what a server says to notes that it does not take.
type refusal string

func (r refusal) Error() string   { return "the server refused the push: " + string(r) }
func (r refusal) Refusal() string { return string(r) }

// That reports do not land is known, with the reason, and logged once for each; when they do, that goes.
func TestReportsThatAreRefusedAreTold(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		forge := &refusingForge{}
		var log bytes.Buffer
		outbox := worker.NewOutbox(forge, slog.New(slog.NewTextHandler(&log, nil)), common)
		run(outbox.Run)
		for _, why := range []error{errors.New("connection reset"), refusal("protected"), refusal("quota")} {
			forge.set(why)
			outbox.Add(reconciler.Report{})
			pass(5 * time.Minute)
			if got := outbox.Trouble(); !errors.Is(got, why) {
				t.Errorf("the trouble is %v, want %v", got, why)
			}
		}
		forge.set(nil)
		pass(5 * time.Minute)
		if got := outbox.Trouble(); got != nil || outbox.Landed() != 3 {
			t.Errorf("%d have landed, and the trouble is %v", outbox.Landed(), got)
		}
		if told := strings.Count(log.String(), "people cannot be told now"); told != 3 || strings.Count(log.String(), "people can be told again") != 1 {
			t.Errorf("the log is\n%s", log.String())
		}
	})
}

// refusingForge takes reports, or not.
type refusingForge struct {
	mu  sync.Mutex
	err error
}

func (f *refusingForge) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *refusingForge) Report(context.Context, []reconciler.Report) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return fmt.Errorf("writing notes: %w", f.err)
	}
	return nil
}

func (f *refusingForge) Recall(context.Context, string) ([]reconciler.Recalled, error) {
	return nil, nil
}
