package decision

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// episode folds commits into what is remembered of one project, as the loop does.
type episode struct {
	run    manifest.RunSpec
	kept   *manifest.Release
	view   *config.View
	commit int
}

func (e *episode) step(after *config.View, keys manifest.Parts, retry bool) {
	var ran *manifest.Release
	if e.view != nil {
		ran = RunningRelease(Before{Kept: e.kept}, e.view)
	}
	s := Change{
		Transition: config.Transition{Key: manifest.Key{Workspace: "ws", Project: "shop"}, Before: e.view, After: after},
		Commit:     fmt.Sprintf("commit%d", e.commit+1), Parent: fmt.Sprintf("commit%d", e.commit), Running: ran, Retry: retry, Keys: keys,
	}
	e.run = Remember(e.run, s)
	switch {
	case e.run.Kept == nil:
		e.kept = nil
	case e.kept == nil:
		e.kept = ran
	}
	e.view, e.commit = after, e.commit+1
}

// releases is a view with these release files, the last of them the newest that is honoured.
func releases(all ...*manifest.Release) *config.View {
	v := &config.View{Present: true, Parsed: true, Owner: 7, Spec: manifest.ProjectSpec{
		Type: manifest.Monolithic, Source: &manifest.Source{Repository: "https://git.test/shop"},
	}}
	for _, r := range all {
		v.Releases = append(v.Releases, config.ReleaseFile{Version: r.Version(), Hash: r.Metadata.Name})
		v.Newest = r
	}
	return v
}

func releaseOf(version string, parts manifest.Parts) *manifest.Release {
	return &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, version), Spec: manifest.ReleaseSpec{Parts: parts}}
}

func parts(source, project string) manifest.Parts {
	return manifest.Parts{manifest.PartSource: source, manifest.PartProject: project}
}

func held(run manifest.RunSpec) []string {
	var told []string
	for _, h := range run.Holds {
		told = append(told, fmt.Sprintf("%s at %s for %s", h.Part, h.Key, h.Release))
	}
	return told
}

func TestRemember(t *testing.T) {
	v0, v1, v2 := releaseOf("v1.0.0", parts("s0", "p0")), releaseOf("v1.0.1", parts("s1", "p0")), releaseOf("v1.0.2", parts("s1", "p1"))
	tests := []struct {
		name  string
		steps func(e *episode)
		held  []string
		kept  string
	}{
		{"a release that is withdrawn is held where it differs from the one before", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
		}, []string{"source at s1 for v1.0.1"}, ""},
		{"nobody has looked at the source: it is held as it was released", func(e *episode) {
			e.step(releases(v0, v1), nil, false)
			e.step(releases(v0), manifest.Parts{manifest.PartProject: "p0"}, false)
		}, []string{"source at s1 for v1.0.1"}, ""},
		{"the branch had moved on already: what is there now is held", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s9", "p0"), false)
		}, []string{"source at s9 for v1.0.1"}, ""},
		{"two in one push", func(e *episode) {
			e.step(releases(v0, v1, v2), parts("s1", "p1"), false)
			e.step(releases(v0), parts("s1", "p1"), false)
		}, []string{"project at p1 for v1.0.2", "source at s1 for v1.0.2"}, ""},
		{"what was released all the same, with no other left, is withdrawn again", func(e *episode) {
			e.step(releases(v0), parts("s0", "p0"), false)
			e.step(releases(), parts("s0", "p0"), false)
			e.step(releases(v1), parts("s1", "p0"), false)
			e.step(releases(), parts("s1", "p0"), false)
		}, []string{"project at p0 for v1.0.0", "project at p0 for v1.0.1", "source at s1 for v1.0.1"}, "v1.0.1 at commit3"},
		{"an older one changes nothing", func(e *episode) {
			e.step(releases(v0, v1, v2), parts("s1", "p1"), false)
			e.step(releases(v0, v2), parts("s1", "p1"), false)
		}, nil, ""},
		{"the file comes back", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(v0, v1), parts("s1", "p0"), false)
		}, nil, ""},
		{"the file comes back below a release made meanwhile", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(v0, releaseOf("v1.0.2", parts("s0", "p1"))), parts("s1", "p1"), false)
			e.step(releases(v0, v1, releaseOf("v1.0.2", parts("s0", "p1"))), parts("s1", "p1"), false)
		}, nil, ""},
		{"a release made meanwhile keeps the hold", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(v0, releaseOf("v1.0.2", parts("s0", "p1"))), parts("s1", "p1"), false)
		}, []string{"source at s1 for v1.0.1"}, ""},
		{"the held part changes", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s2", "p0"), false)
		}, nil, ""},
		{"a retry", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), true)
		}, nil, ""},
		{"the only release is withdrawn", func(e *episode) {
			e.step(releases(v0), parts("s0", "p0"), false)
			e.step(releases(), parts("s0", "p0"), false)
			e.step(releases(), parts("s0", "p0"), false)
		}, []string{"project at p0 for v1.0.0", "source at s0 for v1.0.0"}, "v1.0.0 at commit1"},
		{"one after the other is withdrawn", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(), parts("s1", "p0"), false)
		}, []string{"source at s1 for v1.0.1", "project at p0 for v1.0.0", "source at s1 for v1.0.0"}, "v1.0.0 at commit2"},
		{"one after the other is withdrawn, and the older one comes back", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
		}, []string{"source at s1 for v1.0.1"}, ""},
		{"one after the other is withdrawn, and the newer one comes back", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(), parts("s1", "p0"), false)
			e.step(releases(v1), parts("s1", "p0"), false)
		}, nil, ""},
		{"the release that was made with a held source is withdrawn, and comes back", func(e *episode) {
			v2 := releaseOf("v1.0.2", parts("s0", "p1"))
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(v0, v2), parts("s1", "p1"), false)
			e.step(releases(v0), parts("s1", "p1"), false)
			e.step(releases(v0, v2), parts("s1", "p1"), false)
		}, []string{"source at s1 for v1.0.1"}, ""},
		{"what is held stays so while nobody has looked at the source", func(e *episode) {
			v2 := releaseOf("v1.0.2", parts("s0", "p1"))
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(releases(v0, v2), parts("s1", "p1"), false)
			e.step(releases(v0), manifest.Parts{manifest.PartProject: "p1"}, false)
		}, []string{"source at s1 for v1.0.1", "project at p1 for v1.0.2"}, ""},
		{"the newest is edited: what it said is kept, nothing is held", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			edited := releases(v0, v1)
			edited.Newest = v0
			e.step(edited, parts("s1", "p0"), false)
		}, nil, "v1.0.1 at commit1"},
		{"the edited one is deleted after all", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			edited := releases(v0, v1)
			edited.Newest = v0
			e.step(edited, parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
		}, []string{"source at s1 for v1.0.1"}, ""},
		{"the edited one is mended", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			edited := releases(v0, v1)
			edited.Newest = v0
			e.step(edited, parts("s1", "p0"), false)
			e.step(releases(v0, v1), parts("s1", "p0"), false)
		}, nil, ""},
		{"deleted", func(e *episode) {
			e.step(releases(v0, v1), parts("s1", "p0"), false)
			e.step(releases(v0), parts("s1", "p0"), false)
			e.step(&config.View{}, nil, false)
		}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := &episode{}
			test.steps(e)
			if diff := cmp.Diff(test.held, held(e.run)); diff != "" {
				t.Errorf("holds (-want +got):\n%s", diff)
			}
			kept := ""
			if e.run.Kept != nil {
				kept = e.run.Kept.Release + " at " + e.run.Kept.Commit
			}
			if kept != test.kept {
				t.Errorf("kept %q, want %q", kept, test.kept)
			}
		})
	}
}

func TestRememberWhatFailedTogether(t *testing.T) {
	e := &episode{}
	e.step(releases(releaseOf("v1.0.0", parts("s0", "p0"))), parts("s1", "p1"), false)
	e.run.Holds = []manifest.Hold{
		{Part: manifest.PartProject, Key: "p1", Reason: manifest.HeldFailed}, {Part: manifest.PartSource, Key: "s1", Reason: manifest.HeldFailed},
	}
	e.step(e.view, parts("s1", "p1"), false)
	if len(e.run.Holds) != 2 {
		t.Errorf("nothing changed: got %v, want both held", held(e.run))
	}
	e.step(e.view, parts("s2", "p1"), false)
	if len(e.run.Holds) != 0 {
		t.Errorf("the source was mended: got %v, want what came with it free too", held(e.run))
	}
}

func TestRememberDeletion(t *testing.T) {
	database := releaseOf("v1.0.3", nil)
	database.Spec.Project = manifest.ProjectSpec{Type: manifest.Database}
	for policy, keeps := range map[string]bool{"": true, "retain": true, "delete": false} {
		e := &episode{}
		database.Spec.Project.DeletionPolicy = policy
		e.step(releases(database), nil, false)
		e.step(&config.View{}, nil, false)
		want := manifest.RunSpec{Highest: "v1.0.3", Owner: 7, Deleted: &manifest.Deleted{Commit: "commit2", DataKept: keeps}}
		if diff := cmp.Diff(want, e.run); diff != "" {
			t.Errorf("deletionPolicy %q (-want +got):\n%s", policy, diff)
		}
		e.step(releases(), nil, false)
		if e.run.Deleted != nil || e.run.Highest != "v1.0.3" {
			t.Errorf("added again: got %+v, want the highest version and no tombstone", e.run)
		}
	}
}

func TestRememberFrozen(t *testing.T) {
	v0, v1 := releaseOf("v1.0.0", parts("s0", "p0")), releaseOf("v1.0.1", parts("s1", "p0"))
	frozen := func() *episode {
		e := &episode{view: releases(v0)}
		e.run = manifest.RunSpec{Highest: "v1.0.1", Frozen: &manifest.Frozen{Release: "v1.0.1"}}
		return e
	}
	e := frozen()
	e.step(&config.View{}, nil, false)
	if e.run.Frozen == nil || e.run.Deleted != nil {
		t.Errorf("a frozen project that is not there: got %+v, want it frozen and not deleted", e.run)
	}
	e = frozen()
	e.step(releases(v0, v1), parts("s1", "p0"), false)
	if e.run.Frozen != nil {
		t.Errorf("the release that vanished is back: got %+v, want it thawed", e.run)
	}
	e = frozen()
	e.step(releases(v0), parts("s1", "p0"), true)
	if e.run.Frozen != nil || e.run.Retry == "" {
		t.Errorf("a retry: got %+v, want it thawed and the retry remembered", e.run)
	}
}

// A release that was kept is signed by a key that counts no more, so that nobody can read it: the next release ends that it is kept.
func TestRememberWhatCannotBeReadIsNotKept(t *testing.T) {
	kept := &manifest.Kept{Release: "v1.0.0", Commit: "commit1"}
	e := &episode{view: releases()}
	e.run = manifest.RunSpec{Highest: "v1.0.0", Kept: kept}
	e.step(releases(), parts("s0", "p0"), false)
	if e.run.Kept == nil {
		t.Error("nothing took its place, and it is not kept")
	}
	e.step(releases(releaseOf("v1.0.1", parts("s0", "p0"))), parts("s0", "p0"), false)
	if e.run.Kept != nil {
		t.Errorf("it is kept although v1.0.1 runs: %+v", e.run)
	}
}

// The credentials of a database outlive its releases, and the project: its data do, too.
func TestRememberCredentials(t *testing.T) {
	v0, v1 := releaseOf("v1.0.0", parts("", "p0")), releaseOf("v1.0.1", parts("", "p1"))
	v0.Spec.Credentials, v1.Spec.Credentials = "age:one", "age:anew"
	var e episode
	for _, step := range []struct {
		view *config.View
		want string
	}{
		{releases(v0), "age:one"}, {releases(v0, v1), "age:anew"}, {releases(), "age:anew"}, {&config.View{}, "age:anew"}, {releases(), "age:anew"},
	} {
		if e.step(step.view, nil, false); e.run.Credentials != step.want {
			t.Errorf("after commit %d they are %q, want %q", e.commit, e.run.Credentials, step.want)
		}
	}
}
