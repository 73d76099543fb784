package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
)

// verdict is which release of a project is the newest that is honoured, and why others above it are not.
type verdict struct {
	newest  *manifest.Release
	refused manifest.Problems
}

// concerned returns the projects a step concerns, sorted.
func (a *advance) concerned() []manifest.Key {
	if a.touch.everything {
		return a.Keys()
	}
	var keys []manifest.Key
	for _, workspace := range slices.Sorted(maps.Keys(a.touch.workspaces)) {
		keys = append(keys, a.known[workspace]...)
	}
	return keys
}

// concernedWorkspaces returns the workspaces a step concerns, sorted.
func (a *advance) concernedWorkspaces() []string {
	if a.touch.everything {
		return slices.Sorted(maps.Keys(a.Workspaces))
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.touch.workspaces)), func(name string) bool { return a.Workspaces[name] == nil })
}

// honour finds the newest honoured release of each project that a step concerns. Files are read only where they, the
// platform's keys or the workspace's owner may have changed.
func (a *advance) honour() (map[manifest.Key]verdict, error) {
	keys := a.concerned()
	verdicts := make([]verdict, len(keys))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, k := range keys {
		e := a.Projects[k]
		if v := e.view; v != nil && !a.touch.publicKeys && slices.Equal(v.Releases, e.releases) && v.Owner == a.owner(k) {
			verdicts[i] = verdict{v.Newest, v.Refused}
			continue
		}
		group.Go(func() (err error) {
			verdicts[i], err = a.newest(k, e.releases)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := make(map[manifest.Key]verdict, len(keys))
	for i, k := range keys {
		all[k] = verdicts[i]
	}
	return all, nil
}

// newest reads release files from the highest version down until one is honoured.
func (a *advance) newest(k manifest.Key, releases []ReleaseFile) (verdict, error) {
	var v verdict
	var now *manifest.Authored
	if authored, err := a.authored(k); err == nil { // the error is reported as a problem of platform.yaml
		now = authored
	}
	for _, f := range slices.Backward(releases) {
		release, problems, err := a.ReadRelease(a.to, k, f, now)
		if err != nil {
			return verdict{}, err
		}
		if len(problems) == 0 {
			v.newest = release
			return v, nil
		}
		v.refused = append(v.refused, problems...)
	}
	return v, nil
}

// ReadRelease reads, parses and verifies one release file. now is what is authored at present, if that is known.
func (c *Catalog) ReadRelease(commit string, k manifest.Key, f ReleaseFile, now *manifest.Authored) (*manifest.Release, manifest.Problems, error) {
	file := manifest.ReleaseFile(k, f.Version)
	if f.Link {
		return nil, manifest.Problems{manifest.LinkProblem(file)}, nil
	}
	data, err := c.read(commit, file, f.Hash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, manifest.Problems{manifest.LinkProblem(file)}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s at config commit %.10s: %w", file, commit, err)
	}
	release, problems := manifest.ReadRelease(data, manifest.Expected{Key: k, Version: f.Version, Owner: c.owner(k), Keys: c.PublicKeys}, now)
	return release, problems, nil
}

// WithLines gives problems of a file their lines at the catalog's commit, as far as it can be read.
func (c *Catalog) WithLines(file string, problems manifest.Problems) manifest.Problems {
	content, err := c.Reader.Read(c.Commit, file)
	if err != nil {
		return problems
	}
	return manifest.Locate(file, content, problems)
}

// owner is the owner id of a project's workspace; 0 while the workspace never parsed.
func (c *Catalog) owner(k manifest.Key) int64 {
	if w := c.Workspaces[k.Workspace]; w != nil && w.Spec != nil {
		return w.Spec.Spec.Owner.ID
	}
	return 0
}

// claim brings the host index up to date for the projects of a step. Workspaces of others who want the same hosts are
// concerned too: what was wrong there may be right now.
func (a *advance) claim(newest map[manifest.Key]verdict) {
	for k, v := range newest {
		deployed := a.hostsDeployed(k, v.newest)
		for _, other := range a.hosts.set(k, a.hostsWanted(k, deployed), deployed) {
			a.touch.workspaces[other.Workspace] = true
		}
	}
}

// hostsWanted are the hosts that count as a project's claims: those that it may have, and those that it has already.
func (a *advance) hostsWanted(k manifest.Key, deployed []string) []string {
	e, w := a.Projects[k], a.Workspaces[k.Workspace]
	if a.Platform == nil || !e.present || e.spec == nil {
		return nil
	}
	hosts := manifest.HostsOf(k, e.spec.Spec, a.Platform.Spec.Domain)
	if w != nil && w.Spec != nil && !manifest.MayHave(w.Spec, e.spec.Spec, a.Platform.Spec.Domain) {
		return slices.DeleteFunc(hosts, func(host string) bool { return !slices.Contains(deployed, host) })
	}
	return hosts
}

func (a *advance) hostsDeployed(k manifest.Key, r *manifest.Release) []string {
	if r == nil || a.Platform == nil {
		return nil
	}
	return manifest.HostsOf(k, r.Spec.Project, a.Platform.Spec.Domain)
}

// check finds the problems across files in the workspaces that a step concerns.
func (a *advance) check() error {
	a.checkShared()
	for _, name := range a.concernedWorkspaces() {
		problems, err := a.locate(append(a.checkWorkspace(name, a.Workspaces[name]), a.shared[name]...))
		if err != nil {
			return err
		}
		delete(a.checks, name)
		if len(problems) > 0 {
			a.checks[name] = problems
		}
	}
	return nil
}

// checkShared checks what all workspaces share. Where that comes out differently, a workspace is concerned too.
func (a *advance) checkShared() {
	if !a.touch.everything && !a.touch.shared {
		return
	}
	specs := map[string]*manifest.Workspace{}
	for name, w := range a.Workspaces {
		if w.Present && w.Spec != nil {
			specs[name] = w.Spec
		}
	}
	shared := map[string]manifest.Problems{}
	for _, p := range manifest.CheckWorkspaces(specs) {
		if f, ok := manifest.FileOf(p.File); ok {
			shared[f.Key.Workspace] = append(shared[f.Key.Workspace], p)
		}
	}
	for name := range a.Workspaces {
		if !slices.Equal(shared[name], a.shared[name]) {
			a.touch.workspaces[name] = true
		}
	}
	a.shared = shared
}

func (a *advance) checkWorkspace(name string, w *workspaceEntry) manifest.Problems {
	switch {
	case w.Spec != nil && w.Present:
		return manifest.CheckWorkspace(a.Platform, w.Spec, w.projects, a.hosts.claims)
	case w.Present || len(w.projects) == 0: // it never parsed, which is a problem already; or all of it is gone
		return nil
	}
	var problems manifest.Problems
	for _, project := range slices.Sorted(maps.Keys(w.projects)) {
		problems = append(problems, manifest.Problem{
			File: manifest.ProjectFile(manifest.Key{Workspace: name, Project: project}), Line: 1, Column: 1,
			What: fmt.Sprintf("its workspace has no %s", manifest.WorkspaceFile(name)),
			Fix:  "restore that file, or delete this one too",
		})
	}
	return problems
}

// locate gives problems across files their line and column.
func (a *advance) locate(problems manifest.Problems) (manifest.Problems, error) {
	byFile := map[string]manifest.Problems{}
	for _, p := range problems {
		byFile[p.File] = append(byFile[p.File], p)
	}
	var located manifest.Problems
	for _, file := range slices.Sorted(maps.Keys(byFile)) {
		data, err := a.read(a.to, file, "")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading %s at config commit %.10s: %w", file, a.to, err)
		}
		located = append(located, manifest.Locate(file, data, byFile[file])...)
	}
	return located, nil
}

// review makes the new views of the projects that a step concerns and returns those that are not as they were.
func (a *advance) review(newest map[manifest.Key]verdict) []Transition {
	var transitions []Transition
	for _, k := range a.concerned() {
		e := a.Projects[k]
		v, known := newest[k]
		if !known {
			v = verdict{e.view.Newest, e.view.Refused}
		}
		before := e.view
		e.view = a.newView(k, e, v)
		if delete(a.refusing, k); len(v.refused) > 0 {
			a.refusing[k] = true
		}
		if before == nil || a.touch.everything || a.touch.keys[k] || !sameView(before, e.view) {
			transitions = append(transitions, Transition{Key: k, Before: before, After: e.view, Edited: a.touch.edited[k]})
		}
	}
	return transitions
}

func (c *Catalog) newView(k manifest.Key, e *projectEntry, v verdict) *View {
	view := &View{
		Key: k, Present: e.present, Owner: c.owner(k), Releases: e.releases, Newest: v.newest, Refused: v.refused,
	}
	authored, err := c.authored(k)
	if err != nil {
		view.Problems = append(view.Problems, manifest.Problem{File: manifest.PlatformFile, Field: "spec.charts", What: err.Error()})
	}
	if authored != nil {
		view.Parsed = err == nil
		view.Spec, view.Inputs = authored.Project, authored.Platform
		view.Registry, view.Scan = c.Platform.Spec.Registry.URL, c.Platform.Spec.Policy.Scan
		view.Forbidden = forbidden(c.Platform, view.Spec)
		view.Problems = append(view.Problems, unreadable(k, view.Spec, c.Workspaces[k.Workspace].projects)...)
	}
	view.Problems = append(view.Problems, c.problemsOf(view)...)
	return view
}

// authored is what the next release of a project would be made of, were nothing held; nil while its files never parsed.
// An error says that there is no such chart.
func (c *Catalog) authored(k manifest.Key) (*manifest.Authored, error) {
	e, w := c.Projects[k], c.Workspaces[k.Workspace]
	if e == nil || e.spec == nil || w == nil || w.Spec == nil || c.Platform == nil {
		return nil, nil
	}
	spec := e.spec.Spec
	chart, err := c.charts.Chart(spec.Type, c.Platform.Spec.Charts[spec.Type])
	return &manifest.Authored{Project: spec, Platform: manifest.UsedInputs(manifest.Surroundings{Platform: c.Platform, Workspace: w.Spec, Projects: w.projects}, k, spec, chart)}, err
}

// forbidden are the repositories of a project's sources that the platform does not allow.
func forbidden(platform *manifest.Platform, spec manifest.ProjectSpec) (repositories []string) {
	for _, input := range manifest.SourceInputs(spec) {
		if r := input.Source.Repository; input.Reference == "" && manifest.AllowedSource(platform, r) != nil {
			repositories = append(repositories, r)
		}
	}
	return repositories
}

// unreadable are the problems of projects that env takes values from and that never parsed: what those offer is not known,
// so the inputs may be wrong.
func unreadable(k manifest.Key, spec manifest.ProjectSpec, projects map[string]*manifest.Project) manifest.Problems {
	var problems manifest.Problems
	for _, name := range manifest.References(spec) {
		if other, there := projects[name]; there && other == nil {
			problems = append(problems, manifest.Problem{
				File: manifest.ProjectFile(k), Field: "spec.env",
				What: fmt.Sprintf("the project %s, which env takes values from, cannot be read", name),
				Fix:  "mend its project.yaml first",
			})
		}
	}
	return problems
}

// problemsOf are the problems that keep a project from getting anything new.
func (c *Catalog) problemsOf(v *View) manifest.Problems {
	file, workspace := manifest.ProjectFile(v.Key), manifest.WorkspaceFile(v.Key.Workspace)
	all := slices.Concat(c.problems[manifest.PlatformFile], c.problems[workspace], c.problems[file], c.linkProblems(v.Key))
	for _, p := range c.checks[v.Key.Workspace] {
		if p.File == file || p.File == workspace {
			all = append(all, p)
		}
	}
	if v.Parsed && v.Newest != nil {
		all = append(all, manifest.CheckChange(file, v.Newest.Spec.Project, v.Spec)...)
		if manifest.ProjectKey(v.Spec) == v.Newest.Spec.Parts[manifest.PartProject] {
			all = slices.DeleteFunc(all, aboutQuota) // the running release stays as it is, and needs no more than before
		}
	}
	return all
}

func aboutQuota(p manifest.Problem) bool { return strings.HasPrefix(p.Field, "spec.quota") }

// Obstacles are what keeps a release that was fine once from being deployed now: its host is another's by now, the quota
// has shrunk, its image may not run any more.
func (c *Catalog) Obstacles(v *View, r *manifest.Release) manifest.Problems {
	w := c.Workspaces[v.Key.Workspace]
	if c.Platform == nil || w == nil || w.Spec == nil {
		return nil
	}
	projects := maps.Clone(w.projects)
	projects[v.Key.Project] = &manifest.Project{
		Header: manifest.NewHeader(manifest.KindProject, v.Key.Project), Spec: r.Spec.Project,
	}
	file, fields := manifest.ProjectFile(v.Key), []string{"metadata.name", "spec.domain", "spec.image"}
	return slices.DeleteFunc(manifest.CheckWorkspace(c.Platform, w.Spec, projects, c.hosts.claims), func(p manifest.Problem) bool {
		return !aboutQuota(p) && (p.File != file || !slices.Contains(fields, p.Field))
	})
}

func sameView(a, b *View) bool {
	return a.Present == b.Present && a.Owner == b.Owner && a.Parsed == b.Parsed && slices.Equal(a.Problems, b.Problems) &&
		reflect.DeepEqual(a.Inputs, b.Inputs) && a.Newest == b.Newest && slices.Equal(a.Releases, b.Releases)
}
