package localgit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// hanging has the git of this test be a program that never answers.
func hanging(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// A git that hangs hangs nobody: each question has a limit, and all end with what they were asked for.
func TestAGitThatHangs(t *testing.T) {
	hanging(t)
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		name  string
		git   Git
		wants error
		says  string
	}{
		{"the time for an answer", Git{Dir: t.TempDir(), ctx: t.Context(), answer: 50 * time.Millisecond, object: 50 * time.Millisecond}, context.DeadlineExceeded, "no answer in 50ms"},
		{"whoever asked is gone", New(ended, t.TempDir(), false), context.Canceled, "canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			objects := &Objects{Git: tt.git}
			_, _, object := objects.Object(plumbing.NewHash(strings.Repeat("1", 40)))
			_, located := tt.git.Locate()
			_, _, head := tt.git.Head()
			for what, err := range map[string]error{"locating": located, "HEAD": head, "an object": object} {
				if !errors.Is(err, tt.wants) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%s: %v, want %v", what, err, tt.wants)
				}
			}
			if err := objects.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
}
