//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
	"github.com/plateform/plateform/test/kube"
)

// Of several serves on the same two repositories one leads, by a Lease, and the others take over from it.
func TestSeveralServes(t *testing.T) {
	cluster := kube.Start(t)
	t.Setenv("KUBECONFIG", cluster.Kubeconfig())
	for name, story := range map[string]func(*testing.T, *kube.Cluster){
		"the one that leads is killed": killedWhileLeading,
		"the one that leads is paused": pausedWhileLeading,
		"the one that leads is ended":  endedWhileLeading,
		"the other is told":            toldWhileStandingBy,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, cluster)
		})
	}
}

// pair are two serves, of which world.server leads and the other stands by.
type pair struct {
	*world
	other *server
	git   *gitserver.Server
}

// newPair starts two serves, whose Lease lasts so long; poll is how often they look by themselves.
func newPair(t *testing.T, cluster *kube.Cluster, duration, poll string) (*pair, *project) {
	t.Helper()
	w := newWorld(t)
	p := &pair{world: w, git: w.serveOverHTTP()}
	secret := filepath.Join(w.dir, "webhook-secret")
	if err := os.WriteFile(secret, []byte(webhookSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.poll, w.sources = poll, []string{p.git.URL() + "/*"}
	w.settings = []string{
		"election: {lease: plateform, namespace: " + cluster.Namespace(t) + ", duration: " + duration + "}",
		"webhooks: {github: {secretFile: " + secret + "}}",
		"api: {listen: '127.0.0.1:0'}",
	}
	w.open()
	p.leads(w.server)
	p.other = w.startRival()
	shop := w.goProject("ws-1", "shop")
	shop.serveFrom(p.git, "app-shop")
	w.add(shop)
	w.pushed(w.config.url)
	shop.runs("v1.0.0")
	w.quiet(shop)
	return p, shop
}

// leads waits until a serve leads.
func (p *pair) leads(s *server) {
	p.t.Helper()
	p.await("a serve to lead", func() error {
		log, err := os.ReadFile(s.log)
		if err == nil && !strings.Contains(string(log), "this process leads from now on") {
			err = fmt.Errorf("it does not, and logged\n%s", s.tail())
		}
		return errors.Join(err, s.ended())
	})
}

// takesOver has the other serve lead, and a new one stand by.
func (p *pair) takesOver() {
	p.t.Helper()
	p.server = p.other
	p.leads(p.server)
	p.other = p.startRival()
}

// said is what a serve answers at a path, of which it has told the address after some words.
func said(t *testing.T, s *server, words, path string) (int, string) {
	t.Helper()
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(words + ` (http://[^/\s]+)`).FindStringSubmatch(string(log))
	if found == nil {
		t.Fatalf("it does not say where it answers:\n%s", log)
	}
	answer, err := http.Get(found[1] + path) //nolint:gosec // it is ours
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// Killed at any moment of a build and its release, the one that leads is followed by the other, which ends what was begun: each push to
// the app is one release in one commit, deployed in one commit, with one verdict.
func killedWhileLeading(t *testing.T, cluster *kube.Cluster) {
	p, shop := newPair(t, cluster, "6s", "200ms")
	moments := append(duringBuild(), duringPush()...)
	for i, m := range moments {
		m.arm(p.world, shop)
		text := "after " + m.name
		source := shop.push(text)
		p.falls()
		logs := shop.buildLogs()
		p.takesOver()
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		shop.wantSays(text)
		shop.wantSourceVerdict(source, "success")
		if again := shop.buildLogs(); !m.unbuilt && !maps.Equal(again, logs) {
			t.Errorf("killed at %q: it was built again: %v, before %v", m.name, again, logs)
		}
		p.quiet(shop)
		if got := terminals(shop.sourceNotes(source)); len(got) != 1 {
			t.Errorf("killed at %q: the verdicts are %+v", m.name, got)
		}
	}
	p.settle()
	shop.wantNothingDoubled(len(moments) + 1)
}

// stopOn makes the next push by Plateform that moves the ref stop the serve that leads, as SIGSTOP does, at that moment.
func (p *pair) stopOn(r *repo, hook, ref string) {
	p.t.Helper()
	r.trap(hook, ref, "kill -STOP "+strconv.Itoa(p.server.cmd.Process.Pid))
}

// Paused in the middle of a deploy, the one that leads loses the Lease; the other ends the deploy. Woken up, the first writes nothing:
// it finds that it does not lead any more, and ends.
func pausedWhileLeading(t *testing.T, cluster *kube.Cluster) {
	p, shop := newPair(t, cluster, "6s", "200ms")
	stops := []func(){
		func() { p.stopOn(p.config, "post-receive", "refs/heads/main") },       // it is about to deploy what it released
		func() { p.stopOn(p.gitops, "post-receive", "refs/heads/main") },       // it is about to tell of what it deployed
		func() { p.stopOn(p.config, "post-receive", "refs/notes/plateform") },  // it is about to build
		func() { _ = syscall.Kill(p.server.cmd.Process.Pid, syscall.SIGSTOP) }, // it rests, and does not know of what comes
	}
	for i, stop := range stops {
		paused := p.server
		stop()
		source := shop.push(fmt.Sprint("pause ", i))
		p.takesOver()
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		shop.wantSourceVerdict(source, "success")
		p.settle()
		p.rest()

		before, refs := p.pushes(), p.config.refs()+p.gitops.refs()
		if err := paused.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		<-paused.done
		if !strings.Contains(paused.tail(), "the Lease is lost") || paused.cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("it ended with %v:\n%s", paused.err, paused.tail())
		}
		if now := p.config.refs() + p.gitops.refs(); p.pushes() != before || now != refs {
			t.Errorf("pause %d: %d pushes, %d before it woke up; the refs are\n%s\nbefore\n%s", i, p.pushes(), before, now, refs)
		}
		if got := terminals(shop.sourceNotes(source)); len(got) != 1 {
			t.Errorf("pause %d: the verdicts are %+v", i, got)
		}
	}
	p.settle()
	shop.wantNothingDoubled(len(stops) + 1)
}

// pushes is how many were sent to the two repositories.
func (p *pair) pushes() int {
	return p.git.Count("platform-config", gitserver.PushPack) + p.git.Count("plateform-gitops", gitserver.PushPack)
}

// Asked to end, the one that leads gives the Lease back: the other leads without waiting until that has run out.
func endedWhileLeading(t *testing.T, cluster *kube.Cluster) {
	p, shop := newPair(t, cluster, "3600s", "200ms")
	source := shop.push("two")
	shop.reaches(source, "building")
	ends := p.server
	ends.terminate(t)
	p.takesOver()
	shop.runs("v1.0.1")
	shop.wantSourceVerdict(source, "success")
	p.settle()
	shop.wantNothingDoubled(2)
}

// What the one that stands by is told does its work, without a look of the other by itself; what is asked of it is answered as by the
// other; and it says what it is.
func toldWhileStandingBy(t *testing.T, cluster *kube.Cluster) {
	p, shop := newPair(t, cluster, "8s", "1000h")
	leader := p.server
	told := func(url, secret string, want int) {
		t.Helper()
		p.server = p.other
		defer func() { p.server = leader }()
		p.deliver(url, "refs/heads/main", secret, want)
	}
	shop.push("two")
	told(shop.app.url, "a guess", http.StatusForbidden)
	told(shop.app.url, webhookSecret, http.StatusAccepted)
	shop.runs("v1.0.1")
	p.quiet(shop)

	at := strings.TrimPrefix(leader.url(), "http://")
	if status, text := said(t, p.other, "Listening on", "/readyz"); status != http.StatusOK || !strings.Contains(text, "standing by: "+at+" leads") {
		t.Errorf("/readyz of the one that stands by: %d %s", status, text)
	}
	if status, text := said(t, p.other, "Metrics on", "/metrics"); status != http.StatusOK || !slices.Contains(strings.Split(text, "\n"), "plateform_leading 0") {
		t.Errorf("/metrics of the one that stands by: %d %s", status, text)
	}
	if status, text := said(t, leader, "Metrics on", "/metrics"); status != http.StatusOK || !slices.Contains(strings.Split(text, "\n"), "plateform_leading 1") {
		t.Errorf("/metrics of the one that leads: %d %s", status, text)
	}
	for _, s := range []*server{leader, p.other} {
		if status, text := said(t, s, "Runs and their logs on", "/v1/workspaces/ws-1/projects/shop/runs"); status != http.StatusUnauthorized {
			t.Errorf("a question of nobody is answered with %d %s", status, text)
		}
	}
	leader.kill()
	p.takesOver()
	shop.push("three")
	p.pushed(shop.app.url)
	shop.runs("v1.0.2")
	p.quiet(shop)
	shop.wantNothingDoubled(3)
}
