package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestHelpFitsATerminal: what is not fitted to the width when it is printed must fit 80 columns, and every command has examples.
func TestHelpFitsATerminal(t *testing.T) {
	const columns, beforeShort = 80, 14
	a, _, _ := testApp()
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		name := c.CommandPath()
		if size := utf8.RuneCountInString(c.Short); size > columns-beforeShort {
			t.Errorf("%s: the short help has %d columns, at most %d", name, size, columns-beforeShort)
		}
		if c.HasParent() && c.Example == "" && !c.HasSubCommands() {
			t.Errorf("%s has no examples", name)
		}
		for line := range strings.Lines(c.Example + "\n" + c.Long) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, " ") && utf8.RuneCountInString(line) > columns {
				t.Errorf("%s: this line has more than %d columns: %s", name, columns, line)
			}
		}
		for _, child := range c.Commands() {
			check(child)
		}
	}
	check(a.root())
}

// A command that is not there is answered with those that may have been meant, also where it is one below another.
func TestWhatWasMeantIsNamed(t *testing.T) {
	for word, want := range map[string]string{
		"statsu":  `there is no command "statsu"; did you mean plateform status?`,
		"encrypt": `there is no command "encrypt"; did you mean plateform secret encrypt?`,
		"paintit": `there is no command "paintit" (see plateform -h)`,
	} {
		a, _, stderr := testApp()
		a.run(t.Context(), []string{word})
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: %q, want %q", word, stderr, want)
		}
	}
}
