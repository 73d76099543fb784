package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// timeFormat is how times are shown, always in UTC.
const timeFormat = "2006-01-02 15:04 UTC"

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
