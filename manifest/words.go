package manifest

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/plateform/plateform/manifest/strict"
)

// Short is the beginning of a hash, as people read it.
func Short(hash string) string {
	hash = strings.TrimPrefix(hash, "sha256:")
	return hash[:min(len(hash), 10)]
}

// Count writes a number with its noun: 1 file, 2 files.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// FirstLine keeps what programs print out of a line that says what failed.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// WithoutCredentials is a text without what may be a login in front of a host, in a URL or without its scheme. All that people are
// shown goes through it: they may have written a URL with a password anywhere.
func WithoutCredentials(s string) string { return strict.WithoutCredentials(s) }

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
