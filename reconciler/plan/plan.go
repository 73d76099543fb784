package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
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
	Projects []Project `json:"projects"`
	// Quota of the workspaces that are touched, as far as they have limits.
	Quota []Quota `json:"quota"`
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

// Make compares two commits of a config repository; base "" is before the first. Only the workspaces that the change
// touches are read, unless it touches the platform.
func Make(reader reconciler.Reader, base, head string, charts reconciler.Charts) (*Plan, error) {
	c := config.NewCatalog(reader, charts)
	if err := planBase(c, base, head); err != nil {
		return nil, err
	}
	quota := c.QuotaUses()
	moved, err := c.Advance(head)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Base: base, Head: head, Problems: c.FileProblems()}
	for _, t := range moved.Projects {
		p, err := planProject(c, t, base, head)
		if err != nil {
			return nil, fmt.Errorf("planning %s: %w", t.Key, err)
		}
		if p != nil {
			plan.Projects = append(plan.Projects, *p)
		}
	}
	plan.Quota = planQuota(quota, c.QuotaUses(), plan.Projects)
	plan.Hash = planHash(plan.Projects)
	return plan, nil
}

// planBase loads what the change can concern as it is at the base.
func planBase(c *config.Catalog, base, head string) error {
	if base == "" {
		return nil
	}
	changes, err := c.Reader.Diff(base, head)
	if err != nil {
		return fmt.Errorf("comparing config commits %.10s and %.10s: %w", base, head, err)
	}
	scope, all := scopeOf(changes)
	if all {
		_, err := c.Advance(base)
		return err
	}
	files, err := scopeFiles(c.Reader, base, scope)
	if err != nil {
		return err
	}
	_, err = c.Step(base, files)
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
func scopeFiles(reader reconciler.Reader, commit string, scope []string) ([]manifest.Change, error) {
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
func planProject(c *config.Catalog, t config.Transition, base, head string) (*Project, error) {
	var ran *manifest.Release
	if t.Before != nil {
		ran = t.Before.Newest
	}
	run := decision.Remember(manifest.RunSpec{Highest: ran.Version().String()}, decision.Change{
		Transition: t, Commit: head, Parent: base, Running: ran, Keys: decision.KnownKeys(t.After, ran, nil),
	})
	before := decision.Before{Run: run}
	if run.Kept != nil {
		before.Kept = ran
	}
	seen := decision.Observed{Unreadable: map[string]bool{}} // as nobody looks at sources here, they stay where they are
	for _, input := range manifest.SourceInputs(t.After.Spec) {
		seen.Unreadable[input.Part] = true
	}
	images, err := config.ReleaseImages(c, t.After)
	if err != nil {
		return nil, err
	}
	seen.Images = images
	p := &Project{Key: t.Key, Type: t.After.Spec.Type, Current: ran.Version().String(), Action: Nothing}
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
	if p.Action == Nothing && !t.Edited {
		return nil, nil
	}
	return p, nil
}

// decide puts the actions into words.
func (p *Project) decide(t config.Transition, before decision.Before, seen decision.Observed, ran *manifest.Release) {
	for _, action := range decision.Decide(before, t.After, seen, time.Time{}) {
		switch a := action.(type) {
		case decision.Deploy:
			if order := a.Release.Version().Compare(ran.Version()); order != 0 {
				p.Action, p.Next = RollForward, a.Release.Metadata.Name
				if order < 0 {
					p.Action = Rollback
				}
				p.BuildReason = "its image is there, 0 builds"
			}
		case decision.Remove:
			if t.Before != nil && t.Before.Present {
				p.Action = Remove
			}
		case decision.Look, decision.StartBuild:
			p.Action = releaseOrCreate(ran)
			p.Builds++
			p.BuildReason = buildReason(ran)
		case decision.MakeRelease:
			p.Action, p.Next = releaseOrCreate(ran), a.Draft.Version.String()
			p.BuildReason = "image known, 0 builds"
			if len(a.Draft.Images) == 0 {
				p.BuildReason = "nothing to build"
			}
		case decision.Rest:
			p.rest(a)
		}
	}
	if p.Builds > 0 {
		highest, err := manifest.ParseVersion(before.Run.Highest)
		if top := t.After.Highest(); err != nil || top.Compare(highest) > 0 {
			highest = top
		}
		p.Next = highest.Next().String()
	}
}

func (p *Project) rest(r decision.Rest) {
	if p.Action != Nothing {
		return
	}
	switch r.Reason {
	case decision.Blocked:
		p.Action = Blocked
	case decision.Paused:
		p.Action = Paused
	case decision.Held:
		p.Action = Held
	}
}

func releaseOrCreate(ran *manifest.Release) Action {
	if ran == nil {
		return Create
	}
	return Release
}

func buildReason(ran *manifest.Release) string {
	if ran == nil {
		return "the first build"
	}
	return "where the code comes from, or how it is built, was edited"
}

func planURL(c *config.Catalog, v *config.View) string {
	if !v.Parsed || !v.Present {
		return ""
	}
	hosts := manifest.HostsOf(v.Key, v.Spec, c.Platform.Spec.Domain)
	if len(hosts) == 0 {
		return ""
	}
	return config.URL(hosts[0], v.Inputs)
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

// planHash covers what was authored for each project and what becomes of it.
func planHash(projects []Project) string {
	sum := sha256.New()
	for _, p := range projects {
		fmt.Fprintln(sum, p.Key, p.Action, p.Hash)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}
