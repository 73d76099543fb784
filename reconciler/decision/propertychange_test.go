package decision

import (
	"fmt"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// change lets somebody do something.
func (l *life) change() {
	edits := []func(){
		func() { l.push(branchOf(l.view), l.IntN(4) == 0) },
		func() { l.push(branchOf(l.view), false) },
		l.reset,
		func() { l.edit("env", func(v *config.View) { l.env(v) }) },
		func() { l.edit("build", func(v *config.View) { l.build(v) }) },
		func() { l.edit("env and build", func(v *config.View) { l.env(v); l.build(v); l.together = true }) },
		func() { l.edit("platform", func(v *config.View) { v.Inputs.Replicas = 1 + l.IntN(3) }) },
		func() { l.edit("pause", func(v *config.View) { v.Spec.Paused = !v.Spec.Paused && l.IntN(2) == 0 }) },
		func() { l.edit("branch", l.follow) },
		func() { l.withdraw(1) },
		func() { l.withdraw(1) },
		func() { l.withdraw(2) },
		func() { l.withdrawAnd("env", l.env) },
		func() { l.withdrawAnd("build", l.build) },
		func() { l.withdrawAnd("branch", l.follow) },
		func() { l.withdrawAnd("platform", func(v *config.View) { v.Inputs.Replicas = 1 + l.IntN(3) }) },
		l.withdrawOld,
		l.bringBack,
		l.thereAndBack,
		l.retry,
		l.deleteOrAdd,
	}
	edits[l.IntN(len(edits))]()
}

func (l *life) edit(what string, change func(*config.View)) {
	if !l.view.Present {
		return
	}
	l.tell("edit %s", what)
	l.step(change, false)
}

// reset puts the branch where it was before.
func (l *life) reset() {
	commit := l.commits[l.IntN(len(l.commits))]
	l.branches[branchOf(l.view)] = commit
	l.tell("reset %s to %s", branchOf(l.view), commit[:4])
}

func (l *life) env(v *config.View) {
	level := fmt.Sprintf("level%d", l.IntN(3))
	v.Spec.Env = []manifest.EnvVar{{Name: "LEVEL", Value: &level}}
}

func (l *life) build(v *config.View) {
	v.Spec.Build = &manifest.Build{Dockerfile: fmt.Sprintf("Dockerfile.%d", l.IntN(3))}
}

// follow has the project follow a branch.
func (l *life) follow(v *config.View) {
	source := *v.Spec.Source
	source.Branch = []string{"main", "next"}[l.IntN(2)]
	v.Spec.Source = &source
}

// settled says that nothing is waited for, so that whatever comes next is for what comes next.
func (l *life) settled() bool { return len(l.builds) == 0 && (l.rest == UpToDate || l.rest == Held) }

// withdraw reverts the newest releases, so many in one commit. That makes nothing new.
func (l *life) withdraw(n int) {
	n = min(n, len(l.view.Releases))
	if n == 0 {
		return
	}
	settled := l.settled() && l.view.Present
	l.tell("revert the newest %d, down from %s", n, l.view.Highest())
	l.step(func(v *config.View) { v.Releases = slices.Clone(v.Releases[:len(v.Releases)-n]) }, false)
	l.makesNothing(settled)
}

// withdrawAnd reverts the newest release, or two, in the commit that also changes something else, as a squash or a merge does.
func (l *life) withdrawAnd(what string, change func(*config.View)) {
	n := min(1+l.IntN(2), len(l.view.Releases))
	if n == 0 || !l.view.Present {
		return
	}
	l.tell("edit %s and revert the newest %d, down from %s", what, n, l.view.Highest())
	l.step(func(v *config.View) {
		change(v)
		v.Releases = slices.Clone(v.Releases[:len(v.Releases)-n])
	}, false)
}

func (l *life) makesNothing(settled bool) {
	l.made = 0
	if !settled || l.tipsMoved() {
		return
	}
	l.settle()
	l.check(l.made == 0, "a rollback made %d things", l.made)
}

// tipsMoved says that a branch is somewhere else than where it was seen, so that there is something new to make.
func (l *life) tipsMoved() bool {
	return slices.ContainsFunc(manifest.SourceInputs(l.view.Spec), func(input manifest.SourceInput) bool {
		return l.tips[input.Part].Commit != l.branches[input.Source.Branch]
	})
}

func (l *life) withdrawOld() {
	if len(l.view.Releases) < 2 {
		return
	}
	settled := l.settled() && l.view.Present
	i := l.IntN(len(l.view.Releases) - 1)
	l.tell("revert %s, which is not the newest", l.view.Releases[i].Version)
	l.step(func(v *config.View) { v.Releases = slices.Delete(slices.Clone(v.Releases), i, i+1) }, false)
	l.makesNothing(settled)
}

// bringBack reverts the revert of any release.
func (l *life) bringBack() {
	var gone []manifest.Version
	for version := (manifest.Version{Major: 1}); version.Compare(l.highest) <= 0 && len(l.ever) > 0; version = version.Next() {
		if !l.view.Has(version) {
			gone = append(gone, version)
		}
	}
	if len(gone) == 0 {
		return
	}
	version := gone[l.IntN(len(gone))]
	l.tell("bring back %s", version)
	l.step(func(v *config.View) {
		v.Releases = append(slices.Clone(v.Releases), config.ReleaseFile{Version: version})
		slices.SortFunc(v.Releases, func(a, b config.ReleaseFile) int { return a.Version.Compare(b.Version) })
	}, false)
}

// thereAndBack reverts the newest release and then the revert: all is as it was and nothing was made.
func (l *life) thereAndBack() {
	if !l.settled() || !l.view.Present || len(l.view.Releases) == 0 || l.tipsMoved() {
		return
	}
	before, releases := l.shown, l.view.Releases
	l.withdraw(1)
	l.tell("revert the revert")
	l.step(func(v *config.View) { v.Releases = releases }, false)
	l.makesNothing(true)
	l.check(l.shown == before, "after the revert of the revert %s runs, and not %s", l.shown.Version(), before.Version())
}

func (l *life) retry() {
	l.tell("retry")
	l.step(func(*config.View) {}, true)
}

// deleteOrAdd deletes the project, with its release files or without, or adds it again.
func (l *life) deleteOrAdd() {
	if l.IntN(2) == 0 {
		return
	}
	files := l.IntN(2) == 0
	l.tell("delete or add, keeping release files: %v", files)
	l.step(func(v *config.View) {
		v.Present = !v.Present
		if !files {
			v.Releases = nil
		}
	}, false)
}

// presence is what the registry has said of images that do not run: it has them, or does not answer.
func (l *life) presence(images map[string]manifest.Image) map[string]Presence {
	presence := map[string]Presence{}
	note := func(image manifest.Image) {
		runs := l.shown != nil && slices.ContainsFunc(l.shown.Spec.Images, func(shown manifest.Image) bool { return shown.Digest == image.Digest })
		switch {
		case runs:
		case !l.asked[image.Ref()]:
			presence[image.Ref()] = Unasked
		case len(l.asked)%2 == 0:
			presence[image.Ref()] = Unknown
		default:
			presence[image.Ref()] = There
		}
	}
	for _, image := range images {
		note(image)
	}
	if running := RunningRelease(l.before(), l.view); running != nil {
		for _, image := range running.Spec.Images {
			note(image)
		}
	}
	return presence
}
