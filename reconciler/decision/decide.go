package decision

import (
	"maps"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Before is what is remembered of a project.
type Before struct {
	Run manifest.RunSpec
	// Kept is the release that Run.Kept names; nil without one.
	Kept *manifest.Release
}

// Observed is what was found in the world outside the config repository.
type Observed struct {
	// Tips says where each source part is now; a part nobody has looked at is missing.
	Tips map[string]reconciler.Tip
	// Unreadable sources could not be looked at for a while. Until they can, they count as unchanged.
	Unreadable map[string]bool
	// Builds holds the newest build of each source part that this project asked for.
	Builds map[string]Build
	// Images of the project's release files, by the key of their source part.
	Images map[string]manifest.Image
	// Obstacles to deploying the newest release now; see Refuse.
	Obstacles manifest.Problems
	// Presence says of images that do not run now, and with a retry of those that do, whether the registry has them, by their Ref.
	// What is missing here needs not be asked for: it runs, it was pushed just now, or there is nobody to ask.
	Presence map[string]Presence
	// Shown says that GitOps shows the release that has to run, or nothing of the project: then there is nothing better to stay with.
	Shown bool
	// Together are the authored parts (project, platform) that a commit since the running release changed in one go with
	// where an image comes from: they are released with that image, not before.
	Together map[string]bool
	// Failures are builds that are known to have failed from reports only, by their ID: no run.yaml has them.
	Failures map[string]KnownFailure
	// Rollout of what runs; nil when nobody follows it.
	Rollout *reconciler.Rollout
	// RolloutSince is when the rollout was wanted.
	RolloutSince time.Time
}

// KnownFailure is a failed build that was reported.
type KnownFailure struct {
	// Attempts that failed, as config commits: those that asked to try again, and those that the failure was reported on.
	Attempts map[string]bool
	// Summary as it was reported.
	Summary string
}

// Build is a build that was asked for.
type Build struct {
	Request reconciler.BuildRequest
	Part    string
	// SourceKey is the key of the source part that it builds.
	SourceKey string
	// Superseding says that it replaced a running build, and so is not replaced itself: else a busy branch would never
	// come to a release.
	Superseding bool
	Status      reconciler.BuildStatus
	// Tip is where the source was when it was asked for.
	Tip reconciler.Tip
}

// Action is one thing to do for a project.
type Action interface{ action() }

type (
	// Deploy: GitOps has to show this release.
	Deploy struct{ Release *manifest.Release }
	// Refuse: the newest release must not be deployed now, what runs stays.
	Refuse struct {
		Release  *manifest.Release
		Problems manifest.Problems
	}
	// AskRegistry: whether the registry still has these images has to be known first. Release is the one that is not deployed
	// before; nil when it is the next release that waits.
	AskRegistry struct {
		Release *manifest.Release
		Images  []manifest.Image
	}
	// Remove: the project is deleted, GitOps has to drop what runs.
	Remove struct{}
	// Look: nobody knows yet where this source is.
	Look struct{ Input manifest.SourceInput }
	// StartBuild: an image is missing.
	StartBuild struct{ Build Build }
	// CancelBuild: nobody wants this build any more.
	CancelBuild struct {
		Build Build
		// Superseded says that a newer source takes its place.
		Superseded bool
	}
	// Fail: a build failed; the parts in Holds are not tried again by themselves, or wait for those.
	Fail struct {
		Build Build
		Holds []manifest.Hold
		// Known says that it was reported already.
		Known bool
	}
	// Await: what was handed to the engine gets until this time to become healthy.
	Await struct{ Until time.Time }
	// Unchanged: builds came to the images that run. There is nothing to release, and that is to be remembered.
	Unchanged struct{ Rebuilt []manifest.Rebuilt }
	// StillWithdrawn: these builds came to images that were rolled back. They stay held.
	StillWithdrawn struct{ Builds []Build }
	// MakeRelease: all is there for a new release.
	MakeRelease struct{ Draft Draft }
	// Rest: nothing is left to do, for this reason.
	Rest struct {
		Reason   RestReason
		Problems manifest.Problems
	}
)

func (Deploy) action()         {}
func (Refuse) action()         {}
func (AskRegistry) action()    {}
func (Remove) action()         {}
func (Look) action()           {}
func (StartBuild) action()     {}
func (CancelBuild) action()    {}
func (Fail) action()           {}
func (Unchanged) action()      {}
func (StillWithdrawn) action() {}
func (MakeRelease) action()    {}
func (Await) action()          {}
func (Rest) action()           {}

// RestReason says why there is nothing to do.
type RestReason string

// The reasons to rest.
const (
	UpToDate RestReason = "up to date"
	Held     RestReason = "held"
	Paused   RestReason = "paused"
	Blocked  RestReason = "blocked"
	Frozen   RestReason = "frozen"
	Removed  RestReason = "removed"
	// ImageGone: an image that is held has gone from the registry, and cannot be built as things are.
	ImageGone RestReason = "image gone"
)

// Draft is a release before it has a cause and a signature.
type Draft struct {
	Version  manifest.Version
	Parts    manifest.Parts
	Images   []manifest.Image
	Project  manifest.ProjectSpec
	Platform manifest.PlatformInputs
	// Credentials of a database as a release before had them; empty when there are none yet.
	Credentials string
	// Builds whose images are new in this release.
	Builds    []Build
	CreatedAt time.Time
}

// Decide says what to do for one project, given what is remembered of it, what the config repository says at HEAD and
// what was observed. It is pure: the same arguments always give the same actions, and doing an action and asking again
// leads on to the next.
func Decide(before Before, head *config.View, seen Observed, now time.Time) []Action {
	switch {
	case before.Run.Frozen != nil:
		return append(cancelAll(seen), Rest{Reason: Frozen})
	case !head.Present:
		return append(cancelAll(seen), Remove{}, Rest{Reason: Removed})
	}
	actions := deploy(before, head, seen)
	switch {
	case len(head.Problems) > 0:
		return append(actions, Rest{Reason: Blocked, Problems: head.Problems})
	case head.Spec.Paused:
		return append(actions, Rest{Reason: Paused})
	}
	return append(actions, newPursuit(before, head, seen, now).actions()...)
}

// deploy says what GitOps has to show: what was kept, or the newest release.
func deploy(before Before, head *config.View, seen Observed) []Action {
	running := RunningRelease(before, head)
	switch {
	case running == nil:
		return nil
	case len(seen.Obstacles) > 0:
		return []Action{Refuse{Release: running, Problems: seen.Obstacles}}
	}
	if gone := seen.among(running.Spec.Images, Gone); len(gone) > 0 && !seen.Shown {
		return []Action{Refuse{Release: running, Problems: goneProblems(head.Key, running, gone)}}
	}
	if unasked := seen.among(running.Spec.Images, Unasked); len(unasked) > 0 && !seen.Shown {
		return []Action{AskRegistry{Release: running, Images: unasked}}
	}
	actions := []Action{Deploy{Release: running}}
	if r := seen.Rollout; r != nil && r.Release == running.Metadata.Name && r.Phase == reconciler.PhaseProgressing {
		actions = append(actions, Await{Until: seen.RolloutSince.Add(RolloutLimit)})
	}
	return actions
}

// RolloutLimit is how long a rollout may take to become healthy before it counts as failed.
const RolloutLimit = 10 * time.Minute

// RunningRelease is the release that has to run: the kept one, or the newest.
func RunningRelease(before Before, head *config.View) *manifest.Release {
	if before.Kept != nil {
		return before.Kept
	}
	return head.Newest
}

// BaseRelease is the release that held parts are taken from: what runs, unless its file was withdrawn with no other left.
func BaseRelease(before Before, head *config.View) *manifest.Release {
	if before.Kept != nil && !head.Has(before.Kept.Version()) {
		return nil
	}
	return RunningRelease(before, head)
}

func cancelAll(seen Observed) []Action {
	var actions []Action
	for _, part := range slices.Sorted(maps.Keys(seen.Builds)) {
		if build := seen.Builds[part]; !build.Status.Done {
			actions = append(actions, CancelBuild{Build: build})
		}
	}
	return actions
}

// pursuit is one decision in the making: what leads from the release that runs to the one that HEAD asks for.
type pursuit struct {
	before Before
	head   *config.View
	seen   Observed
	now    time.Time

	base    *manifest.Release
	inputs  map[string]manifest.SourceInput
	keys    manifest.Parts  // at HEAD
	assumed map[string]bool // sources whose key is only assumed
	want    manifest.Parts  // what the next release would have
	held    bool            // something at HEAD is held
	stuck   bool            // something is held, and there is no release to take it from
}

func newPursuit(before Before, head *config.View, seen Observed, now time.Time) *pursuit {
	p := &pursuit{before: before, head: head, seen: seen, now: now, base: BaseRelease(before, head)}
	p.inputs = map[string]manifest.SourceInput{}
	for _, input := range manifest.SourceInputs(head.Spec) {
		p.inputs[input.Part] = input
	}
	p.keys, p.assumed = HeadKeys(head, p.base, before.Run.Retry != "", seen.Tips)
	p.settleWant()
	return p
}

// settleWant decides which key each part of the next release has. A held part has the key of the base. A build that has
// superseded another one may finish, although HEAD has moved on, unless HEAD is back at what runs.
func (p *pursuit) settleWant() {
	p.want = manifest.Parts{}
	for part, key := range p.keys {
		switch build, building := p.seen.Builds[part]; {
		case p.isHeld(part, key):
			p.hold(part, key)
		case building && build.Superseding && !build.Failed() && p.has(part) && build.SourceKey != p.baseKey(part) && key != p.baseKey(part):
			p.want[part] = build.SourceKey
		default:
			p.want[part] = key
		}
	}
	if p.base == nil {
		return
	}
	if _, held := p.heldProject(); held { // the next release has the services that the base had
		maps.DeleteFunc(p.want, func(part, _ string) bool { return p.base.Spec.Parts[part] == "" })
		for part, key := range p.base.Spec.Parts {
			if p.want[part] == "" && p.keys[part] == "" {
				p.want[part] = key
			}
		}
	}
	for _, key := range p.want {
		p.stuck = p.stuck || key == "" // it is held, and the base has no image for it
	}
}

// hold gives a held part the key that it has in the running release. Without a running release there is no image for a held
// source, so nothing can be released; the other parts then follow HEAD.
func (p *pursuit) hold(part, key string) {
	if p.base != nil {
		p.want[part] = p.base.Spec.Parts[part]
		p.held = p.held || p.want[part] != key // with the same key it runs anyway
		return
	}
	p.held = true
	if len(p.inputs) == 0 || p.has(part) {
		p.stuck = true
	}
	p.want[part] = key
}

func (p *pursuit) has(part string) bool {
	_, found := p.inputs[part]
	return found
}

func (p *pursuit) isHeld(part, key string) bool {
	return IsHeld(p.before.Run, part, key, p.seen.Tips)
}

func (p *pursuit) heldProject() (string, bool) {
	key, known := p.keys[manifest.PartProject]
	return key, known && p.isHeld(manifest.PartProject, key)
}

// actions lead from the base to what is wanted.
func (p *pursuit) actions() []Action {
	actions := p.cancelUnwanted()
	if looks := p.looks(p.unknown); len(looks) > 0 {
		return append(actions, looks...)
	}
	if p.stuck || settled(p) {
		return append(actions, Rest{Reason: p.restReason()})
	}
	if gone := p.goneForGood(); len(gone) > 0 {
		if looks := p.looks(p.guessed); len(looks) > 0 { // it may be a source that can be built again
			return append(actions, looks...)
		}
		return append(actions, Rest{Reason: ImageGone, Problems: goneProblems(p.head.Key, p.base, gone)})
	}
	if unasked := p.unasked(); len(unasked) > 0 {
		return append(actions, AskRegistry{Images: unasked})
	}
	images, builds, missing := p.images()
	if len(missing) > 0 {
		return append(actions, p.build(missing)...)
	}
	if looks := p.looks(p.guessed); len(looks) > 0 { // a build that an earlier process began may belong to this release
		return append(actions, looks...)
	}
	if came := stillWithdrawn(p, builds); len(came) > 0 {
		return append(actions, StillWithdrawn{Builds: came})
	}
	switch rebuilt, unchanged := p.unchanged(images); {
	case !unchanged:
		return append(actions, MakeRelease{Draft: p.draft(images, builds)})
	case len(rebuilt) > 0:
		return append(actions, Unchanged{Rebuilt: rebuilt})
	}
	return append(actions, Rest{Reason: p.restReason()})
}

// settled says that what runs is what is wanted. A retry wants its images to be there, too.
func settled(p *pursuit) bool {
	if p.base == nil || !maps.Equal(p.want, p.base.Spec.Parts) || slices.ContainsFunc(p.wantedSources(), p.isLost) {
		return false
	}
	return p.before.Run.Retry == "" || len(p.goneForGood())+len(p.unasked()) == 0
}

func (p *pursuit) restReason() RestReason {
	if p.held {
		return Held
	}
	return UpToDate
}

// looks are the actions that ask where some of the sources are.
func (p *pursuit) looks(wanted func(part string) bool) []Action {
	var looks []Action
	for _, part := range slices.Sorted(maps.Keys(p.inputs)) {
		if wanted(part) {
			looks = append(looks, Look{Input: p.inputs[part]})
		}
	}
	return looks
}

// unknown says that nobody knows where a source is.
func (p *pursuit) unknown(part string) bool {
	_, known := p.keys[part]
	return !known
}

// guessed says that the key of a source is an assumption, which a look at it will soon confirm or correct.
func (p *pursuit) guessed(part string) bool { return p.assumed[part] && !p.seen.Unreadable[part] }

// Next are the parts of the release that HEAD leads to as things are, with held parts taken from base, the release that
// they stay as they are in; nil when there is none.
func Next(before Before, head *config.View, seen Observed) (parts manifest.Parts, base *manifest.Release) {
	p := newPursuit(before, head, seen, time.Time{})
	return p.want, p.base
}
