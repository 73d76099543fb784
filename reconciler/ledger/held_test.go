package ledger

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
)

// heldScene is a project whose only release was rolled back, at some later moment.
type heldScene struct {
	config, gitops *repository
	withdrawn      *manifest.Release
	commit         string // of the rollback
	parts          manifest.Parts
}

const firstCode, secondCode = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"

func newHeldScene(t *testing.T) *heldScene {
	t.Helper()
	s := &heldScene{config: newConfig(), gitops: newRepository()}
	view, err := open(t, s.config, nil, 0).view(shop, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.parts = manifest.Parts{manifest.PartProject: manifest.ProjectKey(view.Spec), manifest.PartPlatform: manifest.PlatformKey(view.Inputs)}
	s.withdrawn = newRelease("v1.0.0", firstCode, s.parts)
	file := manifest.ReleaseFile(shop, manifest.Version{Major: 1})
	s.config.commit("Release", files{file: encodeRelease(t, s.withdrawn)})
	s.commit = s.config.commit("Roll back", files{file: ""})
	return s
}

// run is what the loop remembers then: holds on the given parts.
func (s *heldScene) run(parts ...string) manifest.RunSpec {
	run := manifest.RunSpec{Highest: "v1.0.0", Owner: 1}
	for _, part := range parts {
		h := manifest.Hold{Part: part, Key: s.withdrawn.Spec.Parts[part], Reason: manifest.HeldRollback, Release: "v1.0.0", Commit: s.commit}
		if part == manifest.PartSource {
			h.Source = firstCode
		}
		run.Holds = append(run.Holds, h)
	}
	return run
}

// status writes what GitOps has and says how the project is. code is where the app is; the loop has to agree.
func (s *heldScene) status(t *testing.T, runs string, run manifest.RunSpec, code string) (Project, decision.RestReason) {
	t.Helper()
	data, err := yaml.Marshal(manifest.Run{Header: manifest.NewHeader("Run", "shop"), Spec: run})
	if err != nil {
		t.Fatal(err)
	}
	s.gitops.commit("Write", files{manifest.ValuesFile(shop): "release: " + runs + "\n", manifest.RunFile(shop): string(data)})
	l := open(t, s.config, s.gitops, 0)
	found, err := l.Status(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	releases, err := l.trust.Releases(shop)
	if err != nil {
		t.Fatal(err)
	}
	newest, _ := releases.Newest()
	view, err := l.view(shop, newest, releases.Versions)
	if err != nil {
		t.Fatal(err)
	}
	before := decision.Before{Run: run}
	if run.Kept != nil {
		before.Kept = s.withdrawn
	}
	actions := decision.Decide(before, view, decision.Observed{Tips: map[string]reconciler.Tip{manifest.PartSource: {Commit: code}}}, testTime)
	rest, _ := actions[len(actions)-1].(decision.Rest)
	return found.Projects[0], rest.Reason
}

// TestWhatRunsIsNotHeld: the only release is rolled back, so all of its parts are held; then new code is pushed, and
// v1.0.1 is made of all that HEAD says. The holds of project and platform are remembered still, and hold nothing back.
func TestWhatRunsIsNotHeld(t *testing.T) {
	s := newHeldScene(t)
	s.config.commit("Release", files{manifest.ReleaseFile(shop, manifest.Version{Major: 1, Patch: 1}): encodeRelease(t, newRelease("v1.0.1", secondCode, s.parts))})
	p, rest := s.status(t, "v1.0.1", s.run(manifest.PartPlatform, manifest.PartProject), secondCode)
	if p.State != StateRunning || len(p.Why)+len(p.Next)+len(p.Holds) > 0 || rest != decision.UpToDate {
		t.Errorf("the state is %s, why %q, next %q, holds %v, and the loop is %s", p.State, p.Why, p.Next, p.Holds, rest)
	}
}

// TestWhatIsRolledBackIsHeld: with nothing left to run instead, all of it waits for new code.
func TestWhatIsRolledBackIsHeld(t *testing.T) {
	s := newHeldScene(t)
	run := s.run(manifest.PartPlatform, manifest.PartProject, manifest.PartSource)
	run.Kept = &manifest.Kept{Release: "v1.0.0", Commit: s.config.commits[s.commit].Parents[0]}
	p, rest := s.status(t, "v1.0.0", run, firstCode)
	if p.State != StateHeld || len(p.Holds) != 3 || rest != decision.Held {
		t.Errorf("the state is %s, holds %v, and the loop is %s", p.State, p.Holds, rest)
	}
}

// TestHoldsWaitForNoBuild: new code is on its way, and the other parts will follow HEAD with it.
func TestHoldsWaitForNoBuild(t *testing.T) {
	s := newHeldScene(t)
	run := s.run(manifest.PartPlatform, manifest.PartProject)
	run.Kept = &manifest.Kept{Release: "v1.0.0", Commit: s.config.commits[s.commit].Parents[0]}
	p, rest := s.status(t, "v1.0.0", run, secondCode)
	if p.State == StateHeld || len(p.Holds) > 0 || rest != "" {
		t.Errorf("the state is %s, holds %v, and the loop is %s", p.State, p.Holds, rest)
	}
}

// TestAnEditThatWasRolledBackIsHeld, until project.yaml is as what runs was made of.
func TestAnEditThatWasRolledBackIsHeld(t *testing.T) {
	s := newHeldScene(t)
	s.config.commit("Release", files{manifest.ReleaseFile(shop, manifest.Version{Major: 1}): encodeRelease(t, s.withdrawn)})
	edited := s.config.commit("Edit", files{manifest.ProjectFile(shop): projectText + "  env: [{name: COLOUR, value: blue}]\n"})
	view, err := open(t, s.config, nil, 0).view(shop, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	run := manifest.RunSpec{Highest: "v1.0.1", Holds: []manifest.Hold{{
		Part: manifest.PartProject, Key: manifest.ProjectKey(view.Spec), Reason: manifest.HeldRollback, Release: "v1.0.1", Commit: edited,
	}}}
	if p, rest := s.status(t, "v1.0.0", run, firstCode); p.State != StateHeld || rest != decision.Held {
		t.Errorf("edited: the state is %s, and the loop is %s", p.State, rest)
	}
	s.config.commit("Undo", files{manifest.ProjectFile(shop): projectText})
	if p, rest := s.status(t, "v1.0.0", run, firstCode); p.State != StateRunning || rest != decision.UpToDate {
		t.Errorf("undone: the state is %s, and the loop is %s", p.State, rest)
	}
}

// TestWhatRunsMendsWhatDidNotBuild: a push that takes a mistake back comes to the image that runs, and no run is made of it that
// would take the place of the one that failed.
func TestWhatRunsMendsWhatDidNotBuild(t *testing.T) {
	s := newHeldScene(t)
	s.config.commit("Release", files{manifest.ReleaseFile(shop, manifest.Version{Major: 1, Patch: 1}): encodeRelease(t, newRelease("v1.0.1", firstCode, s.parts))})
	run := manifest.RunSpec{Highest: "v1.0.1", Owner: 1, Last: &manifest.LastRun{
		ID: "2d8cdf6326bd", Result: manifest.ResultFailed, Source: secondCode, Error: "it does not compile", StartedAt: testTime, EndedAt: testTime,
		Cause: manifest.Cause{Kind: manifest.CauseSource, Commit: secondCode, Config: s.commit},
	}}
	if p, _ := s.status(t, "v1.0.1", run, firstCode); p.State != StateFailed {
		t.Errorf("before, the state is %s, why %q", p.State, p.Why)
	}
	const third = "3333333333333333333333333333333333333333"
	run.Rebuilt = []manifest.Rebuilt{{Part: manifest.PartSource, Key: "sha256:" + strings.Repeat("3", 64), Digest: "sha256:" + strings.Repeat("4", 64), Source: third}}
	if p, _ := s.status(t, "v1.0.1", run, third); p.State != StateRunning || len(p.Why)+len(p.Next) > 0 {
		t.Errorf("the state is %s, why %q, next %q", p.State, p.Why, p.Next)
	}
}
