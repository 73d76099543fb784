package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logLine is a place in the code that writes to the log.
type logLine struct {
	place   string
	message string // or how it begins
	keys    []string
}

// docs/logs.md has one row for every message of the loop, of the builders, of webhooks and of the installation, with its keys, and none for others.
func TestLogLinesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []logLine
	for _, s := range sources(t) {
		if !s.isTest() && (strings.HasPrefix(s.path, "reconciler/") || strings.HasPrefix(s.path, "webhook/") || strings.HasPrefix(s.path, "cmd/plateform/installation/")) {
			lines = append(lines, logLines(s)...)
		}
	}
	for _, problem := range checkLogs(lines, string(text)) {
		t.Error(problem)
	}
}

func TestCheckLogsFindsWhatIsNotDocumented(t *testing.T) {
	const doc = "| `pushed` | info | `head` `commits` | one push |\n| `gone` | info | | long ago |\n| `done: well` | info | `head` |\n| `pushed` | info | `head` | again |\n"
	s := parse(t, "reconciler/x.go", `package x
func f() {
	s.Log.Info("pushed", "head", 1, "commits", 2)
	b.options.Log.Warn("done: " + stage, "head", 1)
	l.each(e, slog.LevelInfo, "pushed", "run", 1, "weight", 2)
	l.each(e, level, "unheard of", "head", 1)
	l.log.Log(ctx, level, message, args...)
	l.log.Log(ctx, level, "spelled out", "head", 1)
}`)
	want := []string{
		"reconciler/x.go:5: the row of `pushed` in docs/logs.md lacks the key `run`",
		"reconciler/x.go:5: the row of `pushed` in docs/logs.md lacks the key `weight`",
		"reconciler/x.go:6: docs/logs.md has no row for `unheard of`",
		"reconciler/x.go:8: docs/logs.md has no row for `spelled out`",
		"docs/logs.md: nothing says `gone`",
		"docs/logs.md: `pushed` has several rows",
	}
	if diff := cmp.Diff(want, checkLogs(logLines(s), doc)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// logLines finds the places that log.
func logLines(s source) []logLine {
	// where the message stands among the arguments, by the name of what is called
	position := map[string]int{"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "Log": 2, "each": 2}
	var found []logLine
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, _ := n.(*ast.CallExpr)
		if call == nil {
			return true
		}
		called, _ := call.Fun.(*ast.SelectorExpr)
		if called == nil {
			return true
		}
		at, logs := position[called.Sel.Name]
		if !logs || len(call.Args) <= at {
			return true
		}
		if message := literal(call.Args[at]); message != "" {
			line := logLine{place: fmt.Sprintf("%s:%d", s.path, s.line(call.Pos())), message: message}
			for i := at + 1; i < len(call.Args); i += 2 {
				line.keys = append(line.keys, literal(call.Args[i]))
			}
			found = append(found, line)
		}
		return true
	})
	return found
}

// literal is the text of a string, or of what a longer one begins with; empty for anything else.
func literal(e ast.Expr) string {
	if sum, _ := e.(*ast.BinaryExpr); sum != nil {
		e = sum.X
	}
	basic, _ := e.(*ast.BasicLit)
	if basic == nil || basic.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(basic.Value)
	if err != nil {
		return ""
	}
	return text
}

var logRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:debug|info|warn|error) \\|.*$")

// checkLogs returns what the code logs and the documentation does not say, and the other way around.
func checkLogs(lines []logLine, doc string) []string {
	var problems []string
	rows := logRow.FindAllStringSubmatch(doc, -1)
	said := map[string]bool{}
	for _, line := range lines {
		i := slices.IndexFunc(rows, func(row []string) bool {
			return row[1] == line.message || strings.HasSuffix(line.message, " ") && strings.HasPrefix(row[1], line.message)
		})
		if i < 0 {
			problems = append(problems, fmt.Sprintf("%s: docs/logs.md has no row for `%s`", line.place, line.message))
			continue
		}
		said[rows[i][1]] = true
		for _, key := range line.keys {
			if !strings.Contains(rows[i][0], "`"+key+"`") {
				problems = append(problems, fmt.Sprintf("%s: the row of `%s` in docs/logs.md lacks the key `%s`", line.place, rows[i][1], key))
			}
		}
	}
	told := map[string]bool{}
	for _, row := range rows {
		switch {
		case told[row[1]]:
			problems = append(problems, fmt.Sprintf("docs/logs.md: `%s` has several rows", row[1]))
		case !said[row[1]]:
			problems = append(problems, fmt.Sprintf("docs/logs.md: nothing says `%s`", row[1]))
		}
		told[row[1]] = true
	}
	return problems
}
