package decision

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// TestDecideOnImagesThatMayBeGone is about releases whose images a registry may have removed.
func TestDecideOnImagesThatMayBeGone(t *testing.T) {
	image1 := manifest.Image{Repository: "registry.test/ws/shop", Digest: "sha256:" + commit1}
	// rolledBack: GitOps shows the release of commit2, the newest is that of commit1 again.
	rolledBack := func(is Presence) *scene {
		s := newScene().tip(commit1).release("v1.0.0").tip(commit2).hold(manifest.PartSource, manifest.HeldRollback)
		s.before.Run.Highest = "v1.0.1"
		s.seen.Presence = map[string]Presence{image1.Ref(): is}
		return s
	}
	unfollowed := func(s *scene) { off := false; s.head.Spec.Source.AutoDeploy = &off }
	retried := func(s *scene) { s.before.Run.Holds, s.before.Run.Retry = nil, "abc" }
	// returned: the branch is back at a commit that an earlier release was made from.
	returned := func(is Presence) *scene {
		s := newScene().tip(commit1).release("v1.0.0").tip(commit2).release("v1.0.1").tip(commit1)
		earlier := image1
		earlier.Commit, earlier.Built = commit1, true
		s.seen.Images[s.key(manifest.PartSource)] = earlier
		s.seen.Presence = map[string]Presence{image1.Ref(): is}
		return s
	}
	// rebuilt: what runs may be gone, and a retry asks.
	rebuilt := func(is Presence) *scene {
		s := newScene().tip(commit1).release("v1.0.0")
		s.before.Run.Retry, s.seen.Shown = "abc", true
		s.seen.Presence = map[string]Presence{image1.Ref(): is}
		return s
	}
	tests := []struct {
		name  string
		scene *scene
		want  []string
	}{
		{"a rollback waits for the registry's word", rolledBack(Unasked), []string{"ask for v1.0.0: 1111 built", "rest: held"}},
		{"its image is there", rolledBack(There), []string{"deploy v1.0.0", "rest: held"}},
		{"its image is gone", rolledBack(Gone), []string{"refuse v1.0.0", "rest: held"}},
		{"the registry does not answer", rolledBack(Unknown), []string{"deploy v1.0.0", "rest: held"}},
		{"nobody needs to be asked", rolledBack("").set(func(s *scene) { s.seen.Presence = nil }), []string{"deploy v1.0.0", "rest: held"}},
		{"paused, and its image is gone", rolledBack(Gone).set(func(s *scene) { s.head.Spec.Paused = true }), []string{"refuse v1.0.0", "rest: paused"}},
		{"something else is in its way", rolledBack(Unasked).set(func(s *scene) { s.seen.Obstacles = manifest.Problems{{What: "quota"}} }),
			[]string{"refuse v1.0.0", "rest: held"}},

		{"gone, and a retry asks", rolledBack(Gone).set(retried), []string{"refuse v1.0.0", "build 2222"}},
		{"gone, and the branch moves on", rolledBack(Gone).tip(commit3), []string{"refuse v1.0.0", "build 3333"}},
		{"gone, and the new source is built", rolledBack(Gone).tip(commit3).build(done), []string{"refuse v1.0.0", "release v1.0.2 of 3333 built"}},
		{"gone, and an env value changes", rolledBack(Gone).env("debug"), []string{"refuse v1.0.0", "rest: image gone"}},
		{"not asked for yet, and an env value changes", rolledBack(Unasked).env("debug"), []string{"ask for v1.0.0: 1111 built", "ask: 1111 built"}},
		{"gone, and the branch is back at it", rolledBack(Gone).tip(commit1).set(func(s *scene) { s.before.Run.Holds = nil }), []string{"refuse v1.0.0", "build 1111"}},
		{"gone, and it is being built again", rolledBack(Gone).tip(commit1).set(func(s *scene) { s.before.Run.Holds = nil }).build(running),
			[]string{"refuse v1.0.0"}},
		{"gone, and it was built again", rolledBack(Gone).tip(commit1).set(func(s *scene) { s.before.Run.Holds = nil }).build(reconciler.BuildStatus{Done: true, Image: &manifest.Image{}}),
			[]string{"refuse v1.0.0", "release v1.0.2 of 1111 built"}},
		{"gone, and it does not build any more", rolledBack(Gone).tip(commit1).set(func(s *scene) { s.before.Run.Holds = nil }).build(failing),
			[]string{"refuse v1.0.0", "fail source"}},

		{"gone, and the branch, which is not followed, is elsewhere", rolledBack(Gone).set(unfollowed), []string{"refuse v1.0.0", "rest: up to date"}},
		{"likewise, and an env value changes", rolledBack(Gone).set(unfollowed).env("debug"), []string{"refuse v1.0.0", "rest: image gone"}},
		{"gone, and the branch, which is not followed, is back at it", rolledBack(Gone).tip(commit1).set(unfollowed), []string{"refuse v1.0.0", "build 1111"}},

		{"a retry waits for the registry's word on what runs", rebuilt(Unasked), []string{"deploy v1.0.0", "ask: 1111 built"}},
		{"what runs is there", rebuilt(There), []string{"deploy v1.0.0", "rest: up to date"}},
		{"nobody knows", rebuilt(Unknown), []string{"deploy v1.0.0", "rest: up to date"}},
		{"what runs is gone", rebuilt(Gone), []string{"deploy v1.0.0", "build 1111"}},
		{"what runs is gone, and being built", rebuilt(Gone).build(running), []string{"deploy v1.0.0"}},
		{"what runs is gone, and was built to the same image", rebuilt(Gone).build(reconciler.BuildStatus{Done: true, Image: &manifest.Image{Repository: image1.Repository, Digest: image1.Digest}}),
			[]string{"deploy v1.0.0", "release v1.0.1 of 1111 built"}},
		{"what runs is gone, and the branch has moved on", rebuilt(Gone).tip(commit2), []string{"deploy v1.0.0", "build 2222"}},
		{"what runs is gone, and nobody sees the branch", rebuilt(Gone).set(func(s *scene) { clear(s.seen.Tips) }), []string{"deploy v1.0.0", "look source"}},
		{"what runs is gone, and the branch cannot be read", rebuilt(Gone).set(func(s *scene) {
			clear(s.seen.Tips)
			s.seen.Unreadable = map[string]bool{manifest.PartSource: true}
		}), []string{"deploy v1.0.0", "rest: image gone"}},
		{"what runs is gone, and the project is paused", rebuilt(Gone).set(func(s *scene) { s.head.Spec.Paused = true }), []string{"deploy v1.0.0", "rest: paused"}},

		{"an image of an earlier release waits for the registry's word", returned(Unasked), []string{"deploy v1.0.1", "ask: 1111 built"}},
		{"it is there", returned(There), []string{"deploy v1.0.1", "release v1.0.2 of 1111"}},
		{"it is gone", returned(Gone), []string{"deploy v1.0.1", "build 1111"}},
		{"the registry does not say", returned(Unknown), []string{"deploy v1.0.1", "release v1.0.2 of 1111"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tell(Decide(tt.scene.before, tt.scene.head, tt.scene.seen, testTime))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatToDoAboutAnImageThatIsGone(t *testing.T) {
	s := newScene().tip(commit1).release("v1.0.0")
	image := s.head.Newest.Spec.Images[0]
	s.seen.Presence = map[string]Presence{image.Ref(): Gone}
	for _, action := range Decide(s.before, s.head, s.seen, testTime) {
		refuse, is := action.(Refuse)
		if !is {
			continue
		}
		for _, words := range []string{image.Ref(), "v1.0.0 is gone", "plateform rollback ws/shop VERSION", "plateform retry ws/shop", "revert"} {
			if text := refuse.Problems.Error(); !strings.Contains(text, words) {
				t.Errorf("%q does not say %q", text, words)
			}
		}
		return
	}
	t.Error("it is not refused")
}
