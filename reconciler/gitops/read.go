package gitops

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// File is one file of the GitOps repository that only Plateform writes.
type File struct {
	path string
	// there says that it is not gone.
	there bool
	// content, unless it is in run.
	content string
	// foreign says that somebody else wrote it.
	foreign bool
	// run is what it says, when it is a run.yaml that Plateform wrote; problems say why it cannot be read.
	run      *manifest.RunSpec
	problems manifest.Problems
}

// key is the project whose file it is.
func (f File) key() manifest.Key {
	parts := strings.Split(f.path, "/")
	return manifest.Key{Workspace: parts[1], Project: parts[2]}
}

// isRun says that it is run.yaml of a project.
func (f File) isRun() bool { return strings.Count(f.path, "/") == 3 && path.Base(f.path) == runFile }

// Memory is what run.yaml files say.
type Memory struct {
	// Runs by project; a project whose run.yaml is gone has an empty one.
	Runs map[manifest.Key]*manifest.RunSpec
	// Touched are the projects of which any file was read.
	Touched map[manifest.Key]bool
	// Problems of run.yaml files that cannot be read.
	Problems manifest.Problems
}

// Read reads all that Plateform wrote at a commit; nothing for "". It changes nothing.
func Read(reader reconciler.Reader, commit string) ([]File, error) {
	changes, err := reader.Diff("", commit)
	if err != nil {
		return nil, fmt.Errorf("listing GitOps commit %.10s: %w", commit, err)
	}
	return readAll(reader, commit, changes, false)
}

// Load makes an empty tree what was read at a commit, and returns what is remembered.
func (t *Tree) Load(commit string, files []File) Memory {
	t.head = commit
	return t.takeAll(files)
}

// TakeOurs brings the tree to a commit of Plateform's own, whoever made it, and returns what is remembered otherwise than
// before.
func (t *Tree) TakeOurs(commit string) (Memory, error) { return t.advance(commit, false) }

// TakeForeign brings the tree to a commit of others. What they changed is to be written back. It returns whose files those
// are; what they wrote is not remembered.
func (t *Tree) TakeForeign(commit string) (Memory, error) { return t.advance(commit, true) }

func (t *Tree) advance(commit string, foreign bool) (Memory, error) {
	changes, err := t.reader.Diff(t.head, commit)
	if err != nil {
		return Memory{}, fmt.Errorf("comparing GitOps commits %.10s and %.10s: %w", t.head, commit, err)
	}
	files, err := readAll(t.reader, commit, changes, foreign)
	if err != nil {
		return Memory{}, err
	}
	t.head = commit
	return t.takeAll(files), nil
}

func (t *Tree) takeAll(files []File) Memory {
	m := Memory{Runs: map[manifest.Key]*manifest.RunSpec{}, Touched: map[manifest.Key]bool{}}
	for _, file := range files {
		t.take(file)
		if strings.Count(file.path, "/") == 3 && strings.HasPrefix(file.path, manifest.WorkspacesDir+"/") {
			m.Touched[file.key()] = true
		}
		switch {
		case file.run != nil:
			m.Runs[file.key()] = file.run
		case file.isRun() && !file.foreign && !file.there:
			m.Runs[file.key()] = &manifest.RunSpec{}
		}
		m.Problems = append(m.Problems, file.problems...)
	}
	return m
}

// readAll reads files, several at a time.
func readAll(reader reconciler.Reader, commit string, changes []manifest.Change, foreign bool) ([]File, error) {
	changes = slices.DeleteFunc(changes, func(change manifest.Change) bool { return !Managed(change.Path) })
	files := make([]File, len(changes))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, change := range changes {
		files[i] = File{path: change.Path, foreign: foreign}
		switch {
		case change.After == "":
		case change.Special: // a link holds nothing, but is there
			files[i].there = true
		default:
			group.Go(func() error { return files[i].read(reader, commit, change.After) })
		}
	}
	return files, group.Wait()
}

func (f *File) read(reader reconciler.Reader, commit, hash string) error {
	data, err := reconciler.ReadFile(reader, commit, f.path, hash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s at GitOps commit %.10s: %w", f.path, commit, err)
	}
	f.there = true
	if path.Base(f.path) == runFile && !f.foreign { // others may not change what is remembered
		run, problems := manifest.ParseRun(f.path, data)
		if f.problems = problems; run != nil {
			f.run = &run.Spec
			return nil
		}
	}
	f.content = string(data)
	return nil
}
