package detect

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// packageJSON is what a package.json says, as far as it can be understood.
type packageJSON struct {
	Name            string
	Main            string
	PackageManager  string
	Engines         map[string]string
	Volta           map[string]string
	Scripts         map[string]string
	Dependencies    map[string]string
	DevDependencies map[string]string

	OptionalDependencies map[string]string

	PNPM map[string]string
	// Workspaces says that it is the root of others.
	Workspaces bool
}

// parsePackage reads a package.json; nil when it is none. What one section gets wrong is not held against the others.
func parsePackage(text string) *packageJSON {
	var sections map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &sections) != nil || sections == nil {
		return nil
	}
	return &packageJSON{
		Name: word(sections["name"]), Main: word(sections["main"]), PackageManager: word(sections["packageManager"]),
		Engines: words(sections["engines"]), Volta: words(sections["volta"]), Scripts: words(sections["scripts"]),
		Dependencies: words(sections["dependencies"]), DevDependencies: words(sections["devDependencies"]),
		OptionalDependencies: words(sections["optionalDependencies"]), PNPM: words(sections["pnpm"]),
		Workspaces: sections["workspaces"] != nil,
	}
}

// word is a text of JSON; empty when it is something else.
func word(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// words are the texts of an object of JSON, by their names; what is no text is there and empty.
func words(raw json.RawMessage) map[string]string {
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return nil
	}
	texts := make(map[string]string, len(values))
	for name, value := range values {
		texts[name] = word(value)
	}
	return texts
}

// depends says that a package is among the dependencies, those for building counted too when all is set.
func (p *packageJSON) depends(name string, all bool) bool {
	if p == nil {
		return false
	}
	_, runs := p.Dependencies[name]
	_, builds := p.DevDependencies[name]
	return runs || all && builds
}

// namesFolders says that a package is installed from a folder or a file of the source.
func (p *packageJSON) namesFolders() bool {
	for _, dependencies := range []map[string]string{p.Dependencies, p.DevDependencies, p.OptionalDependencies} {
		for _, version := range dependencies {
			if fromSource.MatchString(version) {
				return true
			}
		}
	}
	return false
}

// fromSource are versions that are a folder or a file.
var fromSource = regexp.MustCompile(`^(?:file|link|portal|patch):|^\.\.?(?:/|$)`)

// simpleWords are the words of a script that a shell would not change.
var simpleWords = regexp.MustCompile(`^[A-Za-z0-9_./:@,+-]+( [A-Za-z0-9_./:@,=+-]+)*$`)

// program is a script that only runs a program, word by word; nil when a shell has to read it.
func (p *packageJSON) program(script string, programs ...string) []string {
	text := strings.TrimSpace(p.Scripts[script])
	words := strings.Fields(text)
	if len(words) < 2 || !simpleWords.MatchString(strings.Join(words, " ")) || !slices.Contains(programs, words[0]) {
		return nil
	}
	return words
}
