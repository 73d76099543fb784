package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/test/gitserver"
)

// failures are the contexts that are red on a config commit.
func (w *world) failures(commit string) []string {
	var red []string
	for _, r := range w.notes()[commit] {
		if r.State == "failure" {
			red = append(red, r.Context)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(red)))
}

// wantRed fails the test unless exactly these contexts are red on a commit.
func (w *world) wantRed(what, commit string, contexts ...string) {
	w.t.Helper()
	if got := w.failures(commit); !slices.Equal(got, contexts) {
		w.t.Errorf("%s is red for %v, want it red for %v", what, got, contexts)
	}
}

// lastLog is the newest log of a build of the project.
func (w *world) lastLog(p *project) string {
	w.t.Helper()
	names, err := filepath.Glob(filepath.Join(w.dir, "data", "builds", p.workspace, p.name, "*.log"))
	if err != nil || len(names) == 0 {
		w.t.Fatalf("%s has no logs: %v", p.name, err)
	}
	var newest []byte
	var at time.Time
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			w.t.Fatal(err)
		}
		if info.ModTime().After(at) {
			at = info.ModTime()
			if newest, err = os.ReadFile(name); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return string(newest)
}

// A broken file is red on the commit that broke it, and on no commit of others, however many come before it is mended.
func TestABrokenFileIsRedWhereItWasBroken(t *testing.T) {
	t.Parallel()
	w, shop, blog := twoTenants(t)
	one := shop.values()

	broke := shop.edit("replicaz: 2")
	w.verdictOn(broke, "plateform/config")
	good := blog.edit("replicas: 2")
	blog.runs("v1.0.1")
	blog.wantVerdict(good, "success")
	rollback := blog.revert("v1.0.1")
	blog.runs("v1.0.0")
	blog.verdict(rollback)
	w.restart()
	after := blog.edit("replicas: 3")
	blog.runs("v1.0.2")
	blog.verdict(after)
	shop.still(one)
	w.wantRed("the commit of the other tenant", good)
	w.wantRed("its rollback", rollback)
	w.wantRed("its commit after a restart", after)
	if red := w.failures(broke); !slices.Contains(red, "plateform/config") {
		t.Errorf("the commit that broke the file is red for %v", red)
	}
	for commit := range w.notes() {
		if commit != broke {
			w.wantRed(commit, commit)
		}
	}
}

// A process ends before it could tell of a commit that broke a file: the next one tells it just the same.
func TestABrokenFileIsRedAlsoWhenAnotherProcessTellsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serveOverHTTP()
	w.open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("ws-2", "blog", "birds/wren:1")
	w.add(shop, blog)
	one := shop.runs("v1.0.0")
	blog.runs("v1.0.0")
	w.settle()
	forge := filepath.Base(w.config.work)
	server.Inject(forge, gitserver.Fault{Op: gitserver.PushPack, Ref: "refs/notes/plateform", Hang: true})
	broke := w.config.commit("Break shop, change blog", files{shop.file(): shop.yaml("replicaz: 2"), blog.file(): blog.yaml("replicas: 2")})
	blog.runs("v1.0.1")
	w.server.kill()
	server.Heal(forge)
	w.start()
	if verdict := w.verdictOn(broke, "plateform/config"); verdict.State != "failure" {
		t.Errorf("the commit ended with %+v", verdict)
	}
	shop.wantVerdict(broke, "failure")
	blog.wantVerdict(broke, "success")
	shop.still(one)
}

// A project that somebody else's broken file keeps from being released is told that it is held, and why; red is the commit
// that broke the file.
func TestAProjectBlockedByAnothersFileIsHeld(t *testing.T) {
	t.Parallel()
	w, shop, one := oneImage(t)

	broke := w.config.commit("Break the workspace", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001) + "  owners: []\n"})
	w.verdictOn(broke, "plateform/config")
	edit := shop.edit("replicas: 2")
	if verdict := shop.verdict(edit); verdict.State != "success" || verdict.Stage != "held" || !strings.Contains(verdict.Description, workspaceFile("ws-1")) {
		t.Errorf("the edit ended with %+v, want it held with the place of what is broken", verdict)
	}
	shop.still(one)
	w.wantRed("the edit", edit)
	w.config.commit("Mend the workspace", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001)})
	if v := shop.runs("v1.0.1"); v.Replicas != 2 {
		t.Errorf("v1.0.1 is\n%s", v.text)
	}
}

// A commit that was still waiting for its image when a later one broke the file is superseded by that one: it was without
// the fault, so it says nothing of it.
func TestWhatWaitedIsSupersededByTheCommitThatBrokeTheFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	silent := newSilentHost(t)
	w.images = append(w.images, silent.address+"/*")
	w.open()
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.add(shop)
	one := shop.runs("v1.0.0")

	shop.spec = []string{"type: monolithic", "image: " + silent.address + "/shop:1"}
	waits := shop.edit()
	w.await("the image is asked for", func() error {
		if len(silent.unanswered()) == 0 {
			return errors.New("nobody asks")
		}
		return nil
	})
	broke := shop.edit("replicaz: 2")
	w.redOn(broke, shop)
	verdict := shop.verdict(waits)
	if verdict.State != "success" || verdict.Stage != "superseded" || !strings.Contains(verdict.Description, broke[:10]) {
		t.Errorf("the commit that waited ended with %+v, want it superseded by %.10s", verdict, broke)
	}
	w.wantRed("the commit that waited", waits)
	shop.still(one)
}

// A commit that takes the host of another workspace's project is red, although no file is broken; commits after it are not.
func TestACommitThatTakesAHostIsRed(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop, taker := w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("1", "shop-ws", "birds/wren:1")
	w.add(shop)
	if v := shop.runs("v1.0.0"); v.Host != "shop-ws-1.apps.example.com" {
		t.Fatalf("shop is\n%s", v.text)
	}
	w.config.commit("Add a workspace", files{workspaceFile("1"): workspaceYAML(`"1"`, 1002)})
	took := w.add(taker)
	if verdict := w.redOn(took, taker); !strings.Contains(verdict.Description, "shop-ws-1.apps.example.com") {
		t.Errorf("taking the host ended with %+v", verdict)
	}
	after := shop.edit("replicas: 2")
	v := shop.runs("v1.0.1")
	shop.wantVerdict(after, "success")
	shop.still(v)
	w.wantRed("the commit of who has the host", after)
	taker.wantReleases()
}

// Whoever reads the repository reads the notes: of a build's log nothing is in them but what the builder says the build
// failed for, now or in their history.
func TestNoLogLineIsInANote(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	source := shop.app.commit("Break it twice", files{"main.go": "package main\n\nfunc main() {\n\tsellEverything()\n\tbuyNothing()\n}\n"})
	shop.wantSourceVerdict(source, "failure")
	w.settle()
	logged := w.lastLog(shop)
	if !strings.Contains(logged, "buyNothing") {
		t.Fatalf("the build's log is\n%s", logged)
	}
	told := w.config.look("log", "--patch", "--format=%B", "refs/notes/plateform")
	if !strings.Contains(told, source) {
		t.Fatalf("the notes do not speak of %s:\n%s", source, told)
	}
	for _, line := range []string{"buyNothing", "# example.com/shop"} {
		if strings.Contains(told, line) {
			t.Errorf("the notes quote %q of the log:\n%s", line, told)
		}
	}
}
