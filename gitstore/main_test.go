package gitstore

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// writerURL makes the test binary a writer of the repository at this URL instead of running tests.
const writerURL = "GITSTORE_TEST_WRITER_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(writerURL); url != "" {
		os.Exit(writerProcess(url, os.Args[len(os.Args)-1]))
	}
	goleak.VerifyTestMain(m)
}

// writerProcess adds a few commits and notes, whoever else does.
func writerProcess(url, name string) int {
	for i := range 4 {
		if err := addOne(context.Background(), url, fmt.Sprintf("%s-%d", name, i)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

// when is the time of all commits made in tests.
func when() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func author() manifest.Signature {
	return manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com", When: when()}
}

// setFiles is an edit that sets files.
func setFiles(message string, files map[string]string) manifest.Edit {
	e := manifest.Edit{Message: message, Author: author(), Files: map[string][]byte{}}
	for p, content := range files {
		e.Files[p] = []byte(content)
	}
	return e
}

// openStore opens a Store that is closed with the test.
func openStore(t *testing.T, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func fetch(t *testing.T, s *Store) string {
	t.Helper()
	head, err := s.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func push(t *testing.T, s *Store, base string, edits ...manifest.Edit) []string {
	t.Helper()
	hashes, err := s.Push(t.Context(), base, edits)
	if err != nil {
		t.Fatal(err)
	}
	if len(hashes) != len(edits) {
		t.Fatalf("%d commits of %d edits", len(hashes), len(edits))
	}
	return hashes
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// transports are the ways to reach a repository, each with a fresh empty one.
func transports() []struct {
	name string
	make func(t *testing.T) (*gitserver.Repo, Options)
} {
	return []struct {
		name string
		make func(t *testing.T) (*gitserver.Repo, Options)
	}{
		{"http", func(t *testing.T) (*gitserver.Repo, Options) {
			r := gitserver.New(t).Create(t, "config")
			return r, Options{URL: r.URL}
		}},
		{"http of a demanding server", func(t *testing.T) (*gitserver.Repo, Options) {
			s := gitserver.New(t)
			r := s.Create(t, "config")
			s.Behave("config", gitserver.Kind{MultiAck: true, Length: true, Gzip: true, ContentType: "application/octet-stream"})
			return r, Options{URL: r.URL}
		}},
		{"http of a simple server", func(t *testing.T) (*gitserver.Repo, Options) {
			s := gitserver.New(t)
			r := s.Create(t, "config")
			s.Behave("config", gitserver.Kind{Without: []string{"multi_ack", "multi_ack_detailed", "ofs-delta", "side-band",
				"thin-pack", "shallow", "filter", "no-progress", "agent", "quiet", "no-done"}})
			return r, Options{URL: r.URL}
		}},
		{"http that has moved", func(t *testing.T) (*gitserver.Repo, Options) {
			s := gitserver.New(t)
			r := s.Create(t, "config")
			s.Create(t, "old")
			s.Behave("old", gitserver.Kind{MovedTo: r.URL})
			return r, Options{URL: s.URL() + "/old.git"}
		}},
		{"path", func(t *testing.T) (*gitserver.Repo, Options) {
			r := gitserver.CreateBare(t, t.TempDir())
			return r, Options{URL: r.Dir}
		}},
		{"file", func(t *testing.T) (*gitserver.Repo, Options) {
			r := gitserver.CreateBare(t, t.TempDir())
			return r, Options{URL: "file://" + r.Dir}
		}},
		{"ssh", func(t *testing.T) (*gitserver.Repo, Options) {
			dir := t.TempDir()
			r := gitserver.CreateBare(t, dir+"/config.git")
			s := gitserver.NewSSH(t, dir)
			return r, Options{URL: s.URL("config"), Access: Access{SSH: SSH{KeyFile: s.KeyFile, KnownHostsFile: s.KnownHostsFile}}}
		}},
	}
}
