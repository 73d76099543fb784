package config

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
)

// parsedFile is one changed file of the config repository, read and parsed.
type parsedFile struct {
	manifest.File
	path     string
	hash     string // empty when the file is gone
	link     bool   // it is a link, and cannot be read
	problems manifest.Problems

	// One of these, from this commit or from the last at which the file parsed.
	platform  *manifest.Platform
	workspace *manifest.Workspace
	project   *manifest.Project
}

// releaseChange is one changed release file. There may be many more of them than of all others.
type releaseChange struct {
	key  manifest.Key
	file ReleaseFile // without a hash it is gone
}

// parse reads the changed files that are of any kind, several at a time. Release files are only listed: which of them
// have to be read depends on which is the newest.
func (a *advance) parse(changes []manifest.Change) ([]parsedFile, []releaseChange, error) {
	var files []parsedFile
	releases := make([]releaseChange, 0, len(changes))
	for _, change := range changes {
		f, ok := manifest.FileOf(change.Path)
		switch {
		case ok && f.Kind == manifest.KindRelease:
			releases = append(releases, releaseChange{f.Key, ReleaseFile{Version: f.Version, Hash: change.After, Link: change.Special}})
		case ok:
			files = append(files, parsedFile{File: f, path: change.Path, hash: change.After, link: change.Special})
		}
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	const chunk = 64
	for part := range slices.Chunk(files, chunk) {
		group.Go(func() error {
			for i := range part {
				if err := a.parseFile(&part[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return files, releases, group.Wait()
}

func (a *advance) parseFile(f *parsedFile) error {
	if f.hash == "" {
		return nil
	}
	if f.link {
		f.problems = manifest.Problems{manifest.LinkProblem(f.path)}
	} else {
		data, err := a.read(a.to, f.path, f.hash)
		if err != nil {
			return fmt.Errorf("reading %s at config commit %.10s: %w", f.path, a.to, err)
		}
		f.take(data)
	}
	if len(f.problems) > 0 && a.Commit == "" {
		return a.lookBack(f)
	}
	return nil
}

// take parses the content of a file. With problems there is no object.
func (f *parsedFile) take(data []byte) {
	f.platform, f.workspace, f.project = nil, nil, nil
	switch f.Kind {
	case manifest.KindPlatform:
		platform, problems := manifest.ParsePlatform(f.path, data)
		if len(problems) == 0 {
			problems = manifest.CheckPlatform(platform)
		}
		if f.problems = problems; len(problems) == 0 {
			f.platform = platform
		}
	case manifest.KindWorkspace:
		workspace, problems := manifest.ParseWorkspace(f.path, data)
		if f.problems = problems; len(problems) == 0 {
			f.workspace = workspace
		}
	case manifest.KindProject:
		project, problems := manifest.ParseProject(f.path, data)
		if f.problems = problems; len(problems) == 0 {
			f.project = project
		}
	}
	f.problems = manifest.Locate(f.path, data, f.problems)
}

// lookBack finds the last commit at which a broken file parsed, for a process that was not there to see it. One that is
// broken for longer than Far commits counts as if it never parsed: what runs stays, and nothing new is released.
func (a *advance) lookBack(f *parsedFile) error {
	problems := f.problems
	defer func() { f.problems = problems }()
	hash := a.to
	for range Far {
		at, err := a.Reader.Commit(hash)
		if err != nil {
			return fmt.Errorf("looking for the last good %s: %w", f.path, err)
		}
		if len(at.Parents) == 0 {
			return nil
		}
		hash = at.Parents[0]
		if _, err := a.Reader.Read(hash, manifest.PlatformFile); errors.Is(err, fs.ErrNotExist) {
			continue // nothing is taken from such a commit
		}
		data, err := a.Reader.Read(hash, f.path)
		if errors.Is(err, fs.ErrNotExist) && f.link {
			continue // the link may have been there for a while
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking for the last good %s: %w", f.path, err)
		}
		if f.take(data); len(f.problems) == 0 {
			return nil
		}
	}
	return nil
}

// touch is what a step concerns: projects and workspaces that have to be looked at again.
type touch struct {
	everything bool
	// publicKeys says that other keys may sign releases than before.
	publicKeys bool
	// shared says that a workspace.yaml changed, and with it what workspaces share.
	shared     bool
	workspaces map[string]bool
	keys       map[manifest.Key]bool
	edited     map[manifest.Key]bool
}

func newTouch() *touch {
	return &touch{workspaces: map[string]bool{}, keys: map[manifest.Key]bool{}, edited: map[manifest.Key]bool{}}
}

// key notes that a project is concerned, and its workspace with it.
func (t *touch) key(k manifest.Key) {
	t.keys[k] = true
	t.workspaces[k.Workspace] = true
}

// apply takes the files into the entries and notes what they concern.
func (a *advance) apply(files []parsedFile, releases []releaseChange) {
	touched := a.touch
	for i := range files {
		f := &files[i]
		a.setProblems(f.path, f.problems)
		switch f.Kind {
		case manifest.KindPlatform:
			touched.everything = true
			if f.platform != nil {
				before := a.PublicKeys
				a.setPlatform(f.platform)
				touched.publicKeys = !slices.Equal(before, a.PublicKeys)
			}
		case manifest.KindWorkspace:
			touched.workspaces[f.Key.Workspace] = true
			touched.shared = true
			a.setWorkspace(f)
		case manifest.KindProject:
			touched.key(f.Key)
			touched.edited[f.Key] = true
			a.setProject(f)
		}
	}
	for len(releases) > 0 {
		k := releases[0].key
		n := slices.IndexFunc(releases, func(r releaseChange) bool { return r.key != k })
		if n < 0 {
			n = len(releases)
		}
		touched.key(k)
		a.setReleases(k, releases[:n])
		releases = releases[n:]
	}
}

func (c *Catalog) setProblems(file string, problems manifest.Problems) {
	if len(problems) == 0 {
		delete(c.problems, file)
		return
	}
	c.problems[file] = problems
}

func (c *Catalog) setPlatform(p *manifest.Platform) {
	c.Platform = p
	c.PublicKeys = PublicKeys(p)
}

// PublicKeys are the keys that platform.yaml names for signing. One that is none is a problem of the file.
func PublicKeys(p *manifest.Platform) []signing.PublicKey {
	var keys []signing.PublicKey
	for _, text := range p.Spec.Releases.PublicKeys {
		if key, err := signing.ParsePublicKey(text); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// KeysAt are the keys that platform.yaml names at a commit or, where it is missing or broken, at the newest before it at
// which it can be read. known is false when that is at none of the newest Far.
func KeysAt(reader reconciler.Reader, commit string) (keys []signing.PublicKey, known bool) {
	for hash := range (History{reader}).FirstParents(commit) {
		data, err := reader.Read(hash, manifest.PlatformFile)
		if err != nil {
			continue
		}
		if platform, problems := manifest.ParsePlatform(manifest.PlatformFile, data); len(problems) == 0 {
			return PublicKeys(platform), true
		}
	}
	return nil, false
}

func (c *Catalog) workspace(name string) *workspaceEntry {
	w := c.Workspaces[name]
	if w == nil {
		w = &workspaceEntry{projects: map[string]*manifest.Project{}}
		c.Workspaces[name] = w
	}
	return w
}

func (c *Catalog) project(k manifest.Key) *projectEntry {
	e := c.Projects[k]
	if e == nil {
		e = &projectEntry{}
		c.Projects[k] = e
		at, _ := slices.BinarySearchFunc(c.known[k.Workspace], k, manifest.Key.Compare)
		c.known[k.Workspace] = slices.Insert(c.known[k.Workspace], at, k)
	}
	return e
}

func (c *Catalog) setWorkspace(f *parsedFile) {
	w := c.workspace(f.Key.Workspace)
	w.Present = f.hash != ""
	if f.workspace == nil {
		return
	}
	if w.Spec != nil {
		if problems := manifest.CheckOwner(f.workspace, w.Spec.Spec.Owner.ID); len(problems) > 0 {
			c.setProblems(f.path, problems)
			return
		}
	}
	w.Spec = f.workspace
}

func (c *Catalog) setProject(f *parsedFile) {
	e := c.project(f.Key)
	e.present = f.hash != ""
	if f.project != nil {
		e.spec = f.project
	}
	w := c.workspace(f.Key.Workspace)
	if e.present {
		w.projects[f.Key.Project] = e.spec // nil while it never parsed
	} else {
		delete(w.projects, f.Key.Project)
	}
}

// setReleases takes changed release files of one project in.
func (c *Catalog) setReleases(k manifest.Key, changes []releaseChange) {
	e := c.project(k)
	releases := make([]ReleaseFile, 0, len(e.releases)+len(changes))
	for _, r := range e.releases {
		if !slices.ContainsFunc(changes, func(c releaseChange) bool { return c.file.Version == r.Version }) {
			releases = append(releases, r)
		}
	}
	for _, c := range changes {
		if c.file.Hash != "" {
			releases = append(releases, c.file)
		}
	}
	slices.SortFunc(releases, func(a, b ReleaseFile) int { return a.Version.Compare(b.Version) })
	e.releases = releases
}
