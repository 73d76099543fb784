package reviews

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/manifest"
)

// What GitHub takes, in characters.
const (
	maxTitle   = 255
	maxBody    = 65535
	maxMessage = 64 << 10 // bytes
)

// placed says that a problem is at a line of a file in the repository.
func placed(p manifest.Problem) bool {
	return p.Line > 0 && p.File != "" && p.File != "." && path.Clean(p.File) == p.File && !path.IsAbs(p.File) && p.File != ".." && !strings.HasPrefix(p.File, "../") &&
		utf8.ValidString(p.File) && !strings.ContainsFunc(p.File, unicode.IsControl)
}

// annotationOf is a problem as a remark at its line.
func annotationOf(p manifest.Problem) *github.CheckRunAnnotation {
	message := manifest.WithoutCredentials(p.What)
	if p.Fix != "" {
		message += "\n" + manifest.WithoutCredentials(p.Fix)
	}
	a := &github.CheckRunAnnotation{
		Path: &p.File, StartLine: &p.Line, EndLine: &p.Line, AnnotationLevel: github.String("failure"), Message: github.String(cutBytes(visible(message), maxMessage)),
	}
	if p.Column > 0 {
		a.StartColumn, a.EndColumn = &p.Column, &p.Column
	}
	if p.Field != "" {
		a.Title = github.String(oneLine(p.Field, maxTitle))
	}
	return a
}

// withProblems adds to a summary the problems that have no place of their own, as text that is no Markdown.
func withProblems(summary string, problems manifest.Problems) string {
	if len(problems) == 0 {
		return fit(summary, maxBody)
	}
	var lines []string
	for _, p := range problems {
		lines = append(lines, oneLine(p.String(), maxBody))
	}
	fence := fenceFor(strings.Join(lines, "\n"))
	room := maxBody - length(fence)*2 - 100 // for what is around
	summary = fit(summary, room/2)
	room -= length(summary)
	kept := 0
	for kept < len(lines) && length(lines[kept])+1 <= room {
		room -= length(lines[kept]) + 1
		kept++
	}
	text := strings.TrimLeft(summary+"\n\n", "\n") + fence + "text\n" + strings.Join(lines[:kept], "\n") + "\n" + fence
	if left := len(lines) - kept; left > 0 {
		text += fmt.Sprintf("\n\nand %d more.", left)
	}
	return text
}

// fenceFor is longer than any in a text.
func fenceFor(text string) string {
	longest, now := 2, 0
	for _, c := range text {
		if now++; c != '`' {
			now = 0
		}
		longest = max(longest, now)
	}
	return strings.Repeat("`", longest+1)
}

// length of a text as GitHub counts it at most: a character beyond the basic plane may count as two.
func length(s string) int {
	n := 0
	for _, c := range s {
		if n++; c > 0xFFFF {
			n++
		}
	}
	return n
}

// fit makes a text that GitHub takes, and cuts it after a line. A block of code that is cut is ended.
func fit(text string, most int) string {
	text = visible(text)
	if length(text) <= most {
		return text
	}
	const left = "\n\n… the rest is too long to be shown here"
	kept := head(text, most-length(left)-100) // for a fence
	if at := strings.LastIndexByte(kept, '\n'); at > 0 {
		kept = kept[:at]
	}
	return kept + unended(kept) + left
}

// unended is what ends the block of code that a text breaks off in.
func unended(text string) string {
	fence := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		ticks := len(line) - len(strings.TrimLeft(line, "`"))
		switch {
		case fence == "" && ticks >= 3:
			fence = line[:ticks]
		case fence != "" && ticks >= len(fence) && ticks == len(line):
			fence = ""
		}
	}
	if fence == "" || len(fence) > 90 {
		return ""
	}
	return "\n" + fence
}

// head is the beginning of a text.
func head(text string, most int) string {
	n := 0
	for i, c := range text {
		if n++; c > 0xFFFF {
			n++
		}
		if n > most {
			return text[:i]
		}
	}
	return text
}

// cutBytes is the beginning of a text in bytes.
func cutBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}

// oneLine is a text in one line.
func oneLine(text string, most int) string {
	text = strings.Join(strings.Fields(visible(text)), " ")
	if length(text) <= most {
		return text
	}
	return head(text, most-1) + "…"
}

// visible is a text without what JSON, a database or an eye cannot take.
func visible(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t' || c == '\r':
			return c
		case unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c):
			return utf8.RuneError
		}
		return c
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
