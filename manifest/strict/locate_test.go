package strict

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLocate(t *testing.T) {
	const file = `apiVersion: plateform.dev/v1
kind: Project
metadata: {name: shop}
spec:
  type: monolithic
  source:
    repository: https://github.com/acme/shop
  env:
    - name: A
      value: a
    - {name: B, value: b}
  health:
`
	tests := []struct {
		field        string
		line, column int
	}{
		{"metadata.name", 3, 18},
		{"metadata", 3, 1},
		{"spec", 4, 1},
		{"spec.type", 5, 9},
		{"spec.source", 6, 3},
		{"spec.source.repository", 7, 17},
		{"spec.source.branch", 6, 3},
		{"spec.source.repository.host", 7, 17},
		{"spec.env", 8, 3},
		{"spec.env[0]", 9, 7},
		{"spec.env[0].value", 10, 14},
		{"spec.env[1].name", 11, 14},
		{"spec.env[1].secret", 11, 7},
		{"spec.env[2].name", 8, 3},
		{"spec.env[x]", 8, 3},
		{"spec.env[-1]", 8, 3},
		{"spec.health", 12, 3},
		{"spec.health.path", 12, 3},
		{"status", 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.field, func(t *testing.T) {
			got := Locate("p", []byte(file), Problems{{File: "p", Field: tt.field}})
			if want := (Problems{{File: "p", Field: tt.field, Line: tt.line, Column: tt.column}}); !cmp.Equal(want, got) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestLocateLeavesOthersAlone(t *testing.T) {
	ps := Problems{
		{File: "p", Field: "spec"},
		{File: "p", What: "about the whole file"},
		{File: "p", Field: "spec", Line: 9, Column: 9},
		{File: "other", Field: "spec"},
	}
	want := Problems{ps[3], ps[1], {File: "p", Field: "spec", Line: 2, Column: 1}, ps[2]}
	got := Locate("p", []byte("a: 1\nspec: {}"), ps)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for _, broken := range []string{"", "a: [", "- a\n--- b", "\x00"} {
		if diff := cmp.Diff(Problems{{File: "p", Field: "spec"}}, Locate("p", []byte(broken), Problems{{File: "p", Field: "spec"}})); diff != "" {
			t.Errorf("in a file that does not parse (-want +got):\n%s", diff)
		}
	}
}
