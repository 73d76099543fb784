package localbuild_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// held is a Checkout that says that it was entered, and waits for its end or for permission to go on.
type held struct {
	entered chan string
	proceed chan struct{}
}

func newHeld() *held { return &held{entered: make(chan string, 10), proceed: make(chan struct{})} }

func (h *held) checkout(ctx context.Context, repository, commit, dir string) error {
	h.entered <- repository
	select {
	case <-h.proceed:
		return checkout(ctx, repository, commit, dir)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func holding(h *held, parallel int) func(*localbuild.Options) {
	return func(o *localbuild.Options) { o.Checkout, o.Parallel = h.checkout, parallel }
}

func TestCancel(t *testing.T) {
	h := newHeld()
	b := newBench(t, holding(h, 1))
	running, queued := b.request(t, "running", hello), b.request(t, "queued", hello)
	b.start(t, running)
	b.until(t, "running", building)
	b.start(t, queued)
	for _, id := range []string{"queued", "running"} {
		if err := b.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		status := b.until(t, id, done)
		if status.Failure == nil || !status.Failure.Canceled {
			t.Errorf("%s: got %+v, want a canceled build", id, status)
		}
		if id == "queued" && len(status.Stages) != 0 {
			t.Errorf("the queued build entered %v", status.Stages)
		}
	}
}

func TestARunningBuildIsFoundWhateverTheAttempt(t *testing.T) {
	h := newHeld()
	b := newBench(t, holding(h, 2))
	r := b.request(t, "one", hello)
	b.start(t, r)
	<-h.entered
	again := r
	again.Attempt = "1111111111111111111111111111111111111111"
	b.start(t, again)
	close(h.proceed)
	b.until(t, "one", done)
	if entered := len(h.entered); entered != 0 {
		t.Errorf("it was begun %d times more", entered)
	}
}

func TestBuildsRunSideBySide(t *testing.T) {
	h := newHeld()
	b := newBench(t, holding(h, 2))
	ids := []string{"one", "two", "three"}
	for _, id := range ids {
		b.start(t, b.request(t, id, hello))
	}
	<-h.entered
	<-h.entered // two are in at once
	if waiting := len(h.entered); waiting != 0 {
		t.Errorf("%d more builds run than there are slots", waiting)
	}
	close(h.proceed)
	for _, id := range ids {
		if status := b.until(t, id, done); status.Image == nil {
			t.Errorf("%s: %+v", id, status.Failure)
		}
	}
}

func TestCloseIsNoFailure(t *testing.T) {
	h := newHeld()
	b := newBench(t, holding(h, 1))
	running, queued := b.request(t, "running", hello), b.request(t, "queued", hello)
	b.start(t, running)
	<-h.entered
	b.start(t, queued)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []reconciler.BuildRequest{running, queued} {
		if status, known := b.status(t, r.ID); known {
			t.Errorf("%s after the end: %+v, want none", r.ID, status)
		}
		if err := b.Start(t.Context(), r); err == nil {
			t.Errorf("%s was started after the end", r.ID)
		}
	}
	o := b.options
	o.Checkout = checkout
	b.Builder = newBuilder(t, o)
	b.good(t, running)
}

func TestTimeout(t *testing.T) {
	h := newHeld()
	b := newBench(t, func(o *localbuild.Options) { o.Checkout, o.Timeout = h.checkout, time.Millisecond })
	failure := b.bad(t, b.request(t, "one", hello))
	if !strings.Contains(failure.Summary, "took too long: it was stopped after 1ms") || failure.Canceled {
		t.Errorf("got %+v", failure)
	}
}

func TestSecondsComeFromTheClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	b := newBench(t, func(o *localbuild.Options) {
		o.Clock = func() time.Time { return now }
		o.Checkout = func(context.Context, string, string, string) error {
			now = now.Add(84 * time.Second)
			return errors.New("no route to host")
		}
	})
	b.start(t, b.request(t, "one", hello))
	if status := b.until(t, "one", done); status.Seconds != 84 {
		t.Errorf("it took %d seconds, want 84", status.Seconds)
	}
}

func TestALargeSourceIsRefused(t *testing.T) {
	b := newBench(t, func(o *localbuild.Options) { o.MaxSource = 1 << 20 })
	failure := b.bad(t, b.request(t, "one", with(hello, "video.mp4", strings.Repeat("x", 2<<20))))
	if !strings.Contains(failure.Summary, "the source is larger than 1 MiB") {
		t.Errorf("summary %q", failure.Summary)
	}
}

func TestTheFolder(t *testing.T) {
	h := newHeld()
	b := newBench(t, holding(h, 1))
	left := filepath.Join(b.options.Dir, "work", "killed", "source")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	b.start(t, b.request(t, "one", hello))
	<-h.entered
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a killed process left behind is still there (%v)", err)
	}
	second := newBuilder(t, b.options)
	if err := second.Start(t.Context(), b.request(t, "two", hello)); err == nil || !strings.Contains(err.Error(), "dataDir") {
		t.Errorf("a second builder in the same folder: %v, want an error that says what to do", err)
	}
	close(h.proceed)
	b.until(t, "one", done)
	if entries, err := os.ReadDir(filepath.Join(b.options.Dir, "work")); err != nil || len(entries) != 0 {
		t.Errorf("after the build there is %v (%v)", entries, err)
	}
}

func TestOldLogsAreRemoved(t *testing.T) {
	b := newBench(t, nil)
	dir := filepath.Join(b.options.Dir, "builds", "ws-1", "shop")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		file := filepath.Join(dir, string(rune('a'+i))+".log")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	b.good(t, b.request(t, "one", hello))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 20 {
		t.Errorf("%d logs are kept, want 20", len(entries))
	}
	if _, err := os.Stat(filepath.Join(dir, "a.log")); !os.IsNotExist(err) {
		t.Errorf("the oldest log is still there (%v)", err)
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	b := newBench(t, nil)
	good := reconciler.BuildRequest{
		ID: "one", Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Repository: "r", Commit: "c", Destination: "d",
	}
	for what, change := range map[string]func(r *reconciler.BuildRequest){
		"no ID":              func(r *reconciler.BuildRequest) { r.ID = "" },
		"a path as ID":       func(r *reconciler.BuildRequest) { r.ID = "../one" },
		"a path as project":  func(r *reconciler.BuildRequest) { r.Key.Project = ".." },
		"a reference":        func(r *reconciler.BuildRequest) { r.Reference = "nginx" },
		"no commit":          func(r *reconciler.BuildRequest) { r.Commit = "" },
		"no destination":     func(r *reconciler.BuildRequest) { r.Destination = "" },
		"no repository":      func(r *reconciler.BuildRequest) { r.Repository = "" },
		"an ID of 200 bytes": func(r *reconciler.BuildRequest) { r.ID = strings.Repeat("x", 200) },
	} {
		r := good
		change(&r)
		if err := b.Start(t.Context(), r); err == nil {
			t.Errorf("%s: started", what)
		}
	}
}

// TestNothingLeaks has the compiler print all that it sees, and a repository with a password in its URL.
func TestNothingLeaks(t *testing.T) {
	t.Setenv("PLATEFORM_TOKEN", "hunter2")
	spy := filepath.Join(t.TempDir(), "go")
	script := "#!/bin/sh\nif [ \"$1\" = env ]; then exec go env -json; fi\nenv\nexit 1\n"
	if err := os.WriteFile(spy, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(o *localbuild.Options) { o.GoCommand = spy })
	r := b.request(t, "one", hello)
	r.Build = &manifest.Build{Env: []manifest.BuildVar{{Name: "GREETING", Value: "hi"}}}
	b.bad(t, r)
	log := b.log(t, "one")
	for _, want := range []string{"GREETING=hi", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOFLAGS="} {
		if !strings.Contains(log, want) {
			t.Errorf("the compiler does not see %s:\n%s", want, log)
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "HOME=" + home + "\n"} {
		if strings.Contains(log, secret) {
			t.Errorf("the compiler sees %s:\n%s", secret, log)
		}
	}

	r = b.request(t, "two", hello)
	r.Repository = "https://robot:hunter2@127.0.0.1:1/shop.git"
	failure := b.bad(t, r)
	if all := failure.Summary + failure.Log + b.log(t, "two"); strings.Contains(all, "hunter2") {
		t.Errorf("the password of the repository shows:\n%s", all)
	}
}

func TestBuildEnvironment(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"GREETING", "hello $(id) ; \"x\"\n", ""},
		{"GOFLAGS", "-toolexec=/bin/sh", "build.env cannot set GOFLAGS"},
		{"CGO_ENABLED", "1", "build.env cannot set CGO_ENABLED"},
		{"GOPROXY", "https://evil.example.com", "build.env cannot set GOPROXY"},
		{"PATH", ".", "build.env cannot set PATH"},
		{"LD_PRELOAD", "x.so", "build.env cannot set LD_PRELOAD"},
		{"A B", "x", "is no name of a variable"},
		{"A", "\x00", "NUL"},
	}
	b := newBench(t, nil)
	r := b.request(t, "", hello)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.ID = string(rune('a' + i))
			r.Build = &manifest.Build{Env: []manifest.BuildVar{{Name: tt.name, Value: tt.value}}}
			b.start(t, r)
			status := b.until(t, r.ID, done)
			switch {
			case tt.want == "" && status.Failure != nil:
				t.Errorf("it failed: %s", status.Failure.Summary)
			case tt.want != "" && (status.Failure == nil || !strings.Contains(status.Failure.Summary, tt.want)):
				t.Errorf("got %+v, want a failure with %q", status.Failure, tt.want)
			}
		})
	}
}
