package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// decide puts what Decide says into words. It returns the problems that keep something back.
func (p *Project) decide(t config.Transition, before decision.Before, seen decision.Observed, ran *manifest.Release) (blocking manifest.Problems) {
	missing := 0
	for _, action := range decision.Decide(before, t.After, seen, time.Time{}) {
		switch a := action.(type) {
		case decision.Deploy:
			p.deploys(a.Release, ran)
		case decision.Refuse:
			p.block(a.Problems)
			blocking = append(blocking, a.Problems...)
		case decision.Remove:
			if t.Before != nil && t.Before.Present {
				p.Action = Remove
			}
		case decision.Look:
			if heldStill(before.Run, t, a.Input) {
				p.rests(decision.Rest{Reason: decision.Held})
				continue
			}
			missing++
			p.Builds++
		case decision.StartBuild:
			missing++
			if a.Build.Request.Reference == "" {
				p.Builds++
			}
		case decision.MakeRelease:
			p.Action, p.Next = releaseOrCreate(ran), a.Draft.Version.String()
			p.BuildReason = known
			if len(a.Draft.Images) == 0 {
				p.BuildReason = "nothing to build"
			}
		case decision.Rest:
			p.rests(a)
			blocking = append(blocking, a.Problems...)
		}
	}
	if missing > 0 {
		p.Action, p.BuildReason = releaseOrCreate(ran), buildReason(ran, p.Builds)
		p.Next = next(before, t.After).String()
	}
	return blocking
}

// known says why nothing is built.
const known = "image known, 0 builds"

// deploys notes that a release which is there already has to run.
func (p *Project) deploys(r, ran *manifest.Release) {
	order := r.Version().Compare(ran.Version())
	if order == 0 {
		return
	}
	p.Action, p.Next, p.BuildReason = RollForward, r.Metadata.Name, known
	if order < 0 {
		p.Action = Rollback
	}
}

// next is the version of the next release.
func next(before decision.Before, v *config.View) manifest.Version {
	highest, err := manifest.ParseVersion(before.Run.Highest)
	if top := v.Highest(); err != nil || top.Compare(highest) > 0 {
		highest = top
	}
	return highest.Next()
}

// block says what keeps anything new from being released.
func (p *Project) block(problems manifest.Problems) {
	p.Action = Blocked
	for i, problem := range problems {
		if i == maxProblems {
			p.Why = append(p.Why, fmt.Sprintf("and %d more problems", len(problems)-i))
			return
		}
		p.Why = append(p.Why, "nothing new is released: "+problem.String())
	}
}

// maxProblems is how many problems are told of one project; the plan lists all of them at its end.
const maxProblems = 3

func (p *Project) rests(r decision.Rest) {
	if p.Action != Nothing {
		return
	}
	switch r.Reason {
	case decision.Blocked:
		p.block(r.Problems)
	case decision.Paused:
		p.Action = Paused
	case decision.Held:
		p.Action = Held
	case decision.Frozen:
		p.Action = Frozen
	}
}

// happens says that something is done for the project.
func (p *Project) happens() bool {
	switch p.Action {
	case Create, Release, Rollback, RollForward, Remove:
		return true
	}
	return false
}

func releaseOrCreate(ran *manifest.Release) Action {
	if ran == nil {
		return Create
	}
	return Release
}

func buildReason(ran *manifest.Release, builds int) string {
	switch {
	case builds == 0:
		return "the image is named, 0 builds"
	case ran == nil:
		return "the first build"
	}
	return "where the code comes from, or how it is built, was edited"
}

// whyHeld says what stays as it is, and why.
func whyHeld(before decision.Before, v *config.View, head string) []string {
	var why []string
	if frozen := before.Run.Frozen; frozen != nil {
		why = append(why, fmt.Sprintf("frozen: the history of the config repository was rewritten and %s vanished with it (commit %s); a retry ends that",
			frozen.Release, manifest.Short(frozen.Commit)))
	}
	if kept := before.Run.Kept; kept != nil && v.Present {
		why = append(why, fmt.Sprintf("kept: %s keeps running although its release file is gone or not honoured any more", kept.Release))
	}
	for _, h := range before.Run.Holds {
		if !decision.Keeps(before.Run, h, nil) {
			continue
		}
		what := h.Part
		if h.Source != "" && strings.HasPrefix(h.Part, manifest.PartSource) {
			what += " at commit " + manifest.Short(h.Source)
		}
		switch {
		case h.Reason == manifest.HeldFailed:
			why = append(why, fmt.Sprintf("held: %s did not build, and is not tried again by itself", what))
		case h.Reason == manifest.HeldWaiting:
			why = append(why, fmt.Sprintf("held: %s waits, because it came with the commit that did not build", what))
		case h.Commit == head:
			why = append(why, fmt.Sprintf("held: %s is kept back, because %s is rolled back", what, h.Release))
		default:
			why = append(why, fmt.Sprintf("held: %s is kept back, because %s was rolled back by commit %s", what, h.Release, manifest.Short(h.Commit)))
		}
	}
	return why
}
