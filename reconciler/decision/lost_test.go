package decision_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// Which sources are remembered as lost: what is not there after a few looks that agree, a host that does not answer after
// minutes. What is remembered stays until a look finds the source, its settings are edited, or the project is deleted.
func TestSourcesLooked(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	source := manifest.Source{Repository: "https://git.test/shop", Branch: "release", Path: "app"}
	view := &config.View{Present: true, Parsed: true, Spec: manifest.ProjectSpec{Type: manifest.Monolithic, Source: &source}}
	edited := *view
	other := manifest.Source{Repository: "https://git.test/shop", Branch: "main"}
	edited.Spec.Source = &other
	lost := func(reason manifest.LostReason) []manifest.LostSource {
		return []manifest.LostSource{{Part: manifest.PartSource, Reason: reason, What: reconciler.LostWhat(reason, source), Since: now.Add(-time.Minute)}}
	}
	failing := func(reason manifest.LostReason, failures int) decision.Looks {
		return decision.Looks{Failures: failures, Since: now.Add(-time.Minute), Reason: reason, Steady: true}
	}
	unsteady := failing(manifest.LostBranch, 9)
	unsteady.Steady = false
	oftenLost := func(failures int) decision.Looks {
		l := failing(manifest.LostBranch, failures)
		l.Losses = 2
		return l
	}
	silent := func(minutes time.Duration) decision.Looks {
		return decision.Looks{Failures: 9, Since: now.Add(-minutes * time.Minute), Reason: manifest.LostHost, Steady: true}
	}
	silentFor10 := lost(manifest.LostHost)
	silentFor10[0].Since = now.Add(-10 * time.Minute)
	for _, tt := range []struct {
		name   string
		before []manifest.LostSource
		view   *config.View
		looks  decision.Looks
		want   []manifest.LostSource
	}{
		{"nobody has looked yet", nil, view, decision.Looks{}, nil},
		{"it is there", nil, view, decision.Looks{Seen: true}, nil},
		{"no branch, twice", nil, view, failing(manifest.LostBranch, 2), nil},
		{"no branch, three times", nil, view, failing(manifest.LostBranch, 3), lost(manifest.LostBranch)},
		{"no folder", nil, view, failing(manifest.LostFolder, 3), lost(manifest.LostFolder)},
		{"renamed or private", nil, view, failing(manifest.LostRepository, 4), lost(manifest.LostRepository)},
		{"now this, now that", nil, view, unsteady, nil},
		{"it was lost twice before, and is away for a moment", nil, view, oftenLost(4), nil},
		{"it was lost twice before, and stays away", nil, view, oftenLost(5), lost(manifest.LostBranch)},
		{"the host is silent for nine minutes", nil, view, silent(9), nil},
		{"the host is silent for ten minutes", nil, view, silent(10), silentFor10},
		{"a start, before the first look", lost(manifest.LostBranch), view, decision.Looks{}, lost(manifest.LostBranch)},
		{"a start, after the first look", lost(manifest.LostBranch), view, failing(manifest.LostBranch, 1), lost(manifest.LostBranch)},
		{"it is back", lost(manifest.LostBranch), view, decision.Looks{Seen: true}, nil},
		{"the host of a lost branch is silent, too", lost(manifest.LostBranch), view, silent(30), lost(manifest.LostBranch)},
		{"the silent host has no such repository", lost(manifest.LostHost), view, failing(manifest.LostRepository, 3), lost(manifest.LostRepository)},
		{"the branch is back without its folder", lost(manifest.LostBranch), view, failing(manifest.LostFolder, 5), lost(manifest.LostFolder)},
		{"its settings were edited", lost(manifest.LostBranch), &edited, decision.Looks{}, nil},
		{"its file is broken", lost(manifest.LostBranch), &config.View{Present: true}, decision.Looks{}, lost(manifest.LostBranch)},
		{"it was deleted", lost(manifest.LostBranch), &config.View{}, failing(manifest.LostBranch, 9), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			looks := map[string]decision.Looks{manifest.PartSource: tt.looks}
			run := decision.SourcesLooked(manifest.RunSpec{Highest: "v1.0.0", Lost: tt.before}, tt.view, looks, now)
			if diff := cmp.Diff(manifest.RunSpec{Highest: "v1.0.0", Lost: tt.want}, run); diff != "" {
				t.Errorf("what is remembered (-want +got):\n%s", diff)
			}
			again := decision.SourcesLooked(run, tt.view, looks, now.Add(time.Second))
			if diff := cmp.Diff(run, again); diff != "" {
				t.Errorf("the same looks again change it (-before +after):\n%s", diff)
			}
		})
	}
}
