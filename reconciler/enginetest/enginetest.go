// Package enginetest is the contract of reconciler.Engine as tests. Every implementation runs them.
package enginetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// patience bounds every wait: nothing here takes nearly as long.
const patience = 2 * time.Minute

// Subject is an implementation under test, and what it is given to run.
type Subject struct {
	// Open returns an engine, as a process that starts has it, and what ends that process. Engines of one test share
	// everything that outlives a process; the one before has ended.
	Open func(t *testing.T) (engine reconciler.Engine, end func())
	// Good is a release of a project that gets healthy, Bad one that never does and ends, Hanging one that never does and goes on.
	Good, Bad, Hanging func(k manifest.Key, release string) reconciler.Target
	// Sealed is a release that gets healthy and answers with a text, which is a secret of it; nil for an engine without secrets.
	Sealed func(k manifest.Key, release, answer string) reconciler.Target
	// Owner of the workspaces.
	Owner int64
	// Answers is the release that a project answers with now; empty when it does not answer.
	Answers func(t *testing.T, k manifest.Key) string
	// Mute says that nobody keeps what programs print here, as nothing runs.
	Mute bool
}

// The projects that the contract is about.
var (
	shop = manifest.Key{Workspace: "ws-1", Project: "shop"}
	blog = manifest.Key{Workspace: "ws-2", Project: "blog"}
)

// Run runs the contract. prepare makes a subject of its own for each test.
func Run(t *testing.T, prepare func(t *testing.T) Subject) {
	tests := []struct {
		name string
		test func(t *testing.T, h *handled)
	}{
		{"what is unknown is left out", unknown},
		{"a release gets healthy, and the next one takes its place", healthy},
		{"what fails says why, and what ran goes on", failed},
		{"a failure is tried again when it is wanted again", retried},
		{"a newer release ends the wait for an older one", newer},
		{"what is wanted again goes on as it is", again},
		{"what is removed is left out once it is gone, and can come back", removed},
		{"one question tells of many projects", many},
		{"the next process goes on where the last one stopped", restarted},
		{"a release before can be wanted", back},
		{"a secret reaches what runs", secrets},
		{"a secret of somebody else does not", misplaced},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &handled{Subject: prepare(t)}
			h.open(t)
			tt.test(t, h)
		})
	}
}

// handled is a subject with the engine of the process that runs now.
type handled struct {
	Subject
	engine reconciler.Engine
	end    func()
	// made are the releases with secrets.
	made map[string]reconciler.Target
}

func (h *handled) open(t *testing.T) {
	t.Helper()
	h.engine, h.end = h.Open(t)
}

func (h *handled) want(t *testing.T, commit string, targets ...reconciler.Target) {
	t.Helper()
	if err := h.engine.Want(t.Context(), commit, targets); err != nil {
		t.Fatalf("Want: %v", err)
	}
}

func (h *handled) rollouts(t *testing.T, keys ...manifest.Key) map[manifest.Key]reconciler.Rollout {
	t.Helper()
	rollouts, err := h.engine.Rollouts(t.Context(), keys)
	if err != nil {
		t.Fatalf("Rollouts: %v", err)
	}
	return rollouts
}

// await waits until a release of a project has a phase. It must have no other end before.
func (h *handled) await(t *testing.T, k manifest.Key, release string, phase reconciler.Phase) reconciler.Rollout {
	t.Helper()
	var r reconciler.Rollout
	eventually(t, release+" of "+k.String()+" to be "+string(phase), func() bool {
		r = h.rollouts(t, k)[k]
		if r.Release == release && r.Phase != phase && (r.Phase == reconciler.PhaseFailed || r.Phase == reconciler.PhaseHealthy) {
			t.Fatalf("%s of %s ended otherwise: %+v", release, k, r)
		}
		return r.Release == release && r.Phase == phase
	})
	return r
}

// answers waits until a project answers with a release.
func (h *handled) answers(t *testing.T, k manifest.Key, release string) {
	t.Helper()
	eventually(t, k.String()+" to answer with "+release, func() bool { return h.Answers(t, k) == release })
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(patience); !condition(); {
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		case <-ticker.C:
		}
	}
}

func unknown(t *testing.T, h *handled) {
	if got := h.rollouts(t, shop, blog); len(got) != 0 {
		t.Errorf("of projects that nobody wanted it says %+v", got)
	}
	h.want(t, "c1", reconciler.Target{Key: shop, Owner: h.Owner, Remove: true})
	eventually(t, "the removal of what never was", func() bool { return len(h.rollouts(t, shop)) == 0 })
}

func healthy(t *testing.T, h *handled) {
	for n, release := range []string{"v1.0.0", "v1.0.1"} {
		commit := []string{"c1", "c2"}[n]
		h.want(t, commit, h.Good(shop, release))
		if r := h.rollouts(t, shop)[shop]; r.Phase == reconciler.PhaseFailed || r.Release != "" && r.Release != release {
			t.Errorf("after Want of %s it says %+v", release, r)
		}
		if r := h.await(t, shop, release, reconciler.PhaseHealthy); r.Commit != commit || len(r.Problems) > 0 || r.Log != "" {
			t.Errorf("a healthy rollout is %+v", r)
		}
		h.answers(t, shop, release)
	}
}

func failed(t *testing.T, h *handled) {
	h.want(t, "c1", h.Good(shop, "v1.0.0"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	h.answers(t, shop, "v1.0.0")
	h.want(t, "c2", h.Bad(shop, "v1.0.1"))
	r := h.await(t, shop, "v1.0.1", reconciler.PhaseFailed)
	if r.Cause == "" || r.Log == "" && !h.Mute || r.Commit != "c2" {
		t.Errorf("a failed rollout is %+v: it has no cause, log or commit", r)
	}
	if got := h.Answers(t, shop); got != "v1.0.0" {
		t.Errorf("after the failure %q answers", got)
	}
	h.want(t, "c3", h.Good(shop, "v1.0.2"))
	h.await(t, shop, "v1.0.2", reconciler.PhaseHealthy)
	h.answers(t, shop, "v1.0.2")
}

func retried(t *testing.T, h *handled) {
	h.want(t, "c1", h.Bad(shop, "v1.0.0"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseFailed)
	h.want(t, "c2", h.Bad(shop, "v1.0.0"))
	eventually(t, "the failure of the second try", func() bool {
		r := h.rollouts(t, shop)[shop]
		return r.Phase == reconciler.PhaseFailed && r.Commit == "c2"
	})
}

func newer(t *testing.T, h *handled) {
	h.want(t, "c1", h.Good(shop, "v1.0.0"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	h.answers(t, shop, "v1.0.0")
	h.want(t, "c2", h.Hanging(shop, "v1.0.1"))
	eventually(t, "the rollout that hangs", func() bool {
		r := h.rollouts(t, shop)[shop]
		return r.Release == "v1.0.1" && r.Phase == reconciler.PhaseProgressing && r.Cause != ""
	})
	if got := h.Answers(t, shop); got != "v1.0.0" {
		t.Errorf("while the next one hangs %q answers", got)
	}
	h.want(t, "c3", h.Good(shop, "v1.0.2"))
	h.await(t, shop, "v1.0.2", reconciler.PhaseHealthy)
	h.answers(t, shop, "v1.0.2")
}

func again(t *testing.T, h *handled) {
	h.want(t, "c1", h.Good(shop, "v1.0.0"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	h.answers(t, shop, "v1.0.0")
	h.want(t, "c2", h.Good(shop, "v1.0.0"))
	for range 20 {
		if got := h.Answers(t, shop); got != "v1.0.0" {
			t.Fatalf("it answers with %q", got)
		}
	}
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
}

func removed(t *testing.T, h *handled) {
	for _, keep := range []bool{true, false} {
		h.want(t, "c1", h.Good(shop, "v1.0.0"))
		h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
		h.want(t, "c2", reconciler.Target{Key: shop, Owner: h.Owner, Remove: true, KeepData: keep})
		eventually(t, "nothing to be left", func() bool { _, there := h.rollouts(t, shop)[shop]; return !there })
		if got := h.Answers(t, shop); got != "" {
			t.Errorf("what was removed answers with %q", got)
		}
	}
}

func many(t *testing.T, h *handled) {
	h.want(t, "c1", h.Good(shop, "v1.0.0"), h.Good(blog, "v1.0.4"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	h.await(t, blog, "v1.0.4", reconciler.PhaseHealthy)
	nobody := manifest.Key{Workspace: "ws-1", Project: "nobody"}
	if got := h.rollouts(t, shop, nobody, blog); len(got) != 2 || got[shop].Release != "v1.0.0" || got[blog].Release != "v1.0.4" {
		t.Errorf("of both it says %+v", got)
	}
	if got := h.rollouts(t, blog); len(got) != 1 {
		t.Errorf("asked about one it says %+v", got)
	}
	h.want(t, "c2", h.Bad(blog, "v1.0.5"))
	h.await(t, blog, "v1.0.5", reconciler.PhaseFailed)
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	h.answers(t, shop, "v1.0.0")
	h.answers(t, blog, "v1.0.4")
}

func restarted(t *testing.T, h *handled) {
	h.want(t, "c1", h.Good(shop, "v1.0.0"), h.Good(blog, "v1.0.0"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	h.await(t, blog, "v1.0.0", reconciler.PhaseHealthy)
	h.end()
	h.open(t)
	h.want(t, "c2", h.Good(shop, "v1.0.0"), h.Bad(blog, "v1.0.1"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	h.answers(t, shop, "v1.0.0")
	h.await(t, blog, "v1.0.1", reconciler.PhaseFailed)
	h.answers(t, blog, "v1.0.0")
}

func back(t *testing.T, h *handled) {
	for _, release := range []string{"v1.0.0", "v1.0.1", "v1.0.0"} {
		h.want(t, "c-"+release, h.Good(shop, release))
		h.await(t, shop, release, reconciler.PhaseHealthy)
		h.answers(t, shop, release)
	}
}

// secrets come to what runs, another value with the release that has it, and the one before with a rollback.
func secrets(t *testing.T, h *handled) {
	for _, step := range []struct{ release, answer string }{{"v1.0.0", "hunter-1"}, {"v1.0.1", "hunter-2"}, {"v1.0.0", "hunter-1"}} {
		target := h.sealed(t, step.release, step.answer)
		if text := fmt.Sprintf("%s %+v", target.Values, target); strings.Contains(text, "hunter") {
			t.Fatalf("the secret is in the clear before the engine has it: %s", text)
		}
		h.want(t, "c-"+step.release, target)
		h.await(t, shop, step.release, reconciler.PhaseHealthy)
		h.answers(t, shop, step.answer)
	}
	h.end()
	h.open(t)
	h.want(t, "c2", h.sealed(t, "v1.0.0", "hunter-1"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	h.answers(t, shop, "hunter-1")
}

// sealed is a release of the shop with a secret, each time the same: a release file has one ciphertext.
func (h *handled) sealed(t *testing.T, release, answer string) reconciler.Target {
	t.Helper()
	if h.Sealed == nil {
		t.Fatal("the subject of the contract has no release with a secret")
	}
	if h.made == nil {
		h.made = map[string]reconciler.Target{}
	}
	target, there := h.made[release]
	if !there {
		target = h.Sealed(shop, release, answer)
		h.made[release] = target
	}
	return target
}

// misplaced secrets are not opened, and what ran before goes on.
func misplaced(t *testing.T, h *handled) {
	h.want(t, "c1", h.Good(shop, "v1.0.0"))
	h.await(t, shop, "v1.0.0", reconciler.PhaseHealthy)
	target := h.sealed(t, "v1.0.1", "hunter-1")
	target.Owner++
	h.want(t, "c2", target)
	r := h.await(t, shop, "v1.0.1", reconciler.PhaseFailed)
	if !strings.Contains(r.Cause, "ANSWER") || !strings.Contains(r.Cause, "another owner of the workspace") || strings.Contains(fmt.Sprint(r), "hunter") {
		t.Errorf("it says %+v, want which variable it is and what is wrong with it", r)
	}
	h.answers(t, shop, "v1.0.0")
}
