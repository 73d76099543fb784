package scope

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// directive is one statement of a go.mod or go.work.
type directive struct {
	// words of it, those in a block with the word before the block.
	words []string
	line  int
}

// used is the folder that a directive of a go.work has in the workspace; false when it is another one.
func (d directive) used() (string, bool) {
	if d.words[0] != "use" || len(d.words) < 2 {
		return "", false
	}
	return d.words[1], true
}

// replacement is the folder that takes the place of a module; false when it is another directive, or names a module.
func (d directive) replacement() (string, bool) {
	arrow := slices.Index(d.words, "=>")
	if d.words[0] != "replace" || arrow < 0 || arrow+1 >= len(d.words) {
		return "", false
	}
	target := d.words[arrow+1]
	isFolder := target == "." || target == ".." || slices.ContainsFunc([]string{"./", "../", "/"}, func(prefix string) bool {
		return strings.HasPrefix(target, prefix)
	})
	return target, isFolder
}

// directives are the statements of a go.mod or go.work.
func directives(text string) ([]directive, error) {
	var statements []directive
	block, number := "", 0
	for line := range strings.Lines(text) {
		number++
		words, err := wordsOf(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", number, err)
		case len(words) == 0:
		case block == "" && len(words) == 2 && words[1] == "(":
			block = words[0]
		case block != "" && words[0] == ")":
			block = ""
		case block != "":
			statements = append(statements, directive{append([]string{block}, words...), number})
		default:
			statements = append(statements, directive{words, number})
		}
	}
	return statements, nil
}

// Marks that are words of their own wherever they are, so that they end another one.
const marks = "()[]{},"

// wordsOf takes a line apart as the go command does: words between spaces, quoted ones, and marks, up to a comment.
func wordsOf(line string) ([]string, error) {
	var words []string
	for rest := strings.TrimSpace(line); rest != "" && !strings.HasPrefix(rest, "//"); rest = strings.TrimSpace(rest) {
		if rest[0] == '"' || rest[0] == '`' {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, errors.New("a quote is not closed")
			}
			word, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, err
			}
			words, rest = append(words, word), rest[len(quoted):]
			continue
		}
		if strings.IndexByte(marks, rest[0]) >= 0 {
			words, rest = append(words, rest[:1]), rest[1:]
			continue
		}
		end := strings.IndexAny(rest, " \t\r"+marks)
		if comment := strings.Index(rest, "//"); comment > 0 && (end < 0 || comment < end) {
			end = comment
		}
		if end < 0 {
			end = len(rest)
		}
		words, rest = append(words, rest[:end]), rest[end:]
	}
	return words, nil
}
