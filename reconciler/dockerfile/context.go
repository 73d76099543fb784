// Package dockerfile tells from a Dockerfile and its .dockerignore which files of a folder an image is made from, and which port
// it exposes.
package dockerfile

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Context says which files of a folder the image of a Dockerfile is made from.
type Context struct {
	// sources are what COPY and ADD name, as patterns from the folder.
	sources []string
	ignored []ignoreRule
}

// ignoreRule is a line of a .dockerignore.
type ignoreRule struct {
	pattern *regexp.Regexp
	keeps   bool
}

// ContextOf reads a Dockerfile and its .dockerignore. What it cannot tell counts as all of the folder.
func ContextOf(dockerfile, ignore []byte) Context {
	c := Context{ignored: ignoreRules(string(ignore))}
	parsed, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		c.sources = []string{"."}
		return c
	}
	for _, instruction := range parsed.AST.Children {
		name := strings.ToUpper(instruction.Value)
		fromFolder := !slices.ContainsFunc(instruction.Flags, func(flag string) bool { return strings.HasPrefix(flag, "--from=") })
		switch {
		case name == "RUN" && slices.ContainsFunc(instruction.Flags, mountsFolder):
			c.sources = append(c.sources, ".")
		case (name == "COPY" || name == "ADD") && fromFolder:
			c.sources = append(c.sources, sourcesOf(instruction)...)
		}
	}
	return c
}

// mountsFolder says that a command of a Dockerfile sees the folder without copying it.
func mountsFolder(flag string) bool {
	return strings.HasPrefix(flag, "--mount=") && strings.Contains(flag, "bind") && !strings.Contains(flag, "from=")
}

// sourcesOf are all words of a COPY or ADD but the last, which is where they go.
func sourcesOf(instruction *parser.Node) []string {
	var sources []string
	for n := instruction.Next; n != nil && n.Next != nil; n = n.Next {
		source := path.Clean(strings.TrimLeft(n.Value, "/"))
		switch {
		case strings.Contains(n.Value, "$"), source == "..", strings.HasPrefix(source, "../"):
			source = "." // what a variable holds is not known here
		case strings.Contains(n.Value, "://"), strings.HasPrefix(n.Value, "<<"):
			continue
		}
		sources = append(sources, source)
	}
	return sources
}

// IgnoreNames are the files that container tools read, from the folder that is built.
func IgnoreNames(dockerfile string) []string {
	return []string{dockerfile + ".dockerignore", dockerfile + ".containerignore", ".containerignore", ".dockerignore"}
}

func ignoreRules(text string) []ignoreRule {
	var rules []ignoreRule
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, keeps := strings.CutPrefix(line, "!")
		rules = append(rules, ignoreRule{globbed(path.Clean(strings.Trim(strings.TrimSpace(line), "/"))), keeps})
	}
	return rules
}

// globbed is a pattern of .dockerignore as an expression: * within a name, ** over folders. It also fits all below what it
// names.
func globbed(pattern string) *regexp.Regexp {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString(`(.*/)?`)
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(`.*`)
			i++
		case pattern[i] == '*':
			b.WriteString(`[^/]*`)
		case pattern[i] == '?':
			b.WriteString(`[^/]`)
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	if pattern == "." {
		return regexp.MustCompile(`.*`)
	}
	return regexp.MustCompile(`^` + b.String() + `(/.*)?$`)
}

// Reads are those of some names, from the root of the source, that the image is made from. within is the folder that is
// built.
func (c Context) Reads(names []string, within string) []string {
	var read []string
	for _, name := range names {
		local, inside := name, true
		if within != "" {
			local, inside = strings.CutPrefix(name, within+"/")
		}
		if inside && !c.ignores(local) && slices.ContainsFunc(c.sources, func(source string) bool { return copies(source, local) }) {
			read = append(read, name)
		}
	}
	return read
}

func (c Context) ignores(name string) bool {
	ignored := false
	for _, rule := range c.ignored {
		if rule.pattern.MatchString(name) {
			ignored = !rule.keeps
		}
	}
	return ignored
}

// copies says that a source of COPY has a file or folder in it, or is in that folder.
func copies(source, name string) bool {
	if source == "." || strings.HasPrefix(source, name+"/") {
		return true
	}
	for inner := name; inner != "."; inner = path.Dir(inner) {
		if matches, err := path.Match(source, inner); err != nil || matches {
			return true
		}
	}
	return false
}
