package localbuild

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/dockerfile"
)

// absent are the files of a source that its checkout has something else for. A build that reads one would make an image
// with a pointer, or with nothing, in place of the file.
type absent struct {
	// pointers of Git LFS, and submodules, whose folders are empty; both from the root of the source.
	pointers   []string
	submodules []string
	// links that lead to nothing in the source.
	links []detect.BrokenLink
	// symlinks are all there are, and code the Go files, besides tests, that are no symlinks.
	symlinks, code []string
}

// Git LFS writes a pointer of some 130 bytes: a version, perhaps extensions, the hash of the content, its size.
const maxPointer = 1024

var (
	pointer       = regexp.MustCompile(`\Aversion https://(git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n(ext-\d+-\S+ \S+\n)*oid sha256:[0-9a-f]{64}\nsize \d+\n?\z`)
	submodulePath = regexp.MustCompile(`(?m)^\s*path\s*=\s*(.*?)\s*$`)
)

// lookForAbsent looks through a source, the only time in a build, and refuses one that is larger than so many bytes; 0 for no limit.
func lookForAbsent(dir string, most int64) (absent, error) {
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return absent{}, fmt.Errorf("looking through the source: %w", err)
	}
	defer folder.Close()
	var a absent
	var empty []string
	var size int64
	err = walk(dir, func(name string, e fs.DirEntry) error {
		file := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case e.IsDir():
			entries, err := os.ReadDir(file)
			if err == nil && len(entries) == 0 {
				empty = append(empty, name)
			}
			return err
		case e.Type()&fs.ModeSymlink != 0:
			a.symlinks = append(a.symlinks, name)
			if l, found := detect.Inspect(folder.FS(), name); found {
				a.links = append(a.links, l)
			}
		case e.Type().IsRegular():
			info, err := e.Info()
			if err != nil {
				return fmt.Errorf("looking through the source: %w", err)
			}
			if size += info.Size(); most > 0 && size > most {
				return &Fault{What: fmt.Sprintf("the source is larger than %d MiB", most>>20), Fix: "remove what the build does not need"}
			}
			a.note(file, name, info.Size())
		}
		return nil
	})
	a.submodules = submodulesAmong(folder, empty)
	return a, err
}

// note sorts a file by what a build may have to know of it.
func (a *absent) note(file, name string, size int64) {
	if isPointer(file, size) {
		a.pointers = append(a.pointers, name)
	}
	if path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") {
		a.code = append(a.code, name)
	}
}

func isPointer(file string, size int64) bool {
	if size > maxPointer || size < 100 {
		return false
	}
	text, err := os.ReadFile(file)
	return err == nil && pointer.Match(text)
}

// submodulesAmong picks the submodules of empty folders. Git keeps no empty folders: in a checkout without a .git, which
// nobody has worked in, each is one.
func submodulesAmong(folder *os.Root, empty []string) []string {
	if _, err := folder.Lstat(".git"); errors.Is(err, fs.ErrNotExist) {
		return empty
	}
	text, err := detect.ReadFile(folder.FS(), ".gitmodules")
	if err != nil {
		return nil // there are none
	}
	var found []string
	for _, m := range submodulePath.FindAllStringSubmatch(string(text), -1) {
		if name := path.Clean(strings.Trim(m[1], `"`)); slices.Contains(empty, name) {
			found = append(found, name)
		}
	}
	return found
}

// pointerFault says that files are pointers of Git LFS.
func pointerFault(names []string, way string) *Fault {
	return &Fault{
		What: names[0] + " is a Git LFS pointer, not the file" + more(names) + ": Plateform does not fetch files from Git LFS",
		Fix:  "commit the file itself" + way + ", and push",
	}
}

func more(names []string) string {
	if len(names) == 1 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", len(names)-1)
}

// checkDockerfile refuses a Dockerfile that copies what is absent, and files beside it that a tool would follow out of the
// source. It returns where the Dockerfile really is.
func (a absent) checkDockerfile(src Source, d detect.Detection) (string, error) {
	root, err := os.OpenRoot(src.Root)
	if err != nil {
		return "", fmt.Errorf("opening the source: %w", err)
	}
	defer root.Close()
	if err := detect.CheckFollowed(root.FS(), src.Path, d.Dockerfile); err != nil {
		return "", err
	}
	file, err := filepath.EvalSymlinks(filepath.Join(src.Dir(), filepath.FromSlash(d.Dockerfile)))
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", d.Dockerfile, err)
	}
	// The tools get the file itself, and look for its ignore files beside that.
	context, err := filepath.EvalSymlinks(src.Dir())
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", d.Dockerfile, err)
	}
	name, err := filepath.Rel(context, file)
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", d.Dockerfile, err)
	}
	name = filepath.ToSlash(name)
	if err := detect.CheckFollowed(root.FS(), src.Path, dockerfile.IgnoreNames(name)...); err != nil {
		return "", err
	}
	if len(a.pointers)+len(a.submodules) == 0 {
		return file, nil
	}
	text, err := detect.ReadFile(root.FS(), path.Join(src.Path, name))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return file, a.checkContext(dockerfile.ContextOf(text, ignoreFile(root, src.Path, name)), src.Path)
}

// ignoreFile is the text of the .dockerignore that goes with a Dockerfile; nil without one.
func ignoreFile(root *os.Root, within, name string) []byte {
	for _, file := range dockerfile.IgnoreNames(name) {
		if text, err := detect.ReadFile(root.FS(), path.Join(within, file)); err == nil {
			return text
		}
	}
	return nil
}

// checkContext refuses what a Dockerfile copies of a folder that is absent there.
func (a absent) checkContext(c dockerfile.Context, within string) error {
	const way = ", fetch it in the Dockerfile, or name it in .dockerignore when the image does not need it"
	if needed := c.Reads(a.pointers, within); len(needed) > 0 {
		return pointerFault(needed, way)
	}
	if needed := c.Reads(a.submodules, within); len(needed) > 0 {
		return detect.SubmoduleFault(needed, way)
	}
	return nil
}

// within is what is absent from the folder that is built alone, seen from there.
func (a absent) within(src Source) absent {
	var inside absent
	for _, name := range a.submodules {
		if local, err := filepath.Rel(path.Join(".", src.Path), name); err == nil && filepath.IsLocal(local) {
			inside.submodules = append(inside.submodules, filepath.ToSlash(local))
		}
	}
	folder, err := os.OpenRoot(src.Dir())
	if err != nil { // there is less to explain
		return inside
	}
	defer folder.Close()
	for _, name := range a.symlinks {
		local, err := filepath.Rel(path.Join(".", src.Path), name)
		if err != nil || !filepath.IsLocal(local) {
			continue
		}
		if l, found := detect.Inspect(folder.FS(), filepath.ToSlash(local)); found {
			inside.links = append(inside.links, l)
		}
	}
	return inside
}

// goPackage is what go list says of a package.
type goPackage struct {
	// Dir is the folder, from the root of the source; empty outside of it.
	Dir           string
	ImportPath    string
	Standard      bool
	CgoFiles      []string
	EmbedFiles    []string
	EmbedPatterns []string
}

// goPackages are the packages that a program is made of, with their files for cgo. What cannot be found is left out: the
// compiler tells.
func (s Steps) goPackages(ctx context.Context, src Source, d detect.Detection, environment []string) []goPackage {
	var stdout bytes.Buffer
	err := run(ctx, command{
		name: s.goCommand(), args: []string{"list", "-e", "-deps", "-json=Dir,ImportPath,Standard,CgoFiles,EmbedFiles,EmbedPatterns", "."},
		dir: filepath.Join(src.Dir(), filepath.FromSlash(d.Package)), env: append(slices.Clone(environment), "CGO_ENABLED=1"),
		stdout: &stdout, stderr: io.Discard,
	})
	var found []goPackage
	for decoder := json.NewDecoder(&stdout); err == nil; {
		var p goPackage
		if err = decoder.Decode(&p); err != nil {
			break
		}
		name, outside := filepath.Rel(src.Root, p.Dir)
		if p.Standard {
			continue
		}
		if p.Dir == "" || outside != nil || !filepath.IsLocal(name) {
			p.Dir, p.EmbedFiles, p.EmbedPatterns = "", nil, nil
		} else {
			p.Dir = filepath.ToSlash(name)
		}
		found = append(found, p)
	}
	return found
}

// concernsGo says that it takes a look at the packages of a Go program to know whether it needs what is absent.
func (a absent) concernsGo() bool {
	return len(a.pointers)+len(a.submodules) > 0 ||
		slices.ContainsFunc(a.links, func(l detect.BrokenLink) bool { return compiled(l.Path) })
}

// checkGo refuses a program that is made of what is absent.
func (a absent) checkGo(packages []goPackage) error {
	const way = ", or add a Dockerfile that fetches it"
	var pointers, submodules []string
	for _, p := range packages {
		if p.Dir == "" {
			continue
		}
		for _, name := range a.pointers {
			local, err := filepath.Rel(p.Dir, name)
			if err == nil && (slices.Contains(p.EmbedFiles, filepath.ToSlash(local)) || path.Dir(name) == p.Dir && compiled(name)) {
				pointers = append(pointers, name)
			}
		}
		for _, name := range a.submodules {
			if slices.ContainsFunc(p.EmbedPatterns, func(pattern string) bool { return embeds(p.Dir, pattern, name) }) {
				submodules = append(submodules, name)
			}
		}
		for _, l := range a.links {
			if path.Dir(l.Path) == p.Dir && compiled(l.Path) {
				return l.Fault()
			}
		}
	}
	switch {
	case len(pointers) > 0:
		return pointerFault(pointers, way)
	case len(submodules) > 0:
		return detect.SubmoduleFault(submodules, way)
	}
	return nil
}

// compiled says that a file is one that the Go compiler takes.
func compiled(name string) bool {
	return slices.Contains([]string{".go", ".s", ".h", ".syso"}, path.Ext(name)) && !strings.HasSuffix(name, "_test.go")
}

// embeds says that a pattern of go:embed reaches a folder.
func embeds(dir, pattern, name string) bool {
	pattern = path.Join(dir, strings.TrimPrefix(pattern, "all:"))
	for inner := name; inner != "."; inner = path.Dir(inner) {
		if matches, err := path.Match(pattern, inner); err == nil && matches {
			return true
		}
	}
	return strings.HasPrefix(pattern, name+"/")
}

// explain adds to why a program does not compile what is absent and told of, or what cgo would have been needed for. at is
// the folder of the program.
func (a absent) explain(err error, at string, lines []string, packages []goPackage) error {
	var f *Fault
	if !errors.As(err, &f) {
		return err
	}
	if explained := a.explainAbsent(f, at, lines); explained != nil {
		return explained
	}
	if file := cgoFile(packages, at, lines); file != "" {
		return &Fault{What: fmt.Sprintf(`%s; %s imports "C", and Go programs are compiled without cgo here`, f.What, file),
			Fix: detect.WithoutCgo}
	}
	return err
}

// explainAbsent adds to a fault what is absent from a folder and told of in lines; nil when nothing is.
func (a absent) explainAbsent(f *Fault, at string, lines []string) error {
	var links []string
	for _, l := range a.links {
		links = append(links, l.Path)
	}
	var cause *Fault
	if name, found := mentioned(links, at, lines); found {
		cause = a.links[slices.Index(links, name)].Fault()
	} else if name, found := mentioned(a.submodules, at, lines); found {
		cause = detect.SubmoduleFault([]string{name}, "")
	} else {
		return nil
	}
	return &Fault{What: f.What + "; " + cause.What, Fix: cause.Fix}
}

// cgoFile is a file that was left out because it needs cgo, of a package that lines tell of.
func cgoFile(packages []goPackage, at string, lines []string) string {
	for _, p := range packages {
		tells := func(line string) bool {
			if strings.Contains(line, "build constraints exclude all Go files") {
				return strings.Contains(line, p.ImportPath)
			}
			file, _, _ := strings.Cut(line, ":")
			return strings.Contains(line, "undefined: ") && path.Join(at, path.Dir(file)) == p.Dir
		}
		if len(p.CgoFiles) > 0 && slices.ContainsFunc(lines, tells) {
			return path.Join(cmp.Or(p.Dir, p.ImportPath), p.CgoFiles[0])
		}
	}
	return ""
}
