package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	commits []string
	// refused is how many are refused yet, and why.
	refused int
	why     error
}

func (s *shelf) worker(t *testing.T, common worker.Common, log slog.Handler) *worker.Deployments {
	t.Helper()
	d, err := worker.NewDeployments(s, slog.New(log), common)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *shelf) Show(_ context.Context, d reconciler.Deployment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused > 0 {
		s.refused--
		return s.why
	}
	s.commits = append(s.commits, d.Commit)
	s.shown = append(s.shown, strings.TrimSpace(fmt.Sprint(d.Project, " ", d.Release, " ", d.State, " ", d.LiveURL)))
	return nil
}

func (s *shelf) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func (s *shelf) takeCommits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	commits := s.commits
	s.commits = nil
	return commits
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
		s := &shelf{refused: 2, why: errors.New("502")}
		d := s.worker(t, common, slog.DiscardHandler)
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

// A commit that deploys very many projects is no news of any, however many were done when it was counted; one that deploys as many as
// people can look at is news of each, and so is a push to the app beside it.
func TestAMassChangeIsNotShown(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		s := &shelf{}
		d := s.worker(t, common, slog.DiscardHandler)
		run(d.Run)
		for _, change := range []struct {
			commit   string
			projects int
		}{{"many", 21}, {"few", 20}} {
			for i := range change.projects {
				asked := &reconciler.Run{Project: manifest.Key{Workspace: "ws-1", Project: fmt.Sprint(change.commit, i)}, Cause: manifest.Cause{Config: change.commit}}
				d.Observe(reconciler.Event{Kind: reconciler.EventStarted, Project: asked.Project, Runs: []*reconciler.Run{asked}})
			}
			for i := range change.projects {
				e := deployed(fmt.Sprint(change.commit, i), "v1.0.0", reconciler.StateSuccess, reconciler.OutcomeRuns)
				e.Report.Commit = change.commit
				d.Observe(e)
			}
		}
		e := deployed("shop", "v1.0.0", reconciler.StateSuccess, reconciler.OutcomeRuns)
		e.Report.Commit, e.Report.Source = "many", "s1" // the branch was there by chance
		d.Observe(e)
		pass(time.Hour)
		shown := s.take()
		if len(shown) != 21 {
			t.Errorf("%d are shown, want those of few and the shop", len(shown))
		}
		for _, line := range shown {
			if strings.Contains(line, "many") {
				t.Errorf("shown is %s", line)
			}
		}
	})
}

// A deployment is of the commit that asked: what is said on the commit of the release besides is none of its own.
func TestDeploymentsAreOfTheCommitThatAsked(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		s := &shelf{}
		d := s.worker(t, common, slog.DiscardHandler)
		run(d.Run)
		asked := deployed("shop", "v1.0.0", reconciler.StateSuccess, reconciler.OutcomeRuns)
		released := deployed("shop", "v1.0.0", reconciler.StateSuccess, reconciler.OutcomeRuns)
		released.Report.Commit, released.Report.Aside = "release", true
		for _, e := range []reconciler.Event{released, asked, released} {
			d.Observe(e)
			pass(time.Minute)
		}
		if commits := s.takeCommits(); !slices.Equal(commits, []string{"c1"}) {
			t.Errorf("the deployments are of %v", commits)
		}
	})
}

// A refusal that lasts is said once, and asked about again with the next release only.
func TestARefusalThatLasts(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		s := &shelf{refused: 2, why: fmt.Errorf("403: %w", reconciler.ErrNotTaken)}
		var log strings.Builder
		d := s.worker(t, common, slog.NewTextHandler(&log, nil))
		run(d.Run)
		d.Observe(deployed("shop", "v1.0.0", reconciler.StateSuccess, reconciler.OutcomeRuns))
		pass(time.Hour)
		d.Observe(deployed("blog", "v1.0.0", reconciler.StateSuccess, reconciler.OutcomeRuns))
		pass(time.Hour)
		if left := s.left(); left != 0 {
			t.Errorf("of two refusals %d were not asked for", left)
		}
		if shown := s.take(); len(shown) > 0 {
			t.Errorf("it was asked again by itself, and shown is %v", shown)
		}
		if n := strings.Count(log.String(), "a deployment is not taken"); n != 1 {
			t.Errorf("it is said %d times:\n%s", n, log.String())
		}
		d.Observe(deployed("shop", "v1.0.1", reconciler.StateSuccess, reconciler.OutcomeRuns))
		pass(time.Minute)
		if shown := s.take(); len(shown) != 1 || !strings.Contains(log.String(), "deployments are shown again") {
			t.Errorf("the next release shows %v\n%s", shown, log.String())
		}
	})
}
