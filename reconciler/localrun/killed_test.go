package localrun_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun"
	"github.com/plateform/plateform/reconciler/localrun/router"
	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// doomed is what a process is told that gets killed.
type doomed struct {
	Dir     string
	Targets []reconciler.Target
}

// anonymous takes images from any registry.
type anonymous struct{}

// Pull implements localrun.Images.
func (anonymous) Pull(ctx context.Context, repository, digest string) (v1.Image, error) {
	ref, err := name.NewDigest(repository + "@" + digest)
	if err != nil {
		return nil, err
	}
	return remote.Image(ref, remote.WithContext(ctx))
}

// Resolve implements localrun.Images.
func (anonymous) Resolve(ctx context.Context, reference string) (manifest.Image, error) {
	ref, err := name.NewTag(reference)
	if err != nil {
		return manifest.Image{}, err
	}
	found, err := remote.Head(ref, remote.WithContext(ctx))
	if err != nil {
		return manifest.Image{}, err
	}
	return manifest.Image{Repository: ref.Context().Name(), Tag: ref.TagStr(), Digest: found.Digest.String()}, nil
}

// runDoomed brings one target after the other about, and prints each step on the way.
func runDoomed(shimFile, order string) error {
	var d doomed
	if err := json.Unmarshal([]byte(order), &d); err != nil {
		return err
	}
	engine, err := localrun.New(localrun.Options{
		Images: anonymous{}, Router: router.New(router.Options{}), Dir: d.Dir, Shim: []string{shimFile, shim.Argument},
		Notify: func() {}, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	go func() { fmt.Println("ended:", engine.Run(context.Background())) }()
	ticker := time.NewTicker(time.Millisecond)
	step := ""
	for _, target := range d.Targets {
		if err := engine.Want(context.Background(), "c1", []reconciler.Target{target}); err != nil {
			return err
		}
		for healthy := false; !healthy; <-ticker.C {
			rollouts, err := engine.Rollouts(context.Background(), []manifest.Key{target.Key})
			if err != nil {
				return err
			}
			r := rollouts[target.Key]
			healthy = r.Phase == reconciler.PhaseHealthy
			if now := fmt.Sprint(r.Release, " ", r.Phase, " ", r.Cause); now != step {
				step = now
				fmt.Println(step)
			}
		}
	}
	fmt.Println("done")
	for range ticker.C { // until it is killed
	}
	return nil
}

// Killed at any step, nothing that it ran is left, and the next process comes to the same end.
func TestKilledAtEveryStep(t *testing.T) {
	w := newWorld(t)
	w.stop()
	image := w.app()
	targets := []reconciler.Target{
		w.target(release{version: "v1.0.0", image: image, replicas: 2, env: map[string]string{"ANSWER": "one"}}),
		w.target(release{version: "v1.0.1", image: image, replicas: 2, env: map[string]string{"ANSWER": "two"}}),
	}
	finished := false
	for n := 1; !finished; n++ {
		w.dir = t.TempDir()
		step := ""
		step, finished = killAt(t, n, doomed{w.dir, targets})
		eventually(t, "nothing to be left after "+step, func() bool { return len(below(w.dir)) == 0 })
		w.start()
		w.want(targets[1])
		w.await("v1.0.1", reconciler.PhaseHealthy)
		w.answers("two")
		if len(below(w.dir)) < 2 {
			t.Errorf("killed at %q: of two processes there are only %v", step, below(w.dir))
		}
		w.stop()
		if left := below(w.dir); len(left) > 0 {
			t.Errorf("killed at %q: processes %v are left at the end", step, left)
		}
		if finished && n < 5 {
			t.Errorf("there were only %d steps", n)
		}
	}
}

// killAt runs a process and kills it at its n-th step, or at its end.
func killAt(t *testing.T, n int, d doomed) (step string, finished bool) {
	t.Helper()
	order, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe", "doomed", shimCommand(t)[0], string(order))
	c.Stderr = os.Stderr
	said, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
	lines := bufio.NewScanner(said)
	for range n {
		if !lines.Scan() {
			t.Fatalf("it ended by itself after %q", step)
		}
		step = lines.Text()
		if finished = step == "done"; finished {
			break
		}
	}
	timer.Stop()
	_ = c.Process.Kill() // it has not ended: it never does
	_ = c.Wait()
	t.Logf("killed at: %s", step)
	return step, finished
}

// below are the processes whose program is in a folder.
func below(dir string) []int {
	var found []int
	links, _ := filepath.Glob("/proc/[0-9]*/exe") // the pattern is right
	for _, link := range links {
		if file, err := os.Readlink(link); err == nil && strings.HasPrefix(file, dir+"/") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link))) // the pattern says so
			found = append(found, pid)
		}
	}
	return found
}
