package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startRival runs another serve with a data folder of its own on the same repositories, and returns it once it is ready.
func (w *world) startRival() *server {
	w.t.Helper()
	settings, err := os.ReadFile(filepath.Join(w.dir, "serve.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.rivals++
	dir := filepath.Join(w.dir, fmt.Sprint("rival-", w.rivals))
	if err := os.Mkdir(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(dir, "serve.yaml")
	text := strings.Replace(string(settings), "dataDir: "+filepath.Join(w.dir, "data"), "dataDir: "+filepath.Join(dir, "data"), 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	rival := startServer(w.t, path, filepath.Join(dir, "serve.log"))
	w.await("the other serve to be ready", rival.ready)
	return rival
}

// ready is an error until serve has read both repositories, as it tells supervisors.
func (s *server) ready() error {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(string(log), "Listening on ")
	address, _, _ := strings.Cut(rest, "\n")
	if !found {
		return fmt.Errorf("it does not listen yet:\n%s", log)
	}
	client := http.Client{Timeout: patience / 4}
	answer, err := client.Get(address + "/readyz")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it is not ready: %s", answer.Status)
	}
	return nil
}

// rest waits until whoever serves has come to rest: for many polls no ref of the two repositories moves.
func (w *world) rest() {
	w.t.Helper()
	const polls = 15 * 200 * time.Millisecond
	deadline := time.Now().Add(patience)
	for {
		before := w.config.refs() + w.gitops.refs()
		<-time.After(polls)
		if w.config.refs()+w.gitops.refs() == before {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("there is no rest: the newest commits of GitOps are\n%s", w.gitops.look("log", "-20", "--format=%h %s", "main"))
		}
	}
}

// withAndWithoutKeys plays a story in a world whose releases are signed, and in one where they are not.
func withAndWithoutKeys(t *testing.T, story func(t *testing.T, w *world)) {
	t.Parallel()
	t.Run("signed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.useKey()
		story(t, w.open())
	})
	t.Run("unsigned", func(t *testing.T) {
		t.Parallel()
		story(t, newWorld(t).open())
	})
}

// Two serves with nothing to do make no commit at all, whatever there is to remember: neither one that is started when all
// is done, nor both after they have seen the same changes.
func TestTwoServesAtRestMakeNoCommit(t *testing.T) {
	withAndWithoutKeys(t, func(t *testing.T, w *world) {
		w.registry.publish("birds/wren:1")
		var all []*project
		for _, name := range []string{"shop", "api", "blog"} {
			all = append(all, w.imageProject("ws-1", name, "birds/wren:1"))
		}
		change := func(replicas int, version string) {
			fs := files{}
			for _, p := range all {
				fs[p.file()] = p.yaml(fmt.Sprintf("replicas: %d", replicas))
			}
			w.config.commit(fmt.Sprintf("%d replicas for all", replicas), fs)
			for _, p := range all {
				p.runs(version)
			}
			all[0].revert(version) // what is held is remembered
		}
		w.add(all...)
		for _, p := range all {
			p.runs("v1.0.0")
		}
		change(2, "v1.0.1")
		all[0].runs("v1.0.0")
		w.rest()
		w.restsFrom("when the second was started", func() { w.startRival() })
		change(3, "v1.0.2")
		all[0].runs("v1.0.0")
		w.rest()
		w.restsFrom("when both had seen the same changes", func() {})
	})
}

// restsFrom fails the test if a branch moves in many polls after an act.
func (w *world) restsFrom(when string, act func()) {
	w.t.Helper()
	config, gitops := w.config.head(), w.gitops.head()
	act()
	w.rest()
	if made := w.gitops.look("log", "--format=%h %s", gitops+"..main"); made != "" {
		w.t.Errorf("at rest, %s, these commits of GitOps were made:\n%s", when, made)
	}
	if head := w.config.head(); head != config {
		w.t.Errorf("at rest, %s, the config repository moved to\n%s", when, w.config.look("show", "--stat", head))
	}
}

// Two serves while people edit, push and roll back: each change is released once, both repositories end right, and then
// there is rest.
func TestTwoServesAtWorkComeToRest(t *testing.T) {
	withAndWithoutKeys(t, func(t *testing.T, w *world) {
		w.registry.publish("birds/wren:1")
		shop, blog := w.goProject("ws-1", "shop"), w.imageProject("ws-2", "blog", "birds/wren:1")
		w.add(shop, blog)
		shop.runs("v1.0.0")
		blog.runs("v1.0.0")
		w.startRival()
		const rounds = 4
		for i := range rounds {
			version := fmt.Sprintf("v1.0.%d", i+1)
			shop.push(version)
			blog.edit("env: [{name: ROUND, value: " + version + "}]")
			shop.runs(version)
			shop.wantSays(version)
			if v := blog.runs(version); v.env("ROUND") != version {
				t.Errorf("blog is\n%s", v.text)
			}
		}
		rollback := shop.revert("v1.0.4")
		three := shop.runs("v1.0.3")
		shop.wantVerdict(rollback, "success")
		w.rest()
		same(t, shop.values(), three)
		shop.wantReleases("v1.0.0", "v1.0.1", "v1.0.2", "v1.0.3")
		shop.wantNothingDoubled(rounds)
		blog.wantNothingDoubled(rounds + 1)
	})
}

// One of two serves is killed in the middle of what it does: the other finishes it, once, and comes to rest.
func TestOneOfTwoServesIsKilled(t *testing.T) {
	withAndWithoutKeys(t, func(t *testing.T, w *world) {
		w.registry.publish("birds/wren:1")
		shop := w.imageProject("ws-1", "shop", "birds/wren:1")
		w.add(shop)
		shop.runs("v1.0.0")
		for i, m := range duringPush() {
			rival := w.startRival()
			version := fmt.Sprintf("v1.0.%d", i+1)
			m.arm(w, shop)
			commit := shop.edit("env: [{name: ROUND, value: " + version + "}]")
			w.falls()
			w.server = rival
			if v := shop.runs(version); v.env("ROUND") != version {
				t.Errorf("killed at %q: shop is\n%s", m.name, v.text)
			}
			if verdict := shop.verdict(commit); verdict.State != "success" {
				t.Errorf("killed at %q: the edit ended with %+v", m.name, verdict)
			}
		}
		w.rest()
		shop.wantNothingDoubled(len(duringPush()) + 1)
	})
}

// Two serves on the same repositories get into each other's way, and say so, but make nothing twice and nothing wrong.
func TestTwoServesOnTheSameRepositories(t *testing.T) {
	t.Parallel()
	w, shop, blog := twoTenants(t)
	rival := w.startRival()

	var last string
	const rounds = 6
	for i := range rounds {
		version := fmt.Sprintf("v1.0.%d", i+1)
		shop.edit(fmt.Sprintf("replicas: %d", i+2))
		last = blog.edit(fmt.Sprintf("replicas: %d", i+2))
		shop.runs(version)
		blog.runs(version)
	}
	rollback := shop.revert(fmt.Sprintf("v1.0.%d", rounds))
	shop.runs(fmt.Sprintf("v1.0.%d", rounds-1))
	for _, commit := range []struct {
		of *project
		on string
	}{{blog, last}, {shop, rollback}} {
		if verdict := commit.of.verdict(commit.on); verdict.State != "success" {
			t.Errorf("%s ended with %+v", commit.of.name, verdict)
		}
	}
	w.settle()
	shop.wantNothingDoubled(rounds)
	blog.wantNothingDoubled(rounds + 1)
	if v := shop.values(); v.Release != fmt.Sprintf("v1.0.%d", rounds-1) {
		t.Errorf("after a rollback shop runs %s", v.Release)
	}
	replicas := rounds + 2
	w.await("one of the two to say that there is another", func() error {
		for _, file := range []string{w.server.log, rival.log} {
			if log, err := os.ReadFile(file); err != nil || strings.Contains(string(log), "another serve is at work") {
				return err
			}
		}
		// Two that do the same in the same second make the very same commits, and do not notice each other.
		replicas++
		shop.edit(fmt.Sprintf("replicas: %d", replicas))
		return fmt.Errorf("the logs end with\n%s\nand\n%s", w.server.tail(), rival.tail())
	})
	w.settle()
	if err := rival.ended(); err != nil {
		t.Error(err)
	}
	rival.terminate(t)
}

// A second serve with the same data folder does not even start.
func TestTwoServesInOneDataFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.settle() // else the second may come first
	out, err := run1(w.dir, nil, os.Getenv(binaryVariable), "serve", "--config", filepath.Join(w.dir, "serve.yaml"))
	if err == nil || !strings.Contains(out+err.Error(), "another serve works with the data folder") {
		t.Errorf("it ended with %v:\n%s", err, out)
	}
	w.settle()
}
