package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// machine is a builder whose builds end when the test says so.
type machine struct {
	mu       sync.Mutex
	started  []string
	statuses map[string]reconciler.BuildStatus
	asked    [][]string
	canceled []string
	trouble  error
}

// starts is how many builds were started so far.
func (m *machine) starts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.started)
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

// withBuilds runs a test in a bubble with Builds on a machine, which work once they are started.
func withBuilds(t *testing.T, test func(t *testing.T, m *machine, b *worker.Builds, start func())) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		m := newMachine()
		b := worker.NewBuilds(m, &images{}, common)
		test(t, m, b, func() { run(b.Run) })
	})
}

func done() reconciler.BuildStatus {
	return reconciler.BuildStatus{Done: true, Stages: []reconciler.Stage{reconciler.StageBuilding}, Image: &manifest.Image{Digest: "sha256:2"}}
}

func TestOneQuestionForAllBuilds(t *testing.T) {
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		for i := range 20 {
			b.Want(reconciler.BuildRequest{ID: fmt.Sprintf("b%02d", i)})
		}
		start()
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
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		b.Want(reconciler.BuildRequest{ID: "b"})
		start()
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
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		b.Want(reconciler.BuildRequest{ID: "b"})
		start()
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
			withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
				b.Want(reconciler.BuildRequest{ID: "b"})
				start()
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
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		b.Want(reconciler.BuildRequest{ID: "b"})
		start()
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

// What keeps a build from its end is news once for a reason, and when it is over.
func TestWhatKeepsABuildFromItsEnd(t *testing.T) {
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		b.Want(reconciler.BuildRequest{ID: "b"})
		start()
		want := func(trouble string, err string) {
			t.Helper()
			m.set("b", reconciler.BuildStatus{Stages: []reconciler.Stage{reconciler.StagePushing}, Trouble: trouble})
			b.Hint()
			synctest.Wait()
			news := b.Take()
			if len(news) != 1 || (news[0].Err == nil) != (err == "") || news[0].Err != nil && news[0].Err.Error() != err {
				t.Fatalf("the news are %+v, want the error %q", news, err)
			}
			pass(time.Minute)
			if again := b.Take(); len(again) != 0 {
				t.Errorf("it is told again as %+v", again)
			}
		}
		want("", "")
		want("the registry is slow", "the registry is slow")
		want("the registry is away", "the registry is away")
		want("", "")
		ended := done()
		ended.Trouble = "nobody minds any more"
		m.set("b", ended)
		b.Hint()
		synctest.Wait()
		if news := b.Take(); len(news) != 1 || news[0].Err != nil || !news[0].Status.Done {
			t.Errorf("the end is told as %+v", news)
		}
	})
}

func TestAFailureThatIsTemporaryIsTriedAgain(t *testing.T) {
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		m.set("b", reconciler.BuildStatus{
			Done: true, Stages: []reconciler.Stage{reconciler.StageBuilding},
			Failure: &reconciler.BuildFailure{Summary: "no room", Temporary: true},
		})
		b.Want(reconciler.BuildRequest{ID: "b"})
		start()
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

// A build whose source, or whatever else it needs, asks to be left alone is not tried again before.
func TestABuildIsTriedAgainWhenItIsAskedFor(t *testing.T) {
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		m.set("b", reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{
			Summary: "429", Temporary: true, RetryAfter: 10 * time.Minute,
		}})
		b.Want(reconciler.BuildRequest{ID: "b"})
		start()
		if pass(10*time.Minute - time.Second); m.starts() != 1 {
			t.Errorf("started %d times before", m.starts())
		}
		if pass(4 * time.Minute); m.starts() != 2 {
			t.Errorf("started %d times after", m.starts())
		}
	})
}

func TestAStoppedBuildIsNotTriedAgain(t *testing.T) {
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		m.set("b", reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Summary: "no room", Temporary: true}})
		b.Want(reconciler.BuildRequest{ID: "b"})
		start()
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
	withBuilds(t, func(t *testing.T, m *machine, b *worker.Builds, start func()) {
		b.Want(reconciler.BuildRequest{ID: "b"})
		start()
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
