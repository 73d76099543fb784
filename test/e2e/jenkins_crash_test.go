package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Killed at any moment of a build in Jenkins and of its release, serve finds the build there when it is started again: every push to the app
// is one build, one release in one commit and one deploy, and what Jenkins does in between is not lost.
func TestKilledAtAnyMomentOfAJenkinsBuild(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	shop.runs("v1.0.0")
	w.settle()

	moments := append(duringBuild(), duringPush()...)
	for i, m := range moments {
		m.arm(w, shop)
		text := fmt.Sprintf("after %s", m.name)
		shop.push(text)
		w.falls()
		w.start()
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		shop.wantSays(text)
		if err := wantBuilds(ci, i+2); err != nil {
			t.Errorf("killed at %q: %v", m.name, err)
		}
	}
	w.settle()
	if got := shop.builds(); got != len(moments)+1 {
		t.Errorf("%d builds pushed an image for %d sources", got, len(moments)+1)
	}
	shop.wantNothingDoubled(len(moments) + 1)
}

// A Jenkins that is killed while it builds, before its image is pushed or after, goes on with the build or is asked for it again: what is
// released is what the registry has, once, and never two builds of one source run at a time.
func TestJenkinsKilledWhileItBuilds(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	shop.runs("v1.0.0")
	for i, after := range []bool{false, true} {
		fell := make(chan struct{})
		kill := func(method, path string) {
			if method == "PUT" && strings.HasPrefix(path, "/v2/"+shop.repository()+"/manifests/build-") {
				w.registry.watch(nil, nil)
				ci.Kill()
				close(fell)
			}
		}
		if after {
			w.registry.watch(nil, kill)
		} else {
			w.registry.watch(kill, nil)
		}
		text := fmt.Sprintf("after its image is pushed: %v", after)
		shop.push(text)
		select {
		case <-fell:
		case <-time.After(patience):
			t.Fatal("the moment never came")
		}
		w.settleBut(shop)
		ci.Start()
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		shop.wantSays(text)
	}
	w.settle()
	shop.wantNothingDoubled(3)
	for number, b := range ci.Builds(jenkinsJob) {
		if b.Result() == "" {
			t.Errorf("build %d still runs", number)
		}
	}
}
