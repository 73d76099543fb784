package localbuild

import (
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
)

// walk visits all below a folder but what is Git's own.
func walk(dir string, visit func(name string, e fs.DirEntry) error) error {
	return filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("looking through the source: %w", err)
		}
		name, err := filepath.Rel(dir, file)
		if err != nil || name == "." {
			return err
		}
		if e.Name() == ".git" && e.IsDir() {
			return fs.SkipDir
		}
		return visit(filepath.ToSlash(name), e)
	})
}

// confine returns a source for a compiler, which follows every link and would put files of this machine into the program
// or quote them: the same source when no link leads out and none of code is broken, else a copy without broken links.
func confine(src Source, broken []detect.BrokenLink, work string) (Source, error) {
	if !slices.ContainsFunc(broken, func(l detect.BrokenLink) bool { return l.Leaves || path.Ext(l.Path) == ".go" }) {
		return src, nil
	}
	left := map[string]bool{}
	for _, l := range broken {
		left[l.Path] = true
	}
	root := filepath.Join(work, "confined")
	if err := os.Mkdir(root, 0o700); err != nil {
		return src, fmt.Errorf("copying the source: %w", err)
	}
	err := walk(src.Root, func(name string, e fs.DirEntry) error {
		from, to := filepath.Join(src.Root, filepath.FromSlash(name)), filepath.Join(root, filepath.FromSlash(name))
		switch {
		case e.IsDir():
			return os.Mkdir(to, 0o700)
		case left[name]:
			return nil
		case e.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(from)
			if err != nil {
				return err
			}
			return os.Symlink(target, to)
		case e.Type().IsRegular():
			return copyFile(from, to)
		}
		return nil
	})
	if err != nil {
		return src, fmt.Errorf("copying the source: %w", err)
	}
	return Source{Root: root, Path: src.Path}, nil
}

// copyFile gives a file a second name, or copies it where that cannot be.
func copyFile(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	copied, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, source)
	return errors.Join(err, copied.Close())
}

// notFound is how tools say that they do not find a file.
var notFound = regexp.MustCompile(`(?i)not found|no such|cannot find|not in std|no required module|no matching|cannot embed|does not exist|` +
	`outside|too many levels|too many links|not a directory|inconsistent vendoring`)

// mentioned is the first of some names that lines say is not found: the whole name, or what follows on a folder.
func mentioned(names []string, within string, lines []string) (string, bool) {
	for _, name := range names {
		short, ok := strings.CutPrefix(name, within+"/")
		if !ok {
			short = name
		}
		tells := func(line string) bool {
			return notFound.MatchString(line) && (hasPath(line, name) || hasPath(line, short))
		}
		if slices.ContainsFunc(lines, tells) {
			return name, true
		}
	}
	return "", false
}

// hasPath says that a text has a path in it, and not only a longer name.
func hasPath(text, name string) bool {
	const inside = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	for at := 0; ; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return false
		}
		begin, end := at+i, at+i+len(name)
		if (begin == 0 || !strings.ContainsRune(inside, rune(text[begin-1]))) && (end == len(text) || !strings.ContainsRune(inside, rune(text[end]))) {
			return true
		}
		at = end
	}
}
