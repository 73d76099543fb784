package scope

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The most that is looked through for links. Of more than that, the whole repository counts.
const (
	maxNames = 100_000
	maxLinks = 1000
)

// leaving is a symlink by which a build may read what is not in the scope: builds follow links inside the repository. It is
// empty when there is none. Links out of the repository are followed by no build.
func (l *look) leaving() (string, error) {
	for _, p := range l.paths {
		for ; p != "."; p = path.Dir(p) {
			l.entry(p)
		}
	}
	if l.linked != "" || l.contained || slices.Contains(l.paths, ".") {
		return l.linked, nil
	}
	var links []string
	for _, p := range l.paths {
		if e := l.entry(p); e != nil && e.IsDir() {
			if err := l.linksBelow(p, &links); err != nil {
				return "", err
			}
		}
	}
	for _, link := range links {
		target, err := fs.ReadLink(l.files, link)
		if err != nil {
			return "", fmt.Errorf("reading the symlink %s: %w", link, err)
		}
		if l.leads(link, target) {
			return link, nil
		}
	}
	return "", nil
}

// linksBelow collects the links in a folder.
func (l *look) linksBelow(dir string, links *[]string) error {
	entries, err := fs.ReadDir(l.files, dir)
	if err != nil {
		return fmt.Errorf("looking for symlinks in %s: %w", dir, err)
	}
	if l.names += len(entries); l.names > maxNames || len(*links) > maxLinks {
		return &UnclearError{l.dir, fmt.Errorf("it has more than %d names or %d symlinks", maxNames, maxLinks)}
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			*links = append(*links, name)
		case e.IsDir() && e.Name() != ".git":
			if err := l.linksBelow(name, links); err != nil {
				return err
			}
		}
	}
	return nil
}

// leads says that a link leads to something of the repository that is not in the scope, or may do so: a target that goes up
// again after it went down may go through another link.
func (l *look) leads(link, target string) bool {
	if path.IsAbs(target) {
		return false
	}
	if slices.Contains(strings.Split(strings.TrimLeft(target, "./"), "/"), "..") {
		return true
	}
	p, ok := inside(path.Dir(link), target)
	return ok && !slices.ContainsFunc(l.paths, func(have string) bool { return within(p, have) })
}
