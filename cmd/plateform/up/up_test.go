package up_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/cmd/plateform/up"
)

// An address that is taken is found before anything is added: the next up would build the project from whatever folder.
func TestATakenAddressAddsNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("apps run on Linux")
	}
	for _, what := range []string{"apps", "images"} {
		t.Run(what, func(t *testing.T) {
			taken, free := listen(t), listen(t)
			if err := free.Close(); err != nil {
				t.Fatal(err)
			}
			o := scaffold.Options{Name: "home", NoSample: true, Apps: free.Addr().String(), Images: taken.Addr().String()}
			if what == "apps" {
				o.Apps, o.Images = o.Images, o.Apps
			}
			w := newWorkplace(t)
			home := installationAt(t, o)
			err := up.Options{Dir: w.git.Dir, Home: home, Out: io.Discard, Now: time.Now}.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), "listening on "+taken.Addr().String()) || !strings.Contains(err.Error(), "--dir") {
				t.Errorf("got %v", err)
			}
			if files := configFiles(t, home); strings.Contains(files, "workspaces/local/") {
				t.Errorf("the config repository has\n%s", files)
			}
		})
	}
}

// Who stops it while git works for it is told that, and not how git ended.
func TestStoppedBeforeItFollows(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("apps run on Linux")
	}
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"rev-parse", "clone"} {
		t.Run(command, func(t *testing.T) {
			apps, images := listen(t), listen(t)
			if err := errors.Join(apps.Close(), images.Close()); err != nil {
				t.Fatal(err)
			}
			w := newWorkplace(t)
			home := installationAt(t, scaffold.Options{Name: "home", NoSample: true, Apps: apps.Addr().String(), Images: images.Addr().String()})
			bin, reached := t.TempDir(), filepath.Join(t.TempDir(), "reached")
			script := "#!/bin/sh\nif [ \"$1\" = " + command + " ]; then : >'" + reached + "'; exec sleep 600; fi\nexec '" + real + "' \"$@\"\n"
			if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- up.Options{Dir: w.git.Dir, Home: home, Out: io.Discard, Now: time.Now}.Run(ctx) }()
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			for {
				if _, err := os.Stat(reached); err == nil {
					break
				}
				select {
				case err := <-ended:
					t.Fatalf("it ended before: %v", err)
				case <-ticker.C:
				}
			}
			stop()
			if err := <-ended; err == nil || err.Error() != "stopped" {
				t.Errorf("got %v, want only that it stopped", err)
			}
		})
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	var listening net.ListenConfig
	listener, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// installationAt makes an installation and returns its folder.
func installationAt(t *testing.T, o scaffold.Options) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if _, err := scaffold.Claim(home); err != nil {
		t.Fatal(err)
	}
	if err := scaffold.New(home, o).Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	return home
}

// configFiles are the names of the files in the config repository of an installation.
func configFiles(t *testing.T, home string) string {
	t.Helper()
	bare := git.Command{Dir: filepath.Join(home, scaffold.RemotesDir, scaffold.ConfigDir+".git")}
	files, err := bare.Run(t.Context(), "ls-tree", "-r", "--name-only", "main")
	if err != nil {
		t.Fatal(err)
	}
	return files
}
