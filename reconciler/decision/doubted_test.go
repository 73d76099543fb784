package decision

import (
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// A source that was rolled back and has another key only for what is beside its own folder stays remembered until a build has told
// it from the image that was withdrawn; a push to the folder ends its hold at once, and so does an edit that leaves no such part.
func TestWhatIsBesideTheFolderOfWhatWasRolledBack(t *testing.T) {
	hold := manifest.Hold{Part: manifest.PartSource, Key: "before", Reason: manifest.HeldRollback, Release: "v1.0.1", Folder: "f1", Digest: "sha256:bad"}
	view := &config.View{Present: true, Parsed: true, Spec: manifest.ProjectSpec{Type: manifest.Monolithic, Source: &manifest.Source{Repository: "https://git.test/x", Path: "api"}}}
	image := &config.View{Present: true, Parsed: true, Spec: manifest.ProjectSpec{Type: manifest.SpringMicroservice}}
	failed := hold
	failed.Reason = manifest.HeldFailed
	plain := hold
	plain.Folder, plain.Digest = "", ""
	for _, tt := range []struct {
		name string
		hold manifest.Hold
		view *config.View
		tip  reconciler.Tip
		kept bool
	}{
		{"beside the folder", hold, view, reconciler.Tip{Tree: "t2", Folder: "f1"}, true},
		{"in the folder", hold, view, reconciler.Tip{Tree: "t2", Folder: "f2"}, false},
		{"nothing is read beside it any more", hold, view, reconciler.Tip{Tree: "f1"}, true},
		{"a build that failed", failed, view, reconciler.Tip{Tree: "t2", Folder: "f1"}, false},
		{"nothing was read beside it", plain, view, reconciler.Tip{Tree: "t2", Folder: "f1"}, false},
		{"there is no such part any more", hold, image, reconciler.Tip{Tree: "t2", Folder: "f1"}, false},
	} {
		run := EndHolds(manifest.RunSpec{Holds: []manifest.Hold{tt.hold}}, tt.view, manifest.Parts{manifest.PartSource: "now"},
			map[string]reconciler.Tip{manifest.PartSource: tt.tip})
		if kept := len(run.Holds) == 1; kept != tt.kept {
			t.Errorf("%s: the hold is kept: %v", tt.name, kept)
		}
		if IsHeld(run, manifest.PartSource, "now", nil) {
			t.Errorf("%s: it is held before a build has told", tt.name)
		}
	}
	build := Build{Part: manifest.PartSource, SourceKey: "now", Request: reconciler.BuildRequest{Commit: "c3"}, Tip: reconciler.Tip{Tree: "t2", Folder: "f1"}}
	for digest, held := range map[string]bool{"sha256:bad": true, "sha256:good": false} {
		build.Status = reconciler.BuildStatus{Done: true, Image: &manifest.Image{Digest: digest}}
		run := HoldOn(manifest.RunSpec{Holds: []manifest.Hold{hold}}, []Build{build})
		if IsHeld(run, manifest.PartSource, "now", nil) != held {
			t.Errorf("a build that came to %s leaves it held: %v", digest, !held)
		}
	}
}

// A process that looks again after a push beside what was rolled back has no news: the one before has told of that commit.
func TestAPushBesideWhatWasRolledBackIsRemembered(t *testing.T) {
	hold := manifest.Hold{Part: manifest.PartSource, Key: "before", Reason: manifest.HeldRollback, Release: "v1.0.0", Source: "c1", Folder: "f1", Digest: "sha256:bad"}
	for _, tt := range []struct {
		name, folder string
		remembered   bool
	}{
		{"beside the folder", "f1", true},
		{"in the folder", "f2", false}, // the hold is over: it is released
	} {
		view := sourceView("")
		before := Before{Run: manifest.RunSpec{Holds: []manifest.Hold{hold}}}
		tips := map[string]reconciler.Tip{manifest.PartSource: {Commit: "c2", Tree: "t2", Folder: tt.folder}}
		before.Run = SourceMoved(before, view, tips, manifest.PartSource, false)
		if remembered, _ := Remembered(before, view, manifest.PartSource, "c2"); remembered != tt.remembered {
			t.Errorf("%s: it is remembered: %v", tt.name, remembered)
		}
	}
	if hold.Source != "c1" {
		t.Error("the list of holds was changed in place")
	}
}

// An edit of something else, with nobody having told yet what is beside the folder, forgets nothing either.
func TestAnEditBesideWhatWasRolledBackKeepsItsHold(t *testing.T) {
	hold := manifest.Hold{Part: manifest.PartSource, Key: "before", Reason: manifest.HeldRollback, Release: "v1.0.0", Folder: "f1", Digest: "sha256:bad"}
	for folder, kept := range map[string]bool{"f1": true, "f2": false} {
		run := Remember(manifest.RunSpec{Holds: []manifest.Hold{hold}}, Change{
			Transition: config.Transition{Before: sourceView(""), After: sourceView("")},
			Keys:       manifest.Parts{manifest.PartSource: "now"},
			Tips:       map[string]reconciler.Tip{manifest.PartSource: {Commit: "c2", Tree: "t2", Folder: folder}},
		})
		if (len(run.Holds) == 1) != kept {
			t.Errorf("the folder is %s: the hold is kept: %v", folder, !kept)
		}
	}
}

// Who edits how a source that was rolled back is built asks for another image, also where nobody has looked at the source since.
func TestAnEditOfTheBuildEndsTheRollbackOfASource(t *testing.T) {
	hold := manifest.Hold{Part: manifest.PartSource, Key: "before", Reason: manifest.HeldRollback, Release: "v1.0.0", Folder: "f1", Digest: "sha256:bad"}
	before, edited, watched := sourceView(""), sourceView("x"), sourceView("")
	watched.Spec.Source.Watch = []string{"lib/**"}
	for _, tt := range []struct {
		name   string
		before *config.View
		after  *config.View
		kept   bool
	}{
		{"another build", before, edited, false},
		{"the same build", before, before, true},
		{"more is watched", before, watched, true},
		{"the file could not be read before", &config.View{Present: true}, edited, true},
		{"the project is new", nil, edited, true},
	} {
		run := Remember(manifest.RunSpec{Holds: []manifest.Hold{hold}}, Change{Transition: config.Transition{Before: tt.before, After: tt.after}})
		if kept := len(run.Holds) == 1; kept != tt.kept {
			t.Errorf("%s: the hold is kept: %v", tt.name, kept)
		}
	}
}

// sourceView is a project with one source that is built with a variable.
func sourceView(value string) *config.View {
	return &config.View{Present: true, Parsed: true, Spec: manifest.ProjectSpec{
		Type: manifest.Monolithic, Source: &manifest.Source{Repository: "https://git.test/x", Path: "api"},
		Build: &manifest.Build{Env: []manifest.BuildVar{{Name: "V", Value: value}}},
	}}
}
