package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/pattern"
)

// ParseWatch reads the patterns of source.watch.
func ParseWatch(patterns []string) (pattern.List, error) {
	var list pattern.List
	for _, text := range patterns {
		p, err := pattern.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("the pattern %s cannot be used: %w", quote(text), err)
		}
		list = append(list, p)
	}
	return list, nil
}

// Bounds of source.watch: what is asked of every file of a repository.
const (
	maxPatterns    = 64
	longestPattern = 256
)

func (c *projectCheck) checkWatch(field string, patterns []string) {
	if len(patterns) > maxPatterns {
		c.add(field, fmt.Sprintf("there are %d patterns, more than %d", len(patterns), maxPatterns), "write fewer, for folders instead of files")
		return
	}
	for i, text := range patterns {
		field := fmt.Sprintf("%s[%d]", field, i)
		const fix = "write a path from the root of the repository, such as proto/** or !docs/**"
		_, err := ParseWatch([]string{text})
		switch {
		case err != nil:
			c.add(field, err.Error(), fix)
		case len(text) > longestPattern:
			c.add(field, fmt.Sprintf("the pattern has %d characters, more than %d", len(text), longestPattern), fix)
		case firstUnsafe(text, "-._~/+@*?[]^! ") != 0:
			c.add(field, fmt.Sprintf("the pattern %s contains %q", quote(text), firstUnsafe(text, "-._~/+@*?[]^! ")), fix)
		case slices.Contains(patterns[:i], text):
			c.add(field, fmt.Sprintf("the pattern %s is there twice", quote(text)), "remove one of the two")
		}
	}
}

// checkDockerfile checks a Dockerfile that may be outside of the path of a source, but not outside of its repository.
func (c *projectCheck) checkDockerfile(file string) error {
	down := file
	for strings.HasPrefix(down, "../") {
		down = strings.TrimPrefix(down, "../")
	}
	if err := checkRelativePath(down); err != nil || down == file {
		return err
	}
	for _, input := range SourceInputs(c.spec) {
		if p := path.Join(input.Source.Path, file); strings.HasPrefix(p, "../") {
			return checkRelativePath(file) // it leaves the repository
		}
	}
	return nil
}
