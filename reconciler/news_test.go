package reconciler_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler"
)

func TestNews(t *testing.T) {
	const (
		shop  = "plateform/ws-1/shop"
		api   = "plateform/ws-1/api"
		first = "1111111111111111111111111111111111111111"
		later = "2222222222222222222222222222222222222222"
	)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	pending := func(context string, stage reconciler.Stage) reconciler.Statement {
		return reconciler.Statement{Context: context, State: reconciler.StatePending, Stage: stage, At: at}
	}
	ends := func(context string, state reconciler.State, stage reconciler.Stage) reconciler.Statement {
		return reconciler.Statement{Context: context, State: state, Stage: stage, At: at}
	}
	with := func(r reconciler.Statement, change func(*reconciler.Statement)) reconciler.Statement {
		change(&r)
		return r
	}
	from := func(r reconciler.Statement, source string) reconciler.Statement {
		return with(r, func(r *reconciler.Statement) { r.Source = source })
	}
	described := func(r reconciler.Statement, text string) reconciler.Statement {
		return with(r, func(r *reconciler.Statement) { r.Description = text })
	}
	deployed := ends(shop, reconciler.StateSuccess, reconciler.StageDeployed)
	failed := ends(shop, reconciler.StateFailure, reconciler.StageFailed)
	unhealthy := with(failed, func(r *reconciler.Statement) { r.Fails = "v1.0.0" })
	waits := with(failed, func(r *reconciler.Statement) { r.Waits, r.Description = true, "no branch" })
	queued, building := pending(shop, reconciler.StageQueued), pending(shop, reconciler.StageBuilding)
	updating := pending(shop, reconciler.StageUpdatingGitOps)
	type reports = []reconciler.Statement

	tests := []struct {
		name                string
		said, reports, want reports
	}{
		{"nothing to tell", reports{queued}, nil, nil},
		{"the first word", nil, reports{queued}, reports{queued}},
		{"a whole run at once", nil, reports{queued, building, deployed}, reports{queued, building, deployed}},
		{"said already", reports{queued}, reports{queued}, nil},
		{"said already, at another time", reports{queued},
			reports{with(queued, func(r *reconciler.Statement) { r.At = at.Add(time.Minute) })}, nil},
		{"said twice in one call", nil, reports{queued, queued}, reports{queued}},
		{"said before the newest word of the same stage", reports{described(building, "1 of 2"), described(building, "2 of 2")},
			reports{described(building, "1 of 2")}, nil},
		{"more about the same stage", reports{described(building, "1 of 2")}, reports{described(building, "2 of 2")},
			reports{described(building, "2 of 2")}},
		{"another link", reports{building}, reports{with(building, func(r *reconciler.Statement) { r.URL = "https://b/1" })},
			reports{with(building, func(r *reconciler.Statement) { r.URL = "https://b/1" })}},
		{"the next stage", reports{queued}, reports{building}, reports{building}},
		{"an earlier stage", reports{building}, reports{queued}, nil},
		{"an earlier stage in the same call", nil, reports{building, queued}, reports{building}},
		{"a stage that was left out", reports{updating}, reports{pending(shop, reconciler.StageScanning)}, nil},
		{"the end at the stage it has reached", reports{updating},
			reports{ends(shop, reconciler.StateSuccess, reconciler.StageUpdatingGitOps)},
			reports{ends(shop, reconciler.StateSuccess, reconciler.StageUpdatingGitOps)}},
		{"a failure at an early stage", reports{updating}, reports{failed}, reports{failed}},
		{"the end without a beginning", nil, reports{failed}, reports{failed}},
		{"after success", reports{deployed}, reports{building, failed, deployed}, nil},
		{"after failure", reports{failed}, reports{deployed}, nil},
		{"after a rollout that failed", reports{unhealthy}, reports{building, unhealthy, failed, deployed, deployed}, reports{deployed}},
		{"after a rollout that failed and got healthy", reports{unhealthy, deployed}, reports{unhealthy, deployed}, nil},
		{"a rollout that had no time left", nil, reports{described(failed, "the rollout of v1.0.0 failed: not healthy"), deployed},
			reports{described(failed, "the rollout of v1.0.0 failed: not healthy"), deployed}},
		{"the first verdict of one call counts", nil, reports{deployed, failed}, reports{deployed}},
		{"contexts are apart", reports{deployed}, reports{pending(api, reconciler.StageQueued)},
			reports{pending(api, reconciler.StageQueued)}},
		{"sources are apart", reports{deployed, from(deployed, first)},
			reports{from(queued, first), from(queued, later)}, reports{from(queued, later)}},
		{"a failure that goes on by itself, after success", reports{queued, deployed}, reports{waits}, reports{waits}},
		{"a failure that goes on by itself, said already", reports{deployed, waits}, reports{waits}, nil},
		{"a failure that goes on by itself, for another reason", reports{waits}, reports{described(waits, "no folder")}, reports{described(waits, "no folder")}},
		{"a failure that goes on by itself, for a reason it had before", reports{waits, described(waits, "no folder")}, reports{waits}, reports{waits}},
		{"it goes on", reports{queued, building, deployed, waits}, reports{queued, building, deployed}, reports{queued, building, deployed}},
		{"it has gone on", reports{deployed, waits, deployed}, reports{queued, deployed, failed}, nil},
		{"it comes to a stop again", reports{deployed, waits, deployed}, reports{waits}, reports{waits}},
		{"what has failed for good comes to no stop", reports{failed}, reports{waits, deployed}, nil},
		{"it goes on, and fails", reports{waits}, reports{failed, waits, deployed}, reports{failed}},
		{"a stage from a newer version blocks nothing", reports{pending(shop, "polishing")}, reports{queued}, reports{queued}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, reconciler.News(tt.said, tt.reports)); diff != "" {
				t.Errorf("News (-want +got):\n%s", diff)
			}
			if again := reconciler.News(append(tt.said[:len(tt.said):len(tt.said)], tt.want...), tt.reports); len(again) > 0 {
				t.Errorf("News said again after it was told: %v", again)
			}
		})
	}
}
