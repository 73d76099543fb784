package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
)

// readyz asks serve whether it is ready.
func (w *world) readyz() (status int, text string, err error) {
	ctx, stop := context.WithTimeout(w.t.Context(), patience)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.url()+"/readyz", nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err = readAll(response.Body)
	return response.StatusCode, text, err
}

func readAll(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	return string(b), err
}

// unready waits until serve is not ready for a reason that has these words.
func (w *world) unready(words ...string) {
	w.t.Helper()
	w.await("readyz to tell of "+strings.Join(words, ", "), func() error {
		status, text, err := w.readyz()
		if err != nil {
			return err
		}
		for _, word := range words {
			if status != http.StatusServiceUnavailable || !strings.Contains(text, word) {
				return fmt.Errorf("it says %d %s", status, text)
			}
		}
		return nil
	})
}

// isReady waits until serve is ready.
func (w *world) isReady() {
	w.t.Helper()
	w.await("serve to be ready", func() error {
		status, text, err := w.readyz()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("it says %s", text)
		}
		return err
	})
}

// logged waits until the log of serve has all these words in one line.
func (w *world) logged(words ...string) {
	w.t.Helper()
	w.await("the log to tell of "+strings.Join(words, ", "), func() error {
		log, err := os.ReadFile(w.serveLog())
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(log)) {
			all := true
			for _, word := range words {
				all = all && strings.Contains(line, word)
			}
			if all {
				return nil
			}
		}
		return fmt.Errorf("no line does")
	})
}

// wholeStatus is what the command says of the project, with GitOps and the notes at hand.
func (p *project) wholeStatus() string {
	p.w.t.Helper()
	p.w.config.pull()
	p.w.config.git("fetch", "--quiet", "origin", "+refs/notes/*:refs/notes/*")
	out, err := p.w.plateform("status", p.workspace+"/"+p.name, "--gitops-repo", p.w.gitops.bare)
	if err != nil {
		return out + err.Error()
	}
	return out
}

// statusTells waits until the command tells these words of the project.
func (p *project) statusTells(words ...string) {
	p.w.t.Helper()
	p.w.await("status to tell of "+strings.Join(words, ", "), func() error {
		text := strings.Join(strings.Fields(p.wholeStatus()), " ")
		for _, word := range words {
			if !strings.Contains(text, word) {
				return fmt.Errorf("it says %s", text)
			}
		}
		return nil
	})
}

// A refusal is one way in which a server does not take pushes.
type refusal struct {
	name string
	// words that it has to be told with, whether the server is known to refuse, and whether it takes long to find out.
	words   string
	refused bool
	slow    bool
	// begin makes it so for a ref of a repository, and returns what ends it.
	begin func(t *testing.T, server *gitserver.Server, repository, ref string) (end func())
}

// byHook is a refusal of the server's own rules, told on standard error, of what Plateform pushes.
func byHook(name, hook, said, words string) refusal {
	return refusal{name, words, true, false, func(t *testing.T, server *gitserver.Server, repository, ref string) func() {
		repo := server.Open(t, repository)
		refuse := `[ "$ref" = ` + ref + ` ] && [ "$(git log -1 --format=%an "$new")" = Plateform ] && { printf '` + said + `\n' >&2; exit 1; }`
		script := "while read old new ref; do " + refuse + "; done; exit 0"
		if hook == "update" {
			script = "ref=$1 new=$3; " + refuse + "; exit 0"
		}
		repo.Hook(hook, script)
		return func() { repo.Hook(hook, "") }
	}}
}

// byFault is one that the server answers with before Git is asked.
func byFault(name, words string, refused bool, fault gitserver.Fault) refusal {
	return refusal{name, words, refused, fault.Hang, func(_ *testing.T, server *gitserver.Server, repository, ref string) func() {
		fault.Op, fault.Ref = gitserver.PushPack, ref
		server.Inject(repository, fault)
		return func() { server.Heal(repository) }
	}}
}

func refusals() []refusal {
	return []refusal{
		byHook("hook text", "pre-receive", "GH006: Protected branch update failed.\\nerror: Commits must have verified signatures.", "Commits must have verified signatures."),
		byHook("protected branch", "update", "GitLab: You are not allowed to push code to protected branches on this project.", "not allowed to push code to protected branches"),
		byHook("quota", "pre-receive", "remote: Repository has exceeded its quota of 1 GiB", "exceeded its quota of 1 GiB"),
		byFault("non-fast-forward", "non-fast-forward", true, gitserver.Fault{Refuse: "non-fast-forward"}),
		byFault("permission", "Permission to acme denied to robot", true, gitserver.Fault{Status: http.StatusForbidden, Body: "Permission to acme denied to robot"}),
		byFault("not well", "down for maintenance", false, gitserver.Fault{Status: http.StatusServiceUnavailable, Body: "down for maintenance"}),
		byFault("hang", "no answer in 30s", false, gitserver.Fault{Hang: true}),
	}
}

const branchRef, notesRef = "refs/heads/main", "refs/notes/plateform"

// Whatever keeps Plateform's pushes out of one of its repositories is told to who waits: on the commit and in status, or where
// it is the notes that are refused, at /readyz and in the log. When it is lifted all goes on by itself.
func TestRefusedPushesAreTold(t *testing.T) {
	t.Parallel()
	targets := []string{"platform-config", "plateform-gitops", "the notes"}
	for _, r := range refusals() {
		if r.slow { // one story after the other would take too long
			for _, target := range targets {
				t.Run(r.name+" of "+target, func(t *testing.T) {
					t.Parallel()
					tellsOfRefusals(t, r, target)
				})
			}
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			tellsOfRefusals(t, r, targets...)
		})
	}
}

// tellsOfRefusals refuses the pushes to one target after the other.
func tellsOfRefusals(t *testing.T, r refusal, targets ...string) {
	w := newWorld(t)
	server := w.serveOverHTTP()
	w.registry.publish("birds/wren:1")
	w.open()
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	shop.verdict(w.add(shop))
	for i, target := range targets {
		version, replicas := shop.next(), fmt.Sprintf("replicas: %d", i+2)
		var commit string
		var end func()
		if target == "the notes" {
			end = r.begin(t, server, "platform-config", notesRef)
			commit = shop.edit(replicas)
			shop.runs(version)
			w.unready("people are not told", r.words)
			w.logged("people cannot be told now", r.words)
		} else {
			end = r.begin(t, server, target, branchRef)
			commit = shop.edit(replicas)
			shop.toldOfRefusal(commit, target, r)
		}
		end()
		if verdict := shop.verdict(commit); verdict.State != "success" {
			t.Errorf("%s: when it is lifted the commit says %+v", target, verdict)
		}
		shop.runs(version)
		w.isReady()
		if text := shop.wholeStatus(); strings.Contains(text, r.words) || !strings.Contains(text, "running") {
			t.Errorf("%s: when it is lifted status says %s", target, text)
		}
	}
	w.settle()
	if got := len(shop.releases()); got != 1+len(targets) {
		t.Errorf("there are %d releases", got)
	}
}

// toldOfRefusal waits until all who ask are told why a commit waits.
func (p *project) toldOfRefusal(commit, repository string, r refusal) {
	p.w.t.Helper()
	p.w.await("the commit to be told", func() error {
		newest := report{}
		for _, said := range p.notes(commit) {
			newest = said
		}
		if newest.State != "pending" || !strings.Contains(newest.Description, r.words) || !strings.Contains(newest.Description, repository) {
			return fmt.Errorf("its newest report is %+v", newest)
		}
		return nil
	})
	next := "next see that the server is well and can be reached"
	if r.refused {
		next = "next let Plateform's account push there"
	}
	p.statusTells("pending", r.words, repository, next)
	p.w.unready(r.words, repository)
	p.w.logged("a push does not get in", r.words)
}

// Somebody who is faster each time is told of, and it ends when they stop.
func TestABranchThatMovesBeforeEachPushIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry.publish("birds/wren:1")
	w.open()
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	shop.verdict(w.add(shop))
	w.gitops.beatAlways()
	commit := shop.edit("replicas: 2")
	w.await("the commit to be told", func() error {
		for _, said := range shop.notes(commit) {
			if strings.Contains(said.Description, "plateform-gitops has moved before each of the last") {
				return nil
			}
		}
		return fmt.Errorf("its reports are %+v", shop.notes(commit))
	})
	w.unready("plateform-gitops has moved before each of the last")
	if err := os.Remove(filepath.Join(w.gitops.bare, "hooks", "pre-receive")); err != nil {
		t.Fatal(err)
	}
	shop.wantVerdict(commit, "success")
	w.isReady()
	w.settle()
}

// A rollback needs no release: it gets through while the config repository takes no pushes.
func TestARollbackGetsThroughWhereNoReleaseDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serveOverHTTP()
	w.registry.publish("birds/wren:1")
	w.open()
	shop, blog := w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("ws-1", "blog", "birds/wren:1")
	shop.verdict(w.add(shop, blog))
	one := shop.runs("v1.0.0")
	shop.verdict(shop.edit("replicas: 2"))
	shop.runs("v1.0.1")
	r := refusals()[0]
	end := r.begin(t, server, "platform-config", branchRef)
	waits := blog.edit("replicas: 2")
	w.unready(r.words)
	rollback := w.config.revert(shop.releaseCommit("v1.0.1"))
	same(t, shop.runs("v1.0.0"), one)
	shop.wantVerdict(rollback, "success")
	end()
	blog.verdict(waits)
	blog.runs("v1.0.1")
	w.settle()
	same(t, shop.runs("v1.0.0"), one)
}

// A branch that is deleted, a repository that is renamed, and a folder that is moved away are told of in status, in the log, at
// /readyz and by doctor; what runs keeps running, and a push is released once it is back.
func TestLostSourcesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	branch, renamed := w.goProject("ws-1", "branch"), w.goProject("ws-1", "renamed")
	branch.app.git("push", "--quiet", "origin", "main:release")
	branch.spec = []string{"type: monolithic", "source: {repository: " + branch.app.bare + ", branch: release}"}
	app := branch.app
	branch.app = nil
	first := w.add(branch, renamed)
	one, other := branch.runs("v1.0.0"), renamed.runs("v1.0.0")
	branch.verdict(first)

	app.git("push", "--quiet", "origin", ":release")
	away := renamed.app.bare + ".away"
	if err := os.Rename(renamed.app.bare, away); err != nil {
		t.Fatal(err)
	}
	branch.statusTells("failed", "there is no branch release in "+app.bare, "v1.0.0 keeps running", "next create it, or change source.branch")
	renamed.statusTells("failed", renamed.app.bare+" is not there, or Plateform may not read it", "next bring it back")
	w.logged("a source cannot be followed", "project=ws-1/branch", "no branch release")
	w.logged("a source cannot be followed", "project=ws-1/renamed")
	if status, text, err := w.readyz(); err != nil || status != http.StatusOK || !strings.Contains(text, "2 projects cannot follow a source") ||
		!strings.Contains(text, "ws-1/branch: the source is not followed: there is no branch release in "+app.bare+" (create it") || !strings.Contains(text, "ws-1/renamed: ") {
		t.Errorf("readyz says %d %s %v", status, text, err)
	}
	out, _ := w.plateform("doctor", "--config", filepath.Join(w.dir, "serve.yaml"))
	for _, words := range []string{"fail sources: the source " + app.bare, "no such branch"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), words) {
			t.Errorf("doctor does not tell of %s:\n%s", words, out)
		}
	}
	head := w.gitops.head()
	w.restart()
	branch.still(one)
	renamed.still(other)
	if text := w.gitops.look("log", "--format=%s", head+"..main", "--", "workspaces/ws-1"); text != "" {
		t.Errorf("it is told again in GitOps:\n%s", text)
	}

	if err := os.Rename(away, renamed.app.bare); err != nil {
		t.Fatal(err)
	}
	renamed.push("two")
	renamed.runs("v1.0.1")
	app.commit("Say two", files{"main.go": program("two")})
	app.git("push", "--quiet", "origin", "main:release")
	branch.runs("v1.0.1")
	branch.statusTells("ws-1/branch running")
	renamed.statusTells("ws-1/renamed running")
	for _, p := range []*project{branch, renamed} {
		if text := p.wholeStatus(); strings.Contains(text, "cannot be read") {
			t.Errorf("it is back, and status says\n%s", text)
		}
	}
	w.logged("a source is followed again", "project=ws-1/branch")
}

// A commit that is red for something is told in status, whatever it is: also of projects that never ran.
func TestStatusTellsWhyTheNewestCommitIsRed(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	folder, gone := w.goProject("ws-1", "folder"), w.goProject("ws-1", "gone")
	fresh := &project{w: w, workspace: "ws-1", name: "fresh",
		spec: []string{"type: monolithic", "source: {repository: " + folder.app.bare + ", branch: typo}"}}
	pinned := &project{w: w, workspace: "ws-1", name: "pinned",
		spec: []string{"type: monolithic", "source: {repository: " + folder.app.bare + ", path: app, revision: " + strings.Repeat("ab", 20) + "}"}}
	file := &project{w: w, workspace: "ws-1", name: "file",
		spec: []string{"type: monolithic", "source: {repository: " + folder.app.bare + ", path: main.go}"}}
	refused := &project{w: w, workspace: "ws-1", name: "refused", spec: []string{"type: monolithic", "source: {repository: https://elsewhere.test/x}"}}
	w.add(folder, gone)
	folder.runs("v1.0.0")
	gone.runs("v1.0.0")
	where := folder.app.bare
	folder.app, folder.spec = nil, []string{"type: monolithic", "source: {repository: " + where + ", path: nowhere}"}
	gone.app, gone.spec = nil, []string{"type: monolithic", "source: {repository: " + w.dir + "/nowhere.git}"}
	w.config.commit("Six mistakes", files{
		folder.file(): folder.yaml(), gone.file(): gone.yaml(), fresh.file(): fresh.yaml(), pinned.file(): pinned.yaml(), refused.file(): refused.yaml(),
		file.file(): file.yaml(),
	})
	folder.statusTells("ws-1/folder failed", "there is no folder nowhere in "+where, "change source.path")
	gone.statusTells("ws-1/gone failed", "/nowhere.git is not there", "change source.repository")
	fresh.statusTells("ws-1/fresh failed", "there is no branch typo in "+where, "change source.branch")
	pinned.statusTells("ws-1/pinned failed", "there is no commit ababababab in "+where, "change source.revision")
	file.statusTells("ws-1/file failed", "main.go in "+where+" is a file, a symlink or a submodule, and no folder", "name a folder in source.path")
	refused.statusTells("ws-1/refused failed", "is not allowed on this platform")
	fresh.spec[1] = "source: {repository: " + where + "}"
	fresh.edit()
	fresh.runs("v1.0.0")
	fresh.statusTells("ws-1/fresh running")
}

// beatAlways makes somebody else faster than each push of Plateform's.
func (r *repo) beatAlways() {
	r.t.Helper()
	script := `#!/bin/sh
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
export GIT_AUTHOR_NAME=mallory GIT_AUTHOR_EMAIL=m@example.com GIT_COMMITTER_NAME=mallory GIT_COMMITTER_EMAIL=m@example.com
git update-ref refs/heads/main $(git commit-tree -p main -m 'Be faster' 'main^{tree}')
`
	if err := os.WriteFile(filepath.Join(r.bare, "hooks", "pre-receive"), []byte(script), 0o755); err != nil {
		r.t.Fatal(err)
	}
}
