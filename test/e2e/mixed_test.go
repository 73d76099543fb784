package e2e

import (
	"strings"
	"testing"
)

// mixedCommits are the ways in which a rollback and a change of something else come in one commit, or in one push. Each takes
// the files that the rollback and the change give, and returns the commit that has both.
func mixedCommits() map[string]func(w *world, rollback, change files) string {
	both := func(a, b files) files {
		all := files{}
		for _, part := range []files{a, b} {
			for path, text := range part {
				all[path] = text
			}
		}
		return all
	}
	return map[string]func(w *world, rollback, change files) string{
		"squashed": func(w *world, rollback, change files) string {
			return w.config.commit("Back to what was, and a change (#12)", both(rollback, change))
		},
		"merged": func(w *world, rollback, change files) string {
			w.config.pull()
			w.config.git("checkout", "-q", "-b", "incident")
			w.config.record("Go back", rollback)
			w.config.record("Change something", change)
			w.config.git("checkout", "-q", "main")
			w.config.git("merge", "-q", "--no-ff", "-m", "Merge the incident", "incident")
			return w.config.pushMerge()
		},
		"merged with two others": func(w *world, rollback, change files) string {
			w.config.pull()
			for branch, fs := range map[string]files{"back": rollback, "change": change} {
				w.config.git("checkout", "-q", "-b", branch, "main")
				w.config.record("Do "+branch, fs)
			}
			w.config.git("checkout", "-q", "main")
			w.config.git("merge", "-q", "--no-ff", "-m", "Merge both", "back", "change")
			return w.config.pushMerge()
		},
		"changed first": func(w *world, rollback, change files) string {
			w.config.pull()
			w.config.record("Change something", change)
			w.config.record("Go back", rollback)
			return w.config.push()
		},
		"rolled back first": func(w *world, rollback, change files) string {
			w.config.pull()
			w.config.record("Go back", rollback)
			w.config.record("Change something", change)
			return w.config.push()
		},
	}
}

// pushMerge pushes a merge commit that people made.
func (r *repo) pushMerge() string {
	r.t.Helper()
	merge := r.push()
	r.merged = append(r.merged, merge)
	return merge
}

// Code is rolled back and an env value changes, in one commit or in one push: the old code runs with the new value, the
// verdict says what is held, and that stays so over a restart and a lost GitOps.
func TestARollbackWithAChange(t *testing.T) {
	t.Parallel()
	for name, commit := range mixedCommits() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).open()
			shop := w.goProject("ws-1", "shop")
			shop.spec = []string{"env: [{name: FEATURE, value: enabled}]"}
			w.add(shop)
			one := shop.runs("v1.0.0")
			shop.push("bad")
			shop.runs("v1.0.1")
			w.settle()

			shop.spec = []string{"env: [{name: FEATURE, value: disabled}]"}
			asked := commit(w, files{shop.releaseFile("v1.0.1"): ""}, files{shop.file(): shop.yaml()})
			v := shop.runs("v1.0.2")
			if v.Image != one.Image || v.env("FEATURE") != "disabled" {
				t.Errorf("v1.0.2 is\n%s", v.text)
			}
			if verdict := shop.verdict(asked); verdict.State != "success" || !strings.Contains(verdict.Description, "source") ||
				strings.Contains(verdict.Description, "project is held") {
				t.Errorf("it ended with %+v", verdict)
			}
			shop.still(v)
			w.restart()
			shop.still(v)
			w.settle()
			w.loseGitOps()
			same(t, shop.runs("v1.0.2"), v)
			w.settle()
			shop.wantReleases("v1.0.0", "v1.0.2")

			shop.push("good")
			if v := shop.runs("v1.0.3"); shop.says() != "good" || v.env("FEATURE") != "disabled" {
				t.Errorf("v1.0.3 says %q and is\n%s", shop.says(), v.text)
			}
		})
	}
}

// Two releases, of code and of a value, are taken back by one commit that sets another value and changes the platform.
func TestTwoReleasesBackWithAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.platform = []string{"ingress: {class: nginx, tlsIssuer: first}"}
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	one := shop.runs("v1.0.0")
	shop.push("bad")
	shop.runs("v1.0.1")
	shop.edit("env: [{name: FEATURE, value: bad}]")
	shop.runs("v1.0.2")
	w.settle()

	w.platform = []string{"ingress: {class: nginx, tlsIssuer: second}"}
	w.config.commit("Back to v1.0.0 with another issuer", files{
		shop.releaseFile("v1.0.1"): "", shop.releaseFile("v1.0.2"): "", "platform.yaml": w.platformYAML(),
	})
	v := shop.runs("v1.0.3")
	if v.Image != one.Image || v.env("FEATURE") != "" || !strings.Contains(v.text, "tlsIssuer: second") {
		t.Errorf("v1.0.3 is\n%s", v.text)
	}
	shop.edit("env: [{name: FEATURE, value: good}]")
	if v = shop.runs("v1.0.4"); v.Image != one.Image || v.env("FEATURE") != "good" {
		t.Errorf("v1.0.4 is\n%s", v.text)
	}
	shop.still(v)
}

// Code is rolled back by the commit that has the app follow another branch: what that branch has goes out.
func TestARollbackThatFollowsAnotherBranch(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	shop.app.git("checkout", "-q", "-b", "stable")
	shop.app.record("Say stable", files{"main.go": program("stable")})
	shop.app.git("push", "-q", "origin", "stable")
	shop.app.git("checkout", "-q", "main")
	shop.push("bad")
	shop.runs("v1.0.1")
	w.settle()

	app := shop.app
	shop.app, shop.spec = nil, []string{"type: monolithic", "source: {repository: " + app.url + ", branch: stable}"}
	asked := w.config.commit("Back, and to the stable branch", files{shop.releaseFile("v1.0.1"): "", shop.file(): shop.yaml()})
	shop.runs("v1.0.2")
	shop.wantSays("stable")
	if verdict := shop.verdict(asked); verdict.State != "success" || !strings.Contains(verdict.Description, "v1.0.2") {
		t.Errorf("it ended with %+v", verdict)
	}
}
