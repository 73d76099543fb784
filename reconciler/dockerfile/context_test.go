package dockerfile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/dockerfile"
)

func TestReads(t *testing.T) {
	names := []string{"a.bin", "assets/a.bin", "assets/deep/b.bin", "lib", "docs/c.md"}
	tests := []struct {
		name, dockerfile, ignore string
		want                     []string
	}{
		{"nothing", "FROM scratch", "", nil},
		{"all", "FROM scratch\nCOPY . /", "", names},
		{"all, with a slash", "FROM scratch\nCOPY ./ /", "", names},
		{"all of the root", "FROM scratch\nADD / /x", "", names},
		{"a folder", "FROM scratch\nCOPY ./assets /", "", []string{"assets/a.bin", "assets/deep/b.bin"}},
		{"two", "FROM scratch\nCOPY lib docs/ /", "", []string{"lib", "docs/c.md"}},
		{"a pattern", "FROM scratch\nCOPY *.bin /", "", []string{"a.bin"}},
		{"a pattern of folders", "FROM scratch\nCOPY ass*/deep /", "", []string{"assets/deep/b.bin"}},
		{"with flags", "FROM scratch\nCOPY --chmod=0755 --chown=1:1 lib /", "", []string{"lib"}},
		{"over lines", "FROM scratch\nCOPY \\\n  lib \\\n  /x", "", []string{"lib"}},
		{"lower case", "from scratch\ncopy lib /", "", []string{"lib"}},
		{"another stage and a URL", "FROM scratch AS a\nFROM scratch\nCOPY --from=a / /\nADD https://example.com/lib /", "", nil},
		{"a text of its own", "# syntax=docker/dockerfile:1\nFROM scratch\nCOPY <<EOF /x\nlib\nEOF", "", nil},
		{"upward, which stays in the folder", "FROM scratch\nCOPY ../lib /", "", names},
		{"a mount", "FROM scratch\nRUN --mount=type=bind,target=/s make", "", names},
		{"mounts of something else", "FROM scratch\nRUN --mount=type=cache,target=/s --mount=type=bind,from=a,target=/t make", "", nil},
		{"left out", "FROM scratch\nCOPY . /", "assets\n*.bin\n/lib/\n", []string{"docs/c.md"}},
		{"left out at any depth", "FROM scratch\nCOPY . /", "**/*.bin\n", []string{"lib", "docs/c.md"}},
		{"all but", "FROM scratch\nCOPY . /", "*\n!assets/deep\n# !lib\n", []string{"assets/deep/b.bin"}},
		{"what begins alike stays", "FROM scratch\nCOPY . /", "li\nasset\nd?cs\n", []string{"a.bin", "assets/a.bin", "assets/deep/b.bin", "lib"}},
		{"what cannot be read is all", "FROM scratch\nRUN <<EOF\n", "", names},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := dockerfile.ContextOf([]byte(tt.dockerfile), []byte(tt.ignore)).Reads(names, "")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := dockerfile.ContextOf([]byte("FROM scratch\nCOPY . /"), nil).Reads([]string{"svc/x", "svcs/y", "z"}, "svc"); len(got) != 1 || got[0] != "svc/x" {
		t.Errorf("of the folder svc: %v", got)
	}
}
