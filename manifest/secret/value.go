package secret

import (
	"fmt"
	"io"
)

// Value is a secret in the clear. It prints as *** wherever it gets to: in messages, logs and files. The text is in a function,
// so that it does not show either where fmt cannot ask how to print it, in a field that is not exported.
type Value struct{ text func() string }

// New is the secret with that text.
func New(text string) Value { return Value{func() string { return text }} }

// Reveal returns the text, for whoever hands it to what it is for.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return v.text()
}

const hidden = "***"

// String hides the text.
func (Value) String() string { return hidden }

// Format hides the text from all verbs.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText hides the text from JSON, YAML and logs.
func (Value) MarshalText() ([]byte, error) { return []byte(hidden), nil }
