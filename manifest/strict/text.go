package strict

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// CheckText refuses what is not plain UTF-8 text of a sensible size, before the YAML parser sees it.
func CheckText(file string, data []byte) *Problem {
	if len(data) > MaxFileBytes {
		return &Problem{File: file, What: fmt.Sprintf("the file has %d bytes, more than the %d that are read", len(data), MaxFileBytes),
			Fix: "split it, or remove what does not belong in it"}
	}
	for i := 0; i < len(data); {
		b := data[i]
		if b >= ' ' && b < 0x7f || b == '\n' || b == '\t' {
			i++
			continue
		}
		if b == '\r' && i+1 < len(data) && data[i+1] == '\n' {
			i += 2
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if what, fix := badRune(r, size); what != "" {
			line, column := position(data, i)
			return &Problem{File: file, Line: line, Column: column, What: what, Fix: fix}
		}
		i += size
	}
	return nil
}

// badRune says what is wrong with a character; nothing when it may be in a file. Refused is what YAML refuses, what
// YAML parsers of different ages read differently (other line breaks), and what makes text look like another text.
func badRune(r rune, size int) (what, fix string) {
	switch {
	case r == utf8.RuneError && size == 1:
		return "the file is not valid UTF-8 here", "save the file as UTF-8"
	case r == 0:
		return "there is a NUL byte here", "save the file as UTF-8 text"
	case r == '\uFEFF':
		return "there is a byte order mark (BOM) here", "save the file as UTF-8 without BOM"
	case r == '\r':
		return "there is a carriage return without a line feed here", `end lines with a line feed; in a value write "\r"`
	case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029', r == '\uFFFE', r == '\uFFFF',
		r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
		return fmt.Sprintf("there is the control character U+%04X here", r), fmt.Sprintf(`remove it; in a value in double quotes write "\u%04X"`, r)
	}
	return "", ""
}

// position turns an offset into line and column, both counted from 1, the column in characters.
func position(data []byte, offset int) (line, column int) {
	start := bytes.LastIndexByte(data[:offset], '\n') + 1
	return 1 + bytes.Count(data[:start], []byte{'\n'}), 1 + utf8.RuneCount(data[start:offset])
}

// clampPositions moves positions that the YAML parser gives behind the end of the file, or of a line, to that end.
func clampPositions(ps Problems, data []byte) {
	lines := bytes.Split(bytes.TrimSuffix(data, []byte{'\n'}), []byte{'\n'})
	for i := range ps {
		p := &ps[i]
		if p.Line == 0 {
			continue
		}
		p.Line = min(max(p.Line, 1), len(lines))
		p.Column = min(max(p.Column, 1), utf8.RuneCount(lines[p.Line-1])+1)
	}
}

// yamlError is the form of the errors of the YAML parser.
var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// unknownAnchor is the error of an alias that comes before its anchor.
var unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)

// syntaxProblem says where a file stops being YAML.
func syntaxProblem(file string, data []byte, err error) Problem {
	line, what := splitYAMLError(err)
	if m := unknownAnchor.FindStringSubmatch(what); m != nil {
		at := max(bytes.Index(data, []byte("*"+m[1])), 0)
		line, column := position(data, at)
		return Problem{File: file, Line: line, Column: column, What: noAliases, Fix: "write the value out; put a text in quotes"}
	}
	lines := bytes.SplitAfter(data, []byte{'\n'})
	if strings.HasPrefix(what, "did not find expected") {
		line = failingLine(lines, what)
	}
	line = min(max(line, 1), len(lines))
	text := lines[line-1]
	column := 1 + len(text) - len(bytes.TrimLeft(text, " "))
	if len(bytes.TrimSpace(text)) == 0 {
		column = 1
	}
	fix := syntaxFix(what)
	if open := openQuote(lines[:line-1]); open > 0 && strings.HasPrefix(what, "did not find expected") {
		fix = fmt.Sprintf("close the quote that begins in line %d, or check the indentation of this line", open)
	}
	return Problem{File: file, Line: line, Column: column, What: "this is not YAML: " + what, Fix: fix}
}

// quoted is a text in quotes where a text may begin; unclosed one that goes on in the next line.
var (
	quoted   = regexp.MustCompile(`(^\s*|[:,-]\s+|[\[{]\s*)("([^"\\]|\\.)*"|'([^']|'')*')`)
	unclosed = regexp.MustCompile(`(^\s*|[:,-]\s+|[\[{]\s*)["'][^#]*$`)
)

// openQuote is the last of the lines whose quote is not closed in it; 0 when there is none. Texts may have several lines, but few do.
func openQuote(lines [][]byte) int {
	for i, line := range slices.Backward(lines) {
		if unclosed.Match(quoted.ReplaceAll(bytes.TrimRight(line, "\r\n"), []byte("$1"))) {
			return i + 1
		}
	}
	return 0
}

// splitYAMLError takes the line out of an error of the YAML parser; 0 when it names none.
func splitYAMLError(err error) (line int, what string) {
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, err.Error()
	}
	line, _ = strconv.Atoi(m[1]) // empty when there is none
	return line, m[2]
}

// failingLine finds the first line with which the file fails with the given error. The YAML parser itself names the line
// before the block that the line is in, which can be far away.
func failingLine(lines [][]byte, what string) int {
	const bisectable = 64 << 10
	if len(bytes.Join(lines, nil)) > bisectable {
		return len(lines)
	}
	before := sort.Search(len(lines)-1, func(i int) bool {
		var n yaml.Node
		err := yaml.Unmarshal(bytes.Join(lines[:i+1], nil), &n)
		if err == nil {
			return false
		}
		_, w := splitYAMLError(err)
		return w == what
	})
	return before + 1
}

// syntaxFix says how to mend the syntax errors that people make.
func syntaxFix(what string) string {
	for _, known := range []struct{ what, fix string }{
		{"mapping values are not allowed", "check the indentation, and quote a text that contains a colon"},
		{"cannot start any token", "indent with spaces, not tabs, and quote a text that begins with a special character"},
		{"did not find expected key", "check the indentation of this line, and the quotes and brackets before it"},
		{"could not find expected ':'", "write it as key: value"},
		{"unexpected end of stream", "close the quote or bracket that begins here"},
		{"exceeded max depth", fmt.Sprintf("nest at most %d levels", MaxDepth)},
	} {
		if strings.Contains(what, known.what) {
			return known.fix
		}
	}
	return "check quotes, brackets and indentation"
}
