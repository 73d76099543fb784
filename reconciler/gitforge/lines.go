package gitforge

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/plateform/plateform/reconciler"
)

// The longest description that goes into a note, in bytes. Of a longer one the beginning stays, which says what
// happened, and the end, which says what to do.
const (
	maxDescription = 8 << 10
	keptBeginning  = 1 << 10
)

// decode reads the statements of a note, oldest first. Lines that are none, which somebody else may have written, are
// passed over.
func decode(note []byte) []reconciler.Statement {
	var said []reconciler.Statement
	for line := range bytes.Lines(note) {
		var s reconciler.Statement
		if json.Unmarshal(line, &s) == nil && s.Context != "" && s.State != "" {
			said = append(said, s)
		}
	}
	return said
}

// appendLines returns the note with a line for each statement at its end. What the note says already stays as it is,
// byte for byte, also what this version does not know. It leaves note itself alone.
func appendLines(note []byte, statements []reconciler.Statement) []byte {
	if len(statements) == 0 {
		return note
	}
	var b bytes.Buffer
	b.Write(note)
	if len(note) > 0 && note[len(note)-1] != '\n' {
		b.WriteByte('\n')
	}
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false) // people read it
	for _, s := range statements {
		// It is strings and a time: encoding it fails only for a year beyond 9999, and a buffer takes everything.
		_ = lines.Encode(s)
	}
	return b.Bytes()
}

// tidy gives a statement the form in which it comes back from a note, so that what is there already is recognized.
func tidy(s reconciler.Statement) reconciler.Statement {
	for _, text := range []*string{&s.Context, &s.Description, &s.URL, &s.Source, &s.Build, &s.Unchanged, &s.Fails} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
	s.Description = clip(s.Description)
	s.At = s.At.UTC()
	return s
}

// clip takes the middle out of a text that is too long.
func clip(text string) string {
	if len(text) <= maxDescription {
		return text
	}
	const gap = "\n…\n"
	beginning, end := keptBeginning, len(text)-(maxDescription-keptBeginning-len(gap))
	for !utf8.RuneStart(text[beginning]) {
		beginning--
	}
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return text[:beginning] + gap + text[end:]
}
