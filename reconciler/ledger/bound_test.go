package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// app is a commit of the app that its first letter tells.
func app(letter string) string { return strings.Repeat(letter, 40) }

// newStory has releases v1.0.0 to v1.0.2 with nine commits between them, and GitOps with the values of each.
func newStory(t *testing.T) (config, gitops *repository) {
	t.Helper()
	config, gitops = newConfig(), newRepository()
	for i, letter := range []string{"a", "b", "c"} {
		config.release(t, fmt.Sprintf("v1.0.%d", i), app(letter))
		gitops.commit(fmt.Sprintf("Write\n\nWorkspace: ws-1\nProject: shop\nRelease: v1.0.%d\n", i), files{
			manifest.ValuesFile(shop): fmt.Sprintf("release: v1.0.%d\nhost: shop-ws-1.apps.example.com\nimage: {digest: \"sha256:%s\"}\n", i, strings.Repeat(letter, 64)),
		})
		for n := range 9 {
			edit := files{"README.md": fmt.Sprint(i, n)}
			config.commit("Write the README", edit)
			gitops.commit("Write another", edit)
		}
	}
	return config, gitops
}

func why(t *testing.T, l *Ledger, asked string) (*Why, error) {
	t.Helper()
	q, err := ParseQuestion(asked)
	if err != nil {
		t.Fatal(err)
	}
	return l.Why(t.Context(), q)
}

// TestOldReleasesAreTold: what was released before all commits that are looked at is told all the same, with what is not
// known.
func TestOldReleasesAreTold(t *testing.T) {
	config, gitops := newStory(t)
	w, err := why(t, open(t, config, gitops, 5), "ws-1/shop")
	if err != nil {
		t.Fatal(err)
	}
	a := w.Answers[0]
	if a.State != FateRunning || a.Release.Version != "v1.0.2" || a.Release.Commit != nil || a.Since != "" {
		t.Errorf("got %+v of %+v", a, a.Release)
	}
	want := []string{
		"who released it was not found in the newest 5 commits of the config repository",
		"the commit that wrote its values was not found in the newest 5 commits of the GitOps repository",
	}
	if diff := cmp.Diff(want, a.Why); diff != "" {
		t.Errorf("why (-want +got):\n%s", diff)
	}
}

// TestHistoryBeginsWithWhatWasThere: a release that is superseded by one that is seen to come.
func TestHistoryBeginsWithWhatWasThere(t *testing.T) {
	config, _ := newStory(t)
	h, err := open(t, config, nil, 12).History(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"v1.0.2", "v1.0.1", "v1.0.0"}, versionNames(h.Versions())); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	superseded := h.Events[manifest.Version{Major: 1, Patch: 1}]
	if len(superseded) != 1 || superseded[0].Kind != EventSuperseded || superseded[0].Release != "v1.0.2" {
		t.Errorf("v1.0.1: %+v", superseded)
	}
	if released := h.Events[manifest.Version{Major: 1, Patch: 2}]; len(released) != 1 || released[0].Kind != EventReleased {
		t.Errorf("v1.0.2: %+v", released)
	}
}

func versionNames(versions []manifest.Version) []string {
	var names []string
	for _, v := range versions {
		names = append(names, v.String())
	}
	return names
}

func TestWhatIsOlderIsSaidNotToBeFound(t *testing.T) {
	configs, gitops := newStory(t)
	for _, tt := range []struct{ asked, want string }{
		{"aaaaaaaa", "nothing was built from it that Plateform told of; it was not found in the newest 5 commits of the config repository"},
		{"sha256:aaaaaaaa", "it was not found in the newest 5 commits of the config repository"},
		{"ws-1/shop@v1.0.9", "ws-1/shop has no release v1.0.9, and had none in the newest 5 commits (it had: v1.0.2, v1.0.1, v1.0.0)"},
	} {
		_, err := why(t, open(t, configs, gitops, 5), tt.asked)
		var refusal *config.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.asked, err, tt.want)
		}
		if _, err := why(t, open(t, configs, gitops, 100), tt.asked); err != nil && strings.Contains(err.Error(), "newest") {
			t.Errorf("%s: all was looked at, and yet: %v", tt.asked, err)
		}
	}
}

// TestWhatRunsIsFoundByItsImage, however long ago it was released.
func TestWhatRunsIsFoundByItsImage(t *testing.T) {
	config, gitops := newStory(t)
	w, err := why(t, open(t, config, gitops, 5), "sha256:cccccccc")
	if err != nil || len(w.Answers) != 1 || w.Answers[0].Release.Version != "v1.0.2" {
		t.Errorf("got %+v, %v", w, err)
	}
}

// TestSinceStopsEarly: status looks no further than to the commit that it is after, and no further than the bound.
func TestSinceStopsEarly(t *testing.T) {
	config, gitops := newStory(t)
	l := open(t, config, gitops, 0)
	gitops.asked = 0
	found, err := l.Status(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	if p := found.Projects[0]; p.Since != rfc3339(gitops.commits[l.gitops.steps[9].Hash].Author.When) || p.SinceBefore != "" || gitops.asked > 12 {
		t.Errorf("since %q, before %q, after %d commits", p.Since, p.SinceBefore, gitops.asked)
	}
	l = open(t, config, gitops, 5)
	if found, err = l.Status(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	if p := found.Projects[0]; p.Since != "" || p.SinceBefore != rfc3339(l.gitops.steps[4].Author.When) {
		t.Errorf("since %q, before %q", p.Since, p.SinceBefore)
	}
}

// TestShallowClones end where their commits do.
func TestShallowClones(t *testing.T) {
	config, gitops := newStory(t)
	all := open(t, config, gitops, 0)
	if err := all.config.walk(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range all.config.steps[12:] {
		delete(config.commits, s.Hash)
		delete(config.files, s.Hash)
	}
	w, err := why(t, open(t, config, gitops, 0), "ws-1/shop")
	if err != nil {
		t.Fatal(err)
	}
	if a := w.Answers[0]; a.State != FateRunning || len(a.History) != 1 || a.History[0].Kind != EventReleased {
		t.Errorf("got %+v", a)
	}
}

// TestMergesBringCommits: a commit beside the branch is answered with what the merge that brought it did.
func TestMergesBringCommits(t *testing.T) {
	config, _ := newStory(t)
	before := config.head
	side := config.commit("Two replicas", files{manifest.ProjectFile(shop): projectText + "  replicas: 2\n"})
	config.head = before
	config.commit("Meanwhile", files{"README.md": "no"})
	merge := config.commit("Merge", files{manifest.ProjectFile(shop): projectText + "  replicas: 2\n"}, side)
	w, err := why(t, open(t, config, nil, 0), side)
	if err != nil {
		t.Fatal(err)
	}
	if w.Kind != AskConfig || w.Commit.MergedBy == nil || w.Commit.MergedBy.Hash != merge {
		t.Errorf("got %+v", w.Commit)
	}
	if diff := cmp.Diff([]string{"it changed ws-1/shop"}, w.Commit.Does); diff != "" {
		t.Errorf("it did (-want +got):\n%s", diff)
	}
	unrelated := config.commit("Elsewhere", files{"x": "y"})
	config.head = merge
	if _, err := why(t, open(t, config, nil, 0), unrelated); !errors.As(err, new(*UnknownCommitError)) {
		t.Errorf("a commit of another branch: %v", err)
	}
}
