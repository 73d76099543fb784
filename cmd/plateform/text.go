package main

import (
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// timeFormat is how times are shown, always in UTC.
const timeFormat = "2006-01-02 15:04 UTC"

// rfc3339 is how times are written for programs, always in UTC.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// short shortens a commit hash or a digest for people.
func short(hash string) string {
	const letters = 10
	prefix, hex, found := strings.Cut(hash, ":")
	if !found {
		prefix, hex = "", hash
	} else {
		prefix += ":"
	}
	return prefix + hex[:min(letters, len(hex))]
}

// plain takes out of a text that others wrote what could do something to a terminal: escape codes, and marks that turn
// the direction of writing around. Line breaks stay.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
}

// argumentCount refuses any other number of arguments, as wrong usage.
func argumentCount(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError("%s needs more arguments: %s (see %s -h)", c.CommandPath(), c.UseLine(), c.CommandPath())
		case len(args) > most:
			return usageError("%s takes at most %d arguments: %s (see %s -h)", c.CommandPath(), most, c.UseLine(), c.CommandPath())
		}
		return nil
	}
}
