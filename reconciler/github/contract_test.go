package github_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/forgetest"
	"github.com/plateform/plateform/reconciler/github"
	"github.com/plateform/plateform/reconciler/github/auth"
)

var config = auth.Repository{Owner: "acme", Name: "platform-config"}

// The contract of forges, with a record that keeps everything in memory; that of the notes holds the real one to the same.
// What people see on GitHub is compared with what the record says after each part of it.
func TestContract(t *testing.T) {
	forgetest.Run(t, func(t *testing.T) forgetest.Forge {
		hub, kept := newGitHub(t), newRecord()
		return forgetest.Forge{
			Commits: kept.commits,
			New:     func() reconciler.Forge { return forgeOn(hub, kept, slog.New(slog.DiscardHandler), -1) },
			Said: func(commit string) []reconciler.Statement {
				compare(t, hub, commit, kept.statements(commit))
				return kept.statements(commit)
			},
		}
	})
}

// compare holds what people see on a config commit against what the record says of it.
func compare(t *testing.T, hub *gitHub, commit string, said []reconciler.Statement) {
	t.Helper()
	want := map[string]reconciler.Statement{}
	for _, s := range said {
		if s.Source == "" {
			want[s.Context] = s
		}
	}
	shown := hub.shows(config.String(), commit)
	if len(shown) != len(want) {
		t.Errorf("%s shows %v, and the record says %v", commit, shown, said)
	}
	for context, s := range want {
		if shown[context].State != string(s.State) || shown[context].TargetURL != s.URL || shown[context].Description == "" {
			t.Errorf("%s shows %+v, and the record says %+v", commit, shown[context], s)
		}
	}
}

func forgeOn(hub *gitHub, record github.Record, log *slog.Logger, pace time.Duration) *github.Forge {
	hub.t.Helper()
	site, api, tokens := hub.client()
	forge, err := github.New(github.Options{
		Site: site, Config: config, Client: api, Tokens: tokens, Record: record, Clock: hub.clock, Log: log, Pace: pace,
	})
	if err != nil {
		hub.t.Fatal(err)
	}
	return forge
}

func report(commit, project string, state reconciler.State, outcome reconciler.Outcome) reconciler.Report {
	stage := map[reconciler.State]reconciler.Stage{
		reconciler.StatePending: reconciler.StageQueued, reconciler.StateSuccess: reconciler.StageDeployed, reconciler.StateFailure: reconciler.StageFailed,
	}[state]
	return reconciler.Report{
		Subject: reconciler.Subject{Project: manifest.Key{Workspace: "ws-1", Project: project}, Commit: commit, Cause: manifest.CauseConfig},
		State:   state, Stage: stage, Outcome: outcome, Release: reconciler.ReleaseFacts{Version: "v1.0.1", Before: "v1.0.0"},
	}
}

func waiting(commit, project string) reconciler.Report {
	return report(commit, project, reconciler.StatePending, reconciler.OutcomeWaiting)
}

func runs(commit, project string) reconciler.Report {
	r := report(commit, project, reconciler.StateSuccess, reconciler.OutcomeRuns)
	r.LiveURL = "https://" + project + ".example.com"
	return r
}

func broken(commit, project string) reconciler.Report {
	r := report(commit, project, reconciler.StateFailure, reconciler.OutcomeBuildFailed)
	r.Build, r.Detail = reconciler.BuildFacts{ID: "build-" + project, URL: "https://ci.example.com/1"}, "it does not compile"
	return r
}

// pushed makes a report one about a push to an app.
func pushed(r reconciler.Report, repository, sha string) reconciler.Report {
	r.Source, r.SourceRepository, r.Cause = sha, repository, manifest.CauseSource
	return r
}

func sha(n int) string { return fmt.Sprintf("%040x", n+1) }
