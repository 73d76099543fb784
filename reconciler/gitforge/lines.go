package gitforge

import (
	"bytes"
	"encoding/json"

	"github.com/plateform/plateform/reconciler"
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
