// Package program takes the one static program out of an image that is little else, as those of the Go builder are.
//
// It never does what an image says about the machine: no links, devices, owners or setuid bits are made, nothing is written
// outside of the folder it was given, and what an image may weigh is bounded before it is read. An image that has any of
// these may be all right, but takes a container tool to run.
package program

import (
	"fmt"
	"strings"
	"unicode"
)

// OtherError says that an image is not one static program, and why. A container tool may be able to run it.
type OtherError struct{ Why string }

// Error implements error.
func (e *OtherError) Error() string { return "the image is not one static program: " + e.Why }

// TooLargeError says that an image is larger than this machine unpacks.
type TooLargeError struct{ What string }

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the image is too large to run here: %s (leave out what the program does not need)", e.What)
}

func other(format string, args ...any) error {
	return &OtherError{Why: line(fmt.Sprintf(format, args...))}
}

// maxWhy bounds what is said of an image, in characters: names in it can be of any length, and of any bytes.
const maxWhy = 300

// line is a text as one line of bounded length.
func line(text string) string {
	var b strings.Builder
	for n, r := range []rune(text) {
		switch {
		case n == maxWhy:
			b.WriteRune('…')
			return b.String()
		case !unicode.IsPrint(r):
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Limits of an image.
type Limits struct {
	// Bytes are how large all of it may be when it is unpacked; 512 MiB when 0.
	Bytes int64
	// Entries are how many files and folders it may have; 1,000 when 0.
	Entries int
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 512 << 20
	}
	if l.Entries == 0 {
		l.Entries = 1000
	}
	return l
}
