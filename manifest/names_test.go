package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersion(t *testing.T) {
	for _, text := range []string{"v0.0.0", "v1.0.3", "v10.20.30", "v1.0.2147483647"} {
		v, err := ParseVersion(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if want := text; v.String() != want && !v.IsZero() {
			t.Errorf("%s is written %s", text, v)
		}
	}
	for _, text := range []string{"", "v", "1.0.3", "v1.0", "v1.0.3.4", "v1.0.03", "v1.0.-3", "v1.0.+3", "v1.0.x", "v1.0.2147483648", " v1.0.3", "V1.0.3", "v1.0.3 "} {
		if v, err := ParseVersion(text); err == nil || !v.IsZero() {
			t.Errorf("%q is taken for %v", text, v)
		}
	}
}

func TestVersionsAreOrderedByNumber(t *testing.T) {
	want := []Version{{}, {1, 0, 0}, {1, 0, 2}, {1, 0, 10}, {1, 2, 0}, {10, 0, 0}}
	got := []Version{{1, 0, 10}, {10, 0, 0}, {}, {1, 2, 0}, {1, 0, 2}, {1, 0, 0}}
	slices.SortFunc(got, Version.Compare)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sorted (-want +got):\n%s", diff)
	}
	for v, next := range map[Version]Version{{}: {1, 0, 0}, {1, 0, 0}: {1, 0, 1}, {1, 0, 9}: {1, 0, 10}} {
		if v.Next() != next {
			t.Errorf("after %v comes %v", v, v.Next())
		}
	}
}

func TestFileOf(t *testing.T) {
	k := Key{"ws-1", "shop"}
	v := Version{1, 0, 3}
	for file, want := range map[string]File{
		PlatformFile:          {Kind: KindPlatform},
		WorkspaceFile("ws-1"): {Kind: KindWorkspace, Key: Key{Workspace: "ws-1"}},
		ProjectFile(k):        {Kind: KindProject, Key: k},
		ReleaseFile(k, v):     {Kind: KindRelease, Key: k, Version: v},
	} {
		if got, ok := FileOf(file); !ok || got != want {
			t.Errorf("%s: got %v, %v, want %v", file, got, ok, want)
		}
	}
	for _, file := range []string{"", "platform.yml", "x/platform.yaml", "workspaces", "workspaces/ws-1", "workspaces/ws-1/project.yaml",
		"workspaces/ws-1/projects/shop/workspace.yaml", "workspaces/ws-1/projects/project.yaml", "workspaces/ws-1/projects/shop/x/project.yaml",
		"workspaces/ws-1/projects/shop/releases/latest.yaml", "workspaces/ws-1/projects/shop/releases/v1.0.3.yml",
		"workspaces/ws-1/projects/shop/releases/v1.0.03.yaml", "workspaces/ws-1/shop/releases/v1.0.3.yaml", "work/ws-1/workspace.yaml"} {
		if got, ok := FileOf(file); ok {
			t.Errorf("%q is taken for %v", file, got)
		}
	}
}

func TestCheckFolders(t *testing.T) {
	long := strings.Repeat("long", 26)
	for name, want := range map[string]string{
		"shop": "", "ws-159990218": "", "Shop": "", "a.b_c": "", "4u": "",
		"":          "",
		"new\nline": `f: the folder "new\nline" has '\n' in its name`,
		"größe":     `f: the folder "größe" has 'ö' in its name`,
		"\xff":      `f: the folder "?" has '�' in its name`,
		"-rf":       `f: the folder "-rf" has '-' in its name`,
		"..data":    `f: the folder "..data" has '.' in its name`,
		"$(id)":     `f: the folder "$(id)" has '$' in its name`,
		long:        `f: the folder "` + long[:60] + `..." has a name of 104 characters, more than 100`,
	} {
		ps := CheckFolders("f", Key{Workspace: "ws", Project: name})
		if got, _, _ := strings.Cut(ps.Error(), " (use "); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
