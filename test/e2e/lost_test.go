package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// newestSays waits until the newest of a project's reports on a config commit has a state and words.
func (p *project) newestSays(commit, state string, words ...string) {
	p.w.t.Helper()
	p.w.await(fmt.Sprintf("%s to say %s %q", commit, state, words), func() error {
		notes := p.notes(commit)
		if len(notes) == 0 {
			return fmt.Errorf("it says nothing")
		}
		newest := notes[len(notes)-1]
		for _, word := range words {
			if !strings.Contains(newest.Description, word) {
				return fmt.Errorf("it says %+v", newest)
			}
		}
		if newest.State != state {
			return fmt.Errorf("it says %+v", newest)
		}
		return nil
	})
}

// A source that is lost after its commit was green turns that commit red, once; a commit made meanwhile is green for what it
// changed, and says what does not happen. Once the source is back all of them are green, also over a restart.
func TestALostSourceIsToldOnCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	branch, renamed := w.goProject("ws-1", "branch"), w.goProject("ws-1", "renamed")
	first := w.add(branch, renamed)
	branch.runs("v1.0.0")
	renamed.runs("v1.0.0")
	branch.newestSays(first, "success", "v1.0.0")
	renamed.newestSays(first, "success", "v1.0.0")

	app := branch.app
	app.git("push", "--quiet", "origin", "main:kept")
	app.git("--git-dir", app.bare, "update-ref", "-d", "refs/heads/main")
	away := renamed.app.bare + ".away"
	if err := os.Rename(renamed.app.bare, away); err != nil {
		t.Fatal(err)
	}
	const fix = "(create it, or change source.branch; it goes on by itself)"
	branch.newestSays(first, "failure", "there is no branch main in "+app.bare+" "+fix, "v1.0.0 keeps running")
	renamed.newestSays(first, "failure", renamed.app.bare+" is not there, or Plateform may not read it (bring it back")
	meanwhile := branch.edit("replicas: 2")
	branch.runs("v1.0.1")
	branch.newestSays(meanwhile, "success", "v1.0.1 is in plateform-gitops", "there is no branch main in "+app.bare+" "+fix)

	told := len(branch.notes(first))
	w.restart()
	w.isReady()
	renamed.verdict(renamed.edit("replicas: 3"))
	if now := branch.notes(first); len(now) != told {
		t.Errorf("it is told again: %+v", now)
	}
	branch.newestSays(first, "failure", "there is no branch main")

	app.git("push", "--quiet", "origin", "main:main")
	if err := os.Rename(away, renamed.app.bare); err != nil {
		t.Fatal(err)
	}
	branch.newestSays(first, "success", "v1.0.1")
	renamed.newestSays(first, "success", "v1.0.1")
	if ends := terminals(branch.notes(meanwhile)); len(ends) != 1 {
		t.Errorf("the commit made meanwhile says %+v", branch.notes(meanwhile))
	}
	w.settle()
}

// A commit that is red because its source is not there turns green by itself once it is.
func TestARedCommitTurnsGreenWithItsSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, moved := w.goProject("ws-1", "shop"), w.goProject("ws-1", "moved")
	w.add(moved)
	moved.runs("v1.0.0")
	app, bare := shop.app, shop.app.bare
	shop.app, shop.spec = nil, []string{"type: monolithic", "source: {repository: " + bare + ", branch: release}"}
	movedApp := moved.app
	moved.app, moved.spec = nil, []string{"type: monolithic", "source: {repository: " + movedApp.bare + ", branch: release}"}
	first := w.config.commit("Follow releases", files{shop.file(): shop.yaml(), moved.file(): moved.yaml()})
	shop.newestSays(first, "failure", "no such branch", "it goes on by itself")
	moved.newestSays(first, "failure", "no such branch", "it goes on by itself")
	later := moved.edit("replicas: 2")
	moved.newestSays(later, "failure", "no such branch", "it goes on by itself")

	w.restart()
	app.git("push", "--quiet", "origin", "main:release")
	movedApp.commit("Say two", files{"main.go": program("two")})
	movedApp.git("push", "--quiet", "origin", "main:release")
	shop.runs("v1.0.0")
	moved.runs("v1.0.1")
	shop.newestSays(first, "success", "v1.0.0")
	moved.newestSays(first, "success", "v1.0.1")
	moved.newestSays(later, "success", "v1.0.1")
	w.settle()
}
