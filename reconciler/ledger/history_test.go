package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
)

// story makes touches of lines: COMMIT CHANGE FILE, with the changes as git names them: A added, D deleted, M changed.
func story(lines ...string) []touch {
	var touches []touch
	for _, line := range lines {
		words := strings.Fields(line)
		path := "workspaces/ws-1/projects/shop/releases/" + words[2] + ".yaml"
		if words[2] == "project" {
			path = "workspaces/ws-1/projects/shop/project.yaml"
		}
		change := manifest.Change{Path: path, Before: "before", After: "after"}
		switch words[1] {
		case "A":
			change.Before = ""
		case "D":
			change.After = ""
		}
		touches = append(touches, touch{manifest.Commit{Hash: words[0]}, change})
	}
	return touches
}

// told puts what happened to a release into lines.
func (h *History) told(version string) []string {
	v, _ := manifest.ParseVersion(version)
	var lines []string
	for _, said := range h.Events[v] {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", said.Commit.Hash, said.Kind, said.Release)))
	}
	return lines
}

func TestMakeHistory(t *testing.T) {
	tests := []struct {
		name    string
		story   []touch
		version string
		want    []string
	}{
		{"the newest runs", story("a A v1.0.0"), "v1.0.0", []string{"a released"}},
		{"a newer one comes", story("a A v1.0.0", "b A v1.0.1"), "v1.0.0", []string{"a released", "b superseded v1.0.1"}},
		{"the order is by number", story("a A v1.0.9", "b A v1.0.10"), "v1.0.9", []string{"a released", "b superseded v1.0.10"}},
		{"rolled back", story("a A v1.0.0", "b A v1.0.1", "c D v1.0.1"), "v1.0.1", []string{"b released", "c rolled back v1.0.0"}},
		{"what runs then", story("a A v1.0.0", "b A v1.0.1", "c D v1.0.1"), "v1.0.0",
			[]string{"a released", "b superseded v1.0.1", "c runs again v1.0.1"}},
		{"two at once", story("a A v1.0.0", "b A v1.0.1", "c A v1.0.2", "d D v1.0.1", "d D v1.0.2"), "v1.0.1",
			[]string{"b released", "c superseded v1.0.2", "d rolled back v1.0.0"}},
		{"the revert is reverted", story("a A v1.0.0", "b A v1.0.1", "c D v1.0.1", "d A v1.0.1"), "v1.0.1",
			[]string{"b released", "c rolled back v1.0.0", "d brought back"}},
		{"an old one is deleted", story("a A v1.0.0", "b A v1.0.1", "c D v1.0.0"), "v1.0.0",
			[]string{"a released", "b superseded v1.0.1", "c retired v1.0.1"}},
		{"the only one", story("a A v1.0.0", "b D v1.0.0"), "v1.0.0", []string{"a released", "b rolled back"}},
		{"with its project", story("a A project", "b A v1.0.0", "c D project", "c D v1.0.0"), "v1.0.0", []string{"b released", "c removed"}},
		{"an edit is no deed", story("a A v1.0.0", "b M v1.0.0"), "v1.0.0", []string{"a released"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, makeHistory(nil, tt.story).told(tt.version)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemovedProjectsCanComeBack(t *testing.T) {
	gone := story("a A project", "b D project")
	if h := makeHistory(nil, gone); h.Removed == nil || h.Removed.Hash != "b" {
		t.Errorf("removed by %v, want b", h.Removed)
	}
	if h := makeHistory(nil, append(gone, story("c A project")...)); h.Removed != nil {
		t.Errorf("removed by %v although it is back", h.Removed)
	}
}
