package plan

import "testing"

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
