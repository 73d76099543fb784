package decision

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// module is a project whose path is compiled with the module around it. Its release was made at commit1.
func module() *scene {
	s := newScene()
	s.head.Spec.Source.Path = "cmd/api"
	s.moduleAt(commit1, "folder1", "module1")
	s.release("v1.0.0")
	image := &s.head.Newest.Spec.Images[0]
	image.Tree, image.Folder, image.Scope, image.ScopeReason = "module1", "folder1", ".", "go.mod"
	return s
}

// moduleAt is where the branch is, and what its folder and the module are there.
func (s *scene) moduleAt(commit, folder, module string) *scene {
	s.seen.Tips[manifest.PartSource] = reconciler.Tip{Commit: commit, Tree: module, Folder: folder, Scope: ".", ScopeReason: "go.mod"}
	return s
}

// cameTo is a build of the source as it is now, which came to the image with a digest.
func (s *scene) cameTo(digest string) *scene {
	tip := s.seen.Tips[manifest.PartSource]
	s.seen.Builds[manifest.PartSource] = Build{
		Part: manifest.PartSource, SourceKey: s.key(manifest.PartSource), Tip: tip,
		Request: reconciler.BuildRequest{ID: "build-of-" + tip.Commit[:4], Commit: tip.Commit},
		Status: reconciler.BuildStatus{Done: true, Image: &manifest.Image{
			Repository: "registry.test/ws/shop", Tag: "build-x", Digest: "sha256:" + digest, Commit: tip.Commit, Tree: tip.Tree, Built: true,
		}},
	}
	return s
}

// settled is the scene after what is to be remembered was.
func (s *scene) settled() *scene {
	for _, action := range Decide(s.before, s.head, s.seen, testTime) {
		if a, ok := action.(Unchanged); ok {
			s.before.Run = Rebuilt(s.before.Run, a.Rebuilt)
			delete(s.seen.Builds, manifest.PartSource)
		}
	}
	return s
}

func (s *scene) rollBackTo(base func(*scene)) *scene {
	base(s)
	return s
}

func TestARebuildThatComesToWhatRuns(t *testing.T) {
	for _, c := range []struct {
		name  string
		scene *scene
		want  []string
	}{
		{"something beside the folder was pushed", module().moduleAt(commit2, "folder1", "module2"), []string{"deploy v1.0.0", "build 2222"}},
		{"it came to the image that runs", module().moduleAt(commit2, "folder1", "module2").cameTo(commit1), []string{"deploy v1.0.0", "settle source"}},
		{"and is not built again", module().moduleAt(commit2, "folder1", "module2").cameTo(commit1).settled(), []string{"deploy v1.0.0", "rest: up to date"}},
		{"it came to another", module().moduleAt(commit2, "folder1", "module2").cameTo(commit2), []string{"deploy v1.0.0", "release v1.0.1 of 2222 built"}},
		{"the same image in another repository is not what runs", module().moduleAt(commit2, "folder1", "module2").cameTo(commit1).set(func(s *scene) {
			s.head.Newest.Spec.Images[0].Repository = "old.registry.test/ws/shop"
		}), []string{"deploy v1.0.0", "release v1.0.1 of 1111 built"}},
		{"something else changed as well", module().moduleAt(commit2, "folder1", "module2").cameTo(commit1).env("debug"),
			[]string{"deploy v1.0.0", "release v1.0.1 of 1111 with debug"}},
		{"something else changes later", module().moduleAt(commit2, "folder1", "module2").cameTo(commit1).settled().env("debug"),
			[]string{"deploy v1.0.0", "release v1.0.1 of 1111 with debug"}},
		{"the next push", module().moduleAt(commit2, "folder1", "module2").cameTo(commit1).settled().moduleAt(commit3, "folder1", "module3"),
			[]string{"deploy v1.0.0", "build 3333"}},
		{"another image runs since", module().moduleAt(commit2, "folder1", "module2").cameTo(commit1).settled().rollBackTo(func(s *scene) {
			s.head.Newest.Spec.Images[0].Digest = "sha256:" + commit3
		}), []string{"deploy v1.0.0", "build 2222"}},
		{"it is held", module().moduleAt(commit2, "folder1", "module2").hold(manifest.PartSource, manifest.HeldRollback), []string{"deploy v1.0.0", "rest: held"}},
	} {
		if diff := cmp.Diff(c.want, tell(Decide(c.scene.before, c.scene.head, c.scene.seen, testTime))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// What a build has to be compared with: the image that runs, unless people changed the folder itself or how it is built.
func TestBuildsAreComparedWithWhatRuns(t *testing.T) {
	compared := "sha256:" + commit1
	for _, c := range []struct {
		name  string
		scene *scene
		want  string
	}{
		{"only what is beside the folder", module().moduleAt(commit2, "folder1", "module2"), compared},
		{"the folder", module().moduleAt(commit2, "folder2", "module2"), ""},
		{"a release of an earlier version, whose key covered the folder alone", module().moduleAt(commit2, "folder1", "module2").set(func(s *scene) {
			image := &s.head.Newest.Spec.Images[0]
			image.Tree, image.Folder, image.Scope, image.ScopeReason = "folder1", "", "", ""
		}), compared},
		{"how it is built", module().moduleAt(commit2, "folder1", "module2").set(func(s *scene) {
			s.head.Spec.Build = &manifest.Build{Env: []manifest.BuildVar{{Name: "A", Value: "b"}}}
		}), ""},
		{"what is watched", module().moduleAt(commit2, "folder1", "module2").set(func(s *scene) {
			source := *s.head.Spec.Source
			source.Watch = []string{"!docs"}
			s.head.Spec.Source = &source
		}), compared},
		{"a source that is whole", newScene().tip(commit1).release("v1.0.0").tip(commit2), ""},
		{"the first build", newScene().tip(commit1), ""},
	} {
		for _, action := range Decide(c.scene.before, c.scene.head, c.scene.seen, testTime) {
			if a, ok := action.(StartBuild); ok && a.Build.Request.Runs != c.want {
				t.Errorf("%s: compared with %q, want %q", c.name, a.Build.Request.Runs, c.want)
			} else if ok {
				c.name = ""
			}
		}
		if c.name != "" {
			t.Errorf("%s: nothing is built", c.name)
		}
	}
}

// Content that comes back takes the image that it had, at the commit of now.
func TestContentThatComesBack(t *testing.T) {
	s := module().moduleAt(commit2, "folder2", "module2").release("v1.0.1")
	was := manifest.Image{Name: "app", Repository: "registry.test/ws/shop", Tag: "v1.0.0", Digest: "sha256:" + commit1, Commit: commit1, Tree: "module1", Built: true}
	s.moduleAt(commit3, "folder1", "module1")
	s.seen.Images[s.key(manifest.PartSource)] = was
	for _, action := range Decide(s.before, s.head, s.seen, testTime) {
		if a, ok := action.(MakeRelease); ok {
			want := was
			want.Commit, want.Built, want.Folder, want.Scope, want.ScopeReason = commit3, false, "folder1", ".", "go.mod"
			if diff := cmp.Diff([]manifest.Image{want}, a.Draft.Images); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			return
		}
	}
	t.Error("no release is made")
}

// A hold of an earlier version, whose keys covered the folder of a source alone, goes on.
func TestHoldsOfAnEarlierVersion(t *testing.T) {
	old := manifest.SourceInputs(module().head.Spec)[0].Key(manifest.SourceID("", "folder2"))
	for _, c := range []struct {
		name  string
		scene *scene
		held  bool
	}{
		{"the folder is as it was", module().moduleAt(commit2, "folder2", "module2"), true},
		{"the folder has changed", module().moduleAt(commit3, "folder3", "module3"), false},
		{"nothing else is read", module().set(func(s *scene) {
			s.seen.Tips[manifest.PartSource] = reconciler.Tip{Commit: commit2, Tree: "folder2"}
		}), true},
	} {
		for _, reason := range []manifest.HoldReason{manifest.HeldRollback, manifest.HeldFailed} {
			c.scene.before.Run.Holds = []manifest.Hold{{Part: manifest.PartSource, Key: old, Reason: reason, Source: commit2}}
			run := SourceMoved(c.scene.before, c.scene.head, c.scene.seen.Tips, manifest.PartSource, false)
			if got := IsHeld(run, manifest.PartSource, c.scene.key(manifest.PartSource), c.scene.seen.Tips); got != c.held {
				t.Errorf("%s: held for %s: %v, want %v", c.name, reason, got, c.held)
			}
		}
	}
}

func TestWhatIsRebuiltIsForgotten(t *testing.T) {
	s := module().moduleAt(commit2, "folder1", "module2").cameTo(commit1).settled()
	if len(s.before.Run.Rebuilt) != 1 {
		t.Fatalf("remembered: %+v", s.before.Run.Rebuilt)
	}
	if run := SourceMoved(s.before, s.head, s.seen.Tips, manifest.PartSource, false); len(run.Rebuilt) != 1 {
		t.Error("it is forgotten where nothing has moved")
	}
	s.moduleAt(commit3, "folder1", "module3")
	if run := SourceMoved(s.before, s.head, s.seen.Tips, manifest.PartSource, false); len(run.Rebuilt) != 0 {
		t.Errorf("the source has moved on: %+v", run.Rebuilt)
	}
	if got := s.before.Run.Rebuilt; len(got) != 1 {
		t.Errorf("what was remembered before is changed: %+v", got)
	}
}

// What came to the image that runs counts as long as that image is in its registry.
func TestWhatIsRebuiltAndGone(t *testing.T) {
	ref := func(s *scene) string { return s.head.Newest.Spec.Images[0].Ref() }
	is := func(presence Presence) func(*scene) {
		return func(s *scene) { s.seen.Presence = map[string]Presence{ref(s): presence} }
	}
	settled := func() *scene { return module().moduleAt(commit2, "folder1", "module2").cameTo(commit1).settled() }
	for _, c := range []struct {
		name  string
		scene *scene
		want  []string
	}{
		{"it is there", settled().set(is(There)), []string{"deploy v1.0.0", "rest: up to date"}},
		{"nobody has asked for it", settled().set(is(Unasked)), []string{"ask for v1.0.0: 1111 built", "ask: 1111 built"}},
		{"it is gone", settled().set(is(Gone)), []string{"refuse v1.0.0", "build 2222"}},
		{"it is gone, and was built again", settled().set(is(Gone)).cameTo(commit1), []string{"refuse v1.0.0", "release v1.0.1 of 1111 built"}},
		{"it is gone, and something else changes", settled().set(is(Gone)).env("debug"), []string{"refuse v1.0.0", "build 2222"}},
		{"a build of something new is not compared with it", module().moduleAt(commit2, "folder1", "module2").set(is(Gone)), []string{"refuse v1.0.0", "build 2222"}},
	} {
		actions := Decide(c.scene.before, c.scene.head, c.scene.seen, testTime)
		if diff := cmp.Diff(c.want, tell(actions)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		for _, action := range actions {
			if a, ok := action.(StartBuild); ok && a.Build.Request.Runs != "" {
				t.Errorf("%s: compared with %s", c.name, a.Build.Request.Runs)
			}
		}
	}
}

// A service that came to the image that runs is out: it does not wait for what fails, before or after.
func TestWhatIsRebuiltDoesNotWait(t *testing.T) {
	const part = "source/gateway"
	s := shopOf().at(commit2, "bad", "g2", "w1").built("gateway", done).built("billing", failing).fails(t)
	runs, _ := s.head.Newest.Image("gateway")
	s.at(commit3, "bad", "g2", "w1")
	s.before.Run = Rebuilt(s.before.Run, []manifest.Rebuilt{{Part: part, Key: s.key(part), Digest: runs.Digest, Source: commit3}})
	if waited(s.before.Run, part, s.key(part)) {
		t.Errorf("it waits: %+v", s.before.Run.Holds)
	}
	s.at(commit3, "bad again", "g2", "w1").built("billing", failing).fails(t)
	if diff := cmp.Diff([]string{"source/billing failed"}, s.keptBack()); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}

// What waits for a failure that an earlier version remembers waits for it at its new key.
func TestWhatWaitsForAHoldOfAnEarlierVersion(t *testing.T) {
	s := module().moduleAt(commit2, "folder2", "module2")
	old := manifest.SourceInputs(s.head.Spec)[0].Key(manifest.SourceID("", "folder2"))
	project := s.key(manifest.PartProject)
	s.before.Run.Holds = []manifest.Hold{
		{Part: manifest.PartSource, Key: old, Reason: manifest.HeldFailed, Source: commit2},
		{Part: manifest.PartProject, Key: project, Reason: manifest.HeldWaiting, Source: commit2, WaitsFor: old},
	}
	run := SourceMoved(s.before, s.head, s.seen.Tips, manifest.PartSource, false)
	if !IsHeld(run, manifest.PartProject, project, s.seen.Tips) {
		t.Errorf("the project does not wait: %+v", run.Holds)
	}
}
