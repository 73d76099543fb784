package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/test/gitserver"
)

func openRemote(t *testing.T, o RemoteOptions) *Remote {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	r := NewRemote(o)
	t.Cleanup(func() {
		r.Close()
		if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	return r
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	for _, tr := range transports() {
		for _, modern := range []bool{false, true} {
			t.Run(fmt.Sprint(tr.name, modern), func(t *testing.T) {
				t.Parallel()
				r, o := tr.make(t)
				r.Git("config", "uploadpack.allowReachableSHA1InWant", fmt.Sprint(modern))
				old := r.Commit(gitserver.Change{Message: "1",
					Files: map[string]string{"a/run.sh": "#!/bin/sh\n", "empty": "", "a/b/c": "1", "link": "a/b/c", "a/up": "../empty", "dangling": "no/where",
						"module": strings.Repeat("1", 40)},
					Modes: map[string]string{"a/run.sh": "100755", "link": "120000", "a/up": "120000", "dangling": "120000", "module": "160000"}})
				tip := r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"a/b/c": "2"}})
				remote := openRemote(t, RemoteOptions{Access: o.Access})
				for commit, content := range map[string]string{old: "1", tip: "2"} {
					dir := filepath.Join(t.TempDir(), "made", "by", "us")
					if err := remote.Checkout(t.Context(), o.URL, commit, dir); err != nil {
						t.Fatal(err)
					}
					want := []string{"a/", "a/b/", "a/b/c " + content, "a/run.sh #!/bin/sh\n x", "a/up -> ../empty", "dangling -> no/where", "empty ", "link -> a/b/c", "module/"}
					if d := cmp.Diff(want, treeOf(t, dir)); d != "" {
						t.Error(d)
					}
					if err := remote.Checkout(t.Context(), o.URL, commit, dir); err == nil {
						t.Error("a folder with files in it was written to")
					}
				}
				gone := strings.Repeat("2", 40)
				if err := remote.Checkout(t.Context(), o.URL, gone, t.TempDir()); err == nil {
					t.Error("a commit that is not there was checked out")
				}
			})
		}
	}
}

func TestSSHTrustsOnlyWhatItKnows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gitserver.CreateBare(t, filepath.Join(dir, "a.git")).Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	right, other := gitserver.NewSSH(t, dir), gitserver.NewSSH(t, dir)
	for name, how := range map[string]SSH{
		"a host that is not known": {KeyFile: right.KeyFile, KnownHostsFile: other.KnownHostsFile},
		"a key that is not known":  {KeyFile: other.KeyFile, KnownHostsFile: right.KnownHostsFile},
		"no key":                   {KeyFile: filepath.Join(dir, "none"), KnownHostsFile: right.KnownHostsFile},
		"no known hosts":           {KeyFile: right.KeyFile, KnownHostsFile: filepath.Join(dir, "none")},
	} {
		if _, err := openStore(t, Options{URL: right.URL("a"), Access: Access{SSH: how}}).Fetch(t.Context()); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
	missing := openStore(t, Options{URL: right.URL("b"), Access: Access{SSH: SSH{KeyFile: right.KeyFile, KnownHostsFile: right.KnownHostsFile}}})
	if _, err := missing.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "does not appear to be a git repository") {
		t.Errorf("a repository that is not there: %v", err)
	}
}

// treeOf returns what is in a folder in one line each.
func treeOf(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			out = append(out, rel+"/")
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			out = append(out, rel+" -> "+target)
		default:
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line := rel + " " + string(data)
			if info.Mode()&0o100 != 0 {
				line += " x"
			}
			out = append(out, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCheckoutWritesSymlinksAsTheyAre(t *testing.T) {
	t.Parallel()
	cases := map[string]map[string]string{
		"absolute":                   {"l": "/etc/passwd"},
		"upward":                     {"l": "../secret"},
		"upward from deep":           {"a/b/l": "../../../secret"},
		"by way of another":          {"a/b/c/up": "../../..", "l": "a/b/c/up/../.."},
		"to nothing yet":             {"l": "not/there/../../../x"},
		"to nothing":                 {"l": "nowhere"},
		"a circle":                   {"a": "b", "b": "a"},
		"itself":                     {"l": "l"},
		"through a file":             {"l": "file/x"},
		"through another":            {"a": "..", "b": "a/secret"},
		"a folder, and a file in it": {"a": "/etc", "b": "a/passwd"},
	}
	for name, links := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := gitserver.CreateBare(t, t.TempDir())
			modes, files := map[string]string{}, map[string]string{"file": "x"}
			for l, target := range links {
				modes[l], files[l] = "120000", target
			}
			c := r.Commit(gitserver.Change{Message: "1", Files: files, Modes: modes})
			above := t.TempDir()
			if err := os.WriteFile(filepath.Join(above, "secret"), []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(above, "out")
			if err := openRemote(t, RemoteOptions{}).Checkout(t.Context(), r.Dir, c, dir); err != nil {
				t.Fatal(err)
			}
			for l, target := range links {
				if got, err := os.Readlink(filepath.Join(dir, l)); err != nil || got != target {
					t.Errorf("%s leads to %q, want %q (%v)", l, got, target, err)
				}
			}
			if text, err := os.ReadFile(filepath.Join(above, "secret")); err != nil || string(text) != "before" {
				t.Errorf("outside: %q, %v", text, err)
			}
		})
	}
}

// A link whose target no link can have leads nowhere, so it is left out.
func TestCheckoutOfImpossibleLinks(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	files := map[string]string{"file": "x", "empty": "", "nul": "a\x00b", "long": strings.Repeat("long/", 2000)}
	c := r.Commit(gitserver.Change{Message: "1", Files: files, Modes: map[string]string{"empty": "120000", "nul": "120000", "long": "120000"}})
	dir := filepath.Join(t.TempDir(), "out")
	if err := openRemote(t, RemoteOptions{}).Checkout(t.Context(), r.Dir, c, dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "file" {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestCheckoutLimits(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "big")
	c := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"big": strings.Repeat("0123456789", 100_000)}})
	for _, limit := range []int64{100, 500_000} { // too much to receive; too much to write
		err := openRemote(t, RemoteOptions{MaxBytes: limit}).Checkout(t.Context(), r.URL, c, filepath.Join(t.TempDir(), "out"))
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("with a limit of %d: %v", limit, err)
		}
	}
	srv.Inject("big", gitserver.Fault{Op: gitserver.FetchPack, Hang: true})
	slow := openRemote(t, RemoteOptions{Access: Access{TransferTimeout: 250 * time.Millisecond}})
	if err := slow.Checkout(t.Context(), r.URL, c, filepath.Join(t.TempDir(), "out")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that never answers: %v", err)
	}
	for _, url := range []string{"ext::sh -c id", "git://127.0.0.1/x", ""} {
		if err := slow.Checkout(t.Context(), url, c, filepath.Join(t.TempDir(), "out")); err == nil {
			t.Errorf("%q was checked out", url)
		}
	}
}
