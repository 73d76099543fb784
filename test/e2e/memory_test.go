package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const broken = "package main\n\nfunc main() { sellEverything() }\n"

// loseGitOps replaces the GitOps repository by an empty one while serve is down, and what it has on disk with it.
func (w *world) loseGitOps() {
	w.t.Helper()
	w.stop()
	w.gitops.create()
	w.loseData()
	w.start()
}

// fallBehind kills serve and moves GitOps one commit back, as a mirror or a backup may be.
func (w *world) fallBehind() {
	w.t.Helper()
	w.server.kill()
	before := w.gitops.look("rev-parse", "main~1")
	w.gitops.rewritten = append(w.gitops.rewritten, before)
	mustRun(w.t, w.gitops.bare, "git", "update-ref", "refs/heads/main", before)
	w.start()
}

// holds waits until a part of the project is held for a reason.
func (p *project) holds(reason string) {
	p.w.t.Helper()
	p.w.await(p.name+" to hold something that "+reason, func() error {
		if run := p.run(); !strings.Contains(run, "reason: "+reason) {
			return fmt.Errorf("run.yaml is\n%s", run)
		}
		return nil
	})
}

// failuresOf are the commits on which the failure of a push to the app is told.
func (p *project) failuresOf(source string) []string {
	var told []string
	for commit, reports := range p.w.notes() {
		for _, r := range reports {
			if r.Context == p.context() && r.Source == source && r.State == "failure" {
				told = append(told, p.w.config.look("log", "-1", "--format=%s", commit))
			}
		}
	}
	return told
}

// Two versions of the code are rolled back, one after the other; when GitOps is lost then, neither goes out by itself.
func TestTwoRollbacksOutliveALostGitOps(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)
	for i, text := range []string{"two", "three"} {
		version := fmt.Sprintf("v1.0.%d", i+1)
		shop.push(text)
		shop.runs(version)
		shop.revert(version)
		shop.runs("v1.0.0")
	}
	w.settle()

	w.loseGitOps()
	same(t, shop.runs("v1.0.0"), one)
	shop.still(one)
	shop.wantReleases("v1.0.0")
	shop.push("four")
	shop.runs("v1.0.3")
}

// One push brings a rollback, a comment and an image that is not there: only the commit that names the image is red.
func TestAnImageThatIsNotThereIsRedOnlyWhereItWasAskedFor(t *testing.T) {
	t.Parallel()
	w, shop, one := oneImage(t)
	shop.edit("env: [{name: V, value: b}]")
	shop.runs("v1.0.1")
	w.settle()

	w.config.pull()
	w.config.git("revert", "--no-edit", shop.releaseCommit("v1.0.1"))
	rollback := w.config.git("rev-parse", "HEAD")
	w.config.record("Write a comment", files{shop.file(): shop.yaml("env: [{name: V, value: b}]") + "# a comment\n"})
	comment := w.config.git("rev-parse", "HEAD")
	shop.spec[1] = "image: " + w.registry.host + "/birds/dodo:1"
	w.config.record("Name an image that is not there", files{shop.file(): shop.yaml("env: [{name: V, value: b}]")})
	missing := w.config.push()

	shop.newestSays(missing, "failure", "birds/dodo:1")
	for what, commit := range map[string]string{"the rollback": rollback, "the comment": comment} {
		if verdict := shop.verdict(commit); verdict.State != "success" {
			t.Errorf("%s ended with %+v", what, verdict)
		}
	}
	same(t, shop.runs("v1.0.0"), one)
	w.settle()
	if ends := terminals(shop.notes(rollback)); len(ends) != 1 {
		t.Errorf("the rollback was told %+v", ends)
	}
}

// The only release is rolled back, and new code is pushed: then all that the config repository says runs, nothing is held,
// and status says so.
func TestStatusHoldsNothingThatRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.spec = []string{"env: [{name: V, value: a}]"}
	w.add(shop)
	shop.runs("v1.0.0")
	shop.revert("v1.0.0")
	w.settle()
	shop.push("two")
	if v := shop.runs("v1.0.1"); v.env("V") != "a" || shop.says() != "two" {
		t.Errorf("v1.0.1 is\n%s", v.text)
	}
	w.settle()
	out, err := w.plateform("status", "ws-1/shop", "--config-repo", w.config.bare, "--gitops-repo", w.gitops.bare)
	if err != nil || !slices.ContainsFunc(lines(out), func(line string) bool {
		return slices.Equal(strings.Fields(line)[:min(2, len(strings.Fields(line)))], []string{"ws-1/shop", "running"})
	}) {
		t.Errorf("all of HEAD runs, and status ended with %v and says\n%s", err, out)
	}
}

// A retry of what still does not build is told on its own commit; the push that did not build is not told again, least of
// all on the commit of somebody else that came after the retry.
func TestARetryTellsNoOldFailureAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.goProject("ws-1", "shop"), w.imageProject("ws-1", "blog", "birds/wren:1")
	w.add(shop, blog)
	shop.runs("v1.0.0")
	blog.runs("v1.0.0")
	bad := shop.app.commit("Break it", files{"main.go": broken})
	shop.sourceVerdict(bad)
	shop.holds("failed")
	w.settle()

	w.config.pull()
	w.config.record("Retry ws-1/shop\n\nPlateform-Retry: ws-1/shop", nil)
	retry := w.config.git("rev-parse", "HEAD")
	w.config.record("Edit blog", files{blog.file(): blog.yaml("replicas: 2")})
	edit := w.config.push()
	shop.wantVerdict(retry, "failure")
	blog.wantVerdict(edit, "success")
	w.settle()
	if told := shop.failuresOf(bad); len(told) != 1 {
		t.Errorf("the push that does not build is told on %q, want it told once", told)
	}
}

// One commit names an image that is not there and another value, which wait for each other; a change of the platform in the
// same push has nothing to do with them and goes out alone.
func TestAPlatformChangeShipsBesideAFailedImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.platform = []string{"ingress: {class: nginx, tlsIssuer: first}"}
	w.open()
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.add(shop)
	one := shop.runs("v1.0.0")
	w.settle()

	w.config.pull()
	shop.spec[1] = "image: " + w.registry.host + "/birds/dodo:1"
	w.config.record("Name an image that is not there, and a value", files{shop.file(): shop.yaml("env: [{name: V, value: b}]")})
	missing := w.config.git("rev-parse", "HEAD")
	w.platform = []string{"ingress: {class: nginx, tlsIssuer: second}"}
	w.config.record("Take another issuer", files{"platform.yaml": w.platformYAML()})
	issuer := w.config.push()

	v := shop.runs("v1.0.1")
	if !strings.Contains(v.text, "tlsIssuer: second") || v.env("V") != "" || v.Image != one.Image {
		t.Errorf("v1.0.1 is\n%s", v.text)
	}
	shop.newestSays(missing, "failure", "birds/dodo:1")
	shop.wantVerdict(issuer, "success")
	shop.still(v)
}

// A push that does not build was told; when GitOps is lost later, it is neither built again nor told again.
func TestAFailureOutlivesALostGitOps(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.goProject("ws-1", "shop"), w.imageProject("ws-1", "blog", "birds/wren:1")
	w.add(shop, blog)
	one := shop.runs("v1.0.0")
	blog.runs("v1.0.0")
	bad := shop.app.commit("Break it", files{"main.go": broken})
	shop.sourceVerdict(bad)
	shop.holds("failed")
	blog.edit("replicas: 2")
	blog.runs("v1.0.1")
	w.settle()

	w.loseGitOps()
	same(t, shop.runs("v1.0.0"), one)
	blog.runs("v1.0.1")
	shop.holds("failed")
	w.settle()
	if logs := shop.buildLogs(); len(logs) > 0 {
		t.Errorf("it was built again: %v", logs)
	}
	if told := shop.failuresOf(bad); len(told) != 1 {
		t.Errorf("the push that does not build is told on %q, want it told once", told)
	}
}

// A project without a release is pushed to while serve is away, and does not build: it is told all the same.
func TestAFailureOfAPushWhileServeIsAwayIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.app.commit("Break it", files{"main.go": broken})
	shop.verdict(w.add(shop))
	w.settle()
	w.stop()
	source := shop.app.commit("Break it otherwise", files{"main.go": strings.Replace(broken, "sellEverything", "buyEverything", 1)})
	w.start()
	shop.wantSourceVerdict(source, "failure")
	w.settle()
	if told := shop.failuresOf(source); len(told) != 1 {
		t.Errorf("it is told on %q, want it told once", told)
	}
}

// twoEdited is a world of two projects with two releases each, that came with one commit each.
func twoEdited(t *testing.T) (w *world, both []*project) {
	t.Helper()
	w = newWorld(t).open()
	w.registry.publish("birds/wren:1")
	both = []*project{w.imageProject("ws-1", "aa", "birds/wren:1"), w.imageProject("ws-1", "bb", "birds/wren:1")}
	w.add(both...)
	for _, p := range both {
		p.runs("v1.0.0")
	}
	w.settle()
	w.config.commit("Another value for both", files{both[0].file(): both[0].yaml("replicas: 2"), both[1].file(): both[1].yaml("replicas: 2")})
	for _, p := range both {
		p.runs("v1.0.1")
	}
	return w, both
}

// rollBackBoth deletes the newest releases of two projects in one commit.
func rollBackBoth(w *world, both []*project) {
	w.t.Helper()
	w.config.commit("Roll both back", files{both[0].releaseFile("v1.0.1"): "", both[1].releaseFile("v1.0.1"): ""})
	for _, p := range both {
		p.runs("v1.0.0")
	}
}

// One push rolls back two projects. When GitOps lost its newest commit then, both stay rolled back.
func TestARollbackOutlivesGitOpsOneCommitBehind(t *testing.T) {
	t.Parallel()
	w, both := twoEdited(t)
	rollBackBoth(w, both)
	w.fallBehind()
	w.settle()
	for _, p := range both {
		p.runs("v1.0.0")
		p.wantReleases("v1.0.0")
	}
}

// One push releases two projects. When GitOps lost its newest commit then, their versions are remembered all the same, and
// never used again.
func TestNoVersionIsUsedTwiceWithGitOpsOneCommitBehind(t *testing.T) {
	t.Parallel()
	w, both := twoEdited(t)
	w.fallBehind()
	for _, p := range both {
		p.runs("v1.0.1")
	}
	w.settle()
	rollBackBoth(w, both)
	w.config.commit("A third value for both", files{both[0].file(): both[0].yaml("replicas: 3"), both[1].file(): both[1].yaml("replicas: 3")})
	for _, p := range both {
		p.runs("v1.0.2")
		if made := p.releaseCommits("v1.0.1"); len(made) != 1 {
			t.Errorf("%s v1.0.1 was made by %v", p.name, made)
		}
	}
}
