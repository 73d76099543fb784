// Package generate writes a Dockerfile for a source that has none, from what was detected: several stages, what is installed
// in layers of its own that last as long as what names it does not change, tags that stay what they are, a user without
// rights, a port and a command that says whether it answers.
//
// What a source says reaches it as plain names and as words of commands that are quoted; the values of variables of the build
// do not reach it at all. There are no cache mounts: a cache that builds share is a way from one tenant to the next.
package generate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/detect"
)

// File is a generated Dockerfile.
type File struct {
	// Text of the Dockerfile.
	Text string
	// Context is the folder of the source that it is built from; "." for the root.
	Context string
	// Bases are the images that it stands on, with their registries and tags, each once.
	Bases []string
	// Ignore are the lines of a .dockerignore that keep out what the image does not need.
	Ignore []string
}

// variableName is what a shell and every tool takes as the name of a variable.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Dockerfile writes the Dockerfile of a source. arguments are the names of the variables that its build gets; their values
// are given to whatever builds it. It fails with a *blame.Fault when the source does not say enough.
func Dockerfile(d detect.Detection, arguments []string) (File, error) {
	if err := d.Writable(); err != nil {
		return File{}, err
	}
	if d.App == nil {
		return File{}, &blame.Fault{What: "the source has a Dockerfile of its own: " + d.Dockerfile}
	}
	f := &file{detection: d, app: *d.App}
	for _, name := range arguments {
		if !variableName.MatchString(name) {
			return File{}, &blame.Fault{What: fmt.Sprintf("build.env: %q is no name of a variable", name), Fix: "use letters, digits and _"}
		}
		if !slices.Contains(f.arguments, name) {
			f.arguments = append(f.arguments, name)
		}
	}
	ignore := ignoreOf(f.app)
	f.header(ignore)
	f.write()
	return File{Text: f.text.String(), Context: f.app.Context, Bases: f.bases, Ignore: ignore}, nil
}

// file is a Dockerfile that is being written.
type file struct {
	detection detect.Detection
	app       detect.App
	arguments []string
	text      strings.Builder
	bases     []string
}

// write goes by the language.
func (f *file) write() {
	switch f.app.Language {
	case "go":
		f.golang()
	case "node":
		nodeFile{f}.node()
	case "static":
		f.static()
	case "python":
		f.python()
	case "java":
		javaFile{f}.java()
	case "php":
		f.php()
	case "ruby":
		f.ruby()
	case "dotnet":
		f.dotnet()
	case "rust":
		f.rust()
	}
}

// header says what the file was written from. Its first line is never taken for a directive.
func (f *file) header(ignore []string) {
	f.line("# Written by plateform build dockerfile from what it found in the source:")
	for _, r := range f.detection.Reasons {
		f.line("#   %s: %s (%s)", comment(r.Field), comment(r.Value), comment(r.Reason))
	}
	if !f.app.Ignores {
		f.line("# There is no .dockerignore. These lines keep out what the image does not need: %s", strings.Join(ignore, " "))
	}
}

// comment is a text that stays within its line, and is read as it is written: nothing in it moves a cursor or turns the direction of writing around.
func comment(text string) string {
	const longest = 300
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) && r != '\u200d' { // marks of direction among them
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	clean := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) && r != '\u200d' }), " ")
	if runes := []rune(clean); len(runes) > longest {
		clean = string(runes[:longest]) + "..."
	}
	return strings.TrimRight(clean, `\ `)
}

// ignoreOf are the lines of a .dockerignore for an app. Folders are named where tools put them and nowhere else: deeper down one
// of that name may be code.
func ignoreOf(app detect.App) []string {
	lines := []string{".git", ".env", ".env.*", "**/.DS_Store"}
	of := map[string][]string{
		"node":   {"**/node_modules", "**/.next", "**/.nuxt", "**/.output"},
		"python": {"**/__pycache__", "**/*.pyc", ".venv", "venv"},
		"java":   {"target", "build", ".gradle"},
		"php":    {"**/node_modules", "storage/logs"},
		"ruby":   {"**/node_modules", "vendor/bundle", "log", "tmp"},
		"dotnet": {"bin", "obj"},
		"rust":   {"target"},
		"static": {"**/node_modules", "Dockerfile"},
	}
	return append(lines, of[app.Language]...)
}
