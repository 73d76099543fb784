package terminal

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// Sheet prints facts, each a label with a text behind it. On a terminal, texts that are too long go on under themselves;
// elsewhere every fact is one line, for programs to read.
type Sheet struct {
	Out   io.Writer
	Style Palette
	// Width of the terminal in columns; 0 when it is none.
	Width int
	// Indent and Label are columns in front of a text.
	Indent int
	Label  int
}

// Line prints one fact; nothing when there is no text.
func (s Sheet) Line(label, text string) {
	if text == "" {
		return
	}
	front := strings.Repeat(" ", s.Indent) + s.Style.Dim(fmt.Sprintf("%-*s", s.Label, label)) + " "
	s.Wrap(front, s.Indent+s.Label+1, text)
}

// Wrap prints a text behind what stands in front of it, which takes some columns.
func (s Sheet) Wrap(front string, columns int, text string) {
	const narrow = 20 // where it makes no sense any more
	if room := s.Width - columns; s.Width > 0 && room >= narrow {
		text = wrapWords(text, room)
	}
	fmt.Fprintln(s.Out, front+strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", columns)))
}

// wrapWords breaks lines between words, and nowhere else: what is copied from a terminal must stay whole.
func wrapWords(text string, width int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = wrapLine(line, width)
	}
	return strings.Join(lines, "\n")
}

func wrapLine(line string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(line, " ") {
		size := lipgloss.Width(word)
		switch {
		case i == 0:
		case column+1+size > width:
			b.WriteString("\n")
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += size
	}
	return b.String()
}

// Reflow fits paragraphs of help to a width. Lines that are indented stay as they are.
func Reflow(text string, width int) string {
	var lines []string
	open := false // the last line takes more words
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		running := line != "" && !strings.HasPrefix(line, " ")
		if open && running {
			lines[len(lines)-1] += " " + line
		} else {
			lines = append(lines, line)
		}
		open = running && !strings.HasSuffix(line, ":")
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, " ") {
			lines[i] = wrapWords(line, width)
		}
	}
	return strings.Join(lines, "\n")
}
