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
		p := Project{Key: shop, Runs: tt.runs, Release: &NewestRelease{Version: tt.runs}}
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
