package manifest

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest/strict"
)

// Config is everything that people wrote in platform-config, without the release files.
type Config struct {
	// Platform is nil when platform.yaml is not there or does not parse.
	Platform *Platform
	// Workspaces by name, those that parse.
	Workspaces map[string]*Workspace
	// Projects that parse, also those of a workspace that does not.
	Projects map[Key]*Project
	// Broken are the projects, and with an empty Project the workspaces, whose files are there but do not parse.
	Broken map[Key]bool
}

// byWorkspace returns the projects of all workspaces by name; nil stands for one that does not parse.
func (c *Config) byWorkspace() map[string]map[string]*Project {
	all := map[string]map[string]*Project{}
	add := func(k Key, p *Project) {
		if all[k.Workspace] == nil {
			all[k.Workspace] = map[string]*Project{}
		}
		all[k.Workspace][k.Project] = p
	}
	for k, p := range c.Projects {
		add(k, p)
	}
	for k := range c.Broken {
		if k.Project != "" {
			add(k, nil)
		}
	}
	return all
}

// Load reads and parses platform.yaml and all workspaces and projects of a checkout, on all processors. It reports
// everything that is wrong with single files; Validate reports what is wrong between them. Symbolic links are not followed.
func Load(fsys fs.FS) (*Config, Problems) {
	l := loader{fsys: fsys}
	l.list()
	l.parse()
	return l.config()
}

// loader reads a checkout: first the names of all files, then the files in parallel.
type loader struct {
	fsys     fs.FS
	files    []loaded
	problems Problems
}

// loaded is one file and what became of it.
type loaded struct {
	name string
	file File
	// missing: the file is not there.
	missing   bool
	platform  *Platform
	workspace *Workspace
	project   *Project
	problems  Problems
}

// list finds the files that there should be.
func (l *loader) list() {
	l.files = append(l.files, loaded{name: PlatformFile, file: File{Kind: KindPlatform}})
	for _, workspace := range l.folders(WorkspacesDir) {
		k := Key{Workspace: workspace}
		l.files = append(l.files, loaded{name: WorkspaceFile(workspace), file: File{Kind: KindWorkspace, Key: k}})
		for _, project := range l.folders(ProjectsDir(workspace)) {
			k.Project = project
			l.files = append(l.files, loaded{name: ProjectFile(k), file: File{Kind: KindProject, Key: k}})
		}
	}
}

// folders returns the names of the folders in a folder; none when it is not there.
func (l *loader) folders(dir string) []string {
	entries, err := fs.ReadDir(l.fsys, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.problems = append(l.problems, Problem{File: dir, What: "the folder cannot be read: " + err.Error(), Fix: "check its permissions"})
	}
	var names []string
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			ps := CheckFolders(name, Key{Workspace: e.Name()})
			if l.problems = append(l.problems, ps...); len(ps) == 0 {
				names = append(names, e.Name())
			}
		case e.Type()&fs.ModeSymlink != 0:
			l.problems = append(l.problems, LinkProblem(name))
		}
	}
	return names
}

// LinkProblem is the problem of a symbolic link, or a submodule, where a file or a folder belongs.
func LinkProblem(name string) Problem {
	return Problem{File: name, What: "this is a link or another special file, which is not followed", Fix: "put the file itself here"}
}

// parse reads and parses the files, several at once.
func (l *loader) parse() {
	var next atomic.Int64
	var workers errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(l.files)); i = next.Add(1) - 1 {
				l.files[i].read(l.fsys)
			}
			return nil
		})
	}
	_ = workers.Wait() // the workers return no errors
}

// read reads and parses one file.
func (f *loaded) read(fsys fs.FS) {
	info, err := fs.Lstat(fsys, f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.missing = true
		return
	case err == nil && !info.Mode().IsRegular():
		f.problems = Problems{LinkProblem(f.name)}
		return
	}
	data, err := readLimited(fsys, f.name)
	if err != nil {
		f.problems = Problems{{File: f.name, What: "the file cannot be read: " + err.Error(), Fix: "check its permissions"}}
		return
	}
	switch f.file.Kind {
	case KindPlatform:
		f.platform, f.problems = ParsePlatform(f.name, data)
	case KindWorkspace:
		f.workspace, f.problems = ParseWorkspace(f.name, data)
	case KindProject:
		f.project, f.problems = ParseProject(f.name, data)
	}
}

// readLimited reads a file, at most one byte more than a file may have.
func readLimited(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	return data, errors.Join(err, f.Close())
}

// config puts together what was read.
func (l *loader) config() (*Config, Problems) {
	c := &Config{Workspaces: map[string]*Workspace{}, Projects: make(map[Key]*Project, len(l.files)), Broken: map[Key]bool{}}
	used := map[string]bool{}
	for i := range l.files {
		f := &l.files[i]
		l.problems = append(l.problems, f.problems...)
		k := f.file.Key
		switch {
		case f.missing:
			continue
		case f.platform != nil:
			c.Platform = f.platform
		case f.workspace != nil:
			c.Workspaces[k.Workspace] = f.workspace
		case f.project != nil:
			c.Projects[k] = f.project
		case f.file.Kind != KindPlatform:
			c.Broken[k] = true
		}
		if f.file.Kind == KindProject {
			used[k.Workspace] = true
		}
	}
	for _, f := range l.files {
		if f.missing {
			l.problems = append(l.problems, l.missing(f, used)...)
		}
	}
	l.problems.Sort()
	return c, l.problems
}

// missing are the problems of files that are not there and should be. A project's folder without project.yaml is a project
// that was removed, and a workspace's folder without anything is no workspace; unless the file is there under another name.
func (l *loader) missing(f loaded, used map[string]bool) Problems {
	switch {
	case f.file.Kind == KindPlatform:
		return Problems{{File: f.name, What: "platform.yaml is missing", Fix: "run plateform init to see what belongs in it"}}
	case f.file.Kind == KindWorkspace && used[f.file.Key.Workspace]:
		return Problems{{File: f.name, What: "workspace.yaml is missing, but the workspace has projects", Fix: "add the file, or remove the projects"}}
	}
	entries, err := fs.ReadDir(l.fsys, path.Dir(f.name))
	if err != nil {
		return nil // the folder was there a moment ago
	}
	wanted := path.Base(f.name)
	misspelled := func(e fs.DirEntry) bool {
		return !e.IsDir() && strict.Nearest(e.Name(), []string{wanted}) != ""
	}
	if i := slices.IndexFunc(entries, misspelled); i >= 0 {
		return Problems{{File: path.Join(path.Dir(f.name), entries[i].Name()), What: "this file is not read, its name is not " + wanted, Fix: "rename it to " + wanted}}
	}
	return nil
}

// LocateIn is Locate for the files of a checkout.
func LocateIn(fsys fs.FS, ps Problems) Problems {
	byFile := map[string]Problems{}
	for _, p := range ps {
		byFile[p.File] = append(byFile[p.File], p)
	}
	located := make(Problems, 0, len(ps))
	for file, some := range byFile {
		lost := func(p Problem) bool { return p.Line == 0 && p.Field != "" }
		if slices.ContainsFunc(some, lost) {
			if data, err := readLimited(fsys, file); err == nil {
				some = Locate(file, data, some)
			}
		}
		located = append(located, some...)
	}
	located.Sort()
	return located
}
