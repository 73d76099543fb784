package scope

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
)

// The most that is read to find a scope. Who has more is not refused: then the whole repository counts.
const (
	maxFiles = 100
	maxBytes = 1 << 20 // of one file
)

// Settings are what a project says of a source, as far as it decides what its build reads.
type Settings struct {
	// Path of the folder that is built; empty for the root.
	Path string
	// Framework and Dockerfile as authored in build; empty when they are to be found.
	Framework, Dockerfile string
}

// Scope is what a build reads.
type Scope struct {
	// Paths are the folders and files, sorted, none inside another; "." for the whole repository.
	Paths []string
	// Reason says why it is more than the folder that is built; empty when it is not.
	Reason string
}

// Find finds out what the build of a source reads. The files are those of one commit. What decides it but cannot be
// understood makes the whole repository count. An error says that the files cannot be read now.
func Find(files fs.FS, s Settings) (Scope, error) {
	l := &look{files: files, dir: path.Join(".", s.Path)}
	l.add(l.dir, "")
	err := l.follow(s)
	link := ""
	if err == nil && l.dir != "." {
		link, err = l.leaving()
	}
	var unclear *UnclearError
	switch {
	case errors.As(err, &unclear):
		return wholeFor(unclear.Error()), nil
	case err != nil:
		return Scope{}, err
	case link != "":
		return wholeFor(link + " is a symlink, which may lead to the rest of the repository"), nil
	}
	return Scope{Paths: outermost(l.paths), Reason: strings.Join(l.reasons, "; ")}, nil
}

func wholeFor(reason string) Scope {
	return Scope{Paths: []string{"."}, Reason: reason + ", so all of the repository counts"}
}

// Candidates are the files that Find may want to read first, whether they are there or not. It is for who has to fetch them.
func Candidates(s Settings) []string {
	if s.Dockerfile != "" {
		return nil
	}
	var candidates []string
	for dir := path.Join(".", s.Path); ; dir = path.Dir(dir) {
		for _, name := range []string{
			goMod, goWork, pom, settingsGradle, settingsGradleKotlin, packageJSON, pnpmWorkspace, cargoToml,
		} {
			candidates = append(candidates, path.Join(dir, name))
		}
		if dir == "." {
			return candidates
		}
	}
}

// UnclearError is why it cannot be found out what a build reads: a file that decides it cannot be understood.
type UnclearError struct {
	file string
	err  error
}

func (e *UnclearError) Error() string {
	return fmt.Sprintf("%s cannot be understood (%v)", e.file, e.err)
}

// look is one search for a scope.
type look struct {
	files   fs.FS
	dir     string // that is built
	paths   []string
	reasons []string
	read    int
	names   int // looked through for links
	// linked is a link where a file was looked for that decides what is read; contained says that the build follows no others.
	linked    string
	contained bool
}

// add adds a folder or a file to the scope. A reason is worth telling only when it makes the scope larger.
func (l *look) add(p, reason string) {
	if slices.ContainsFunc(l.paths, func(have string) bool { return within(p, have) }) {
		return
	}
	l.paths = append(l.paths, p)
	if reason != "" && !slices.Contains(l.reasons, reason) {
		l.reasons = append(l.reasons, reason)
	}
}

// follow goes by the same order as detection: what is authored first, then a Dockerfile, then what the files say.
func (l *look) follow(s Settings) error {
	switch {
	case s.Dockerfile != "":
		l.dockerfile(path.Join(l.dir, s.Dockerfile))
		return nil
	case s.Framework == frameworks.Go:
		return l.golang()
	case l.exists(path.Join(l.dir, "Dockerfile")):
		l.dockerfile(path.Join(l.dir, "Dockerfile"))
		return nil
	}
	switch frameworks.Current(s.Framework) {
	case "":
		return l.found()
	case frameworks.Java, frameworks.SpringBoot, frameworks.Quarkus, frameworks.Micronaut:
		return l.jvm()
	case frameworks.Next, frameworks.Nuxt, frameworks.Nest, frameworks.Express, frameworks.Vite,
		frameworks.React, frameworks.Node, frameworks.Static:
		return l.node()
	case frameworks.Rust:
		return cargo(l)
	}
	return nil
}

// found goes by the files, as detection does.
func (l *look) found() error {
	switch {
	case l.exists(path.Join(l.dir, goMod)), hasGoFiles(l.files, l.dir) && l.above(l.dir, goMod) != "":
		return l.golang()
	case l.exists(path.Join(l.dir, pom)), l.isGradle(): // also with a package.json for what browsers get
		return l.jvm()
	case l.exists(path.Join(l.dir, cargoToml)):
		return cargo(l)
	case l.exists(path.Join(l.dir, packageJSON)):
		return l.node()
	}
	return l.jvm()
}

// dockerfile adds a Dockerfile and what says which files to leave out. Its context is the folder that is built.
func (l *look) dockerfile(file string) {
	l.contained = true
	l.add(file, "the Dockerfile is there")
	for _, ignore := range []string{file + ".", l.dir + "/."} {
		for _, kind := range []string{"dockerignore", "containerignore"} {
			if l.exists(ignore + kind) {
				l.add(ignore+kind, "")
			}
		}
	}
}

// above returns the closest folder that has a file of a name, from dir on upwards; empty when there is none.
func (l *look) above(dir, name string) string {
	for {
		if l.exists(path.Join(dir, name)) {
			return dir
		}
		if dir == "." {
			return ""
		}
		dir = path.Dir(dir)
	}
}

// exists says that a regular file is there. Links are not followed: they make the whole repository count.
func (l *look) exists(file string) bool {
	entry := l.entry(file)
	return entry != nil && entry.Type().IsRegular()
}

func (l *look) entry(name string) fs.DirEntry {
	if !fs.ValidPath(name) || name == "." {
		return nil
	}
	entries, err := fs.ReadDir(l.files, path.Dir(name))
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(name) })
	if i < 0 {
		return nil
	}
	if entries[i].Type()&fs.ModeSymlink != 0 {
		l.linked = name
	}
	return entries[i]
}

// text returns the content of a file; empty when there is no such file.
func (l *look) text(file string) (string, error) {
	if !l.exists(file) {
		return "", nil
	}
	if l.read++; l.read > maxFiles {
		return "", &UnclearError{file, fmt.Errorf("more than %d files would have to be read", maxFiles)}
	}
	data, err := fs.ReadFile(l.files, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("reading %s: %w", file, err)
	case len(data) > maxBytes:
		return "", &UnclearError{file, fmt.Errorf("it is larger than %d bytes", maxBytes)}
	}
	return strings.TrimPrefix(string(data), "\ufeff"), nil // what editors on Windows put first, and package managers pass over
}

// inside resolves a path that a file of a folder names; false when it leaves the repository.
func inside(dir, named string) (string, bool) {
	if path.IsAbs(named) {
		return "", false
	}
	p := path.Join(dir, named)
	return p, p != ".." && !strings.HasPrefix(p, "../")
}

// within says that a path is another one, or below it.
func within(p, dir string) bool {
	return dir == "." || p == dir || strings.HasPrefix(p, dir+"/")
}

// outermost sorts paths and leaves out those inside others.
func outermost(paths []string) []string {
	var kept []string
	for _, p := range paths {
		others := slices.ContainsFunc(paths, func(o string) bool { return o != p && within(p, o) })
		if !others && !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	slices.Sort(kept)
	return kept
}

// Words are a scope in one line, for people.
func (s Scope) Words() string { return strings.Join(s.Paths, ", ") }
