package plan

import (
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/test/gitserver"
)

// rolledBack is a world in which v1.0.1 of shop was released, with other code, and rolled back.
func rolledBack(t *testing.T) (w *world, mark, base string) {
	w = newWorld(t)
	w.release(shop, "v1.0.0", commit1)
	mark = w.release(shop, "v1.0.1", commit2)
	return w, mark, w.withdraw("v1.0.1")
}

const heldSource = "held: source at commit 2222222222"

// After a rollback versions are not used again, and what was rolled back stays so.
func TestAfterARollback(t *testing.T) {
	w, mark, base := rolledBack(t)
	w.remember(manifest.RunSpec{Highest: "v1.0.1", Owner: 1}, mark)
	w.edit(shop, ", replicas: 2")
	p := w.plan(base)
	w.wants(p, "ws-1/shop: release v1.0.2, 0 builds; "+heldSource)
	if len(p.Unknown) > 0 {
		t.Errorf("not known: %q", p.Unknown)
	}
	alone := w.planAlone(base)
	w.wants(alone, "ws-1/shop: release v1.0.2, 0 builds")
	if len(alone.Unknown) != 1 || !strings.Contains(alone.Unknown[0], "--gitops-repo") {
		t.Errorf("without GitOps it is not known: %q", alone.Unknown)
	}
}

// A hold that GitOps remembers counts, and ends with what ends it.
func TestHeld(t *testing.T) {
	w, mark, base := rolledBack(t)
	w.remember(manifest.RunSpec{Highest: "v1.0.1", Owner: 1}, mark)
	held := w.plan(mark).Projects[0]
	if held.Action != Rollback || held.BuildReason != "image known, 0 builds" || held.Next != "v1.0.0" {
		t.Errorf("the revert is planned as %s to %s, %s", held.Action, held.Next, held.BuildReason)
	}
	w.edit(shop, ", paused: false") // says nothing new
	w.wants(w.plan(base), "ws-1/shop: held , 0 builds; "+heldSource)
	w.edit(shop, ", build: {env: [{name: MODE, value: x}]}")
	w.wants(w.plan(base), "ws-1/shop: release v1.0.2, 1 builds")
}

func TestRollForward(t *testing.T) {
	w, mark, base := rolledBack(t)
	w.remember(manifest.RunSpec{Highest: "v1.0.1", Owner: 1}, mark)
	file := manifest.ReleasesDir(shop) + "/v1.0.1.yaml"
	w.commit(map[string]string{file: w.config.Read(mark, file) + "\n"})
	w.config.Git("update-ref", "refs/heads/main", base)
	w.commit(map[string]string{file: w.read(mark, file)})
	w.wants(w.plan(base), "ws-1/shop: roll forward v1.0.1, 0 builds")
}

// read is a file to the last byte.
func (w *world) read(commit, file string) string {
	data, err := w.open(w.config).Read(commit, file)
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}

func TestFrozen(t *testing.T) {
	w := newWorld(t)
	base := w.release(shop, "v1.0.0", commit1)
	w.remember(manifest.RunSpec{Highest: "v1.0.1", Owner: 1, Frozen: &manifest.Frozen{Release: "v1.0.1", Commit: commit1}}, base)
	w.edit(shop, ", replicas: 2")
	p := w.plan(base)
	if len(p.Projects) != 1 || p.Projects[0].Action != Frozen || !strings.HasPrefix(p.Projects[0].Why[0], "frozen: ") {
		t.Errorf("planned:\n%s", summary(p))
	}
}

// The last release was withdrawn: it is kept, and nothing is made of what was withdrawn.
func TestKept(t *testing.T) {
	w := newWorld(t)
	mark := w.release(shop, "v1.0.0", commit1)
	base := w.withdraw("v1.0.0")
	w.remember(manifest.RunSpec{Highest: "v1.0.0", Owner: 1}, mark)
	w.edit(shop, ", replicas: 2")
	p := w.plan(base)
	if len(p.Projects) != 1 || p.Projects[0].Action != Held || !strings.HasPrefix(p.Projects[0].Why[0], "kept: v1.0.0 ") {
		t.Errorf("planned:\n%s", summary(p))
	}
}

// A project that is added again goes on where it was.
func TestTombstone(t *testing.T) {
	w := newWorld(t)
	w.release(shop, "v1.0.0", commit1)
	w.release(shop, "v1.0.1", commit2)
	base := w.commit(map[string]string{manifest.ProjectDir(shop): ""})
	w.remember(manifest.RunSpec{Highest: "v1.0.7", Owner: 1, Deleted: &manifest.Deleted{Commit: base}}, base)
	w.edit(shop, "")
	w.wants(w.plan(base), "ws-1/shop: create v1.0.8, 1 builds")
	w.wants(w.planAlone(base), "ws-1/shop: create v1.0.2, 1 builds")
}

// What GitOps stands for may be more than the base has, or nothing that is at hand.
func TestWhatGitOpsStandsFor(t *testing.T) {
	tests := []struct {
		name  string
		mark  func(w *world, base string) string
		doubt string
	}{
		{"the base", func(_ *world, base string) string { return base }, ""},
		{"a later commit", func(w *world, base string) string {
			later := w.config.Commit(gitserver.Change{Branch: "other", Parent: base, Message: "Later\n", Files: map[string]string{"README.md": "later"}})
			return later
		}, "bring the branch up to date"},
		{"a commit that is not here", func(*world, string) string { return commit2 }, "git fetch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			base := w.release(shop, "v1.0.0", commit1)
			w.remember(manifest.RunSpec{Highest: "v1.0.4", Owner: 1}, tt.mark(w, base))
			w.edit(shop, ", replicas: 2")
			p := w.plan(base)
			w.wants(p, "ws-1/shop: release v1.0.5, 0 builds")
			if got := strings.Join(p.Unknown, "\n"); !strings.Contains(got, tt.doubt) || tt.doubt == "" && got != "" {
				t.Errorf("not known: %q, want something about %q", got, tt.doubt)
			}
		})
	}
}

// Where platform.yaml names keys, a GitOps commit that none of them signed is not believed, whoever it says it is of.
func TestForgedMemoryIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	key, err := signing.Generate(strings.NewReader(strings.Repeat("a", 64)))
	if err != nil {
		t.Fatal(err)
	}
	base := w.commit(map[string]string{manifest.PlatformFile: "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\n" +
		"spec: {domain: apps.example.com, registry: {url: registry.example.com}, releases: {publicKeys: [\"" + key.Public().String() + "\"]}}\n"})
	w.remember(manifest.RunSpec{Highest: "v9.9.9", Owner: 1}, base)
	w.edit(shop, ", replicas: 2")
	p := w.plan(base)
	w.wants(p, "ws-1/shop: create v1.0.0, 1 builds")
	if len(p.Unknown) != 0 {
		t.Errorf("nothing was released yet, and not known: %q", p.Unknown)
	}
	base = w.release(shop, "v1.0.0", commit1)
	w.edit(shop, ", replicas: 3")
	p = w.plan(base)
	if len(p.Unknown) != 1 || !strings.Contains(p.Unknown[0], "no commit of Plateform") {
		t.Errorf("not known: %q", p.Unknown)
	}
}

// Without GitOps the highest version is that of Plateform's own commits, not what somebody writes below a message.
func TestVersionsAreThoseOfPlateformsCommits(t *testing.T) {
	w := newWorld(t)
	w.release(shop, "v1.0.0", commit1)
	base := w.config.Commit(gitserver.Change{
		Message: "Boast\n\nWorkspace: ws-1\nProject: shop\nRelease: v9.9.9\n", Files: map[string]string{"README.md": "9"},
	})
	w.edit(shop, ", replicas: 2")
	w.wants(w.planAlone(base), "ws-1/shop: release v1.0.1, 0 builds")
}

// A retry that GitOps does not stand for yet ends what is held, as it will.
func TestARetryEndsWhatIsHeld(t *testing.T) {
	w, mark, _ := rolledBack(t)
	w.remember(manifest.RunSpec{Highest: "v1.0.1", Owner: 1}, mark)
	base := w.config.Commit(gitserver.Change{Message: "Retry\n\nPlateform-Retry: ws-1/shop\n", Files: map[string]string{"README.md": "again"}})
	w.edit(shop, ", replicas: 2")
	if got := summary(w.plan(base)); strings.Contains(got, "held") {
		t.Errorf("planned:\n%s\nwant nothing held", got)
	}
}
