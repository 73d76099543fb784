package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// tracer answers one question: it follows releases to the commits that made them and to what became of them.
type tracer struct {
	*Ledger
	projects map[manifest.Key]*tracedProject
}

// tracedProject is a project with its history.
type tracedProject struct {
	history *History
	// status as it is now; nil when the project is gone.
	status *Project
}

// traced reads the history and the status of a project. One that never was is refused.
func (t *tracer) traced(ctx context.Context, key manifest.Key) (*tracedProject, error) {
	if p := t.projects[key]; p != nil {
		return p, nil
	}
	h, err := t.History(ctx, key)
	if err != nil {
		return nil, err
	}
	p := &tracedProject{history: h}
	if h.Removed == nil {
		status, err := t.project(ctx, key)
		if err != nil {
			return nil, err
		}
		p.status = &status
	}
	t.projects[key] = p
	return p, nil
}

// running answers what runs of a project; the newest release when that is not known.
func (t *tracer) running(ctx context.Context, key manifest.Key) (Answer, error) {
	p, err := t.traced(ctx, key)
	if err != nil {
		return Answer{}, err
	}
	version := newestOf(p.history.Versions())
	if s := p.status; s != nil {
		switch v, err := manifest.ParseVersion(s.Runs); {
		case err == nil:
			version = v
		case s.Release != nil:
			if version, err = manifest.ParseVersion(s.Release.Version); err != nil {
				return Answer{}, err
			}
		default:
			return p.unreleased(key), nil
		}
	}
	if version.IsZero() {
		return p.unreleased(key), nil
	}
	return t.trace(ctx, key, version)
}

// unreleased answers for a project without a release.
func (p *tracedProject) unreleased(key manifest.Key) Answer {
	a := Answer{Key: key, State: FateNone}
	switch s := p.status; {
	case s == nil:
		a.State = FateRemoved
	case s.State != StateNew:
		a.State, a.Why, a.Next = Fate(s.State), s.Why, s.Next
	default:
		a.Why, a.Next = append([]string{"nothing was released yet"}, s.Why...), s.Next
	}
	return a
}

// trace answers for one release.
func (t *tracer) trace(ctx context.Context, key manifest.Key, v manifest.Version) (Answer, error) {
	p, err := t.traced(ctx, key)
	if err != nil {
		return Answer{}, err
	}
	release, err := t.release(p.history, key, v)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Key: key, History: p.history.Events[v]}
	spec := release.Spec
	a.Release = &TracedRelease{
		Version: v.String(), CreatedAt: rfc3339(spec.CreatedAt), Plan: spec.Plan, Images: spec.Images, Build: spec.Build, Cause: spec.Cause,
		Sources: sourcesOf(spec), Commit: p.history.added(v),
	}
	values, err := ParseValues([]byte(spec.Values))
	if err != nil {
		return Answer{}, err
	}
	a.Release.URL = values.URL()
	if spec.Cause.Kind != manifest.CauseSource {
		if a.Release.CausedBy, err = t.config.shown(spec.Cause.Commit); err != nil {
			return Answer{}, err
		}
	}
	if a.Release.GitOps, err = t.writtenBy(ctx, key, v); err != nil {
		return Answer{}, err
	}
	t.judge(&a, p, v)
	t.sayWhatIsMissing(&a)
	return a, nil
}

// sourcesOf says where the images of a release were built from.
func sourcesOf(spec manifest.ReleaseSpec) []Source {
	var found []Source
	for _, input := range manifest.SourceInputs(spec.Project) {
		for _, image := range spec.Images {
			if image.Name == input.Image && image.Commit != "" {
				found = append(found, Source{image.Name, withoutPassword(input.Source.Repository), image.Commit})
			}
		}
	}
	return found
}

// withoutPassword is a URL without what may be a password or a token in it. Over ssh a name that stands alone is a name.
func withoutPassword(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@')
	if !ok || at < 0 {
		return raw
	}
	path := rest[len(authority):]
	user, _, secret := strings.Cut(authority[:at], ":")
	switch {
	case secret:
		return scheme + "://" + user + ":***@" + authority[at+1:] + path
	case scheme == "ssh":
		return raw
	}
	return scheme + "://***@" + authority[at+1:] + path
}

// writtenBy is the newest commit of the GitOps repository that wrote the values of a release; nil when there is none.
func (t *tracer) writtenBy(ctx context.Context, key manifest.Key, v manifest.Version) (*Commit, error) {
	if t.gitops == nil {
		return nil, nil
	}
	for s, err := range t.gitops.all(ctx) {
		if err != nil {
			return nil, err
		}
		if releaseOf(s.Message) != manifest.ReleaseFile(key, v) {
			continue
		}
		changes, err := t.gitops.changesOf(ctx, s)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(changes, func(c manifest.Change) bool { return c.Path == manifest.ValuesFile(key) }) {
			commit := shown(s.Commit)
			return &commit, nil
		}
	}
	return nil, nil
}

// judge says what became of a release, since when, and why.
func (t *tracer) judge(a *Answer, p *tracedProject, v manifest.Version) {
	var last Event
	if len(a.History) > 0 {
		last = a.History[len(a.History)-1]
	}
	a.Since = last.Commit.At
	s := p.status
	if s == nil {
		by := p.history.Removed
		a.State, a.Since = FateRemoved, by.At
		a.Why = append(a.Why, fmt.Sprintf("its project was deleted by commit %.10s%s", by.Hash, by.by()))
		return
	}
	gone, isGone := map[EventKind]Fate{EventRolledBack: FateRolledBack, EventRetired: FateRetired, EventRemoved: FateRemoved}[last.Kind]
	newest := s.Release != nil && s.Release.Version == v.String()
	switch {
	case s.Runs == v.String():
		a.State = FateRunning
		note, found := t.notes.newest(a.Key)
		failing, fails := t.notes.failing(a.Key, s.Runs) // it counts also when something else was reported since
		if found && s.rolloutFailed(note) || fails && s.rolloutFailed(failing) {
			a.State = FateFailed
		}
		if a.Release.GitOps != nil {
			a.Since = a.Release.GitOps.At
		}
		a.Why, a.Next = s.Why, s.Next
		if s.Release != nil && !newest {
			a.Why = append(a.Why, fmt.Sprintf("%s is the newest release, and on its way", s.Release.Version))
		}
	case newest && t.gitops == nil:
		a.State, a.Why, a.Next = FateReleased, s.Why, s.Next
	case newest:
		a.State, a.Why, a.Next = FatePending, s.Why, s.Next
	case isGone:
		a.State = gone
		a.judgeHeld(s.Holds, last)
	case s.Release == nil || compareVersions(s.Release.Version, v.String()) < 0:
		a.State, a.Why, a.Next = FateRefused, s.Why, s.Next
	default:
		a.State = FateSuperseded
	}
}

// judgeHeld says what of a release that was rolled back is still kept from being released again.
func (a *Answer) judgeHeld(holds []manifest.Hold, last Event) {
	var parts []string
	for _, h := range holds {
		if h.Reason == manifest.HeldRollback && h.Release == a.Release.Version {
			parts = append(parts, heldPart(h))
		}
	}
	if len(parts) == 0 {
		return
	}
	a.Why = append(a.Why, fmt.Sprintf("held: %s will not be released again by itself", listWords(parts)))
	a.Next = append(a.Next, fmt.Sprintf("to run it again: revert commit %.10s, or: plateform retry %s", last.Commit.Hash, a.Key))
}

// sayWhatIsMissing says what of a release was not found because it is older than all that is looked at.
func (t *tracer) sayWhatIsMissing(a *Answer) {
	a.Why = slices.Clip(a.Why)
	if a.Release.Commit == nil {
		a.Why = append(a.Why, "who released it was not found in "+t.config.newest()+" of the config repository")
	}
	if t.gitops != nil && t.gitops.cut() && a.Release.GitOps == nil {
		a.Why = append(a.Why, "the commit that wrote its values was not found in "+t.gitops.newest()+" of the GitOps repository")
	}
}

// reported answers with what a note says, for a commit that no release was made of.
func (t *tracer) reported(ctx context.Context, key manifest.Key, n Note) (Answer, error) {
	a := Answer{Key: key, State: n.fate(), Since: rfc3339(n.At), Why: []string{n.Summary()}}
	p, err := t.traced(ctx, key)
	if err != nil || p.status == nil {
		return a, err
	}
	for _, h := range p.status.Holds {
		if n.Source != "" && h.Source == n.Source && h.Reason != manifest.HeldWaiting {
			a.Why = append(a.Why, fmt.Sprintf("%s is held and not tried again by itself", heldPart(h)))
			a.Next = append(a.Next, "push a fix, or run: plateform retry "+key.String())
			return a, nil
		}
	}
	return a, nil
}

// fate is what a note says of a wish for a release.
func (n Note) fate() Fate {
	switch {
	case !n.ended():
		return FatePending
	case n.State == NoteFailure:
		return FateFailed
	case n.Stage == reconciler.StageSuperseded:
		return FateSuperseded
	case n.Stage == reconciler.StageHeld:
		return FateHeld
	}
	return FateNone
}

// traceFiles traces the releases of some release files, each once, and takes those that fit; the newest first.
func (t *tracer) traceFiles(ctx context.Context, files []string, fits func(*TracedRelease) bool) ([]Answer, error) {
	slices.Sort(files)
	var answers []Answer
	for _, name := range slices.Compact(files) {
		file, ok := manifest.FileOf(name)
		if !ok || file.Kind != manifest.KindRelease {
			continue
		}
		a, err := t.trace(ctx, file.Key, file.Version)
		if err != nil {
			return nil, err
		}
		if fits(a.Release) {
			answers = append(answers, a)
		}
	}
	newestFirst(answers)
	return answers, nil
}

// newestFirst sorts by project, and by version downwards.
func newestFirst(answers []Answer) {
	slices.SortStableFunc(answers, func(a, b Answer) int {
		if order := strings.Compare(a.Key.String(), b.Key.String()); order != 0 || a.Release == nil || b.Release == nil {
			return order
		}
		return compareVersions(b.Release.Version, a.Release.Version)
	})
}

// compareVersions compares by number. What is no version comes first.
func compareVersions(a, b string) int {
	v, _ := manifest.ParseVersion(a)
	w, _ := manifest.ParseVersion(b)
	return v.Compare(w)
}
