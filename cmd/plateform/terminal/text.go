package terminal

import (
	"strings"

	"github.com/plateform/plateform/manifest"
)

// TimeFormat is how times are shown, always in UTC.
const TimeFormat = "2006-01-02 15:04 UTC"

// Short shortens a commit hash or a digest for people.
func Short(hash string) string {
	const letters = 10
	prefix, hex, found := strings.Cut(hash, ":")
	if !found {
		prefix, hex = "", hash
	} else {
		prefix += ":"
	}
	return prefix + hex[:min(letters, len(hex))]
}

// Plain is manifest.Plain: what others wrote, with nothing in it that could do something to a terminal.
func Plain(s string) string { return manifest.Plain(s) }

// Count is manifest.Count: a number with its noun.
func Count(n int, noun string) string { return manifest.Count(n, noun) }
