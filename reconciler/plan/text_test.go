package plan

import (
	"slices"
	"testing"
)

func TestHeadline(t *testing.T) {
	tests := []struct {
		plan Project
		want string
	}{
		{Project{Action: Create, Next: "v1.0.0"}, "create v1.0.0"},
		{Project{Action: Release, Current: "v1.0.0", Next: "v1.0.1"}, "release v1.0.0 → v1.0.1"},
		{Project{Action: Remove, Current: "v1.0.0"}, "remove, v1.0.0 runs"},
		{Project{Action: Blocked}, "blocked"},
	}
	for _, tt := range tests {
		if got := tt.plan.Headline(); got != tt.want {
			t.Errorf("the headline of %+v is %q, want %q", tt.plan, got, tt.want)
		}
	}
}

// What runs may be pods or processes: the words fit every engine.
func TestRestartsFitEveryEngine(t *testing.T) {
	for restarts, want := range map[bool]string{true: "yes, what runs is replaced", false: "no"} {
		rows := (&Project{Action: Release, Effects: Effects{Restarts: restarts}}).Rows()
		if i := slices.IndexFunc(rows, func(r Row) bool { return r.Label == "restarts" }); i < 0 || rows[i].Text != want {
			t.Errorf("restarts %t: %v, want %q", restarts, rows, want)
		}
	}
}
