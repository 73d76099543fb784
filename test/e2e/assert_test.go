package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// compare fails the test when two values files differ in what the tests know of them.
func compare(t *testing.T, got, want values) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(values{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the values differ (-want +got):\n%s", diff)
	}
}

// wantOrder fails the test unless the lines that begin with these words are there, in this order.
func wantOrder(t *testing.T, text string, words ...string) {
	t.Helper()
	rest := "\n" + text
	for _, word := range words {
		_, after, found := strings.Cut(rest, "\n"+word)
		if !found {
			t.Errorf("%q is missing or not in its place in\n%s", word, text)
			return
		}
		rest = after
	}
}

// wantTrailers fails the test unless a commit has these trailers with these values.
func wantTrailers(t *testing.T, r *repo, commit string, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if got := r.trailer(commit, key); got != value {
			t.Errorf("trailer %s of %s is %q, want %q", key, commit, got, value)
		}
	}
}

// same fails the test unless the values are byte for byte those.
func same(t *testing.T, got, want values) {
	t.Helper()
	if got.text != want.text {
		t.Errorf("the values are\n%s\nwant byte for byte\n%s", got.text, want.text)
	}
}

// absent is an error while a file is in the branch.
func absent(r *repo, path string) error {
	if r.read(path) != "" {
		return fmt.Errorf("%s is still there", path)
	}
	return nil
}

// ownRelease is an error until the project runs a release that names it.
func ownRelease(p *project) error {
	if v := p.values(); v.Project != p.name {
		return fmt.Errorf("its values name %q, its releases are %v", v.Project, p.releases())
	}
	return nil
}

// wantReplicas is an error until the project runs with so many replicas.
func wantReplicas(p *project, replicas int) error {
	if v := p.values(); v.Replicas != replicas {
		return fmt.Errorf("%s runs with %d replicas", v.Release, v.Replicas)
	}
	return nil
}

// wantVerdict fails the test unless the verdict on a config commit is that state.
func (p *project) wantVerdict(commit, state string) {
	p.w.t.Helper()
	if verdict := p.verdict(commit); verdict.State != state {
		p.w.t.Errorf("%s on config commit %s ended with %+v, want %s", p.name, commit, verdict, state)
	}
}

// wantSourceVerdict fails the test unless the verdict on a commit of the app is that state.
func (p *project) wantSourceVerdict(source, state string) {
	p.w.t.Helper()
	if verdict := p.sourceVerdict(source); verdict.State != state {
		p.w.t.Errorf("%s on its commit %s ended with %+v, want %s", p.name, source, verdict, state)
	}
}

// wantSays fails the test unless the program that runs prints this.
func (p *project) wantSays(text string) {
	p.w.t.Helper()
	if got := p.says(); got != text {
		p.w.t.Errorf("%s of %s says %q, want %q", p.values().Release, p.name, got, text)
	}
}

// wantReleases fails the test unless exactly these release files are there.
func (p *project) wantReleases(versions ...string) {
	p.w.t.Helper()
	if got := p.releases(); !slices.Equal(got, versions) {
		p.w.t.Errorf("the releases of %s are %v, want %v", p.name, got, versions)
	}
}
