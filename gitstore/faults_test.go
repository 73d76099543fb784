package gitstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/gitstore/transport"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// served returns a repository behind HTTP with one commit, and a Store that has seen it.
func served(t *testing.T, o Options) (*gitserver.Server, *gitserver.Repo, *Store, string) {
	t.Helper()
	srv := gitserver.New(t)
	r := srv.Create(t, "config")
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	o.URL = r.URL
	s := openStore(t, o)
	return srv, r, s, fetch(t, s)
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	edit := setFiles("ours", map[string]string{"b": "1"})
	t.Run("it landed", func(t *testing.T) {
		srv, r, s, base := served(t, Options{})
		srv.Inject("config", gitserver.Fault{Op: gitserver.PushPack, Times: 1, DropAnswer: true})
		if h := push(t, s, base, edit); r.Head("main") != h[0] {
			t.Fatal("the branch is elsewhere")
		}
		if got := r.Git("rev-list", "--count", "main"); got != "2" {
			t.Fatalf("%s commits", got)
		}
	})
	t.Run("it landed and somebody pushed on top", func(t *testing.T) {
		srv, r, s, base := served(t, Options{})
		srv.Inject("config", gitserver.Fault{Op: gitserver.PushPack, Times: 1, DropAnswer: true, After: func() {
			for i := range 3 {
				if _, err := r.TryCommit(gitserver.Change{Message: "on top", Files: map[string]string{"c": fmt.Sprint(i)}}); err != nil {
					t.Error(err)
				}
			}
		}})
		h := push(t, s, base, edit)
		if got := r.Git("rev-parse", "main~3"); got != h[0] {
			t.Fatalf("ours is not below theirs: %s", got)
		}
	})
	t.Run("it did not land", func(t *testing.T) {
		srv, r, s, base := served(t, Options{})
		srv.Inject("config", gitserver.Fault{Op: gitserver.PushPack, Times: 1, Status: 500})
		_, err := s.Push(t.Context(), base, []manifest.Edit{edit})
		if err == nil || errors.Is(err, manifest.ErrMoved) {
			t.Fatalf("got %v", err)
		}
		if r.Head("main") != base {
			t.Fatal("the branch has moved")
		}
		push(t, s, base, edit)
	})
	t.Run("it did not land and somebody else's did", func(t *testing.T) {
		srv, r, s, base := served(t, Options{})
		srv.Inject("config", gitserver.Fault{Op: gitserver.PushPack, Times: 1, Before: func() {
			if _, err := r.TryCommit(gitserver.Change{Message: "theirs", Files: map[string]string{"c": "1"}}); err != nil {
				t.Error(err)
			}
		}})
		if _, err := s.Push(t.Context(), base, []manifest.Edit{edit}); !errors.Is(err, manifest.ErrMoved) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("the server is gone", func(t *testing.T) {
		srv, _, s, base := served(t, Options{})
		srv.Inject("config", gitserver.Fault{Op: gitserver.PushPack, DropAnswer: true})
		srv.Inject("config", gitserver.Fault{Op: gitserver.FetchRefs, Status: 503})
		if _, err := s.Push(t.Context(), base, []manifest.Edit{edit}); err == nil || errors.Is(err, manifest.ErrMoved) {
			t.Fatalf("got %v", err)
		}
		srv.Heal("config")
		// The next look shows that it had landed.
		if head := fetch(t, s); head == base {
			t.Fatal("it never landed")
		}
	})
}

func saysSilence(err error) bool {
	said := err.Error()
	return strings.Contains(said, "no answer in 250ms") && !strings.Contains(said, "deadline") && !strings.Contains(said, "EOF")
}

func TestHangingServer(t *testing.T) {
	t.Parallel()
	const patience = 250 * time.Millisecond
	impatient := func(s *Store, call, transfer time.Duration) {
		s.options.CallTimeout, s.options.TransferTimeout = call, transfer
		s.dialer.Close()
		s.dialer = transport.New(s.options.Access)
	}
	for _, op := range []gitserver.Op{gitserver.FetchRefs, gitserver.FetchPack} {
		t.Run(string(op), func(t *testing.T) {
			srv, r, s, _ := served(t, Options{})
			srv.Inject("config", gitserver.Fault{Op: op, Hang: true})
			impatient(s, patience, patience)
			head := r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"a": "2"}})
			if _, err := s.Fetch(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("fetching: %v", err)
			}
			srv.Heal("config")
			impatient(s, time.Minute, time.Minute)
			if got := fetch(t, s); got != head {
				t.Fatalf("%s after it came back", got)
			}
		})
	}
	t.Run("stalled in the middle", func(t *testing.T) {
		srv, r, s, _ := served(t, Options{})
		srv.Inject("config", gitserver.Fault{Op: gitserver.FetchPack, Hang: true, Cut: 60})
		s.options.StallTimeout = patience
		impatient(s, time.Minute, time.Minute)
		r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"a": "2"}})
		if _, err := s.Fetch(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("fetching: %v", err)
		}
	})
	for _, op := range []gitserver.Op{gitserver.PushRefs, gitserver.PushPack} {
		t.Run(string(op), func(t *testing.T) {
			srv, _, s, base := served(t, Options{})
			srv.Inject("config", gitserver.Fault{Op: op, Hang: true})
			impatient(s, patience, time.Minute)
			_, err := s.Push(t.Context(), base, []manifest.Edit{setFiles("ours", nil)})
			if !errors.Is(err, context.DeadlineExceeded) || !saysSilence(err) {
				t.Fatalf("pushing: %v", err)
			}
		})
	}
	t.Run("hook on this machine", func(t *testing.T) {
		r := gitserver.CreateBare(t, t.TempDir())
		base := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
		r.Hook("pre-receive", "sleep 600")
		s := openStore(t, Options{URL: r.Dir})
		fetch(t, s)
		impatient(s, patience, time.Minute)
		if _, err := s.Push(t.Context(), base, []manifest.Edit{setFiles("ours", nil)}); !errors.Is(err, context.DeadlineExceeded) || !saysSilence(err) {
			t.Fatalf("pushing: %v", err)
		}
	})
	t.Run("ssh", func(t *testing.T) {
		dir := t.TempDir()
		gitserver.CreateBare(t, dir+"/config.git")
		srv := gitserver.NewSSH(t, dir)
		srv.Silence()
		how := SSH{KeyFile: srv.KeyFile, KnownHostsFile: srv.KnownHostsFile}
		s := openStore(t, Options{URL: srv.URL("config"), Access: Access{SSH: how, CallTimeout: patience}})
		if _, err := s.Fetch(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("fetching: %v", err)
		}
	})
	t.Run("the caller gives up", func(t *testing.T) {
		srv, _, s, _ := served(t, Options{})
		srv.Inject("config", gitserver.Fault{Op: gitserver.FetchRefs, Hang: true})
		ctx, cancel := context.WithCancel(t.Context())
		var gone sync.WaitGroup
		gone.Go(func() {
			if _, err := s.Fetch(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("fetching: %v", err)
			}
		})
		eventually(t, "the call is under way", func() bool { return srv.Count("config", gitserver.FetchRefs) == 2 })
		cancel()
		gone.Wait()
	})
}

// A push to a repository on this machine that is given up while git has the ref locked leaves no lock behind: the next
// one gets through.
func TestAPushThatIsGivenUpLeavesNoLock(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	base := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	s := openStore(t, Options{URL: r.Dir})
	fetch(t, s)
	r.Hook("reference-transaction", `[ "$1" = prepared ] || exit 0
touch locked
sleep 600`)
	ctx, giveUp := context.WithCancel(t.Context())
	var gone sync.WaitGroup
	gone.Go(func() {
		if _, err := s.Push(ctx, base, []manifest.Edit{setFiles("ours", nil)}); !errors.Is(err, context.Canceled) {
			t.Errorf("pushing: %v", err)
		}
	})
	there := func(file string) bool {
		_, err := os.Stat(filepath.Join(r.Dir, file))
		return err == nil
	}
	eventually(t, "the ref is locked", func() bool { return there("locked") && there("refs/heads/main.lock") })
	giveUp()
	gone.Wait()
	r.Hook("reference-transaction", "")
	eventually(t, "the lock is gone", func() bool { return !there("refs/heads/main.lock") })
	push(t, s, base, setFiles("ours again", nil))
}

func TestBrokenPacks(t *testing.T) {
	t.Parallel()
	for _, cut := range []int{1, 40, 200} {
		srv, r, s, base := served(t, Options{})
		head := r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"a": strings.Repeat("some text\n", 50)}})
		srv.Inject("config", gitserver.Fault{Op: gitserver.FetchPack, Times: 1, Cut: cut})
		if _, err := s.Fetch(t.Context()); err == nil {
			t.Fatalf("an answer cut after %d bytes is no error", cut)
		}
		if _, err := s.Read(base, "a"); err != nil {
			t.Fatal(err)
		}
		if got := fetch(t, s); got != head {
			t.Fatalf("%s after it came back", got)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "private")
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	srv.RequireLogin("private", "x-access-token", "right")
	asked, password := 0, "wrong"
	s := openStore(t, Options{URL: r.URL, Access: Access{Credentials: func(_ context.Context, url string) (Credential, error) {
		if url != r.URL {
			t.Errorf("asked for %s", url)
		}
		asked++
		return Credential{Username: "x-access-token", Password: password}, nil
	}}})
	_, err := s.Fetch(t.Context())
	if err == nil || strings.Contains(err.Error(), "wrong") {
		t.Fatalf("a wrong password: %v", err)
	}
	password = "right"
	base := fetch(t, s)
	push(t, s, base, setFiles("ours", map[string]string{"b": "1"}))
	if asked != 3 {
		t.Errorf("asked %d times for 3 operations", asked)
	}
	c := Credential{Username: "u", Password: "p"}
	if got := fmt.Sprintf("%v %+v %#v", c, c, c); got != "*** *** ***" {
		t.Errorf("a credential prints as %s", got)
	}
	if _, err := openStore(t, Options{URL: r.URL}).Fetch(t.Context()); err == nil {
		t.Fatal("no password is needed")
	}
	if _, err := openStore(t, Options{URL: srv.URL() + "/missing.git"}).Fetch(t.Context()); err == nil {
		t.Fatal("a repository that is not there can be fetched")
	}
}

func TestPushTakesOneRequest(t *testing.T) {
	t.Parallel()
	srv, r, s, head := served(t, Options{})
	for i := range 3 {
		head = push(t, s, head, setFiles("ours", map[string]string{"b": fmt.Sprint(i)}))[0]
	}
	if lists, packs := srv.Count("config", gitserver.PushRefs), srv.Count("config", gitserver.PushPack); lists != 1 || packs != 3 {
		t.Errorf("%d listings and %d packs for 3 pushes", lists, packs)
	}
	if got := fetch(t, s); got != head || srv.Count("config", gitserver.FetchPack) != 1 {
		t.Errorf("what was pushed is fetched again: %v", srv.Counts())
	}
	theirs := r.Commit(gitserver.Change{Message: "theirs", Files: map[string]string{"c": "1"}})
	if _, err := s.Push(t.Context(), head, []manifest.Edit{setFiles("ours", nil)}); !errors.Is(err, manifest.ErrMoved) {
		t.Errorf("got %v", err)
	}
	if r.Head("main") != theirs {
		t.Error("theirs is gone")
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	_, r, _, base := served(t, Options{})
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, strings.TrimSuffix(r.URL, "/config.git")+strings.Replace(q.URL.String(), "/old.git", "/config.git", 1), http.StatusMovedPermanently)
	}))
	defer moved.Close()
	s := openStore(t, Options{URL: moved.URL + "/old.git"})
	if got := fetch(t, s); got != base {
		t.Fatal(got)
	}
	for i := range 3 {
		base = push(t, s, base, setFiles("ours", map[string]string{"b": fmt.Sprint(i)}))[0]
	}
	if r.Head("main") != base {
		t.Fatal(r.Head("main"))
	}
}

// addOne adds one file and one line of a note, against all other writers.
func addOne(ctx context.Context, url, name string) error {
	s, err := Open(Options{URL: url})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	for {
		head, err := s.Fetch(ctx)
		if err != nil {
			return err
		}
		_, err = s.Push(ctx, head, []manifest.Edit{setFiles(name, map[string]string{"files/" + name: name})})
		if err == nil {
			break
		}
		// Whoever holds the lock of the branch may make the server refuse another one; the next look shows it moved.
		var refused *RefusedError
		if !errors.Is(err, manifest.ErrMoved) && !errors.As(err, &refused) {
			return err
		}
	}
	n, err := OpenNotes(NotesOptions{Options: Options{URL: url}, Author: author(), Now: when})
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }()
	return n.Update(ctx, []string{notedCommit}, func(_ string, note []byte) []byte {
		return append(note, (name + "\n")...)
	})
}

// notedCommit gets a line from each racing writer. No such commit has to be there.
const notedCommit = "00112233445566778899aabbccddeeff00112233"

func TestRacingWriters(t *testing.T) {
	t.Parallel()
	r := gitserver.New(t).Create(t, "config")
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	const processes, goroutines, each = 2, 3, 4
	for i := range processes {
		cmd := exec.CommandContext(ctx, os.Args[0], fmt.Sprint("process", i))
		cmd.Env = append(os.Environ(), writerURL+"="+r.URL)
		all.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	for i := range goroutines {
		all.Go(func() {
			for j := range each {
				if err := addOne(ctx, r.URL, fmt.Sprintf("goroutine%d-%d", i, j)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	const want = (processes + goroutines) * each
	if got := strings.Fields(r.Git("ls-tree", "-r", "--name-only", "main", "files/")); len(got) != want {
		t.Errorf("%d files of %d", len(got), want)
	}
	if got := r.Git("rev-list", "--count", "main"); got != fmt.Sprint(want+1) {
		t.Errorf("%s commits of %d", got, want+1)
	}
	note := strings.Fields(r.Read(NotesRef, notedCommit[:2]+"/"+notedCommit[2:]))
	if len(note) != want {
		t.Errorf("%d lines of %d: %q", len(note), want, note)
	}
	r.Check()
}
