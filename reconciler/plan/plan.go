package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// Plan says what merging a change would do. It is made from commits alone: no network, no clock.
type Plan struct {
	// Base and Head are the commits compared.
	Base string `json:"base"`
	Head string `json:"head"`
	// Hash over the authored inputs of all projects that change; the same wherever it is made, and whatever is remembered.
	Hash string `json:"hash"`
	// Problems that this change makes or that are in files it touches, and those that keep its projects from being released.
	Problems manifest.Problems `json:"problems"`
	// Projects that are touched, sorted.
	Projects []Project `json:"projects"`
	// Quota of the workspaces that are touched, as far as they have limits.
	Quota []Quota `json:"quota"`
	// Unknown says what the plan could not know, a sentence each.
	Unknown []string `json:"unknown"`
}

// Action says in a word what happens to a project.
type Action string

// What can happen to a project.
const (
	Create      Action = "create"
	Release     Action = "release"
	Rollback    Action = "rollback"
	RollForward Action = "roll forward"
	Remove      Action = "remove"
	Blocked     Action = "blocked"
	Held        Action = "held"
	Frozen      Action = "frozen"
	Paused      Action = "paused"
	Nothing     Action = "nothing"
)

// Project says what happens to one project.
type Project struct {
	manifest.Key
	Type   manifest.ProjectType `json:"type"`
	Action Action               `json:"action"`
	// Hash of the project's authored inputs; the release that is made of them carries it.
	Hash string `json:"hash"`
	// URL the project is served at; empty when it has none.
	URL string `json:"url,omitempty"`
	// Builds is how many images have to be built, and BuildReason why, or why none.
	Builds      int    `json:"builds"`
	BuildReason string `json:"buildReason"`
	// Changes are the authored fields that differ, without their values.
	Changes []string `json:"changes,omitempty"`
	// Inferred values with their reasons.
	Inferred []manifest.Inference `json:"inferred,omitempty"`
	// Current release and the Next one; empty when there is none.
	Current string `json:"current,omitempty"`
	Next    string `json:"next,omitempty"`
	Effects
	// ValuesDiff is the unified diff of the Helm values. It holds values that people wrote: not for public places.
	ValuesDiff string `json:"valuesDiff,omitempty"`
	// Why something stays as it is: what is held, frozen, kept or broken, a sentence each.
	Why []string `json:"why,omitempty"`
}

// Effects are what becomes of what a project has, besides its code.
type Effects struct {
	// Data says what becomes of data, in one of the words below; empty when the project has none.
	Data string `json:"data,omitempty"`
	// Restarts says that what runs, pods or processes, is replaced.
	Restarts bool `json:"restarts"`
	// Secrets says what the change does to secrets, a sentence each: other code gets them, one is missing or cannot be opened.
	Secrets []string `json:"secrets,omitempty"`
	// Also says what runs besides the app, which standard pods are kept to from now on, and what the engine does not run, a sentence each.
	Also []string `json:"also,omitempty"`
}

// What becomes of the data of a database.
const (
	DataUntouched = "not touched"
	DataKept      = "kept"
	DataDeleted   = "deleted with the project"
)

// Options are what a plan is made from.
type Options struct {
	// Config is the config repository.
	Config reconciler.Reader
	Charts reconciler.Charts
	// GitOps is the GitOps repository; nil when it is not at hand. The plan then says what it could not know.
	GitOps *GitOps
	// Secrets opens what was encrypted for the platform, to say what cannot be opened; nil where there is no key for that.
	Secrets secret.Opener
	// Found is what somebody who has the source of a project at hand found in it: its Framework and Port, and what its build
	// reads. It counts where nothing was built yet.
	Found map[manifest.Key]manifest.Image
	// Unrun says what the engine does not run of what people wrote, in a sentence; nil when it runs everything, or is not known.
	Unrun func(manifest.ProjectSpec) string
}

// Make compares two commits of the config repository; base "" is before the first. The way from one to the other counts as
// one step, however it is merged. Only the workspaces that the change concerns are read, unless it touches the platform.
func (o Options) Make(base, head string) (*Plan, error) {
	ch, err := o.compare(base, head)
	if err != nil {
		return nil, err
	}
	var keys []manifest.Key
	for _, t := range ch.moved {
		keys = append(keys, t.Key)
	}
	memory, err := o.recall(ch.scope, base, ch.catalog, keys)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Base: base, Head: head, Hash: ch.hash(), Unknown: memory.unknown}
	for _, t := range ch.moved {
		p, err := ch.project(t, memory.projects[t.Key])
		if err != nil {
			return nil, fmt.Errorf("planning %s: %w", t.Key, err)
		}
		if p != nil {
			plan.Projects = append(plan.Projects, *p)
		}
	}
	if plan.Problems, err = ch.problems(); err != nil {
		return nil, err
	}
	plan.Quota = planQuota(ch.quota, ch.catalog.QuotaUses(), plan.Projects)
	return plan, nil
}

// change is what differs between two commits of the config repository, and what that concerns.
type change struct {
	base, head string
	scope      scope
	// files that differ.
	files map[string]bool
	// catalog at the head, and the projects that the step there concerned.
	catalog *config.Catalog
	moved   []config.Transition
	// before are the problems at the base, and quota what was used of the quotas there.
	before manifest.Problems
	quota  map[string][]manifest.QuotaUse
	// retries are the projects that the head asks to retry.
	retries []manifest.Key
	// blocking are the problems that keep back projects which the change concerns.
	blocking manifest.Problems
	options  Options
}

// compare reads what a change concerns. Whoever claims the same as somebody in scope comes into it, until nobody is left.
func (o Options) compare(base, head string) (*change, error) {
	changes, err := o.Config.Diff(base, head)
	if err != nil {
		return nil, fmt.Errorf("comparing config commits %.10s and %.10s: %w", base, head, err)
	}
	s := scopeOf(changes)
	s.everything = s.everything || base == ""
	files := map[string]bool{}
	for _, c := range changes {
		files[c.Path] = true
	}
	var others *neighbours
	if !s.everything {
		if others, err = newNeighbours(o.Config, base); err != nil {
			return nil, err
		}
	}
	for {
		ch := &change{base: base, head: head, scope: s, files: files, options: o}
		claims, err := ch.step(o)
		if err != nil || s.everything {
			return ch, err
		}
		if found, err := others.find(s, claims, ch.catalog.Platform.Spec.Domain); err != nil || !found {
			return ch, err
		}
	}
}

// step takes the catalog from the base to the head and returns what is claimed at either.
func (ch *change) step(o Options) (claims, error) {
	claims := newClaims()
	c, err := ch.scope.load(o.Config, o.Charts, ch.base)
	if err != nil {
		return claims, err
	}
	claims.addWorkspaces(c)
	ch.catalog, ch.before, ch.quota = c, c.FileProblems(), c.QuotaUses()
	moved, err := ch.scope.step(c, ch.head)
	if err != nil {
		return claims, err
	}
	ch.moved = moved.Projects
	commit, err := o.Config.Commit(ch.head)
	if err != nil {
		return claims, fmt.Errorf("reading config commit %.10s: %w", ch.head, err)
	}
	ch.retries = config.Retries(commit)
	claims.addWorkspaces(c)
	claims.addProjects(ch.moved, c.Platform.Spec.Domain)
	return claims, nil
}

// project asks Decide what would be done at head, or says nothing about a project that nothing happens to. Where the
// sources are is not known here, and needs not be: a plan tells of what was authored.
func (ch *change) project(t config.Transition, before decision.Before) (*Project, error) {
	if before.Run.Highest == "" && t.Before != nil {
		before.Run.Highest = t.Before.NewestVersion().String()
	}
	var ran *manifest.Release
	if t.Before != nil && t.Before.Present { // else nothing runs, whatever release files there are
		ran = decision.RunningRelease(before, t.Before)
	}
	tips := tipsOf(before, t)
	before, err := remember(ch.catalog, before, decision.Change{
		Transition: t, Commit: ch.head, Parent: ch.base, Retry: slices.Contains(ch.retries, t.Key),
	})
	if err != nil {
		return nil, err
	}
	seen, err := ch.observed(t, before, tips, ran)
	if err != nil {
		return nil, err
	}
	p := &Project{Key: t.Key, Type: t.After.Spec.Type, Current: ran.Version().String(), Action: Nothing, Hash: authoredHash(t.After)}
	p.Changes = changedFields(t)
	p.Data = planData(t)
	blocking := p.decide(t, before, seen, ran)
	p.Why = append(p.Why, whyHeld(before, t.After, ch.head)...)
	p.URL = p.url(t.After, before, seen)
	if err := p.values(ch, t, before, seen, ran); err != nil {
		return nil, err
	}
	if !p.happens() && !touched(t) {
		return nil, nil
	}
	blocking = append(blocking, p.secrets(t, ch.catalog.Platform, ch.options.Secrets)...)
	ch.blocking = append(ch.blocking, blocking...)
	return p, nil
}

// observed is what Decide gets to see. Nobody looks at sources here: those of which it is not known where they are stay
// there.
func (ch *change) observed(t config.Transition, before decision.Before, tips map[string]reconciler.Tip, ran *manifest.Release) (decision.Observed, error) {
	seen := decision.Observed{Tips: tips, Unreadable: map[string]bool{}}
	for _, input := range manifest.SourceInputs(t.After.Spec) {
		_, known := tips[input.Part]
		seen.Unreadable[input.Part] = !known
	}
	next := decision.RunningRelease(before, t.After)
	if t.After.Present && next != nil && next.Version() != ran.Version() {
		seen.Obstacles = ch.catalog.Obstacles(t.After, next)
	}
	images, err := config.ReleaseImages(ch.catalog, t.After)
	seen.Images = images
	return seen, err
}

// touched says that a change makes a difference to what is said of a project, whatever is remembered of it.
func touched(t config.Transition) bool {
	return t.Edited || reauthored(t) || t.Before != nil && !slices.Equal(t.Before.Problems, t.After.Problems)
}

// reauthored says that a project is there or not, is made of other inputs, or has another newest release.
func reauthored(t config.Transition) bool {
	if t.Before == nil {
		return t.After.Present || t.After.Newest != nil
	}
	return t.Edited || t.Before.Present != t.After.Present || authoredHash(t.Before) != authoredHash(t.After) ||
		t.Before.NewestVersion() != t.After.NewestVersion()
}

func authoredHash(v *config.View) string {
	if !v.Parsed {
		return ""
	}
	return manifest.PlanHash(v.Key, v.Spec, v.Inputs)
}

// hash covers what is authored for each project that changes, and which release is its newest.
func (ch *change) hash() string {
	sum := sha256.New()
	for _, t := range ch.moved {
		if reauthored(t) {
			fmt.Fprintln(sum, t.Key, t.After.Present, authoredHash(t.After), t.After.NewestVersion())
		}
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

func planData(t config.Transition) string {
	if t.After.Spec.Type != manifest.Database {
		return ""
	}
	switch {
	case t.After.Present:
		return DataUntouched
	case decision.KeepsData(t.Before):
		return DataKept
	}
	return DataDeleted
}
