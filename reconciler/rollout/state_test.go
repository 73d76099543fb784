package rollout_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/rollout"
)

func newState(notify func()) *rollout.State {
	return rollout.New(rollout.Options{
		Notify: notify, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

func wants(release, commit string) rollout.Wanted {
	key := manifest.Key{Workspace: "ws-1", Project: "shop"}
	return rollout.Wanted{Target: reconciler.Target{Key: key, Namespace: "ws-1", Release: release}, Commit: commit}
}

func phase(p reconciler.Phase) func(*reconciler.Rollout) {
	return func(r *reconciler.Rollout) { r.Phase = p }
}

func TestWhatIsWantedAlreadyGoesOn(t *testing.T) {
	s := newState(func() {})
	s.Want(wants("v1", "c1"))
	if turn := s.Take(); !turn.Fresh || turn.Retry || !turn.There {
		t.Errorf("the first turn is %+v", turn)
	}
	s.Want(wants("v1", "c2"))
	if turn := s.Take(); turn.Fresh || turn.Commit != "c2" {
		t.Errorf("the same, wanted by another commit, begins anew: %+v", turn)
	}
	s.Conclude(wants("v1", "c2"), phase(reconciler.PhaseFailed))
	s.Want(wants("v1", "c3"))
	if turn := s.Take(); !turn.Fresh || !turn.Retry {
		t.Errorf("what had failed is not tried again: %+v", turn)
	}
	s.Want(wants("v2", "c4"))
	if turn := s.Take(); !turn.Fresh || turn.Retry {
		t.Errorf("another release counts as one that had failed: %+v", turn)
	}
}

func TestNothingIsConcludedOfWhatIsNotWantedAnyMore(t *testing.T) {
	told := 0
	s := newState(func() { told++ })
	s.Want(wants("v1", "c1"))
	s.Take()
	s.Want(wants("v2", "c2"))
	s.Conclude(wants("v1", "c1"), phase(reconciler.PhaseHealthy))
	s.Conclude(wants("v2", "c2"), phase(reconciler.PhaseHealthy)) // nobody has tried it yet
	s.Gone(wants("v1", "c1"))
	if r, there := s.Rollout(); told != 0 || !there || r.Phase != reconciler.PhaseProgressing || r.Release != "v2" {
		t.Errorf("told %d times, there %v, rollout %+v", told, there, r)
	}
	s.Take()
	s.Conclude(wants("v2", "c2"), phase(reconciler.PhaseHealthy))
	s.Conclude(wants("v2", "c2"), phase(reconciler.PhaseHealthy))
	if r, _ := s.Rollout(); told != 1 || r.Phase != reconciler.PhaseHealthy {
		t.Errorf("told %d times of %+v", told, r)
	}
	s.Gone(wants("v2", "c2"))
	if _, there := s.Rollout(); told != 2 || there || s.Namespace() != "" {
		t.Errorf("told %d times, there %v, in namespace %q", told, there, s.Namespace())
	}
}

// refused is a project that nothing is taken of.
type refused struct{ turns chan struct{} }

func (r refused) Turn(context.Context) time.Duration {
	r.turns <- struct{}{}
	return time.Hour
}

func (r refused) Refused() bool { return true }

func TestWhatIsRefusedWaitsUnlessSomethingElseIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		s, p, ended := newState(func() {}), refused{make(chan struct{}, 8)}, make(chan struct{})
		go func() {
			defer close(ended)
			s.Run(ctx, p)
		}()
		synctest.Wait()
		s.Wake()
		synctest.Wait()
		if n := len(p.turns); n != 1 {
			t.Errorf("%d turns before the wait is over, want the first alone", n)
		}
		s.Want(wants("v1", "c1"))
		synctest.Wait()
		if n := len(p.turns); n != 2 {
			t.Errorf("%d turns once something else is wanted, want 2", n)
		}
		stop()
		<-ended
	})
}
