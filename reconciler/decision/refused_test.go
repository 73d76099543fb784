package decision_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// An image that somebody named and that cannot be used is known by its hold, and its hold ends with it; nothing else does.
func TestRefusedImages(t *testing.T) {
	spec := manifest.ProjectSpec{Type: manifest.Monolithic, Image: "r.test/app:2"}
	view := &config.View{Present: true, Parsed: true, Spec: spec}
	input := manifest.SourceInputs(spec)[0]
	key := input.Key(input.ReferenceID())
	refused := manifest.Hold{Part: input.Part, Key: key, Reason: manifest.HeldFailed}
	withIt := manifest.Hold{Part: manifest.PartProject, Key: "p", Reason: manifest.HeldWaiting, WaitsFor: key}
	for _, tt := range []struct {
		name  string
		holds []manifest.Hold
		view  *config.View
		waits bool
		left  []manifest.Hold
	}{
		{"nothing is held", nil, view, false, nil},
		{"it cannot be used", []manifest.Hold{refused}, view, true, nil},
		{"with what came along", []manifest.Hold{refused, withIt}, view, true, nil},
		{"beside a rollback", []manifest.Hold{{Part: "platform", Key: "x", Reason: manifest.HeldRollback}, refused}, view, true,
			[]manifest.Hold{{Part: "platform", Key: "x", Reason: manifest.HeldRollback}}},
		{"it was rolled back", []manifest.Hold{{Part: input.Part, Key: key, Reason: manifest.HeldRollback}}, view, false,
			[]manifest.Hold{{Part: input.Part, Key: key, Reason: manifest.HeldRollback}}},
		{"a build that failed", []manifest.Hold{{Part: input.Part, Key: key, Reason: manifest.HeldFailed, Source: "c1"}}, view, false,
			[]manifest.Hold{{Part: input.Part, Key: key, Reason: manifest.HeldFailed, Source: "c1"}}},
		{"another image is named by now", []manifest.Hold{refused}, &config.View{Present: true, Parsed: true, Spec: manifest.ProjectSpec{
			Type: manifest.Monolithic, Image: "r.test/app:3"}}, false, nil},
		{"the project is gone", []manifest.Hold{refused}, &config.View{}, false, nil},
	} {
		run := manifest.RunSpec{Highest: "v1.0.0", Holds: tt.holds}
		want := map[string]string{}
		if tt.waits {
			want[input.Part] = "r.test/app:2"
		}
		if got := decision.RefusedImages(run, tt.view); len(got) != len(want) || got[input.Part] != want[input.Part] {
			t.Errorf("%s: waits for %v, want %v", tt.name, got, want)
		}
		if diff := cmp.Diff(tt.left, decision.ImageCame(run, input.Part).Holds, cmp.Transformer("none", func(h []manifest.Hold) []manifest.Hold { return append([]manifest.Hold{}, h...) })); diff != "" {
			t.Errorf("%s: holds that are left (-want +got):\n%s", tt.name, diff)
		}
	}
}
