package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
)

// story makes touches of lines: COMMIT DEED FILE.
func story(lines ...string) []touch {
	var touches []touch
	for _, line := range lines {
		words := strings.Fields(line)
		path := "workspaces/ws-1/projects/shop/releases/" + words[2] + ".yaml"
		if words[2] == "project" {
			path = "workspaces/ws-1/projects/shop/project.yaml"
		}
		touches = append(touches, touch{commit: words[0], deed: words[1][0], path: path})
	}
	return touches
}

// told puts what happened to a release into lines.
func (c *chronicle) told(version string) []string {
	v, _ := manifest.ParseVersion(version)
	var lines []string
	for _, h := range c.happenings[v] {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", h.Commit.Hash, h.Deed, h.Release)))
	}
	return lines
}

func TestMakeChronicle(t *testing.T) {
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
			if diff := cmp.Diff(tt.want, makeChronicle(tt.story).told(tt.version)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemovedProjectsCanComeBack(t *testing.T) {
	gone := story("a A project", "b D project")
	if c := makeChronicle(gone); c.removed != "b" {
		t.Errorf("removed by %q, want b", c.removed)
	}
	if c := makeChronicle(append(gone, story("c A project")...)); c.removed != "" {
		t.Errorf("removed by %q although it is back", c.removed)
	}
}

// TestParseTouches: a path can be named like anything, also like a commit or a deed.
func TestParseTouches(t *testing.T) {
	one, two := strings.Repeat("1", 40), strings.Repeat("2", 40)
	said := one + "\x00\nA\x00" + two + "\x00D\x00A\x00" + two + "\x00\nM\x00a b\nc\x00"
	want := []touch{{one, 'A', two}, {one, 'D', "A"}, {two, 'M', "a b\nc"}}
	if diff := cmp.Diff(want, parseTouches(said), cmp.AllowUnexported(touch{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseQuestion(t *testing.T) {
	tests := []struct {
		asked string
		want  question
	}{
		{"https://shop.example.com/cart?x=1", question{kind: askHost, host: "shop.example.com"}},
		{"shop.example.com:8443/cart", question{kind: askHost, host: "shop.example.com"}},
		{"Shop.Example.com", question{kind: askHost, host: "shop.example.com"}},
		{"localhost:3000", question{kind: askHost, host: "localhost"}},
		{"9FCEB02", question{kind: askCommit, hash: "9fceb02"}},
		{"beef", question{kind: askCommit, hash: "beef"}},
		{"https://github.com/acme/config/commit/9fceb02d0a", question{kind: askCommit, hash: "9fceb02d0a"}},
		{"https://gitlab.example.com/acme/config/-/commit/9fceb02d0a", question{kind: askCommit, hash: "9fceb02d0a"}},
		{"sha256:4f5e6d", question{kind: askImage, hash: "4f5e6d"}},
		{"registry.example.com/ws-1/shop:v1@sha256:4f5e6d", question{kind: askImage, hash: "4f5e6d"}},
		{"ws-1/shop", question{kind: askProject, key: manifest.Key{Workspace: "ws-1", Project: "shop"}}},
		{"ws-1/shop@v1.0.3", question{kind: askProject, key: manifest.Key{Workspace: "ws-1", Project: "shop"},
			version: manifest.Version{Major: 1, Patch: 3}}},
	}
	for _, tt := range tests {
		tt.want.asked = tt.asked
		got, err := parseQuestion(tt.asked)
		if err != nil {
			t.Errorf("%s: %v", tt.asked, err)
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(question{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.asked, diff)
		}
	}
	for _, asked := range []string{"", "abc", "what runs?", "http://", "ws-1/shop@1", "a b.com", "sha256:", "https://[::1"} {
		if q, err := parseQuestion(asked); err == nil || exit.CodeOf(err) != exit.WrongUsage {
			t.Errorf("%q: got %+v, %v, want wrong usage", asked, q, err)
		}
	}
}
