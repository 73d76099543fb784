// Package rights says who may change what in platform-config. Rights come from the commit that is merged into and never from the
// change itself, so nobody gives himself any; people are their numeric account ids, as a login can pass to somebody else; and what
// is changed is found by comparing trees.
package rights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Person is somebody who wants a change: its author, or whoever pushed it.
type Person struct {
	// ID is the numeric account id, the identity. One that is not positive is nobody's.
	ID int64
	// Login is for messages, and for the owner's login in a workspace that its owner adds; it may be empty.
	Login string
}

// Verdict is what is to be said of a change.
type Verdict struct {
	// Problems are the things in it that somebody may not do, each with who may. Without any the change may be merged, as soon
	// as the questions in Sources are answered with yes.
	Problems manifest.Problems `json:"problems"`
	// Sources are the repositories that each of the people has to be able to read, which only their host can say.
	Sources []SourceQuestion `json:"sources"`
}

// SourceQuestion asks whether people can read a repository that a project is newly built from. There is one for each place
// where one is named.
type SourceQuestion struct {
	// Repository is the URL as it is written.
	Repository string `json:"repository"`
	// File, Line, Column and Field are where.
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Field  string `json:"field"`
}

// maxProblems is how many problems are told one by one.
const maxProblems = 100

// Check judges what differs between two commits. base is the newest commit of the branch that is merged into, which decides about
// rights; with base "", before the first commit, nobody has any. head is the commit that comes of the merge, or the head of a pull
// request that holds all of base. Each of the people must have the right to all of it; without people nothing is allowed.
//
// What it does not see is what has no meaning in platform-config: whether a file is executable, and names that Git refuses. A
// commit in between that is undone in head is not seen either: merge as one commit.
func Check(reader reconciler.Reader, base, head string, who ...Person) (Verdict, error) {
	changes, err := reader.Diff(base, head)
	if err != nil {
		return Verdict{}, fmt.Errorf("comparing config commits %.10s and %.10s: %w", base, head, err)
	}
	if len(who) == 0 {
		who = []Person{{}}
	}
	c := &check{reader: reader, base: base, head: head, people: who, tenants: map[string]*tenant{}, problems: manifest.Problems{}, sources: []SourceQuestion{}}
	if err := c.readPlatform(); err != nil {
		return Verdict{}, err
	}
	for _, step := range []func([]manifest.Change) error{c.found, c.files, c.broughtBack, c.retries} {
		if err := step(changes); err != nil {
			return Verdict{}, err
		}
	}
	c.problems.Sort()
	return Verdict{Problems: c.bounded(), Sources: c.sources}, nil
}

// check is one change being judged.
type check struct {
	reader     reconciler.Reader
	base, head string
	people     []Person
	platform   platform
	// tenants are the workspaces at the base, those that were asked for.
	tenants map[string]*tenant
	// merged are the commits that led to the base; nil until somebody asks.
	merged map[string]bool
	// back are the release files that are added by people who might bring them back.
	back     []manifest.Change
	problems manifest.Problems
	sources  []SourceQuestion
}

// bounded are the problems, of which there may be as many as the repository has files.
func (c *check) bounded() manifest.Problems {
	if len(c.problems) <= maxProblems {
		return c.problems
	}
	rest := c.problems[maxProblems:]
	return append(slices.Clip(c.problems[:maxProblems]), manifest.Problem{
		File: rest[0].File, What: "and " + manifest.Count(len(rest), "more thing") + " that may not be done, from this file on", Fix: "make smaller changes",
	})
}

// files judges each file that differs.
func (c *check) files(changes []manifest.Change) error {
	for _, change := range changes {
		if err := c.file(change); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) file(change manifest.Change) error {
	verb := verbOf(change)
	parts := strings.Split(change.Path, "/")
	if parts[0] != manifest.WorkspacesDir || len(parts) < 3 {
		return c.demand(demand{file: change.Path, need: platformAdmins, what: verb + " what belongs to no workspace"})
	}
	workspace := parts[1]
	switch {
	case misleading(parts):
		return c.demand(demand{file: change.Path, need: platformAdmins, workspace: workspace, what: verb + " a file with a name that may be taken for another one's"})
	case change.Special:
		return c.demand(demand{file: change.Path, need: platformAdmins, workspace: workspace, what: "put a link or a submodule here"})
	}
	f, ok := manifest.FileOf(change.Path)
	switch {
	case ok && f.Kind == manifest.KindWorkspace:
		return c.workspaceFile(change, workspace)
	case ok && f.Kind == manifest.KindProject:
		return c.projectFile(change, f.Key)
	case parts[2] == "projects" && len(parts) > 4 && parts[4] == "releases":
		return c.releaseFile(change, workspace, ok)
	case parts[2] == "projects" && len(parts) > 3:
		return c.demand(demand{file: change.Path, need: developers, workspace: workspace, what: verb + " what is in a project's folder"})
	}
	return c.demand(demand{file: change.Path, need: workspaceAdmins, workspace: workspace, what: verb + " what is beside workspace.yaml"})
}

func verbOf(change manifest.Change) string {
	switch {
	case change.Before == "":
		return "add"
	case change.After == "":
		return "delete"
	}
	return "change"
}

// misleading says of a path below a workspace, taken apart, that a file system which folds names, or a person, may take it for
// another one: what has a meaning is to be written in one way only.
func misleading(parts []string) bool {
	for _, name := range parts {
		strange := func(r rune) bool {
			plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
			return !plain && !strings.ContainsRune("-_. +@,()#&=", r)
		}
		if name == "" || strings.ContainsFunc(name, strange) || strings.Trim(name, " ") != name || strings.HasSuffix(name, ".") {
			return true
		}
	}
	folded := func(at int, names ...string) bool {
		return at < len(parts) && !slices.Contains(names, parts[at]) &&
			slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, parts[at]) })
	}
	upper := func(at int) bool { return at < len(parts) && strings.ToLower(parts[at]) != parts[at] }
	return upper(1) || folded(2, "projects", "workspace.yaml") ||
		parts[2] == "projects" && (upper(3) || folded(4, "releases", "project.yaml") || len(parts) > 5 && parts[4] == "releases" && upper(5))
}
