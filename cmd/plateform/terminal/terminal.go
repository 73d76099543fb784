// Package terminal is how things are shown to people: in colour where there is some, in columns, and not wider than the
// terminal is. It does not know what it shows.
package terminal

import (
	"os"

	"golang.org/x/term"
)

// WantsColour says whether to colour what goes to f: only on a terminal, and never with NO_COLOR.
func WantsColour(f *os.File, getenv func(string) string) bool {
	return term.IsTerminal(int(f.Fd())) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// Width is how many columns a terminal has; 0 for whatever is no terminal.
func Width(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
