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
		text = lipgloss.Wrap(text, room, "")
	}
	fmt.Fprintln(s.w, front+strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", columns)))
}

// terminalWidth is how many columns a terminal has; 0 for whatever is no terminal.
func terminalWidth(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
