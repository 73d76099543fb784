package reconciler

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Plan says what merging a change would do. It is made from commits alone: no network, no clock.
type Plan struct {
	// Base and Head are the commits compared.
	Base string `json:"base"`
	Head string `json:"head"`
	// Hash over the authored inputs of all projects that change; the same wherever it is made.
	Hash string `json:"hash"`
	// Problems that keep projects from being released, wherever in the workspaces concerned.
	Problems manifest.Problems `json:"problems"`
	// Projects that are touched, sorted.
	Projects []ProjectPlan `json:"projects"`
	// Quota of the workspaces that are touched, as far as they have limits.
	Quota []QuotaPlan `json:"quota"`
}

// PlanAction says in a word what happens to a project.
type PlanAction string

// What can happen to a project.
const (
	PlanCreate      PlanAction = "create"
	PlanRelease     PlanAction = "release"
	PlanRollback    PlanAction = "rollback"
	PlanRollForward PlanAction = "roll forward"
	PlanRemove      PlanAction = "remove"
	PlanBlocked     PlanAction = "blocked"
	PlanHeld        PlanAction = "held"
	PlanPaused      PlanAction = "paused"
	PlanNothing     PlanAction = "nothing"
)

// ProjectPlan says what happens to one project.
type ProjectPlan struct {
	manifest.Key
	Type   manifest.ProjectType `json:"type"`
	Action PlanAction           `json:"action"`
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
	// Data says what becomes of data, in one of the words below; empty when the project has none.
	Data string `json:"data,omitempty"`
	// Restarts says that running pods are replaced.
	Restarts bool `json:"restarts"`
	// ValuesDiff is the unified diff of the Helm values. It holds values that people wrote: not for public places.
	ValuesDiff string `json:"valuesDiff,omitempty"`
}

// What becomes of the data of a database.
const (
	DataUntouched = "not touched"
	DataKept      = "kept"
	DataDeleted   = "deleted with the project"
)

// MakePlan compares two commits of a config repository; base "" is before the first. Only the workspaces that the change
// touches are read, unless it touches the platform.
func MakePlan(reader Reader, base, head string, charts Charts) (*Plan, error) {
	c := newCatalog(reader, charts)
	if err := planBase(c, base, head); err != nil {
		return nil, err
	}
	quota := c.quotaUses()
	moved, err := c.advance(head)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Base: base, Head: head, Problems: c.fileProblems()}
	for _, t := range moved.projects {
		p, err := planProject(c, t, base, head)
		if err != nil {
			return nil, fmt.Errorf("planning %s: %w", t.Key, err)
		}
		if p != nil {
			plan.Projects = append(plan.Projects, *p)
		}
	}
	plan.Quota = planQuota(quota, c.quotaUses(), plan.Projects)
	plan.Hash = planHash(plan.Projects)
	return plan, nil
}

// planBase loads what the change can concern as it is at the base.
func planBase(c *catalog, base, head string) error {
	if base == "" {
		return nil
	}
	changes, err := c.reader.Diff(base, head)
	if err != nil {
		return fmt.Errorf("comparing config commits %.10s and %.10s: %w", base, head, err)
	}
	scope, all := scopeOf(changes)
	if all {
		_, err := c.advance(base)
		return err
	}
	files, err := scopeFiles(c.reader, base, scope)
	if err != nil {
		return err
	}
	_, err = c.step(base, files)
	return err
}

// scopeOf are the workspaces that changes touch; all when they touch the platform.
func scopeOf(changes []manifest.Change) (scope []string, all bool) {
	for _, change := range changes {
		file, ok := manifest.FileOf(change.Path)
		if !ok {
			continue
		}
		if file.Kind == manifest.KindPlatform {
			return nil, true
		}
		if !slices.Contains(scope, file.Key.Workspace) {
			scope = append(scope, file.Key.Workspace)
		}
	}
	return scope, false
}

// scopeFiles lists platform.yaml and all files of the workspaces in scope, as if they were new.
func scopeFiles(reader Reader, commit string, scope []string) ([]manifest.Change, error) {
	var files []manifest.Change
	var walk func(dir string) error
	walk = func(dir string) error {
		entries, err := reader.List(commit, dir)
		if err != nil {
			return fmt.Errorf("listing %s at config commit %.10s: %w", dir, commit, err)
		}
		for _, e := range entries {
			switch path := dir + "/" + e.Name; {
			case e.Dir:
				if err := walk(path); err != nil {
					return err
				}
			default:
				files = append(files, manifest.Change{Path: path, After: e.Hash})
			}
		}
		return nil
	}
	root, err := reader.List(commit, "")
	if err != nil {
		return nil, fmt.Errorf("listing config commit %.10s: %w", commit, err)
	}
	for _, e := range root {
		if e.Name == manifest.PlatformFile && !e.Dir {
			files = append(files, manifest.Change{Path: e.Name, After: e.Hash})
		}
	}
	for _, workspace := range scope {
		if err := walk(manifest.WorkspacesDir + "/" + workspace); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// planProject asks Decide what would be done at head. Where the sources are is not known here, and needs not be: a plan
// tells of what was authored.
func planProject(c *catalog, t transition, base, head string) (*ProjectPlan, error) {
	var ran *manifest.Release
	if t.Before != nil {
		ran = t.Before.Newest
	}
	run := remember(manifest.RunSpec{Highest: versionOf(ran).String()}, step{
		transition: t, Commit: head, Parent: base, Running: ran, Keys: knownKeys(t.After, ran, nil),
	})
	before := Before{Run: run}
	if run.Kept != nil {
		before.Kept = ran
	}
	seen := Observed{Unreadable: map[string]bool{}} // as nobody looks at sources here, they stay where they are
	for _, input := range manifest.SourceInputs(t.After.Spec) {
		seen.Unreadable[input.Part] = true
	}
	images, err := releaseImages(c, t.After)
	if err != nil {
		return nil, err
	}
	seen.Images = images
	p := &ProjectPlan{Key: t.Key, Type: t.After.Spec.Type, Current: versionOf(ran).String(), Action: PlanNothing}
	if t.After.Parsed {
		p.Hash = manifest.PlanHash(t.Key, t.After.Spec, t.After.Inputs)
	}
	p.URL = planURL(c, t.After)
	p.Changes = changedFields(t)
	p.Data = planData(t)
	p.decide(t, before, seen, ran)
	if err := p.values(c, t, before, seen, ran); err != nil {
		return nil, err
	}
	if p.Action == PlanNothing && !t.Edited {
		return nil, nil
	}
	return p, nil
}

// decide puts the actions into words.
func (p *ProjectPlan) decide(t transition, before Before, seen Observed, ran *manifest.Release) {
	for _, action := range Decide(before, t.After, seen, time.Time{}) {
		switch a := action.(type) {
		case Deploy:
			if order := versionOf(a.Release).Compare(versionOf(ran)); order != 0 {
				p.Action, p.Next = PlanRollForward, a.Release.Metadata.Name
				if order < 0 {
					p.Action = PlanRollback
				}
				p.BuildReason = "its image is there, 0 builds"
			}
		case Remove:
			if t.Before != nil && t.Before.Present {
				p.Action = PlanRemove
			}
		case Look, StartBuild:
			p.Action = releaseOrCreate(ran)
			p.Builds++
			p.BuildReason = buildReason(ran)
		case MakeRelease:
			p.Action, p.Next = releaseOrCreate(ran), a.Draft.Version.String()
			p.BuildReason = "image known, 0 builds"
			if len(a.Draft.Images) == 0 {
				p.BuildReason = "nothing to build"
			}
		case Rest:
			p.rest(a)
		}
	}
	if p.Builds > 0 {
		highest, err := manifest.ParseVersion(before.Run.Highest)
		if top := t.After.highest(); err != nil || top.Compare(highest) > 0 {
			highest = top
		}
		p.Next = highest.Next().String()
	}
}

func (p *ProjectPlan) rest(r Rest) {
	if p.Action != PlanNothing {
		return
	}
	switch r.Reason {
	case Blocked:
		p.Action = PlanBlocked
	case Paused:
		p.Action = PlanPaused
	case Held:
		p.Action = PlanHeld
	}
}

func releaseOrCreate(ran *manifest.Release) PlanAction {
	if ran == nil {
		return PlanCreate
	}
	return PlanRelease
}

func buildReason(ran *manifest.Release) string {
	if ran == nil {
		return "the first build"
	}
	return "where the code comes from, or how it is built, was edited"
}

func planURL(c *catalog, v *View) string {
	if !v.Parsed || !v.Present {
		return ""
	}
	hosts := manifest.HostsOf(v.Key, v.Spec, c.platform.Spec.Domain)
	if len(hosts) == 0 {
		return ""
	}
	return urlOf(hosts[0], v.Inputs)
}

func planData(t transition) string {
	if t.After.Spec.Type != manifest.Database {
		return ""
	}
	switch {
	case t.After.Present:
		return DataUntouched
	case keepsData(t.Before):
		return DataKept
	}
	return DataDeleted
}

// planHash covers what was authored for each project and what becomes of it.
func planHash(projects []ProjectPlan) string {
	sum := sha256.New()
	for _, p := range projects {
		fmt.Fprintln(sum, p.Key, p.Action, p.Hash)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// releaseImages are the images of a project's release files, by the key of their source part.
func releaseImages(c *catalog, v *View) (map[string]manifest.Image, error) {
	images := map[string]manifest.Image{}
	for _, file := range v.Releases {
		release, problems, err := c.readRelease(c.commit, v.Key, file, nil)
		if err != nil {
			return nil, err
		}
		if len(problems) > 0 {
			continue
		}
		for part, key := range release.Spec.Parts {
			if image, found := imageOf(release, imageName(part)); found && strings.HasPrefix(part, manifest.PartSource) {
				images[key] = image
			}
		}
	}
	return images, nil
}
