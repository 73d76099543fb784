package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/test/githubserver/forge"
)

// scaleVariable has TestManyPullRequests measure, which takes minutes.
const scaleVariable = "PLATEFORM_E2E_SCALE"

const (
	manyPulls   = 60
	manyCommits = 5000
)

// Many pull requests on a branch with a long history: how long a start takes, and a push to the branch that is about all or one of
// them, and how much memory. It asserts no time.
func TestManyPullRequests(t *testing.T) {
	if os.Getenv(scaleVariable) == "" {
		t.Skip("it measures; " + scaleVariable + "=1 runs it")
	}
	w := newWorld(t)
	h := w.onGitHub()
	h.install("platform-config", "plateform-gitops")
	w.registry.publish("birds/wren:1")
	w.platform, w.poll = []string{fmt.Sprintf("policy: {admins: [{github: alice, id: %d}]}", gitHubUser)}, "1s"
	w.setUp()
	var projects []*project
	fs := files{workspaceFile("ws-1"): workspaceYAML("ws-1", gitHubUser)}
	for i := range manyPulls {
		p := w.imageProject("ws-1", fmt.Sprintf("app-%02d", i), "birds/wren:1")
		projects = append(projects, p)
		fs[p.file()] = p.yaml()
	}
	w.config.commit("Add many", fs)
	w.start()
	projects[manyPulls-1].runs("v1.0.0")
	projects[0].runs("v1.0.0")
	w.settle()
	w.stop()
	w.lengthen()
	for i, p := range projects {
		branch := fmt.Sprintf("scale-%d", i)
		_, err := h.server.Commit(t.Context(), forge.NewCommit{Repo: "acme/platform-config", Branch: branch, From: fmt.Sprintf("main~%d", i*70), Author: gitHubUser, Message: "Scale", Files: map[string]string{p.file(): p.yaml("replicas: 2")}})
		h.must(err)
		_, err = h.server.OpenPull(t.Context(), forge.NewPull{Repo: "acme/platform-config", Head: branch, Title: "Scale " + p.name, Author: gitHubUser})
		h.must(err)
	}
	planned := func(what string, want int, act func()) {
		t.Helper()
		log, _ := os.ReadFile(w.serveLog())
		before, calls, writes, begin := len(log), len(h.server.Calls()), len(h.wrote()), time.Now()
		act()
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); <-ticker.C {
			log, _ = os.ReadFile(w.serveLog())
			if strings.Count(string(log[before:]), `msg="pull request planned"`) >= want {
				break
			}
		}
		took, status := time.Since(begin), w.vitals()
		t.Logf("%s: %d planned in %.1f s, %d calls, %d of them writes, %s", what, strings.Count(string(log[before:]), `msg="pull request planned"`), took.Seconds(), len(h.server.Calls())-calls, len(h.wrote())-writes, status)
	}
	planned("first start", manyPulls, w.start)
	w.stop()
	planned("start again", manyPulls, w.start)
	planned("a push about all", manyPulls, func() { h.onMain("Note", map[string]string{"README.md": "all of them\n"}) })
	planned("a push about one", manyPulls, func() {
		h.onMain("Scale one", map[string]string{projects[3].file(): projects[3].yaml("replicas: 3")})
	})
	w.checkManners(h)
}

// vitals are the memory and the time that serve has taken so far.
func (w *world) vitals() string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.server.cmd.Process.Pid))
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.server.cmd.Process.Pid))
	var kept []string
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM") || strings.HasPrefix(line, "VmRSS") {
			kept = append(kept, strings.Join(strings.Fields(line), " "))
		}
	}
	if f := strings.Fields(string(stat)); len(f) > 15 {
		kept = append(kept, "CPU ticks "+f[13]+"+"+f[14])
	}
	return strings.Join(kept, ", ")
}

// lengthen adds many commits to the branch of the config repository.
func (w *world) lengthen() {
	w.t.Helper()
	var stream bytes.Buffer
	from := w.config.head()
	for i := range manyCommits {
		message, content := fmt.Sprintf("Note %d", i), fmt.Sprintf("note %d\n", i)
		fmt.Fprintf(&stream, "commit refs/heads/main\nmark :%d\ncommitter alice <alice@example.com> %d +0000\ndata %d\n%s\n", i+1, time.Now().Unix(), len(message), message)
		if i == 0 {
			fmt.Fprintf(&stream, "from %s\n", from)
		}
		fmt.Fprintf(&stream, "M 100644 inline workspaces/ws-1/projects/app-%02d/NOTES.md\ndata %d\n%s\n", i%manyPulls, len(content), content)
	}
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = w.config.bare, &stream
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}
