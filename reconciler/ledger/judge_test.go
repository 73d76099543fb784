package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// A source that is not there makes a project failed, with what to do; one whose host does not answer is only told of.
func TestStatusTellsOfLostSources(t *testing.T) {
	source := manifest.Source{Repository: "https://git.test/shop", Branch: "release", Path: "app"}
	since := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		part   string
		reason manifest.LostReason
		runs   string
		state  State
		words  []string
	}{
		{manifest.PartSource, manifest.LostBranch, "v1.0.0", StateFailed,
			[]string{"the source cannot be read since 2026-11-22T12:00:00Z: there is no branch release in https://git.test/shop; v1.0.0 keeps running", "create it, or change source.branch"}},
		{manifest.PartSource, manifest.LostFolder, "", StateFailed, []string{"there is no folder app in https://git.test/shop", "change source.path"}},
		{manifest.PartSource + "/orders", manifest.LostRepository, "v1.0.0", StateFailed,
			[]string{"the source of orders cannot be read", "https://git.test/shop is not there, or Plateform may not read it", "change source.repository"}},
		{manifest.PartSource, manifest.LostHost, "v1.0.0", StateRunning, []string{"https://git.test/shop cannot be reached", "nothing: it is asked again"}},
	} {
		p := Project{Key: shop, Standing: Standing{Runs: tt.runs}, Release: &NewestRelease{Version: tt.runs}}
		if tt.runs == "" {
			p.Release = nil
		}
		lost := manifest.LostSource{Part: tt.part, Reason: tt.reason, What: reconciler.LostWhat(tt.reason, source), Since: since}
		p.judge(judgement{run: manifest.RunSpec{Lost: []manifest.LostSource{lost}}, gitopsKnown: true})
		if p.State != tt.state {
			t.Errorf("%s: it is %s, want %s", tt.reason, p.State, tt.state)
		}
		said := strings.Join(append(slices.Clone(p.Why), p.Next...), "\n")
		for _, words := range tt.words {
			if !strings.Contains(said, words) {
				t.Errorf("%s: %q is not said in\n%s", tt.reason, words, said)
			}
		}
	}
}

// A release whose rollout failed is in GitOps, and does not run: status and why say so until something else is said.
func TestWhatDidNotRollOutDoesNotRun(t *testing.T) {
	note := func(state NoteState, stage reconciler.Stage, description string) string {
		return `{"context":"plateform/ws-1/shop","state":"` + string(state) + `","stage":"` + string(stage) + `","description":"` + description + `","at":"2026-11-22T12:00:00Z"}` + "\n"
	}
	failure := note(NoteFailure, reconciler.StageFailed, `the rollout of v1.0.0 failed: it ended with exit code 4\nmend it and push`)
	failing := strings.Replace(failure, `{"context"`, `{"fails":"v1.0.0","context"`, 1)
	const next = "mend it and push; what it printed: plateform logs ws-1/shop; to try it again as it is: plateform retry ws-1/shop"
	for _, tt := range []struct {
		name, notes string
		state       State
		fate        Fate
		why, next   []string
	}{
		{"it failed", failure, StateFailed, FateFailed, []string{"the rollout of v1.0.0 failed: it ended with exit code 4"}, []string{next}},
		{"it failed, and its project is told so, too", failure + failing, StateFailed, FateFailed,
			[]string{"the rollout of v1.0.0 failed: it ended with exit code 4"}, []string{next}},
		{"it failed, and a later push did not build", failing + note(NoteFailure, reconciler.StageFailed, "build failed: it does not compile"), StateFailed, FateFailed,
			[]string{"the rollout of v1.0.0 failed: it ended with exit code 4"}, []string{"mend it and push"}},
		{"nothing to do is said", note(NoteFailure, reconciler.StageFailed, "the rollout of v1.0.0 failed: no"), StateFailed, FateFailed,
			[]string{"the rollout of v1.0.0 failed: no"}, []string{next}},
		{"a later commit asked for something else", note(NoteSuccess, reconciler.StageHeld, `the rollout of v1.0.0 failed: no\nmend it and push`), StateFailed, FateFailed,
			[]string{"the rollout of v1.0.0 failed: no"}, []string{next}},
		{"it runs after a retry", failure + note(NoteSuccess, reconciler.StageDeployed, "v1.0.0 runs"), StateRunning, FateRunning, nil, nil},
		{"it is tried again", failure + note(NotePending, reconciler.StageSynced, "rolling out v1.0.0"), StatePending, FateRunning, nil, nil},
		{"another one failed", note(NoteFailure, reconciler.StageFailed, "the rollout of v1.0.1 failed: no"), StateRunning, FateRunning, nil, nil},
	} {
		config, gitops := newConfig(), newRepository()
		config.commit("Release", files{manifest.ReleaseFile(shop, manifest.Version{Major: 1}): encodeRelease(t, newRelease("v1.0.0", firstCode, nil))})
		gitops.commit("Write", files{manifest.ValuesFile(shop): "release: v1.0.0\n"})
		l := open(t, config, gitops, 0)
		l.notes.at = config.withNotes(files{config.head: tt.notes})
		found, err := l.Status(t.Context(), shop)
		if err != nil {
			t.Fatal(err)
		}
		w, err := why(t, l, "ws-1/shop")
		if err != nil {
			t.Fatal(err)
		}
		p, a := found.Projects[0], w.Answers[0]
		if p.State != tt.state || a.State != tt.fate {
			t.Errorf("%s: it is %s, and %s, want %s and %s", tt.name, p.State, a.State, tt.state, tt.fate)
		}
		if tt.state != StatePending && !(slices.Equal(p.Why, tt.why) && slices.Equal(p.Next, tt.next)) {
			t.Errorf("%s: it says %q, next %q", tt.name, p.Why, p.Next)
		}
	}
}

// What a report that is not the last says to do is the next step; it takes the place of "there was no news".
func TestStatusTellsWhatToDoAboutWhatWaits(t *testing.T) {
	r := newConfig()
	l := open(t, r, nil, 0)
	l.notes.at = r.withNotes(files{r.head: `{"context":"plateform/ws-1/shop","state":"pending","stage":"updating GitOps",` +
		`"description":"waiting: the server refuses Plateform's push of plateform-gitops: GH006\nlet it push there","at":"2020-11-22T12:00:00Z"}`})
	found, err := l.Status(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	p := found.Projects[0]
	if p.State != StatePending || !strings.HasSuffix(p.Progress, "GH006") || !slices.Equal(p.Next, []string{"let it push there"}) || len(p.Why) > 0 {
		t.Errorf("it is %s: %q, why %q, next %q", p.State, p.Progress, p.Why, p.Next)
	}
}

// An authored image that cannot be used is told as what it is: there is no source to mend, and nothing was built.
func TestAnImageThatCannotBeUsedIsNoFailedBuild(t *testing.T) {
	failure := func(manifest.Key, string) string { return "it is a Helm chart" }
	for source, want := range map[string][2]string{
		"":                      {"the image of source cannot be used", "name another image"},
		strings.Repeat("2", 40): {"source at commit 2222222222 did not build", "push a fix"},
	} {
		p := Project{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}}
		p.Holds = []manifest.Hold{{Part: manifest.PartSource, Key: "sha256:1", Reason: manifest.HeldFailed, Source: source}}
		p.judgeFailures(manifest.RunSpec{}, failure)
		if p.State != StateFailed || len(p.Why) != 1 || !strings.HasPrefix(p.Why[0], want[0]) || !strings.HasSuffix(p.Why[0], "it is a Helm chart") ||
			!strings.HasPrefix(p.Next[0], want[1]) {
			t.Errorf("with source %q: %s, why %q, next %q; want %q", source, p.State, p.Why, p.Next, want)
		}
	}
}

// What only serve can find out about a project, as that a secret is another project's, is told until project.yaml is another.
func TestStatusTellsOfWhatOnlyServeCanTell(t *testing.T) {
	const refusal = "nothing new is released: workspaces/ws-1/projects/shop/project.yaml:9:31: the secret was encrypted for another project"
	for _, released := range []bool{false, true} {
		r, atRest := newConfig(), StateNew
		if released {
			r.release(t, "v1.0.0", firstCode)
			atRest = StateReleased
		}
		edited := r.commit("Edit", files{manifest.ProjectFile(shop): projectText + "  env: [{name: COLOUR, value: blue}]\n"})
		noted := files{edited: `{"context":"plateform/ws-1/shop","state":"failure","stage":"failed","description":"` + refusal + `\nv1.0.0 keeps running","at":"2026-11-22T12:00:00Z"}`}
		look := func() Project {
			l := open(t, r, nil, 0)
			l.notes.at = r.withNotes(noted)
			found, err := l.Status(t.Context(), shop)
			if err != nil {
				t.Fatal(err)
			}
			return found.Projects[0]
		}
		if p := look(); p.State != StateFailed || !slices.Equal(p.Why, []string{refusal}) {
			t.Errorf("it is %s: %q", p.State, p.Why)
		}
		r.commit("Undo", files{manifest.ProjectFile(shop): projectText})
		if p := look(); p.State != atRest || len(p.Why) > 0 {
			t.Errorf("once it is undone it is %s: %q", p.State, p.Why)
		}
	}
}
