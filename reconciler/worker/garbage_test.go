package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/reconciler/worker"
	"github.com/plateform/plateform/test/gitserver"
)

// digest is that of image n.
func digest(n int) string { return fmt.Sprintf("sha256:%064x", n) }

// tidied is an image store that tells what was named.
type tidied struct {
	named chan []string
	err   error
}

// Sweep implements worker.ImageStore.
func (s *tidied) Sweep(_ context.Context, named map[string]bool) error {
	s.named <- slices.Sorted(maps.Keys(named))
	return s.err
}

// logged is a log that several goroutines write and read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// counted is a store that counts the files that are read.
type counted struct {
	*gitstore.Store
	files atomic.Int64
}

// Blob implements reconciler.BlobReader.
func (c *counted) Blob(hash string) ([]byte, error) {
	c.files.Add(1)
	return c.Store.Blob(hash)
}

// tidying is the worker with two real repositories.
type tidying struct {
	*worker.Garbage
	config, gitops           *gitserver.Repo
	configStore, gitopsStore *counted
	store                    *tidied
	log                      *logged
}

func newTidying(t *testing.T) *tidying {
	t.Helper()
	server := gitserver.New(t)
	w := &tidying{config: server.Create(t, "config"), gitops: server.Create(t, "gitops"), store: &tidied{named: make(chan []string, 1)}, log: &logged{}}
	open := func(r *gitserver.Repo) *counted {
		s, err := gitstore.Open(gitstore.Options{URL: r.URL, Branch: "main", Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return &counted{Store: s}
	}
	w.configStore, w.gitopsStore = open(w.config), open(w.gitops)
	common := worker.Common{Queue: worker.Keyed, Clock: time.Now, Jitter: worker.RandomJitter, Notify: func() {}}
	w.Garbage = worker.NewGarbage(w.store, w.configStore, w.gitopsStore, slog.New(slog.NewTextHandler(w.log, nil)), common)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the worker ended with %v", err)
		}
	})
	return w
}

// used are the heads of both repositories.
func (w *tidying) used(t *testing.T, digests ...string) worker.InUse {
	t.Helper()
	u := worker.InUse{Digests: digests}
	for _, r := range []struct {
		store *counted
		head  *string
	}{{w.configStore, &u.Config}, {w.gitopsStore, &u.GitOps}} {
		head, err := r.store.Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		*r.head = head
	}
	return u
}

// names waits for what is named.
func (w *tidying) names(t *testing.T) []string {
	t.Helper()
	select {
	case named := <-w.store.named:
		return named
	case <-time.After(time.Minute):
		t.Fatalf("nothing is tidied: %s", w.log)
		return nil
	}
}

func release(n int) string { return "spec:\n  images: [{digest: " + digest(n) + "}]\n" }

// What release files and GitOps name is in use, what is told besides, and what a rollback took back; nothing else is.
func TestWhichImagesAreInUse(t *testing.T) {
	w := newTidying(t)
	const shop = "workspaces/ws-1/projects/shop/"
	w.config.Commit(gitserver.Change{Message: "Releases", Files: map[string]string{
		shop + "project.yaml":         "spec: {image: 'r.test/x@" + digest(1) + "'}\n",
		shop + "releases/v1.0.0.yaml": release(2), shop + "releases/v1.0.1.yaml": release(3), shop + "releases/v1.0.2.yaml": "[" + release(4),
		"README.yaml": digest(90), shop + "notes.txt": digest(91),
	}})
	reverted := w.config.Commit(gitserver.Change{Message: "Take one back", Remove: []string{shop + "releases/v1.0.1.yaml"}})
	w.gitops.Commit(gitserver.Change{Message: "Values", Files: map[string]string{
		"workspaces/ws-1/shop/values.yaml": "image: {digest: " + digest(5) + "}\n",
		"workspaces/ws-1/shop/run.yaml": "apiVersion: plateform.dev/v1\nkind: Run\nmetadata: {name: shop}\nspec:\n  holds:\n" +
			"    - {part: source, key: k, reason: rollback, release: v1.0.1, commit: " + reverted + "}\n    - {part: platform, key: k, reason: failed}\n",
	}})
	for round := range 2 { // the second time most is known
		w.Want(w.used(t, digest(6)))
		want := []string{digest(1), digest(2), digest(3), digest(4), digest(5), digest(6)}
		if diff := cmp.Diff(want, w.names(t)); diff != "" {
			t.Errorf("round %d (-want +got):\n%s", round, diff)
		}
		if got := w.configStore.files.Load() + w.gitopsStore.files.Load(); got != 5 {
			t.Errorf("round %d: %d files were read by now, want 5, each once", round, got)
		}
	}
	w.config.Commit(gitserver.Change{Message: "Forget one", Remove: []string{shop + "releases/v1.0.0.yaml"}})
	w.Want(w.used(t))
	if got := w.names(t); slices.Contains(got, digest(2)) || slices.Contains(got, digest(6)) || !slices.Contains(got, digest(3)) {
		t.Errorf("got %v", got)
	}
}

// Nothing is tidied when it is not known what is in use, nor after a failure before somebody says it anew.
func TestNothingIsTidiedWithoutKnowing(t *testing.T) {
	w := newTidying(t)
	first := w.config.Commit(gitserver.Change{Message: "1", Files: map[string]string{"workspaces/ws-1/projects/shop/releases/v1.0.0.yaml": release(1)}})
	gone := strings.Repeat("5a", 20)
	w.gitops.Commit(gitserver.Change{Message: "1", Files: map[string]string{"workspaces/ws-1/shop/run.yaml": "apiVersion: plateform.dev/v1\nkind: Run\nmetadata: {name: shop}\nspec:\n  holds:\n" +
		"    - {part: source, key: k, reason: rollback, release: v1.0.1, commit: " + gone + "}\n"}})
	used := w.used(t)
	for _, unknown := range []worker.InUse{used, {Config: gone}, {Config: first, GitOps: gone}} {
		w.log.reset()
		w.Want(unknown)
		deadline := time.After(time.Minute)
		for !strings.Contains(w.log.String(), "not removed now") {
			select {
			case named := <-w.store.named:
				t.Fatalf("%+v: tidied with %v named", unknown, named)
			case <-deadline:
				t.Fatalf("%+v: nothing is told", unknown)
			case <-time.After(time.Millisecond):
			}
		}
	}
	w.store.err = errors.New("the disk is gone")
	w.Want(worker.InUse{Config: first})
	if got := w.names(t); !slices.Equal(got, []string{digest(1)}) {
		t.Errorf("got %v", got)
	}
}
