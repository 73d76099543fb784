// Package schemas holds the JSON Schema of every kind of file, and of what a build outside of Plateform says that it has made, for editors, web pages and tools. They are generated from
// the Go types of package manifest and their comments, so they say what the parser accepts.
package schemas

import (
	"embed"
	"fmt"
	"strings"

	"github.com/plateform/plateform/manifest"
)

//go:generate go run ./generate

//go:embed *.schema.json
var files embed.FS

// Kinds are the kinds of files that there is a schema for.
func Kinds() []string {
	return []string{manifest.KindPlatform, manifest.KindWorkspace, manifest.KindProject, manifest.KindRelease, manifest.KindRun}
}

// BuildResult is what the schema of release.json goes by, which a Jenkins build archives. It is no kind of file in a repository.
const BuildResult = "BuildResult"

// All are the schemas that there are: those of the kinds, and BuildResult.
func All() []string { return append(Kinds(), BuildResult) }

// FileName is the name of the file that holds the schema of a kind: project.schema.json.
func FileName(kind string) string { return strings.ToLower(kind) + ".schema.json" }

// For returns the schema of a kind as JSON; an error when there is no such kind.
func For(kind string) ([]byte, error) {
	data, err := files.ReadFile(FileName(kind))
	if err != nil {
		return nil, fmt.Errorf("there is no schema for the kind %q (there is one for %s)", kind, strings.Join(All(), ", "))
	}
	return data, nil
}
