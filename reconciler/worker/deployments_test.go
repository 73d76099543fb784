package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// shelf keeps the deployments that were shown.
type shelf struct {
	mu      sync.Mutex
	shown   []string
	refused int
}

func (s *shelf) Show(_ context.Context, d reconciler.Deployment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused > 0 {
		s.refused--
		return errors.New("502")
	}
	s.shown = append(s.shown, strings.TrimSpace(fmt.Sprint(d.Project, " ", d.Release, " ", d.State, " ", d.LiveURL)))
	return nil
}

func (s *shelf) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := s.shown
	s.shown = nil
	return shown
}

func deployed(project, version string, state reconciler.State, outcome reconciler.Outcome) reconciler.Event {
	return reconciler.Event{Kind: reconciler.EventReported, Report: &reconciler.Report{
		Subject: reconciler.Subject{Project: manifest.Key{Workspace: "ws-1", Project: project}, Commit: "c1"},
		State:   state, Outcome: outcome, Release: reconciler.ReleaseFacts{Version: version}, LiveURL: "https://" + project + ".example.com",
	}}
}

// Only what was deployed is shown, once it is known how it came out, the newest of each project, and again until it lands.
func TestDeploymentsAreShown(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		s := &shelf{refused: 2}
		d, err := worker.NewDeployments(s, slog.New(slog.DiscardHandler), common)
		if err != nil {
			t.Fatal(err)
		}
		run(d.Run)
		d.Observe(deployed("shop", "v1.0.0", reconciler.StatePending, reconciler.OutcomeRuns))
		d.Observe(deployed("shop", "v1.0.0", reconciler.StateFailure, reconciler.OutcomeBuildFailed))
		d.Observe(deployed("shop", "", reconciler.StateSuccess, reconciler.OutcomeNothingRuns))
		d.Observe(reconciler.Event{Kind: reconciler.EventReleased})
		pass(time.Minute)
		if shown := s.take(); len(shown) > 0 {
			t.Errorf("shown is %v", shown)
		}
		d.Observe(deployed("shop", "v1.0.0", reconciler.StateSuccess, reconciler.OutcomeRuns))
		d.Observe(deployed("shop", "v1.0.1", reconciler.StateSuccess, reconciler.OutcomeRuns))
		d.Observe(deployed("blog", "v1.0.0", reconciler.StateFailure, reconciler.OutcomeRolloutFailed))
		pass(10 * time.Minute)
		d.Observe(deployed("shop", "", reconciler.StateSuccess, reconciler.OutcomeRemoved))
		pass(time.Minute)
		want := map[string]bool{"ws-1/shop v1.0.1 success https://shop.example.com": true, "ws-1/blog v1.0.0 failure": true, "ws-1/shop  success https://shop.example.com": true}
		got := map[string]bool{}
		for _, line := range s.take() {
			got[line] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("shown (-want +got):\n%s", diff)
		}
	})
}

// A commit that deploys very many projects is no news of each.
func TestAMassChangeIsNotShownForEach(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		s := &shelf{}
		d, err := worker.NewDeployments(s, slog.New(slog.DiscardHandler), common)
		if err != nil {
			t.Fatal(err)
		}
		run(d.Run)
		for i := range 300 {
			d.Observe(deployed(fmt.Sprint("p", i%100), "v1.0.0", reconciler.StateSuccess, reconciler.OutcomeRuns))
		}
		pass(time.Hour)
		if shown := s.take(); len(shown) != 20 {
			t.Errorf("%d of 100 are shown", len(shown))
		}
	})
}
