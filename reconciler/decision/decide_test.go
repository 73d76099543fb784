package decision

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// scene is a project as Decide sees it, built up in a few words.
type scene struct {
	before Before
	head   *config.View
	seen   Observed
}

const (
	commit1 = "1111111111111111111111111111111111111111"
	commit2 = "2222222222222222222222222222222222222222"
	commit3 = "3333333333333333333333333333333333333333"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newScene is a monolithic project of a source alone that was never released; nobody has looked at the source.
func newScene() *scene {
	return &scene{
		head: &config.View{
			Key: manifest.Key{Workspace: "ws", Project: "shop"}, Present: true, Parsed: true, Owner: 7, Registry: "registry.test",
			Spec:   manifest.ProjectSpec{Type: manifest.Monolithic, Source: &manifest.Source{Repository: "https://git.test/shop"}},
			Inputs: manifest.PlatformInputs{Namespace: "ws", Host: "shop-ws.test", Replicas: 1},
		},
		seen: Observed{Tips: map[string]reconciler.Tip{}, Builds: map[string]Build{}, Images: map[string]manifest.Image{}},
	}
}

func (s *scene) tip(commit string) *scene {
	s.seen.Tips[manifest.PartSource] = reconciler.Tip{Commit: commit}
	return s
}

func (s *scene) env(value string) *scene {
	s.head.Spec.Env = []manifest.EnvVar{{Name: "LEVEL", Value: &value}}
	return s
}

func (s *scene) key(part string) string {
	keys, _ := HeadKeys(s.head, nil, true, s.seen.Tips)
	return keys[part]
}

// release makes what HEAD says now the newest release, built from the tip.
func (s *scene) release(version string) *scene {
	v, err := manifest.ParseVersion(version)
	if err != nil {
		panic(err)
	}
	keys, _ := HeadKeys(s.head, nil, true, s.seen.Tips)
	commit := s.seen.Tips[manifest.PartSource].Commit
	s.head.Newest = &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, version), Spec: manifest.ReleaseSpec{
		Parts:   keys,
		Images:  []manifest.Image{{Name: "app", Repository: "registry.test/ws/shop", Tag: version, Digest: "sha256:" + commit, Commit: commit, Built: true}},
		Project: s.head.Spec, Platform: s.head.Inputs,
	}}
	s.head.Releases = append(s.head.Releases, config.ReleaseFile{Version: v})
	s.before.Run.Highest = version
	return s
}

// build is a build of the source as it is now.
func (s *scene) build(status reconciler.BuildStatus) *scene {
	commit := s.seen.Tips[manifest.PartSource].Commit
	if status.Image != nil {
		status.Image = &manifest.Image{Repository: "registry.test/ws/shop", Digest: "sha256:" + commit, Commit: commit, Built: true}
	}
	s.seen.Builds[manifest.PartSource] = Build{
		Part: manifest.PartSource, SourceKey: s.key(manifest.PartSource), Status: status,
		Request: reconciler.BuildRequest{ID: "build-of-" + commit[:4], Commit: commit},
	}
	return s
}

func (s *scene) superseding() *scene {
	build := s.seen.Builds[manifest.PartSource]
	build.Superseding = true
	s.seen.Builds[manifest.PartSource] = build
	return s
}

func (s *scene) hold(part string, reason manifest.HoldReason) *scene {
	s.before.Run.Holds = append(s.before.Run.Holds, manifest.Hold{Part: part, Key: s.key(part), Reason: reason})
	return s
}

func (s *scene) set(f func(*scene)) *scene {
	f(s)
	return s
}

var (
	running = reconciler.BuildStatus{Stages: []reconciler.Stage{reconciler.StageBuilding}}
	done    = reconciler.BuildStatus{Done: true, Image: &manifest.Image{}}
	failing = reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Summary: "does not compile"}}
)

// tell writes actions down in a word or two each.
func tell(actions []Action) []string {
	var told []string
	for _, action := range actions {
		switch a := action.(type) {
		case Deploy:
			told = append(told, "deploy "+a.Release.Metadata.Name)
		case Refuse:
			told = append(told, "refuse "+a.Release.Metadata.Name)
		case AskRegistry:
			word := "ask: "
			if a.Release != nil {
				word = "ask for " + a.Release.Metadata.Name + ": "
			}
			told = append(told, word+imageWords(a.Images))
		case Remove:
			told = append(told, "remove")
		case Look:
			told = append(told, "look "+a.Input.Part)
		case StartBuild:
			word := "build "
			if a.Build.Superseding {
				word = "build instead "
			}
			told = append(told, word+a.Build.Request.Commit[:4])
		case CancelBuild:
			told = append(told, "cancel "+a.Build.Request.ID)
		case Fail:
			var parts []string
			for _, h := range a.Holds {
				parts = append(parts, h.Part)
			}
			told = append(told, strings.TrimSpace("fail "+strings.Join(parts, "+")))
		case Unchanged:
			for _, r := range a.Rebuilt {
				told = append(told, "settle "+r.Part)
			}
		case MakeRelease:
			level := ""
			for _, env := range a.Draft.Project.Env {
				level = " with " + *env.Value
			}
			told = append(told, fmt.Sprintf("release %s of %s%s", a.Draft.Version, imageWords(a.Draft.Images), level))
		case Rest:
			told = append(told, "rest: "+string(a.Reason))
		}
	}
	return told
}

func imageWords(images []manifest.Image) string {
	var words []string
	for _, image := range images {
		word := strings.TrimPrefix(image.Digest, "sha256:")[:4]
		if image.Built {
			word += " built"
		}
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

func TestDecide(t *testing.T) {
	released := func() *scene { return newScene().tip(commit1).release("v1.0.0") }
	tests := []struct {
		name  string
		scene *scene
		want  []string
	}{
		{"a new project: nobody knows where its source is", newScene(), []string{"look source"}},
		{"a new project: its source is known", newScene().tip(commit1), []string{"build 1111"}},
		{"a build runs", newScene().tip(commit1).build(running), nil},
		{"the first build is done", newScene().tip(commit1).build(done), []string{"release v1.0.0 of 1111 built"}},
		{"the first build failed", newScene().tip(commit1).build(failing), []string{"fail source"}},
		{"the first build failed before", newScene().tip(commit1).hold(manifest.PartSource, manifest.HeldFailed), []string{"rest: held"}},

		{"released, nothing new", released(), []string{"deploy v1.0.0", "rest: up to date"}},
		{"released, nobody has looked since the start", released().set(func(s *scene) { clear(s.seen.Tips) }), []string{"deploy v1.0.0", "rest: up to date"}},
		{"the branch moves", released().tip(commit2), []string{"deploy v1.0.0", "build 2222"}},
		{"the branch is not followed", released().tip(commit2).set(func(s *scene) { off := false; s.head.Spec.Source.AutoDeploy = &off }),
			[]string{"deploy v1.0.0", "rest: up to date"}},
		{"the branch is not followed, but a retry asks", released().tip(commit2).set(func(s *scene) {
			off := false
			s.head.Spec.Source.AutoDeploy = &off
			s.before.Run.Retry = "abc"
		}), []string{"deploy v1.0.0", "build 2222"}},
		{"another branch is to be followed", released().set(func(s *scene) {
			clear(s.seen.Tips)
			s.head.Spec.Source = &manifest.Source{Repository: "https://git.test/shop", Branch: "next"}
		}), []string{"deploy v1.0.0", "look source"}},
		{"a revision is pinned", released().set(func(s *scene) {
			s.head.Spec.Source = &manifest.Source{Repository: "https://git.test/shop", Revision: commit3}
		}), []string{"deploy v1.0.0", "build 3333"}},
		{"the image of a source is known from an earlier release", released().tip(commit2).release("v1.0.1").tip(commit3).set(func(s *scene) {
			s.seen.Images[s.key(manifest.PartSource)] = manifest.Image{Digest: "sha256:" + commit3, Commit: commit3, Built: true}
		}), []string{"deploy v1.0.1", "release v1.0.2 of 3333"}},

		{"an env value changes", released().env("debug"), []string{"deploy v1.0.0", "release v1.0.1 of 1111 with debug"}},
		{"an env value changes while a build runs", released().tip(commit2).build(running).env("debug"), []string{"deploy v1.0.0"}},
		{"an env value changed while a build ran", released().tip(commit2).build(done).env("debug"),
			[]string{"deploy v1.0.0", "release v1.0.1 of 2222 built with debug"}},
		{"an env value changed while a build failed", released().tip(commit2).build(failing).env("debug"), []string{"deploy v1.0.0", "fail source"}},
		{"one commit asked for the build that failed and the env value", released().tip(commit2).build(failing).env("debug").set(func(s *scene) {
			s.seen.Together = map[string]bool{manifest.PartProject: true, manifest.PartPlatform: true}
		}),
			[]string{"deploy v1.0.0", "fail project+source"}},
		{"the failed source is held, the env value ships alone", released().tip(commit2).hold(manifest.PartSource, manifest.HeldFailed).env("debug"),
			[]string{"deploy v1.0.0", "release v1.0.1 of 1111 with debug"}},

		{"a newer source supersedes a build", released().tip(commit2).build(running).tip(commit3), []string{"deploy v1.0.0", "cancel build-of-2222", "build instead 3333"}},
		{"but never twice in a row", released().tip(commit2).build(running).superseding().tip(commit3), []string{"deploy v1.0.0"}},
		{"nor is anything waited for when the branch is back at what runs", released().tip(commit2).build(running).superseding().tip(commit1),
			[]string{"deploy v1.0.0", "cancel build-of-2222", "rest: up to date"}},
		{"the build that superseded another is released first", released().tip(commit2).build(done).superseding().tip(commit3),
			[]string{"deploy v1.0.0", "release v1.0.1 of 2222 built"}},
		{"then the newer source is built", released().tip(commit2).build(done).superseding().release("v1.0.1").tip(commit3), []string{"deploy v1.0.1", "build 3333"}},
		{"the build that superseded another failed, and a newer source is there", released().tip(commit2).build(failing).superseding().tip(commit3),
			[]string{"deploy v1.0.0", "fail"}},
		{"a build was stopped and is wanted again", released().tip(commit2).build(reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Canceled: true}}),
			[]string{"deploy v1.0.0", "build 2222"}},

		{"rolled back: the source is held", released().tip(commit2).hold(manifest.PartSource, manifest.HeldRollback), []string{"deploy v1.0.0", "rest: held"}},
		{"rolled back while a build of it ran", released().tip(commit2).build(running).hold(manifest.PartSource, manifest.HeldRollback),
			[]string{"deploy v1.0.0", "cancel build-of-2222", "rest: held"}},
		{"rolled back, and the late build ends", released().tip(commit2).build(done).hold(manifest.PartSource, manifest.HeldRollback), []string{"deploy v1.0.0", "rest: held"}},
		{"rolled back, then an env value changes", released().tip(commit2).hold(manifest.PartSource, manifest.HeldRollback).env("debug"),
			[]string{"deploy v1.0.0", "release v1.0.1 of 1111 with debug"}},
		{"rolled back, then the branch moves on", released().tip(commit2).hold(manifest.PartSource, manifest.HeldRollback).tip(commit3),
			[]string{"deploy v1.0.0", "build 3333"}},
		{"a rolled back env value stays out of the next release", released().env("debug").hold(manifest.PartProject, manifest.HeldRollback).tip(commit2).build(done),
			[]string{"deploy v1.0.0", "release v1.0.1 of 2222 built"}},
		{"versions are never used again", released().tip(commit2).build(done).set(func(s *scene) { s.before.Run.Highest = "v1.0.7" }),
			[]string{"deploy v1.0.0", "release v1.0.8 of 2222 built"}},
		{"nor are those of files that are not honoured", released().tip(commit2).build(done).set(func(s *scene) {
			s.head.Releases = append(s.head.Releases, config.ReleaseFile{Version: manifest.Version{Major: 1, Patch: 9}})
		}), []string{"deploy v1.0.0", "release v1.0.10 of 2222 built"}},

		{"no release is left: what ran keeps running, held", withdrawn(), []string{"deploy v1.0.0", "rest: held"}},
		{"no release is left, an env value changes", withdrawn().env("debug"), []string{"deploy v1.0.0", "rest: held"}},
		{"no release is left, the branch moves on", withdrawn().tip(commit2), []string{"deploy v1.0.0", "build 2222"}},
		{"no release is left, the new source is built", withdrawn().tip(commit2).build(done).env("debug"),
			[]string{"deploy v1.0.0", "release v1.0.1 of 2222 built with debug"}},
		{"the newest release was edited: what it said goes on", released().set(func(s *scene) { s.before.Kept, s.head.Newest = s.head.Newest, nil }),
			[]string{"deploy v1.0.0", "rest: up to date"}},

		{"paused", released().tip(commit2).set(func(s *scene) { s.head.Spec.Paused = true }), []string{"deploy v1.0.0", "rest: paused"}},
		{"something is wrong with it", released().tip(commit2).set(func(s *scene) { s.head.Problems = manifest.Problems{{What: "bad"}} }),
			[]string{"deploy v1.0.0", "rest: blocked"}},
		{"its host is another's now", released().set(func(s *scene) { s.seen.Obstacles = manifest.Problems{{What: "taken"}} }),
			[]string{"refuse v1.0.0", "rest: up to date"}},
		{"frozen", released().tip(commit2).build(running).set(func(s *scene) { s.before.Run.Frozen = &manifest.Frozen{} }),
			[]string{"cancel build-of-2222", "rest: frozen"}},
		{"deleted while a build runs", released().tip(commit2).build(running).set(func(s *scene) { s.head.Present = false }),
			[]string{"cancel build-of-2222", "remove", "rest: removed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := test.scene
			first := Decide(s.before, s.head, s.seen, testTime)
			if diff := cmp.Diff(test.want, tell(first)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tell(first), tell(Decide(s.before, s.head, s.seen, testTime))); diff != "" {
				t.Errorf("asked again it says something else:\n%s", diff)
			}
		})
	}
}

// A rollout is waited for until its time is over, and only while it is the one of the release that has to run.
func TestDecideAwaitsTheRolloutOfWhatRuns(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rollout *reconciler.Rollout
		awaits  bool
	}{
		{"nobody follows", nil, false},
		{"on its way", &reconciler.Rollout{Release: "v1.0.0", Phase: reconciler.PhaseProgressing}, true},
		{"healthy", &reconciler.Rollout{Release: "v1.0.0", Phase: reconciler.PhaseHealthy}, false},
		{"failed", &reconciler.Rollout{Release: "v1.0.0", Phase: reconciler.PhaseFailed}, false},
		{"of another release", &reconciler.Rollout{Release: "v0.9.9", Phase: reconciler.PhaseProgressing}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene().tip(commit1).release("v1.0.0")
			s.seen.Rollout, s.seen.RolloutSince = tt.rollout, testTime
			var awaited []Action
			for _, action := range Decide(s.before, s.head, s.seen, testTime) {
				if _, is := action.(Await); is {
					awaited = append(awaited, action)
				}
			}
			var want []Action
			if tt.awaits {
				want = []Action{Await{Until: testTime.Add(RolloutLimit)}}
			}
			if diff := cmp.Diff(want, awaited); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}

// What people were told has failed is not built again, unless a retry has asked for it since.
func TestDecideKnownFailures(t *testing.T) {
	for _, tt := range []struct {
		name, retry string
		want        string
	}{
		{"told", "", "fail source"},
		{"a retry asks", "retry2", "build 2222"},
		{"it was told of that retry too", "retry1", "fail source"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene().tip(commit1).release("v1.0.0").tip(commit2)
			s.before.Run.Retry = tt.retry
			id := BuildID(s.head.Key, manifest.PartSource, s.key(manifest.PartSource))
			s.seen.Failures = map[string]KnownFailure{id: {Attempts: map[string]bool{"": true, "retry1": true}, Summary: "does not compile"}}
			actions := Decide(s.before, s.head, s.seen, testTime)
			if diff := cmp.Diff([]string{"deploy v1.0.0", tt.want}, tell(actions)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if fail, is := actions[1].(Fail); is && (!fail.Known || fail.Build.Status.Failure.Summary != "does not compile") {
				t.Errorf("it fails as %+v", fail)
			}
		})
	}
}

// A build that fails answers the retry that asked for it, and holds what it was of, once.
func TestBuildFailedAnswersARetry(t *testing.T) {
	s := newScene().tip(commit1).release("v1.0.0").tip(commit2).build(failing)
	s.before.Run.Retry = "retry1"
	fail, is := Decide(s.before, s.head, s.seen, testTime)[1].(Fail)
	if !is {
		t.Fatal("it does not fail")
	}
	run := BuildFailed(s.before, s.head, s.seen.Tips, fail, "head")
	want := []manifest.Hold{{
		Part: manifest.PartSource, Key: s.key(manifest.PartSource), Reason: manifest.HeldFailed, Source: commit2, Commit: "head",
	}}
	if diff := cmp.Diff(want, run.Holds); diff != "" || run.Retry != "" {
		t.Errorf("the retry is %q, holds (-want +got):\n%s", run.Retry, diff)
	}
}

// withdrawn is a project whose only release was reverted.
func withdrawn() *scene {
	s := newScene().tip(commit1).release("v1.0.0")
	s.before.Kept = s.head.Newest
	for _, part := range slices.Sorted(maps.Keys(s.head.Newest.Spec.Parts)) {
		s.hold(part, manifest.HeldRollback)
	}
	s.head.Newest, s.head.Releases = nil, nil
	return s
}

func TestDecideHeldImageThatNothingElseHas(t *testing.T) {
	s := newScene()
	s.head.Spec.Type = manifest.SpringMicroservice
	s.head.Spec.Services = []manifest.Service{{Name: "orders"}}
	s.seen.Tips = map[string]reconciler.Tip{"source/orders": {Commit: commit1, Tree: "aaaa"}, "source/web": {Commit: commit1, Tree: "bbbb"}}
	s.release("v1.0.0")
	s.head.Newest.Spec.Images[0].Name = "orders"
	s.head.Spec.Services = append(slices.Clone(s.head.Spec.Services), manifest.Service{Name: "web"})
	s.hold("source/web", manifest.HeldRollback)
	if diff := cmp.Diff([]string{"deploy v1.0.0", "rest: held"}, tell(Decide(s.before, s.head, s.seen, testTime))); diff != "" {
		t.Errorf("a service is there again whose code was rolled back (-want +got):\n%s", diff)
	}
	s.hold(manifest.PartProject, manifest.HeldRollback)
	if diff := cmp.Diff([]string{"deploy v1.0.0", "rest: held"}, tell(Decide(s.before, s.head, s.seen, testTime))); diff != "" {
		t.Errorf("the service itself is held too (-want +got):\n%s", diff)
	}
}

func TestDecideSeveralImages(t *testing.T) {
	s := newScene()
	s.head.Spec.Type = manifest.SpringMicroservice
	s.head.Spec.Services = []manifest.Service{{Name: "orders", Public: true}, {Name: "web"}}
	s.seen.Tips = map[string]reconciler.Tip{"source/orders": {Commit: commit1, Tree: "aaaa"}, "source/web": {Commit: commit1, Tree: "bbbb"}}
	if diff := cmp.Diff([]string{"build 1111", "build 1111"}, tell(Decide(s.before, s.head, s.seen, testTime))); diff != "" {
		t.Fatalf("both images are missing (-want +got):\n%s", diff)
	}
	build := func(part string, status reconciler.BuildStatus) {
		s.seen.Builds[part] = Build{Part: part, SourceKey: s.key(part), Status: status, Request: reconciler.BuildRequest{ID: part, Commit: commit1}}
	}
	build("source/orders", reconciler.BuildStatus{Done: true, Image: &manifest.Image{Digest: "sha256:" + commit1, Built: true}})
	build("source/web", running)
	if got := tell(Decide(s.before, s.head, s.seen, testTime)); len(got) != 0 {
		t.Errorf("one of two is done, got %v, want to wait", got)
	}
	build("source/web", failing)
	if diff := cmp.Diff([]string{"fail source/orders+source/web"}, tell(Decide(s.before, s.head, s.seen, testTime))); diff != "" {
		t.Errorf("one of two of the same commit failed (-want +got):\n%s", diff)
	}
	build("source/web", reconciler.BuildStatus{Done: true, Image: &manifest.Image{Digest: "sha256:" + commit2, Built: true}})
	if diff := cmp.Diff([]string{"release v1.0.0 of 1111 built,2222 built"}, tell(Decide(s.before, s.head, s.seen, testTime))); diff != "" {
		t.Errorf("both are done (-want +got):\n%s", diff)
	}
}
