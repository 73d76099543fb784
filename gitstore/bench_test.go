package gitstore

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// projectsRepo makes a repository of n projects, ten to a workspace, with some releases each.
func projectsRepo(b *testing.B, srv *gitserver.Server, name string, n, releases int) *gitserver.Repo {
	b.Helper()
	r := srv.Create(b, name)
	var s bytes.Buffer
	s.WriteString("commit refs/heads/main\ncommitter A <a@b> 1795348800 +0000\ndata 0\n")
	file := func(p, content string) {
		fmt.Fprintf(&s, "M 100644 inline %s\ndata %d\n%s\n", p, len(content), content)
	}
	for i := range n {
		k := manifest.Key{Workspace: fmt.Sprintf("ws-%04d", i/10), Project: fmt.Sprintf("p-%05d", i)}
		file(manifest.ProjectFile(k), fmt.Sprintf("kind: Project\nmetadata: {name: %s}\nspec: {type: monolithic, port: %d}\n", k.Project, i))
		for v := range releases {
			name := manifest.ReleaseFile(k, manifest.Version{Major: 1, Patch: v})
			file(name, releaseText(i, v))
		}
	}
	gitserver.Git(b, r.Dir, s.Bytes(), "fast-import", "--quiet")
	r.Git("repack", "-adq")
	return r
}

// releaseText is about as long, and as much alike, as release files are.
func releaseText(project, release int) string {
	var s bytes.Buffer
	for i := range 40 {
		h := pack.Hash(1, fmt.Append(nil, project, i))
		fmt.Fprintf(&s, "    - {name: VARIABLE_%d, value: %s}\n", i, h)
	}
	fmt.Fprintf(&s, "digest: %s\n", pack.Hash(1, fmt.Append(nil, project, release, "digest")))
	return s.String()
}

// BenchmarkFollowAndPush is a commit of somebody else to fetch and a commit of ours to push.
func BenchmarkFollowAndPush(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			srv := gitserver.New(b)
			r := projectsRepo(b, srv, "config", n, 1)
			edit := func(i int) manifest.Edit {
				k := manifest.Key{Workspace: fmt.Sprintf("ws-%04d", i*7%n/10), Project: fmt.Sprintf("p-%05d", i*7%n)}
				return manifest.Edit{Message: "Release\n", Author: author(), Files: map[string][]byte{manifest.ProjectFile(k): fmt.Append(nil, "new ", i)}}
			}
			theirs := func(b *testing.B, i int) {
				e := edit(i * 3)
				files := map[string]string{}
				for p := range e.Files {
					files[p] = fmt.Sprint("theirs ", i, time.Now())
				}
				if _, err := r.TryCommit(gitserver.Change{Message: "theirs", Files: files}); err != nil {
					b.Fatal(err)
				}
			}
			b.Run("ours", func(b *testing.B) { benchOurs(b, r.URL, edit, theirs) })
			b.Run("git", func(b *testing.B) { benchGit(b, r.URL, edit, theirs) })
		})
	}
}

func benchOurs(b *testing.B, url string, edit func(int) manifest.Edit, theirs func(*testing.B, int)) {
	s, err := Open(Options{URL: url, Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Fetch(b.Context()); err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		b.StopTimer()
		i++
		theirs(b, i)
		b.StartTimer()
		head, err := s.Fetch(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Push(b.Context(), head, []manifest.Edit{edit(i)}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchGit(b *testing.B, url string, edit func(int) manifest.Edit, theirs func(*testing.B, int)) {
	dir := filepath.Join(b.TempDir(), "clone")
	gitserver.Git(b, b.TempDir(), nil, "clone", "-q", url, dir)
	i := 0
	for b.Loop() {
		b.StopTimer()
		i++
		theirs(b, i)
		// Making the work tree follow is left out of the time.
		gitserver.Git(b, dir, nil, "pull", "-q", "--rebase")
		theirs(b, i)
		e := edit(i)
		b.StartTimer()
		gitserver.Git(b, dir, nil, "fetch", "-q")
		b.StopTimer()
		gitserver.Git(b, dir, nil, "reset", "-q", "--hard", "origin/main")
		for p, content := range e.Files {
			if err := os.WriteFile(filepath.Join(dir, p), append(content, fmt.Sprint(time.Now())...), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		gitserver.Git(b, dir, nil, "commit", "-q", "-a", "-m", e.Message)
		gitserver.Git(b, dir, nil, "push", "-q")
	}
}

// BenchmarkOpen brings in projects with ten releases each, and reads the newest of all of them.
func BenchmarkOpen(b *testing.B) {
	const n = 1000
	srv := gitserver.New(b)
	r := projectsRepo(b, srv, "config", n, 10)
	for b.Loop() {
		s, err := Open(Options{URL: r.URL, Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		head, err := s.Fetch(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for i := range n {
			k := manifest.Key{Workspace: fmt.Sprintf("ws-%04d", i/10), Project: fmt.Sprintf("p-%05d", i)}
			entries, err := s.List(head, manifest.ReleasesDir(k))
			if err != nil || len(entries) != 10 {
				b.Fatal(len(entries), err)
			}
			if _, err := s.Read(head, manifest.ReleasesDir(k)+"/"+entries[9].Name); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
