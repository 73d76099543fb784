package e2e

import (
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
)

// forgeMemory pushes a commit to GitOps that looks like one of Plateform's, its author and its trailers with it, and says
// that nothing of the project is held and that another version is the highest.
func (w *world) forgeMemory(p *project) {
	w.t.Helper()
	var run manifest.Run
	if err := yaml.Unmarshal([]byte(p.run()), &run); err != nil {
		w.t.Fatal(err)
	}
	run.Spec.Holds, run.Spec.Highest = nil, "v9.0.0"
	text, err := manifest.Encode(run)
	if err != nil {
		w.t.Fatal(err)
	}
	newest := lines(w.gitops.look("log", "-1", "--grep=^Plateform-Signature:", "--format=%H", "main"))
	if len(newest) == 0 {
		w.t.Fatal("no commit of GitOps is signed")
	}
	w.gitops.pull()
	w.gitops.stage(files{p.runDir() + "/run.yaml": string(text)})
	w.gitops.git("commit", "--quiet", "--author", w.gitops.look("log", "-1", "--format=%an <%ae>", newest[0]), "--message",
		"Record ws-1/shop: nothing is held\n\nWorkspace: ws-1\nProject: shop\nConfig-Commit: "+w.config.head()+
			"\nPlateform-Signature: "+w.gitops.trailer(newest[0], "Plateform-Signature"))
	w.gitops.push()
}

// Who may push to GitOps can write what Plateform writes there, but cannot sign it: with a key, what such a commit says
// is not believed, neither by a process that is at work nor by one that is started then, and is written back.
func TestForgedMemoryIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useKey()
	w.open()
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.add(shop)
	one := shop.runs("v1.0.0")
	shop.edit("replicas: 2")
	shop.runs("v1.0.1")
	shop.revert("v1.0.1")
	shop.runs("v1.0.0")
	w.settle()
	remembered := shop.memory()
	if !strings.Contains(remembered, "reason: rollback") {
		t.Fatalf("what was rolled back is not held:\n%s", remembered)
	}
	for _, process := range []struct {
		name  string
		forge func()
	}{
		{"at work", func() { w.forgeMemory(shop) }},
		{"started then", func() { w.stop(); w.forgeMemory(shop); w.start() }},
		{"started then without what it had on disk", func() { w.stop(); w.forgeMemory(shop); w.loseData(); w.start() }},
	} {
		process.forge()
		w.await("the forged memory to be written back", func() error {
			if got := shop.memory(); got != remembered {
				return fmt.Errorf("%s: it is\n%s", process.name, got)
			}
			return nil
		})
		shop.still(one)
		shop.wantReleases("v1.0.0")
	}
	shop.edit("replicas: 3")
	if v := shop.runs("v1.0.2"); v.Replicas != 3 {
		t.Errorf("v1.0.2 is\n%s", v.text)
	}
}
