package localbuild_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// What may be the source's fault is tried a few times and then fails for good; another attempt begins to count anew.
func TestDoubtEnds(t *testing.T) {
	tries := 0
	b := newBench(t, func(o *localbuild.Options) {
		o.Checkout = func(context.Context, string, string, string) error {
			tries++
			return &localbuild.Trouble{What: "a server has no address", Fix: "check its name", Doubtful: tries%2 == 1}
		}
	})
	r := b.request(t, "one", hello)
	failure := b.bad(t, r)
	for failure.Temporary {
		if strings.Contains(failure.Summary, "starts it again") || failure.Log != "" || tries > 100 {
			t.Fatalf("after %d tries it says %+v", tries, failure)
		}
		failure = b.bad(t, r)
	}
	want := "a server has no address (check its name; it was tried 8 times; plateform retry ws-1/shop starts it again)"
	if failure.Summary != want || tries != 15 {
		t.Errorf("after %d tries it says %q, want %q after 15, of which 8 were in doubt", tries, failure.Summary, want)
	}
	if again := b.bad(t, r); again.Temporary || tries != 15 {
		t.Errorf("it began again by itself: %+v", again)
	}
	r.Attempt = "1111111111111111111111111111111111111111"
	if again := b.bad(t, r); !again.Temporary {
		t.Errorf("a retry ended with %+v", again)
	}
}

// A checkout that fails is the source's fault only when it says so.
func TestASourceThatCannotBeFetched(t *testing.T) {
	tests := []struct {
		err       error
		temporary bool
		want      string
	}{
		{errors.New("dial tcp 10.0.0.1:443: connect: connection refused"), true, "cannot be reached"},
		{errors.New("the server says 503 Service Unavailable"), true, "in trouble"},
		{errors.New("authentication failed"), true, "the source cannot be fetched: authentication failed"},
		{errors.New("the repository is not there"), true, "the source cannot be fetched: the repository is not there"},
		{errors.New("write pack: no space left on device"), true, "no room"},
		{&localbuild.Fault{What: "no such commit", Fix: "push it"}, false, "no such commit (push it)"},
	}
	for _, tt := range tests {
		b := newBench(t, func(o *localbuild.Options) {
			o.Checkout = func(context.Context, string, string, string) error { return tt.err }
		})
		failure := b.bad(t, b.request(t, "one", hello))
		if failure.Temporary != tt.temporary || !strings.Contains(failure.Summary, tt.want) || strings.Contains(failure.Summary, "mend the source") {
			t.Errorf("%v is %+v", tt.err, failure)
		}
	}
}

// busy is a server that asks to be left alone.
type busy time.Duration

func (b busy) Error() string             { return "429 too many requests" }
func (b busy) RetryAfter() time.Duration { return time.Duration(b) }

// How long whoever has the source asks to be left alone is handed on.
func TestASourceWhoseServerAsksToWait(t *testing.T) {
	b := newBench(t, func(o *localbuild.Options) {
		o.Checkout = func(context.Context, string, string, string) error {
			return fmt.Errorf("fetching: %w", busy(time.Minute))
		}
	})
	if failure := b.bad(t, b.request(t, "one", hello)); !failure.Temporary || failure.RetryAfter != time.Minute {
		t.Errorf("it is %+v", failure)
	}
}

// A machine that lacks its tools, or cannot write, is told as such.
func TestAMachineWithoutTools(t *testing.T) {
	dockerfile := map[string]string{"Dockerfile": "FROM scratch\n"}
	tests := []struct {
		name  string
		files map[string]string
		// prepare changes the machine.
		prepare func(t *testing.T, o *localbuild.Options)
		want    string
	}{
		{"no go", hello, func(_ *testing.T, o *localbuild.Options) { o.GoCommand = "/nowhere/go" }, "install Go"},
		{"a go that does not run", hello, func(t *testing.T, o *localbuild.Options) {
			o.GoCommand = filepath.Join(t.TempDir(), "go")
			if err := os.WriteFile(o.GoCommand, []byte("not a program"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "the go command does not work here"},
		{"a service without a home", hello, func(t *testing.T, _ *localbuild.Options) {
			for _, name := range []string{"HOME", "XDG_CACHE_HOME", "GOCACHE"} {
				t.Setenv(name, "")
			}
		}, "set HOME, or GOCACHE and GOMODCACHE, where serve is started"},
		{"no container tool", dockerfile, func(t *testing.T, _ *localbuild.Options) { newToolbox(t) }, "install buildah"},
		{"a daemon that is down", dockerfile, func(t *testing.T, _ *localbuild.Options) { newToolbox(t).add(t, "docker", broken) }, "docker: Cannot connect"},
		{"a tool that dies", dockerfile, func(t *testing.T, _ *localbuild.Options) {
			newToolbox(t).add(t, "docker", `case "$*" in *" -f "*) echo 'ERROR: failed to solve: write /var/lib/docker/tmp/x: no space left on device' >&2; exit 1 ;; esac`+"\n")
		}, "no room on its disk"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			r := b.request(t, "one", tt.files)
			o := b.options
			files := tt.files
			o.Checkout = func(_ context.Context, _, _, dir string) error {
				for name, content := range files {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
						return err
					}
				}
				return nil
			}
			o.Dir = t.TempDir()
			tt.prepare(t, &o)
			b.Builder = newBuilder(t, o)
			failure := b.bad(t, r)
			if !failure.Temporary || !strings.Contains(failure.Summary, tt.want) || strings.Contains(failure.Summary, "mend the source") {
				t.Errorf("it is %+v, want %q, to be tried again", failure, tt.want)
			}
			if strings.Contains(failure.Summary, o.Dir) {
				t.Errorf("a folder of this machine is told: %q", failure.Summary)
			}
		})
	}
}

// A build that takes too long is tried again, but not for ever.
func TestABuildThatTakesTooLongIsInDoubt(t *testing.T) {
	b := newBench(t, func(o *localbuild.Options) { o.Timeout = 1 })
	r := b.request(t, "one", hello)
	var failure *reconciler.BuildFailure
	tries := 0
	for failure == nil || failure.Temporary {
		failure = b.bad(t, r)
		tries++
	}
	if tries != 8 || !strings.Contains(failure.Summary, "took too long") || !strings.Contains(failure.Summary, "plateform retry ws-1/shop") {
		t.Errorf("after %d tries it says %q", tries, failure.Summary)
	}
}
