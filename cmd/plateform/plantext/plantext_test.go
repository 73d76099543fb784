package plantext

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/plan"
)

// TestMarkdownKeepsItsShape: what people wrote cannot break out of its place, mention people or show a value.
func TestMarkdownKeepsItsShape(t *testing.T) {
	const hostile = "a|b`c\n## <script>@alice [x](https://evil) *b*"
	p := &plan.Plan{
		Hash: "sha256:" + strings.Repeat("a", 64), Base: strings.Repeat("b", 40), Head: strings.Repeat("c", 40),
		Problems: manifest.Problems{{File: "workspaces/a`b|c", Line: 3, Column: 7, What: hostile, Fix: hostile}},
		Projects: []plan.Project{{
			Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Type: manifest.Monolithic, Action: plan.Release,
			Current: "v1.0.0", Next: "v1.0.1", Builds: 1, BuildReason: hostile, URL: hostile, Changes: []string{hostile},
			Inferred:   []manifest.Inference{{Field: "port", Value: hostile, Reason: hostile}},
			ValuesDiff: "--- values.yaml\n+++ values.yaml\n@@ -1 +1 @@\n env:\n   - name: A\n-    value: \"old-secret\"\n+    value: \"new-secret ```\"\n+note: ````\n",
		}},
	}
	got := Markdown(p)
	for _, bad := range []string{"\n## ", "<script>", " @alice", " [x]", "old-secret", "new-secret"} {
		if strings.Contains(got, bad) {
			t.Errorf("the plan has %q:\n%s", bad, got)
		}
	}
	for _, want := range []string{"#### `ws-1/shop`: release v1.0.0 → v1.0.1", "\n`````diff\n", "-    value: \"***\"", "<details>"} {
		if !strings.Contains(got, want) {
			t.Errorf("the plan lacks %q:\n%s", want, got)
		}
	}
}

func TestMaskValues(t *testing.T) {
	tests := []struct{ name, diff, want string }{
		{"a value behind its name", "+    value: \"x\"", "+    value: \"***\""},
		{"a value that comes first", "-  - value: \"x\"", "-  - value: \"***\""},
		{"an encrypted value", "     secret: age:abc", "     secret: \"***\""},
		{"what is no value", "+replicas: 2\n+  values: 3\n+    valueFrom:", "+replicas: 2\n+  values: 3\n+    valueFrom:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, maskValues(tt.diff)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeadline(t *testing.T) {
	tests := []struct {
		plan plan.Project
		want string
	}{
		{plan.Project{Action: plan.Create, Next: "v1.0.0"}, "create v1.0.0"},
		{plan.Project{Action: plan.Release, Current: "v1.0.0", Next: "v1.0.1"}, "release v1.0.0 → v1.0.1"},
		{plan.Project{Action: plan.Remove, Current: "v1.0.0"}, "remove, v1.0.0 runs"},
		{plan.Project{Action: plan.Blocked}, "blocked"},
	}
	for _, tt := range tests {
		if got := headline(tt.plan); got != tt.want {
			t.Errorf("headline(%+v) = %q, want %q", tt.plan, got, tt.want)
		}
	}
}
