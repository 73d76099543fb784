package manifest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/plateform/plateform/manifest/strict"
)

// CheckChange returns which changes of a project are refused because its data would not survive them: another type or
// engine, less storage, an older major version. File is the project's file.
func CheckChange(file string, before, after ProjectSpec) Problems {
	c := collector{file: file}
	if before.Type != after.Type {
		c.add("spec.type", fmt.Sprintf("the type changes from %s to %s; it never changes", before.Type, after.Type),
			"keep it, or add a project of another name")
		return c.problems
	}
	if after.Type != Database {
		return nil
	}
	if before.Engine != after.Engine {
		c.add("spec.engine", fmt.Sprintf("the engine changes from %s to %s; it never changes", before.Engine, after.Engine),
			"keep it, or add a database of another name and move the data")
		return c.problems
	}
	if was, is, ok := majors(before.Version, after.Version); ok && is < was {
		c.add("spec.version", fmt.Sprintf("the major version goes down from %d to %d", was, is),
			fmt.Sprintf("write %q or newer; older versions cannot read the data", strconv.Itoa(was)))
	}
	if before.Storage != "" && after.Storage != "" && lessStorage(before.Storage, after.Storage) {
		c.add("spec.storage", fmt.Sprintf("the storage goes down from %s to %s", before.Storage, after.Storage),
			"write "+before.Storage+" or more; a volume cannot shrink")
	}
	return c.problems
}

// majors reads the major numbers of two versions; ok is false when there is none in one of them.
func majors(a, b string) (x, y int, ok bool) {
	x, errX := major(a)
	y, errY := major(b)
	return x, y, errX == nil && errY == nil
}

func major(version string) (int, error) {
	first, _, _ := strings.Cut(version, ".")
	first, _, _ = strings.Cut(first, "-")
	return strconv.Atoi(first)
}

// lessStorage says that after is less than before. What is no quantity is reported elsewhere.
func lessStorage(before, after string) bool {
	was, errWas := strict.ParseQuantity(before)
	is, errIs := strict.ParseQuantity(after)
	return errWas == nil && errIs == nil && is.Cmp(was) < 0
}

// CheckOwner reports that a workspace goes to another owner: before is the id of the owner it had. The login may change.
func CheckOwner(w *Workspace, before int64) Problems {
	if before == 0 || w.Spec.Owner.ID == before {
		return nil
	}
	c := collector{file: WorkspaceFile(w.Metadata.Name)}
	c.add("spec.owner.id", fmt.Sprintf("the owner of the workspace %s changes from id %d to %d; a workspace never passes to another owner",
		w.Metadata.Name, before, w.Spec.Owner.ID), fmt.Sprintf("write id: %d, or choose another name for the workspace", before))
	return c.problems
}

// collector gathers the problems of one file.
type collector struct {
	file     string
	problems Problems
}

func (c *collector) add(field, what, fix string) {
	c.problems = append(c.problems, Problem{File: c.file, Field: field, What: WithoutCredentials(what), Fix: WithoutCredentials(fix)})
}

// addError adds a problem when there is an error.
func (c *collector) addError(field string, err error) {
	if err != nil {
		what, fix := reason(err)
		c.add(field, what, fix)
	}
}
