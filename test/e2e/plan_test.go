package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The plan of a change has the same hash every time it is asked for, with no network, and the release that is made of the
// change carries it.
func TestPlanIsWhatIsReleased(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)

	base := w.config.head()
	w.config.pull()
	w.config.record("Change shop", files{shop.file(): shop.yaml("replicas: 2", "env: [{name: LEVEL, value: debug}]")})
	first := w.planHash(shop, base)
	away := shop.app.bare + ".away"
	if err := os.Rename(shop.app.bare, away); err != nil {
		t.Fatal(err)
	}
	second := w.planHash(shop, base)
	if err := os.Rename(away, shop.app.bare); err != nil {
		t.Fatal(err)
	}
	if first == "" || first != second {
		t.Errorf("the plan's hash is %q, and offline %q", first, second)
	}

	w.config.push()
	shop.runs("v1.0.1")
	if got := w.config.trailer(shop.releaseCommit("v1.0.1"), "Plan"); got != first {
		t.Errorf("the release commit carries plan %q, want %q", got, first)
	}
	if release := w.config.read(shop.releaseFile("v1.0.1")); !strings.Contains(release, "plan: "+first) {
		t.Errorf("the release does not carry plan %q:\n%s", first, release)
	}
	if got := w.gitops.trailer(w.gitops.log("%H", shop.runDir()+"/values.yaml")[0], "Plan"); got != first {
		t.Errorf("the GitOps commit carries plan %q, want %q", got, first)
	}
}

// planHash is the hash of the plan for a project of what the checkout has beyond a base. It runs in the checkout as it
// is and reaches for nothing else.
func (w *world) planHash(p *project, base string) string {
	w.t.Helper()
	out, err := run1(w.config.work, nil, os.Getenv(binaryVariable), "plan", "--base", base, "--head", "HEAD", "--output", "json")
	if err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	var plan struct {
		Projects []struct {
			Workspace, Project, Hash string
		}
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		w.t.Fatalf("the plan is no JSON: %v\n%s", err, out)
	}
	for _, planned := range plan.Projects {
		if planned.Workspace == p.workspace && planned.Project == p.name {
			return planned.Hash
		}
	}
	w.t.Fatalf("the plan does not speak of %s:\n%s", p.name, out)
	return ""
}
