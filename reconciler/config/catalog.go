package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
)

// ErrUnusable says that a commit of the config repository cannot be intended, as when platform.yaml is missing. Nothing is
// taken from such a commit.
var ErrUnusable = errors.New("nothing is changed until this is mended")

// Catalog holds what the config repository says at one commit. It moves from commit to commit by what differs between
// them, so that a step costs what was changed and not what is there.
type Catalog struct {
	Reader reconciler.Reader
	charts reconciler.Charts

	Commit     string
	Platform   *manifest.Platform // the last that parsed
	PublicKeys []signing.PublicKey
	Workspaces map[string]*workspaceEntry
	Projects   map[manifest.Key]*projectEntry
	// known are the keys of projects by workspace, sorted.
	known map[string][]manifest.Key
	hosts hostIndex
	// problems inside the files at this commit, by file; checks are those across files, by workspace; shared are those
	// across workspaces, by workspace, without lines.
	problems map[string]manifest.Problems
	checks   map[string]manifest.Problems
	shared   map[string]manifest.Problems
	// refusing projects have release files that are not honoured.
	refusing map[manifest.Key]bool
	// links stand where a folder belongs, with the commit at which it last was one.
	links map[string]string
}

type workspaceEntry struct {
	Present bool
	Spec    *manifest.Workspace // the last that parsed
	// projects of the workspace that are present and parsed at some commit.
	projects map[string]*manifest.Project
}

type projectEntry struct {
	present  bool
	spec     *manifest.Project // the last that parsed
	releases []ReleaseFile
	view     *View
}

// Transition is what one step of the config repository did to one project.
type Transition struct {
	Key manifest.Key
	// Before is nil when the project is new to the catalog.
	Before *View
	After  *View
	// Edited says that project.yaml itself is another file than before.
	Edited bool
}

// NewCatalog returns an empty catalog, before the first commit.
func NewCatalog(reader reconciler.Reader, charts reconciler.Charts) *Catalog {
	return &Catalog{
		Reader: reader, charts: charts,
		Workspaces: map[string]*workspaceEntry{},
		Projects:   map[manifest.Key]*projectEntry{},
		known:      map[string][]manifest.Key{},
		hosts:      newHostIndex(),
		problems:   map[string]manifest.Problems{},
		checks:     map[string]manifest.Problems{},
		refusing:   map[manifest.Key]bool{},
		links:      map[string]string{},
	}
}

// Step is what one step of the catalog concerned and did: the projects in the order of their keys, and the workspaces.
type Step struct {
	Projects   []Transition
	Workspaces []string
	// Broken are the problems that the step made, or left in files that it touched: what is wrong elsewhere is not its.
	Broken manifest.Problems
	// Mended says that something that was wrong before is right.
	Mended bool

	touched map[string]bool
	before  map[manifest.Problem]bool
}

// Own are those of some problems that are the step's: in files that it touched, or new. before are those there were of the
// same kind.
func (s Step) Own(problems, before manifest.Problems) manifest.Problems {
	var own manifest.Problems
	for _, p := range problems {
		if s.touched[p.File] || !s.before[p] && !slices.Contains(before, p) {
			own = append(own, p)
		}
	}
	return own
}

// advance is a step under way: the catalog on its way to another commit, and what that concerns so far.
type advance struct {
	*Catalog
	to    string
	touch *touch
}

// Advance moves the catalog to another commit and returns what that did. After an error other than ErrUnusable the catalog
// has to be made anew.
func (c *Catalog) Advance(to string) (Step, error) {
	changes, err := c.Reader.Diff(c.Commit, to)
	if err != nil {
		return Step{}, fmt.Errorf("comparing config commits %.10s and %.10s: %w", c.Commit, to, err)
	}
	return c.Step(to, changes)
}

// Step takes in the files that differ at another commit. The order of its parts matters: files are admitted before they
// are parsed; entries are filled before releases are honoured, which needs owners and keys; hosts are claimed by what is
// honoured; checks across files look at claims; and views, made last, hold what all of these found.
func (c *Catalog) Step(to string, changes []manifest.Change) (Step, error) {
	a := &advance{Catalog: c, to: to, touch: newTouch()}
	if err := a.usable(changes); err != nil {
		return Step{}, err
	}
	step := Step{touched: map[string]bool{}, before: map[manifest.Problem]bool{}}
	for _, p := range c.FileProblems() {
		step.before[p] = true
	}
	if c.Commit != "" { // else all problems are new; and so many paths are not worth their memory
		for _, change := range changes {
			step.touched[change.Path] = true
		}
	}
	changes, linked, err := a.admit(changes)
	if err != nil {
		return Step{}, err
	}
	files, releases, err := a.parse(changes)
	if err != nil {
		return Step{}, err
	}
	if err := a.platformKnown(files); err != nil {
		return Step{}, err
	}
	a.apply(files, releases)
	a.touchLinked(linked)
	newest, err := a.honour()
	if err != nil {
		return Step{}, err
	}
	a.claim(newest)
	if err := a.check(); err != nil {
		return Step{}, err
	}
	c.Commit = to
	step.Projects, step.Workspaces = a.review(newest), a.concernedWorkspaces()
	c.judge(&step)
	return step, nil
}

// judge finds out which problems the step has made, and whether it has mended any.
func (c *Catalog) judge(step *Step) {
	now := c.FileProblems()
	step.Broken = step.Own(now, nil)
	still := map[manifest.Problem]bool{}
	for _, p := range now {
		still[p] = true
	}
	for p := range step.before {
		step.Mended = step.Mended || !still[p]
	}
}

// usable refuses a tree that cannot be intended. Without this check all projects would count as deleted.
func (a *advance) usable(changes []manifest.Change) error {
	for _, change := range changes {
		if change.Special && (change.Path == manifest.PlatformFile || change.Path == manifest.WorkspacesDir) {
			return fmt.Errorf("config commit %.10s: %s: %w", a.to, manifest.LinkProblem(change.Path), ErrUnusable)
		}
	}
	if a.Commit != "" && !slices.ContainsFunc(changes, func(change manifest.Change) bool { return change.After == "" }) {
		return nil // nothing went away since a commit that was usable
	}
	root, err := a.Reader.List(a.to, "")
	if err != nil {
		return fmt.Errorf("listing config commit %.10s: %w", a.to, err)
	}
	if !slices.ContainsFunc(root, func(e manifest.Entry) bool { return e.Name == manifest.PlatformFile && !e.Dir }) {
		return fmt.Errorf("%s is missing at config commit %.10s: %w (restore it, or run `plateform init` for a new repository)",
			manifest.PlatformFile, a.to, ErrUnusable)
	}
	workspaces, err := a.Reader.List(a.to, manifest.WorkspacesDir)
	if err != nil {
		return fmt.Errorf("listing config commit %.10s: %w", a.to, err)
	}
	if len(workspaces) == 0 && a.populated() > 1 {
		return fmt.Errorf("config commit %.10s deletes every workspace at once: %w (delete them one by one if that is meant)",
			a.to, ErrUnusable)
	}
	return nil
}

// platformKnown refuses what comes before the first platform.yaml that parses: nobody could say whose releases to honour.
// The catalog stays empty then, so that it finds out later what is there and what is not.
func (a *advance) platformKnown(files []parsedFile) error {
	if a.Platform != nil || slices.ContainsFunc(files, func(f parsedFile) bool { return f.platform != nil }) {
		return nil
	}
	var problems manifest.Problems
	for _, f := range files {
		if f.Kind == manifest.KindPlatform {
			problems = f.problems
		}
	}
	clear(a.links)
	clear(a.problems)
	return fmt.Errorf("%s never parsed, so nobody can say whose releases to honour: %w\n%w", manifest.PlatformFile, ErrUnusable, problems.Err())
}

// populated counts the workspaces that are there.
func (c *Catalog) populated() int {
	n := 0
	for _, w := range c.Workspaces {
		if w.Present {
			n++
		}
	}
	return n
}

// View returns what is known of a project, or nil.
func (c *Catalog) View(k manifest.Key) *View {
	if e := c.Projects[k]; e != nil {
		return e.view
	}
	return nil
}

// In returns the projects of a workspace that the catalog has seen, also deleted ones, sorted.
func (c *Catalog) In(workspace string) []manifest.Key { return c.known[workspace] }

// Keys returns all projects that the catalog has seen, also deleted ones, sorted.
func (c *Catalog) Keys() []manifest.Key {
	all := make([]manifest.Key, 0, len(c.Projects))
	for _, workspace := range slices.Sorted(maps.Keys(c.known)) {
		all = append(all, c.known[workspace]...)
	}
	return all
}

// BlocksWorkspace says that something in a workspace's own file is wrong, so that its namespace stays as it is.
func (c *Catalog) BlocksWorkspace(name string) bool {
	file := manifest.WorkspaceFile(name)
	return len(c.problems[file]) > 0 || slices.ContainsFunc(c.checks[name], func(p manifest.Problem) bool {
		return p.File == file && !aboutQuota(p)
	})
}

// FileProblems are all problems of the files at this commit, in order.
func (c *Catalog) FileProblems() manifest.Problems {
	var all manifest.Problems
	for _, file := range slices.Sorted(maps.Keys(c.problems)) {
		all = append(all, c.problems[file]...)
	}
	for _, workspace := range slices.Sorted(maps.Keys(c.checks)) {
		all = append(all, c.checks[workspace]...)
	}
	for _, k := range slices.SortedFunc(maps.Keys(c.refusing), manifest.Key.Compare) {
		if v := c.Projects[k].view; v.Present {
			all = append(all, v.Refused...)
		}
	}
	return all
}
