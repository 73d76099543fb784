package e2e

import (
	"strings"
	"testing"
)

// Bad code is rolled back, then an env value changes: the old image runs with the new value. The bad commit stays held
// until the branch moves on.
func TestBadCodeStaysHeldWhileEnvChanges(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)
	shop.push("bad")
	shop.runs("v1.0.1")
	shop.revert("v1.0.1")
	shop.runs("v1.0.0")

	shop.verdict(shop.edit("env: [{name: LEVEL, value: debug}]"))
	v := shop.runs("v1.0.2")
	if v.Image != one.Image || v.env("LEVEL") != "debug" {
		t.Errorf("v1.0.2 is\n%s", v.text)
	}
	shop.still(v)
	shop.wantReleases("v1.0.0", "v1.0.2")
	w.restart()
	shop.still(v)

	shop.push("good")
	v = shop.runs("v1.0.3")
	if got := shop.says(); got != "good" || v.env("LEVEL") != "debug" {
		t.Errorf("v1.0.3 says %q and is\n%s", got, v.text)
	}
}

// `plateform retry` lets a withdrawn source go out again, as a new release and without building it again.
func TestRetryReleasesWhatIsHeld(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	shop.push("two")
	two := shop.runs("v1.0.1")
	shop.revert("v1.0.1")
	one := shop.runs("v1.0.0")
	shop.still(one)

	shop.retry()
	v := shop.runs("v1.0.2")

	if v.Image.Digest != two.Image.Digest || shop.builds() != 2 {
		t.Errorf("v1.0.2 runs %+v after %d builds, want the image of v1.0.1", v.Image, shop.builds())
	}
	if got := w.config.trailer(w.retryCommit(), "Plateform-Retry"); got != "ws-1/shop" {
		t.Errorf("the retry commit asks for %q", got)
	}
	shop.still(v)
}

// Env and replicas make a release without a build; so does taking that commit back.
func TestConfigOnlyReleases(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)

	commit := shop.edit("replicas: 3", "env: [{name: LEVEL, value: debug}]")
	two := shop.runs("v1.0.1")
	if two.Image != one.Image || two.Replicas != 3 || two.env("LEVEL") != "debug" {
		t.Errorf("v1.0.1 is\n%s", two.text)
	}
	shop.wantVerdict(commit, "success")
	for _, stage := range stages(shop.notes(commit)) {
		if stage == "building" || stage == "pushing" {
			t.Errorf("an edit of env went through %v", stages(shop.notes(commit)))
		}
	}

	w.config.revert(commit)
	three := shop.runs("v1.0.2")
	if three.text != strings.Replace(one.text, "v1.0.0", "v1.0.2", 1) {
		t.Errorf("v1.0.2 is\n%s\nwant what v1.0.0 was\n%s", three.text, one.text)
	}
	shop.still(three)
	if shop.builds() != 1 || shop.attempts() != 1 {
		t.Errorf("%d builds were begun and %d pushed for one source", shop.attempts(), shop.builds())
	}
}

// A config release that is rolled back holds the project's settings, and the next push goes out with the old ones.
func TestRolledBackSettingsStayHeldForThePushAfter(t *testing.T) {
	t.Parallel()
	_, shop, _ := oneApp(t)
	shop.edit("env: [{name: LEVEL, value: wrong}]")
	shop.runs("v1.0.1")
	shop.revert("v1.0.1")
	shop.runs("v1.0.0")

	shop.push("two")
	v := shop.runs("v1.0.2")
	if got := shop.says(); got != "two" || v.env("LEVEL") != "" {
		t.Errorf("v1.0.2 says %q and is\n%s", got, v.text)
	}

	shop.edit("env: [{name: LEVEL, value: right}]")
	if v = shop.runs("v1.0.3"); v.env("LEVEL") != "right" {
		t.Errorf("v1.0.3 is\n%s", v.text)
	}
	shop.edit("env: [{name: LEVEL, value: wrong}]") // the hold has ended: who says it again means it
	if v = shop.runs("v1.0.4"); v.env("LEVEL") != "wrong" {
		t.Errorf("v1.0.4 is\n%s", v.text)
	}
}

// An edit that comes while a build is under way waits for it and ships with it, in one release.
func TestEditShipsWithTheRunningBuild(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)

	finish := w.registry.hold(shop.repository())
	source := shop.push("two")
	shop.reaches(source, "building")
	commit := shop.edit("env: [{name: LEVEL, value: debug}]")
	w.settleBut(shop)
	shop.wantReleases("v1.0.0")
	finish()

	v := shop.runs("v1.0.1")
	if got := shop.says(); got != "two" || v.env("LEVEL") != "debug" {
		t.Errorf("v1.0.1 says %q and is\n%s", got, v.text)
	}
	shop.wantVerdict(commit, "success")
	shop.still(v)
	shop.wantReleases("v1.0.0", "v1.0.1")
}

// When the build that an edit waits for fails, the edit ships alone on the image that is there.
func TestEditShipsAloneWhenTheBuildFails(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)

	finish := w.registry.hold(shop.repository())
	source := shop.push("two")
	shop.reaches(source, "building")
	shop.edit("env: [{name: LEVEL, value: debug}]")
	w.settleBut(shop)
	w.registry.deny(shop.repository(), true)
	finish()

	shop.wantSourceVerdict(source, "failure")
	if v := shop.runs("v1.0.1"); v.Image != one.Image || v.env("LEVEL") != "debug" {
		t.Errorf("v1.0.1 is\n%s", v.text)
	}
}

// A newer push while a build is under way is what ends up running; the older one is told that it was superseded.
func TestNewerPushSupersedesTheRunningBuild(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)

	finish := w.registry.hold(shop.repository())
	older := shop.push("two")
	shop.reaches(older, "building")
	newer := shop.push("three")
	shop.reaches(newer, "queued")
	finish()

	if verdict := shop.sourceVerdict(newer); verdict.State != "success" || verdict.Stage == "superseded" {
		t.Errorf("the newer push ended with %+v", verdict)
	}
	shop.wantSourceVerdict(older, "success")
	w.settle()
	shop.wantSays("three")
}

// A build that ended while its source was held is not lost: rolling forward lets it out, and it is not built again.
func TestRollingForwardReleasesTheLateBuild(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)
	shop.push("two")
	shop.runs("v1.0.1")

	finish := w.registry.hold(shop.repository())
	late := shop.push("three")
	shop.reaches(late, "pushing")
	rollback := shop.revert("v1.0.1")
	same(t, shop.runs("v1.0.0"), one)
	finish()
	shop.sourceVerdict(late)
	shop.still(one)

	w.config.revert(rollback)
	shop.runs("v1.0.2")
	w.settle()
	if got := shop.says(); got != "three" || shop.builds() != 3 {
		t.Errorf("v1.0.2 says %q after %d builds of 3 sources", got, shop.builds())
	}
	shop.wantReleases("v1.0.0", "v1.0.1", "v1.0.2")
}

// One commit that asks for another source and other settings ships whole or not at all.
func TestOneCommitForSourceAndSettingsShipsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	app := shop.app
	w.add(shop)
	one := shop.runs("v1.0.0")
	app.git("switch", "--quiet", "--create", "next")
	app.record("Break it", files{"main.go": "package main\n\nfunc main() { sellEverything() }\n"})
	app.git("push", "--quiet", "origin", "next")

	shop.app, shop.spec = nil, []string{"type: monolithic", "source: {repository: " + app.url + ", branch: next}"}
	commit := shop.edit("env: [{name: NEEDS, value: next}]")
	shop.wantVerdict(commit, "failure")
	shop.still(one)
	shop.wantReleases("v1.0.0")

	app.record("Mend it", files{"main.go": program("next")})
	app.git("push", "--quiet", "origin", "next")
	v := shop.runs("v1.0.1")
	if got := shop.says(); got != "next" || v.env("NEEDS") != "next" {
		t.Errorf("v1.0.1 says %q and is\n%s", got, v.text)
	}
}

// After a failed build a change of settings goes out on the image that is there, and the failed source stays held.
func TestSettingsGoOutAfterAFailedBuild(t *testing.T) {
	t.Parallel()
	_, shop, one := oneApp(t)
	bad := shop.app.commit("Break it", files{"main.go": "package main\n\nfunc main() { sellEverything() }\n"})
	shop.sourceVerdict(bad)

	shop.verdict(shop.edit("replicas: 2"))
	v := shop.runs("v1.0.1")
	if v.Image != one.Image || v.Replicas != 2 {
		t.Errorf("v1.0.1 is\n%s", v.text)
	}
	shop.still(v)
	if ends := terminals(shop.sourceNotes(bad)); len(ends) != 1 || ends[0].State != "failure" {
		t.Errorf("the bad commit was told %+v", ends)
	}
}
