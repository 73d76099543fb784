package terminal

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// TimeFormat is how times are shown, always in UTC.
const TimeFormat = "2006-01-02 15:04 UTC"

// RFC3339 is how times are written for programs, always in UTC.
func RFC3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

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

// Plain takes out of a text that others wrote what could do something to a terminal: escape codes, and marks that turn
// the direction of writing around. Line breaks stay.
func Plain(s string) string {
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

// Count writes a number with its noun.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
