package harbor_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/harbor"
	"github.com/plateform/plateform/test/harborserver"
)

// retains is a rule of retention for all repositories.
func retains(template, tags string) map[string]any {
	return map[string]any{"disabled": false, "template": template, "tag_selectors": []any{map[string]any{"kind": "doublestar", "decoration": "matches", "pattern": tags}},
		"scope_selectors": map[string]any{"repository": []any{map[string]any{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}}}}
}

func TestProbe(t *testing.T) {
	disabled := retains("nDaysSinceLastPush", "**")
	disabled["disabled"] = true
	elsewhere := retains("always", "**")
	elsewhere["scope_selectors"] = map[string]any{}
	for _, tt := range []struct {
		name  string
		rules []map[string]any
		want  harbor.Condition
	}{
		{"no rules", nil, harbor.Condition{}},
		{"by age", []map[string]any{retains("nDaysSinceLastPull", "**")}, harbor.Condition{Retention: true}},
		{"by age, and releases always", []map[string]any{retains("nDaysSinceLastPush", "**"), retains("always", "v*")}, harbor.Condition{Retention: true, KeepsReleases: true}},
		{"other tags always", []map[string]any{retains("always", "build-*")}, harbor.Condition{Retention: true}},
		{"always, in no repository", []map[string]any{elsewhere}, harbor.Condition{Retention: true}},
		{"switched off", []map[string]any{disabled}, harbor.Condition{}},
	} {
		w := newWorld(t)
		w.server.Login("robot$plateform", "hunter2")
		w.server.Retain(tt.rules...)
		got, err := w.client.Probe(t.Context(), w.repository, 50)
		tt.want.Project, tt.want.Scanner = "ws-1", true
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

// A number of tags that are kept has to be that of release files. What the account may not see is no trouble; the rest is.
func TestProbeInTrouble(t *testing.T) {
	w := newWorld(t)
	w.server.Unhealthy("trivy", "no space left")
	well := harborserver.Fault{Status: 200, Body: `{"components": [{"name": "core", "status": "healthy"}]}`}
	project := harborserver.Fault{Status: 200, Body: `{"name": "ws-1", "metadata": {"retention_id": "7"}}`}
	number := harborserver.Fault{Status: 200, Body: `{"rules": [{"template": "latestPushedK", "params": {"latestPushedK": 50}, "tag_selectors": [{"decoration": "matches", "pattern": "**"}],
		"scope_selectors": {"repository": [{"decoration": "repoMatches", "pattern": "**"}]}}]}`}
	for keep, want := range map[int]bool{50: true, 51: false} {
		w.server.Inject(well, project, number)
		if got, err := w.client.Probe(t.Context(), w.repository, keep); err != nil || got.KeepsReleases != want || !got.Retention || got.Scanner {
			t.Errorf("for %d release files: %+v, %v", keep, got, err)
		}
	}
	w.server.Inject(well, project, harborserver.Fault{Status: 403, Body: "{}"})
	if got, err := w.client.Probe(t.Context(), w.repository, 50); err != nil || !got.Hidden {
		t.Errorf("rules that are hidden: %+v, %v", got, err)
	}
	got, err := w.client.Probe(t.Context(), w.repository, 50)
	if err != nil || len(got.Unhealthy) != 1 || got.Unhealthy[0] != "trivy: no space left" {
		t.Errorf("%+v, %v", got, err)
	}
	w.server.Login("robot$plateform", "another")
	if _, err := w.client.Probe(t.Context(), w.repository, 50); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("with a wrong password: %v", err)
	}
}
