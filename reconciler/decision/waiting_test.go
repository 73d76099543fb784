package decision

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// shopOf is a project of three services of one repository that was released once, at commit1.
func shopOf() *scene {
	s := newScene()
	s.head.Spec.Type = manifest.SpringMicroservice
	s.head.Spec.Services = []manifest.Service{{Name: "billing"}, {Name: "gateway"}, {Name: "web"}}
	s.at(commit1, "b1", "g1", "w1")
	s.release("v1.0.0")
	s.head.Newest.Spec.Images = nil
	for _, service := range s.head.Spec.Services {
		tip := s.seen.Tips["source/"+service.Name]
		s.head.Newest.Spec.Images = append(s.head.Newest.Spec.Images, manifest.Image{
			Name: service.Name, Digest: "sha256:" + tip.Tree + "00", Commit: tip.Commit, Tree: tip.Tree,
		})
	}
	return s
}

// at says where the branch of all services is, and what each has there.
func (s *scene) at(commit string, trees ...string) *scene {
	for i, service := range s.head.Spec.Services {
		s.seen.Tips["source/"+service.Name] = reconciler.Tip{Commit: commit, Tree: trees[i]}
	}
	s.before.Run = EndHolds(s.before.Run, s.head, KnownKeys(s.head, s.head.Newest, s.seen.Tips), s.seen.Tips)
	return s
}

// built says that the build of a service has ended as it is now.
func (s *scene) built(service string, status reconciler.BuildStatus) *scene {
	part := "source/" + service
	tip := s.seen.Tips[part]
	if status.Image != nil {
		status.Image = &manifest.Image{Digest: "sha256:" + tip.Tree + "00", Commit: tip.Commit, Tree: tip.Tree, Built: true}
	}
	s.seen.Builds[part] = Build{Part: part, SourceKey: s.key(part), Status: status, Request: reconciler.BuildRequest{ID: part + tip.Tree, Commit: tip.Commit}}
	return s
}

// fails decides, and remembers the failure that comes of it.
func (s *scene) fails(t *testing.T) *scene {
	t.Helper()
	for _, action := range Decide(s.before, s.head, s.seen, testTime) {
		if fail, ok := action.(Fail); ok {
			s.before.Run = BuildFailed(s.before, s.head, s.seen.Tips, fail, "config")
			for _, part := range fail.Over(s.seen.Builds) {
				delete(s.seen.Builds, part)
			}
			return s
		}
	}
	t.Fatal("nothing failed")
	return s
}

func (s *scene) keptBack() []string {
	var kept []string
	for _, h := range s.before.Run.Holds {
		if Keeps(s.before.Run, h, s.seen.Tips) {
			kept = append(kept, fmt.Sprintf("%s %s", h.Part, h.Reason))
		}
	}
	slices.Sort(kept)
	return kept
}

// One commit changes gateway and breaks billing. Only billing is at fault; gateway waits, and goes out with the next commit.
func TestWhatCameAlongWithAFailedBuild(t *testing.T) {
	broken := func(t *testing.T) *scene {
		return shopOf().at(commit2, "bad", "g2", "w1").built("gateway", done).built("billing", failing).fails(t)
	}
	tests := []struct {
		name  string
		scene func(t *testing.T) *scene
		held  []string
		want  []string
	}{
		{"it waits, and nothing of the commit is released", broken,
			[]string{"source/billing failed", "source/gateway waiting"}, []string{"deploy v1.0.0", "rest: held"}},
		{"after a restart too", func(t *testing.T) *scene {
			s := broken(t)
			clear(s.seen.Builds)
			clear(s.seen.Tips)
			return s.at(commit2, "bad", "g2", "w1")
		}, []string{"source/billing failed", "source/gateway waiting"}, []string{"deploy v1.0.0", "rest: held"}},
		{"billing is mended", func(t *testing.T) *scene { return broken(t).at(commit3, "b3", "g2", "w1").built("billing", done) },
			nil, []string{"deploy v1.0.0", "release v1.0.1 of b300 built,g200 built,w100"}},
		{"billing is brought back", func(t *testing.T) *scene { return broken(t).at(commit3, "b1", "g2", "w1") },
			nil, []string{"deploy v1.0.0", "release v1.0.1 of b100,g200 built,w100"}},
		{"the next commit changes another service", func(t *testing.T) *scene { return broken(t).at(commit3, "bad", "g2", "w3").built("web", done) },
			[]string{"source/billing failed"}, []string{"deploy v1.0.0", "release v1.0.1 of b100,g200 built,w300 built"}},
		{"the next commit changes none", func(t *testing.T) *scene { return broken(t).at(commit3, "bad", "g2", "w1") },
			[]string{"source/billing failed"}, []string{"deploy v1.0.0", "release v1.0.1 of b100,g200 built,w100"}},
		{"the next commit tries to mend billing and does not", func(t *testing.T) *scene {
			return broken(t).at(commit3, "bad again", "g2", "w1").built("billing", failing).fails(t)
		}, []string{"source/billing failed"}, []string{"deploy v1.0.0", "release v1.0.1 of b100,g200 built,w100"}},
		{"the next commit breaks gateway too", func(t *testing.T) *scene {
			return broken(t).at(commit3, "bad", "bad gateway", "w1").built("gateway", failing).fails(t)
		}, []string{"source/billing failed", "source/gateway failed"}, []string{"deploy v1.0.0", "rest: held"}},
		{"a value changes: it goes out, and gateway does not", func(t *testing.T) *scene { return broken(t).env("debug") },
			[]string{"source/billing failed", "source/gateway waiting"}, []string{"deploy v1.0.0", "release v1.0.1 of b100,g100,w100 with debug"}},
		{"two of three do not build", func(t *testing.T) *scene {
			return shopOf().at(commit2, "bad", "g2", "bad too").built("gateway", done).built("billing", failing).built("web", failing).fails(t)
		}, []string{"source/billing failed", "source/gateway waiting", "source/web failed"}, []string{"deploy v1.0.0", "rest: held"}},
		{"one that did not build is mended, the other is not", func(t *testing.T) *scene {
			return shopOf().at(commit2, "bad", "g2", "bad too").built("gateway", done).built("billing", failing).built("web", failing).fails(t).
				at(commit3, "b3", "g2", "bad too").built("billing", done)
		}, []string{"source/web failed"}, []string{"deploy v1.0.0", "release v1.0.1 of b300 built,g200 built,w100"}},
		{"the project changed in the same config commit waits as well", func(t *testing.T) *scene {
			s := shopOf().at(commit2, "bad", "g1", "w1").env("debug").built("billing", failing)
			s.seen.Together = map[string]bool{manifest.PartProject: true}
			return s.fails(t)
		}, []string{"project waiting", "source/billing failed"}, []string{"deploy v1.0.0", "rest: held"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := test.scene(t)
			if diff := cmp.Diff(test.held, s.keptBack()); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, tell(Decide(s.before, s.head, s.seen, testTime))); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

// GitOps is lost: that billing failed is known from what people were told, and gateway waits again.
func TestWhatCameAlongIsKnownAgain(t *testing.T) {
	s := shopOf().at(commit2, "bad", "g2", "w1")
	id := BuildID(s.head.Key, "source/billing", s.key("source/billing"))
	s.seen.Failures = map[string]KnownFailure{id: {Attempts: map[string]bool{}, Summary: "does not compile"}}
	s.fails(t)
	if diff := cmp.Diff([]string{"source/billing failed", "source/gateway waiting"}, s.keptBack()); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}

// What waited and went out is not remembered any longer.
func TestWhatWaitedIsForgottenOnceItIsReleased(t *testing.T) {
	s := shopOf().at(commit2, "bad", "g2", "w1").built("gateway", done).built("billing", failing).fails(t)
	newest := *s.head.Newest
	newest.Spec.Parts = manifest.Parts{"source/gateway": s.key("source/gateway")}
	if run := wentOut(s.before.Run, &newest); len(run.Holds) != 1 || run.Holds[0].Part != "source/billing" {
		t.Errorf("still remembered: %v", held(run))
	}
}

// A rollback to a release that has what waits puts nothing out: once the rollback is taken back, it waits again.
func TestWhatWaitsOutlastsARollbackToIt(t *testing.T) {
	m := newMixed() // v1.0.0
	older := m.view.Spec
	m.commit(0, false, level("debug"))
	m.release() // v1.0.1
	newest := m.view
	m.commit(0, false, func(v *config.View) { v.Spec = older })
	waits := manifest.Hold{Part: manifest.PartProject, Key: manifest.ProjectKey(older), Reason: manifest.HeldWaiting, WaitsFor: "broken"}
	m.run.Holds = []manifest.Hold{{Part: manifest.PartSource, Key: "broken", Reason: manifest.HeldFailed}, waits}
	m.tip = "" // as long as nobody has looked, the source stays held

	m.commit(1, false)
	m.commit(0, false, func(v *config.View) { v.Releases = newest.Releases })
	if !slices.Contains(m.run.Holds, waits) {
		t.Errorf("what waited does not wait any more: %v", held(m.run))
	}
	m.release() // v1.0.2
	if slices.Contains(m.run.Holds, waits) {
		t.Error("what was released still waits")
	}
}

// Builds that failed together are told together, and what only waits is not among them.
func TestFailedWith(t *testing.T) {
	k := manifest.Key{Workspace: "ws-1", Project: "shop"}
	failed := func(part string) Build {
		return Build{Part: part, SourceKey: part, Status: reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Summary: "no"}}}
	}
	hold := func(part string, reason manifest.HoldReason) manifest.Hold {
		return manifest.Hold{Part: part, Key: part, Reason: reason}
	}
	fail := Fail{Build: failed("source/a"), Holds: []manifest.Hold{
		hold("source/a", manifest.HeldFailed), hold("source/b", manifest.HeldFailed), hold("source/c", manifest.HeldWaiting), hold("project", manifest.HeldWaiting),
	}}
	builds := map[string]Build{"source/a": fail.Build, "source/b": failed("source/b"), "source/c": {Part: "source/c"}}
	if got := fail.FailedWith(builds, k); len(got) != 1 || got[0] != BuildID(k, "source/b", "source/b") {
		t.Errorf("with source/a failed %v", got)
	}
}
