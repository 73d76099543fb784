package gitserver

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Repo is a bare repository.
type Repo struct {
	// Dir is where it is on disk.
	Dir string
	// URL is where the server has it; empty for one that is only on disk.
	URL string
	t   testing.TB
}

// Create makes an empty repository whose branch is main.
func (s *Server) Create(t testing.TB, name string) *Repo {
	t.Helper()
	r := CreateBare(t, filepath.Join(s.Dir, name+".git"))
	r.URL = s.URL() + "/" + name + ".git"
	r.Git("config", "http.receivepack", "true")
	return r
}

// Open returns a repository that lies in the server's folder already.
func (s *Server) Open(t testing.TB, name string) *Repo {
	return &Repo{Dir: filepath.Join(s.Dir, name+".git"), URL: s.URL() + "/" + name + ".git", t: t}
}

// Name is what the server calls the repository.
func (r *Repo) Name() string { return strings.TrimSuffix(filepath.Base(r.Dir), ".git") }

// CreateBare makes an empty repository on disk whose branch is main.
func CreateBare(t testing.TB, dir string) *Repo {
	t.Helper()
	r := &Repo{Dir: dir, t: t}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	r.Git("init", "-q", "--bare", "-b", "main")
	r.Git("config", "gc.auto", "0")
	return r
}

// Environment is one in which git looks at nobody's configuration and asks nothing.
func Environment() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann",
		"GIT_COMMITTER_EMAIL=ann@example.com")
}

// Git runs git in the repository and returns what it prints, without the white space around it.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return Git(r.t, r.Dir, nil, args...)
}

// Git runs git in a folder and returns what it prints, without the white space around it.
func Git(t testing.TB, dir string, input []byte, args ...string) string {
	t.Helper()
	out, err := TryGit(dir, input, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TryGit is Git for what may fail, and for goroutines that are not the test's.
func TryGit(dir string, input []byte, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, Environment(), bytes.NewReader(input)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s in %s: %w\n%s", strings.Join(args, " "), dir, err, complaint.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// Head returns the commit of a branch, or "" when there is no such branch.
func (r *Repo) Head(branch string) string {
	r.t.Helper()
	out, err := TryGit(r.Dir, nil, "rev-parse", "--verify", "--quiet", "refs/heads/"+branch)
	if err != nil {
		return ""
	}
	return out
}

// Change is one commit to be made by somebody else than the code under test.
type Change struct {
	// Branch to commit to; main when empty. It is created when missing.
	Branch string
	// Parent to build on instead of the head of the branch: rewrites history. "none" makes a root commit.
	Parent  string
	Message string
	Author  string
	// Files to set, Remove to delete (also folders).
	Files  map[string]string
	Remove []string
	// Modes of files that are not 100644: 100755, 120000 (content is the target), 160000 (content is a commit).
	Modes map[string]string
}

// Commit makes a commit with git fast-import and returns its hash.
func (r *Repo) Commit(c Change) string {
	r.t.Helper()
	hash, err := r.TryCommit(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return hash
}

// TryCommit is Commit for goroutines that are not the test's.
func (r *Repo) TryCommit(c Change) (string, error) {
	if c.Branch == "" {
		c.Branch = "main"
	}
	if c.Author == "" {
		c.Author = "Ann <ann@example.com>"
	}
	parent := c.Parent
	if parent == "" {
		if head, err := TryGit(r.Dir, nil, "rev-parse", "--verify", "--quiet", "refs/heads/"+c.Branch); err == nil {
			parent = head
		}
	}
	var s bytes.Buffer
	fmt.Fprintf(&s, "commit refs/heads/%s\nauthor %s now\ncommitter %s now\ndata %d\n%s\n", c.Branch, c.Author, c.Author,
		len(c.Message), c.Message)
	if parent != "" && parent != "none" {
		fmt.Fprintf(&s, "from %s\n", parent)
	}
	for _, p := range c.Remove {
		fmt.Fprintf(&s, "D %s\n", p)
	}
	for _, p := range slices.Sorted(maps.Keys(c.Files)) {
		mode := c.Modes[p]
		if mode == "" {
			mode = "100644"
		}
		if mode == "160000" {
			fmt.Fprintf(&s, "M %s %s %s\n", mode, c.Files[p], p)
			continue
		}
		fmt.Fprintf(&s, "M %s inline %s\ndata %d\n%s\n", mode, p, len(c.Files[p]), c.Files[p])
	}
	if c.Parent == "none" {
		// Without this, fast-import goes on from the branch as it is.
		if _, err := TryGit(r.Dir, nil, "update-ref", "-d", "refs/heads/"+c.Branch); err != nil {
			return "", err
		}
	}
	if _, err := TryGit(r.Dir, s.Bytes(), "fast-import", "--quiet", "--force", "--date-format=now"); err != nil {
		return "", err
	}
	return TryGit(r.Dir, nil, "rev-parse", "refs/heads/"+c.Branch)
}

// Read returns a file at a commit or branch.
func (r *Repo) Read(rev, path string) string {
	r.t.Helper()
	cmd := exec.Command("git", "show", rev+":"+path)
	cmd.Dir, cmd.Env = r.Dir, Environment()
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git show %s:%s: %v", rev, path, err)
	}
	return string(out)
}

// Hook installs a shell script as a hook, pre-receive for example; an empty one takes the hook away.
func (r *Repo) Hook(name, script string) {
	r.t.Helper()
	path := filepath.Join(r.Dir, "hooks", name)
	if script == "" {
		if err := os.Remove(path); err != nil {
			r.t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// Check fails the test when the repository is broken.
func (r *Repo) Check() {
	r.t.Helper()
	r.Git("fsck", "--strict", "--full", "--no-dangling")
}
