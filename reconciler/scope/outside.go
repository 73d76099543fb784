package scope

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Outside is a directive of a go.mod or go.work that has a program compiled with a folder outside of its repository.
type Outside struct {
	File string
	Line int
	// Directive is replace or use, and Folder what it names.
	Directive, Folder string
}

// String says what is wrong.
func (o Outside) String() string {
	return fmt.Sprintf("%s:%d: %s %s leads out of the repository", o.File, o.Line, o.Directive, o.Folder)
}

// LeadingOut is the first directive that leads out of the source of the Go program in a folder; nil when none does. Such a
// folder is one of the machine that builds: no push to the source changes it, and nobody else has it. Modules that are vendored
// are not looked for there.
func LeadingOut(files fs.FS, dir string) (*Outside, error) {
	l := &look{files: files}
	root := l.above(path.Join(".", dir), goMod)
	if root == "" {
		return nil, nil
	}
	work, used, err := l.workspace(path.Join(".", dir), root)
	var unclear *unclearError
	if errors.As(err, &unclear) { // the compiler says what is wrong with it
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if work == "" {
		return leadingOut(l, path.Join(root, goMod))
	}
	if out, err := leadingOut(l, work); out != nil || err != nil {
		return out, err
	}
	for _, module := range used {
		if out, err := leadingOut(l, path.Join(module, goMod)); out != nil || err != nil {
			return out, err
		}
	}
	return nil, nil
}

// leadingOut is the first directive of a file that leads out of the source.
func leadingOut(l *look, file string) (*Outside, error) {
	text, err := l.text(file)
	if err != nil {
		return nil, err
	}
	statements, err := directives(text)
	if err != nil { // the compiler says what is wrong with it
		return nil, nil //nolint:nilerr // see above
	}
	vendored := l.exists(path.Join(path.Dir(file), "vendor", "modules.txt")) && vendors(statements)
	for _, d := range statements {
		folder, local := d.folder()
		if !local || vendored && d.words[0] == "replace" {
			continue
		}
		if _, ok := inside(path.Dir(file), strings.ReplaceAll(folder, `\`, "/")); !ok {
			return &Outside{file, d.line, d.words[0], folder}, nil
		}
	}
	return nil, nil
}

// beforeVendoring are the versions of Go that look into a vendor folder only when they are told to.
var beforeVendoring = regexp.MustCompile(`^1\.([0-9]|1[0-3])(\D|$)`)

// vendors says that a module is compiled with what is in its vendor folder, if there is one.
func vendors(statements []directive) bool {
	return !slices.ContainsFunc(statements, func(d directive) bool {
		return d.words[0] == "go" && len(d.words) > 1 && beforeVendoring.MatchString(d.words[1])
	})
}
