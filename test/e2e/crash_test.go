package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// moment is a point of a run at which serve is ended with SIGKILL.
type moment struct {
	name string
	arm  func(w *world, p *project)
	// unbuilt says that the image is not in the registry yet, so that it has to be built again.
	unbuilt bool
}

// duringPush are the moments of a push to one of the repositories: before and after the ref has moved.
func duringPush() []moment {
	var all []moment
	for _, hook := range []string{"pre-receive", "post-receive"} {
		all = append(all,
			moment{name: "release commit, " + hook, arm: func(w *world, _ *project) { w.killOn(w.config, hook, "refs/heads/main") }},
			moment{name: "gitops commit, " + hook, arm: func(w *world, _ *project) { w.killOn(w.gitops, hook, "refs/heads/main") }},
			moment{name: "note, " + hook, arm: func(w *world, _ *project) { w.killOn(w.config, hook, "refs/notes/plateform") }, unbuilt: true},
		)
	}
	return all
}

// duringBuild are the moments at which a build or a release talks to the registry.
func duringBuild() []moment {
	at := func(after bool, tagPrefix string) func(w *world, p *project) {
		return func(w *world, p *project) {
			server := w.server
			kill := func(method, path string) {
				if method == "PUT" && strings.HasPrefix(path, "/v2/"+p.repository()+"/manifests/"+tagPrefix) {
					w.registry.watch(nil, nil)
					server.kill()
				}
			}
			if after {
				w.registry.watch(nil, kill)
			} else {
				w.registry.watch(kill, nil)
			}
		}
	}
	return []moment{
		{name: "before the image is pushed", arm: at(false, "build-"), unbuilt: true},
		{name: "after the image is pushed", arm: at(true, "build-")},
		{name: "before the version's tag", arm: at(false, "v")},
		{name: "after the version's tag", arm: at(true, "v")},
	}
}

// falls waits until serve has been killed.
func (w *world) falls() {
	w.t.Helper()
	select {
	case <-w.server.done:
	case <-time.After(patience):
		w.t.Fatal("serve was not killed: the moment never came")
	}
}

// Killed at any moment of a build and its release, and started again, the end is the same as without: every push to the
// app is one release in one commit, deployed in one commit, built and pushed once.
func TestKilledAtAnyMomentOfABuild(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	w.settle()

	moments := append(duringBuild(), duringPush()...)
	for i, m := range moments {
		m.arm(w, shop)
		text := fmt.Sprintf("after %s", m.name)
		shop.push(text)
		w.falls()
		logs := shop.buildLogs()
		w.start()
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		shop.wantSays(text)
		if again := shop.buildLogs(); !m.unbuilt && !maps.Equal(again, logs) {
			t.Errorf("killed at %q: it was built again: %v, before %v", m.name, again, logs)
		}
	}

	w.settle()
	if got := shop.builds(); got != len(moments)+1 {
		t.Errorf("%d builds pushed an image for %d sources", got, len(moments)+1)
	}
	shop.wantNothingDoubled(len(moments) + 1)
}

// Killed while the builder compiles or while a build waits: started again, the same source is released once.
func TestKilledWhileBuilding(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)

	for i, stage := range []string{"queued", "building", "pushing"} {
		finish := w.registry.hold(shop.repository())
		source := shop.push("killed when " + stage)
		shop.reaches(source, stage)
		w.crash()
		finish()
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		if verdict := shop.sourceVerdict(source); verdict.State != "success" {
			t.Errorf("killed when %s: %+v", stage, verdict)
		}
		if got := len(terminals(shop.sourceNotes(source))); got != 1 {
			t.Errorf("killed when %s: %d verdicts", stage, got)
		}
	}

	w.settle()
	if got := shop.builds(); got != 4 {
		t.Errorf("%d builds pushed an image for 4 sources", got)
	}
	shop.wantNothingDoubled(4)
}

// Killed at any moment of releases without a build, of a rollback and of rolling forward: the same end.
func TestKilledAtAnyMomentOfConfigChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.add(shop)
	before := shop.runs("v1.0.0")
	w.settle()

	for i, m := range duringPush() {
		version := fmt.Sprintf("v1.0.%d", i+1)
		m.arm(w, shop)
		shop.edit(fmt.Sprintf("env: [{name: ROUND, value: '%d'}]", i))
		w.falls()
		w.start()
		after := shop.runs(version)

		if !strings.Contains(m.name, "release commit") { // which a rollback does not make
			w.settle()
			m.arm(w, shop)
			rollback := shop.revert(version)
			w.falls()
			w.start()
			same(t, shop.runs(before.Release), before)
			w.settle()
			m.arm(w, shop)
			w.config.revert(rollback)
			w.falls()
			w.start()
			same(t, shop.runs(version), after)
		}
		w.settle()
		before = after
	}
	shop.wantNothingDoubled(len(duringPush()) + 1)
}

// Killed again and again, whatever it does, serve ends where it would have ended.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, api := w.goProject("ws-1", "shop"), w.goProject("ws-1", "api")
	w.add(shop, api)

	const rounds = 12
	seed := rand.Uint64()
	t.Logf("the seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range rounds {
		switch i % 3 {
		case 0:
			shop.push(fmt.Sprintf("round %d", i))
		case 1:
			api.push(fmt.Sprintf("round %d", i))
			api.edit(fmt.Sprintf("env: [{name: ROUND, value: '%d'}]", i))
		case 2:
			shop.edit(fmt.Sprintf("replicas: %d", i))
		}
		<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
		w.crash()
	}
	w.settle()
	w.await("the last of all changes", func() error {
		if shop.says() != "round 9" || api.says() != "round 10" || api.values().env("ROUND") != "10" {
			return fmt.Errorf("shop says %q, api says %q with ROUND %q", shop.says(), api.says(), api.values().env("ROUND"))
		}
		return wantReplicas(shop, 11)
	})
	w.settle()
	for _, p := range []*project{shop, api} {
		p.builds() // none of them twice
		p.wantNothingDoubled(len(p.releases()))
	}

}

// Asked to end while a build is under way, serve ends well; started again, it goes on where it was.
func TestStoppedWhileBuilding(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)

	finish := w.registry.hold(shop.repository())
	source := shop.push("two")
	shop.reaches(source, "pushing")
	w.stop()
	finish()
	w.start()

	shop.runs("v1.0.1")
	if verdict := shop.sourceVerdict(source); verdict.State != "success" || shop.says() != "two" {
		t.Errorf("it ended with %+v and says %q", verdict, shop.says())
	}
	w.settle()
	shop.wantNothingDoubled(2)
	if got := shop.builds(); got != 2 {
		t.Errorf("%d builds pushed an image for 2 sources", got)
	}
}

// wantNothingDoubled fails the test unless the project has exactly so many releases, v1.0.0 and on, each made once in one
// commit that was never touched by Plateform again, and each deployed by one commit per time it became the newest.
func (p *project) wantNothingDoubled(releases int) {
	p.w.t.Helper()
	if got := len(p.releases()); got != releases {
		p.w.t.Errorf("%s has %d releases, want %d: %v", p.name, got, releases, p.releases())
	}
	made := map[string]int{}
	for _, line := range p.w.config.log("%an|%s") {
		if author, subject, _ := strings.Cut(line, "|"); author == "Plateform" {
			made[subject]++
		}
	}
	for subject, count := range made {
		if count != 1 {
			p.w.t.Errorf("%q was committed %d times", subject, count)
		}
	}
	previous := ""
	for _, commit := range p.w.gitops.log("%H", p.runDir()+"/values.yaml") {
		content := p.w.gitops.readAt(commit, p.runDir()+"/values.yaml")
		if content == previous {
			p.w.t.Errorf("%s deploys again what was deployed", commit)
		}
		previous = content
	}
}
