package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// sheet prints facts, each a label with a text behind it. On a terminal, texts that are too long go on under themselves;
// elsewhere every fact is one line, for programs to read.
type sheet struct {
	w     io.Writer
	style palette
	// width of the terminal in columns; 0 when it is none.
	width int
	// indent and label are columns in front of a text.
	indent int
	label  int
}

// sheet is for standard output.
func (a *app) sheet() sheet {
	return sheet{w: a.stdout, style: a.palette(), width: a.width, indent: 2, label: 9}
}

// line prints one fact; nothing when there is no text.
func (s sheet) line(label, text string) {
	if text == "" {
		return
	}
	front := strings.Repeat(" ", s.indent) + s.style.dim(fmt.Sprintf("%-*s", s.label, label)) + " "
	s.wrap(front, s.indent+s.label+1, text)
}

// wrap prints a text behind what stands in front of it, which takes some columns.
func (s sheet) wrap(front string, columns int, text string) {
	const narrow = 20 // where it makes no sense any more
	if room := s.width - columns; s.width > 0 && room >= narrow {
		text = wrapWords(text, room)
	}
	fmt.Fprintln(s.w, front+strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", columns)))
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

// reflow fits paragraphs of help to a width. Lines that are indented stay as they are.
func reflow(text string, width int) string {
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

// terminalWidth is how many columns a terminal has; 0 for whatever is no terminal.
func terminalWidth(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
