package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// twin is another project of the same workspace, from the same source.
func (p *project) twin(workspace, name string) *project {
	return &project{w: p.w, workspace: workspace, name: name, app: p.app}
}

// Two projects of one source are one build in Jenkins: the second gets the image that the first has, in its own repository and with its
// digest, and people are told that nothing was built. Another workspace gets nothing of it, and builds.
func TestASourceThatWasBuiltIsReusedInJenkins(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	one := shop.runs("v1.0.0")
	blog := shop.twin("ws-1", "blog")
	wantReused(t, w, shop, blog)
	log, err := run1(w.dir, nil, os.Getenv(binaryVariable), "logs", "ws-1/blog", "--build", "--config", filepath.Join(w.dir, "serve.yaml"))
	if err != nil || !strings.Contains(log, "ws-1/shop was built from this source already") || strings.Contains(log, "plateform build make") {
		t.Errorf("the log of its build is %v\n%s", err, log)
	}
	if err := wantBuilds(ci, 2); err != nil { // the second of which found the image
		t.Error(err)
	}

	foreign := shop.twin("ws-2", "shop")
	w.add(foreign)
	foreign.runs("v1.0.0")
	if file := w.config.read(foreign.releaseFile("v1.0.0")); strings.Contains(file, "reused:") {
		t.Errorf("another workspace was given an image:\n%s", file)
	}

	// A commit that goes back to a source that was built is not built either.
	shop.push("two")
	shop.runs("v1.0.1")
	foreign.runs("v1.0.1")
	shop.push("one")
	if back := shop.runs("v1.0.2"); back.Image.Digest != one.Image.Digest {
		t.Errorf("going back runs %s, want %s", back.Image.Digest, one.Image.Digest)
	}
	shop.wantSays("one")
	if file := w.config.read(shop.releaseFile("v1.0.2")); !strings.Contains(file, "reused: ws-1/shop") || !strings.Contains(file, "seconds: 0") {
		t.Errorf("the release file does not say that nothing was built:\n%s", file)
	}
}

// The builder on this machine runs the very same steps.
func TestASourceThatWasBuiltIsReusedHere(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	wantReused(t, w, shop, shop.twin("ws-1", "blog"))
	foreign := shop.twin("ws-2", "shop")
	w.add(foreign)
	foreign.runs("v1.0.0")
	if file := w.config.read(foreign.releaseFile("v1.0.0")); strings.Contains(file, "reused:") {
		t.Errorf("another workspace was given an image:\n%s", file)
	}
}

// wantReused adds a twin of a project that runs, and checks that it gets its image.
func wantReused(t *testing.T, w *world, first, twin *project) {
	t.Helper()
	commit := w.add(twin)
	got := twin.runs("v1.0.0")
	want := first.values().Image.Digest
	if got.Image.Digest != want || got.Image.Repository != w.registry.host+"/"+twin.repository() {
		t.Errorf("it runs %s of %s, want %s of its own", got.Image.Digest, got.Image.Repository, want)
	}
	twin.wantSays("one")
	file := w.config.read(twin.releaseFile("v1.0.0"))
	for _, line := range []string{"reused: ws-1/shop", "seconds: 0"} {
		if !strings.Contains(file, line) {
			t.Errorf("the release file lacks %q:\n%s", line, file)
		}
	}
	if verdict := twin.verdict(commit); verdict.State != "success" || !strings.Contains(verdict.Description, "its image is reused: this source was built before") {
		t.Errorf("it is told as %+v", verdict)
	}
	if out, err := w.plateform("why", "ws-1/blog"); err != nil || !strings.Contains(out, "0s, as the image of ws-1/shop is reused") {
		t.Errorf("why says %v\n%s", err, out)
	}
}

// While Jenkins keeps an item in its queue, people are told for what, once.
func TestWhyAJenkinsBuildWaits(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	ci.HoldFor("There are no nodes with the label \u2018plateform\u2019")
	w.open()
	shop := w.goProject("ws-1", "shop")
	commit := w.add(shop)
	why := "waiting for Jenkins: There are no nodes with the label \u2018plateform\u2019"
	told := func() (n int) {
		for _, note := range shop.notes(commit) {
			if note.State == "pending" && note.Description == why {
				n++
			}
		}
		return n
	}
	w.await("the reason of the queue", func() error {
		if told() == 0 {
			return fmt.Errorf("there are %+v", shop.notes(commit))
		}
		return nil
	})
	ci.Release()
	shop.runs("v1.0.0")
	if verdict := shop.verdict(commit); verdict.State != "success" || told() != 1 {
		t.Errorf("it ended with %+v, and was told %d times why it waits", verdict, told())
	}
}
