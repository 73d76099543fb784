package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// errUnusable says that a commit of the config repository cannot be what anybody wanted: nothing is taken from it.
var ErrUnusable = errors.New("nothing is changed until this is mended")

// Catalog holds what the config repository says at one commit. It moves from commit to commit by what differs between
// them, so that a step costs what was changed and not what is there.
type Catalog struct {
	Reader reconciler.Reader
	charts reconciler.Charts

	Commit     string
	Platform   *manifest.Platform // the last that parsed
	PublicKeys []manifest.PublicKey
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
	// Before is nil when the project was never heard of.
	Before *View
	After  *View
	// Edited says that project.yaml itself is another file than before.
	Edited bool
}

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

// advanced is what a step concerned: the projects in the order of their keys, and the workspaces.
type Step struct {
	Projects   []Transition
	Workspaces []string
}

// Advance moves the catalog to another commit and returns what that did. After an error other than errUnusable the catalog has to be made anew.
func (c *Catalog) Advance(to string) (Step, error) {
	changes, err := c.Reader.Diff(c.Commit, to)
	if err != nil {
		return Step{}, fmt.Errorf("comparing config commits %.10s and %.10s: %w", c.Commit, to, err)
	}
	return c.Step(to, changes)
}

// Step takes in the files that differ at another commit.
func (c *Catalog) Step(to string, changes []manifest.Change) (Step, error) {
	if err := c.usable(to, changes); err != nil {
		return Step{}, err
	}
	changes, linked, err := c.admit(to, changes)
	if err != nil {
		return Step{}, err
	}
	files, releases, err := c.parse(to, changes)
	if err != nil {
		return Step{}, err
	}
	touched := c.apply(files, releases)
	c.touchLinked(touched, linked)
	newest, err := c.honour(to, touched)
	if err != nil {
		return Step{}, err
	}
	c.claim(touched, newest)
	if err := c.check(to, touched); err != nil {
		return Step{}, err
	}
	c.Commit = to
	return Step{c.review(touched, newest), c.concernedWorkspaces(touched)}, nil
}

// usable refuses a tree that cannot be meant: without it all projects would be taken for deleted.
func (c *Catalog) usable(commit string, changes []manifest.Change) error {
	for _, change := range changes {
		if change.Special && (change.Path == manifest.PlatformFile || change.Path == manifest.WorkspacesDir) {
			return fmt.Errorf("config commit %.10s: %s: %w", commit, manifest.LinkProblem(change.Path), ErrUnusable)
		}
	}
	if c.Commit != "" && !slices.ContainsFunc(changes, func(change manifest.Change) bool { return change.After == "" }) {
		return nil // nothing went away since a commit that was usable
	}
	root, err := c.Reader.List(commit, "")
	if err != nil {
		return fmt.Errorf("listing config commit %.10s: %w", commit, err)
	}
	if !slices.ContainsFunc(root, func(e manifest.Entry) bool { return e.Name == manifest.PlatformFile && !e.Dir }) {
		return fmt.Errorf("%s is missing at config commit %.10s: %w (restore it, or run `plateform init` for a new repository)",
			manifest.PlatformFile, commit, ErrUnusable)
	}
	workspaces, err := c.Reader.List(commit, manifest.WorkspacesDir)
	if err != nil {
		return fmt.Errorf("listing config commit %.10s: %w", commit, err)
	}
	if len(workspaces) == 0 && c.populated() > 1 {
		return fmt.Errorf("config commit %.10s deletes every workspace at once: %w (delete them one by one if that is meant)",
			commit, ErrUnusable)
	}
	return nil
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

// Keys returns all projects ever heard of, sorted.
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
