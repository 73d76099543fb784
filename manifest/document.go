package manifest

import (
	"strings"

	"github.com/plateform/plateform/manifest/strict"
)

// Problem is one thing that is wrong with what somebody wrote.
type Problem = strict.Problem

// Problems are all that is wrong, in the order of file, line and column.
type Problems = strict.Problems

// Document is a YAML mapping kept as text, with the order of its keys. In a file it is written as a nested block; read
// back it is the same text again, byte for byte.
type Document = strict.Document

// Encode writes any value as YAML the way all files of Plateform are written: two spaces of indent, no document marker.
func Encode(v any) ([]byte, error) { return strict.Encode(v) }

// Locate fills in line and column of the problems of a file that name a field but no line, by parsing the file again. A
// field that is not there gets the position of the nearest one above it. All other problems are returned as they are;
// all are returned in the order of file, line and column.
func Locate(file string, data []byte, ps Problems) Problems { return strict.Locate(file, data, ps) }

// quote prepares a text from outside for a message.
func quote(s string) string { return strict.Quote(s) }

// MarshalYAML writes a value that is more than plain words in double quotes. The YAML library would write some so that
// they do not come back: << as the merge key, several lines as a block without the empty ones at its beginning.
func (e EnvVar) MarshalYAML() (any, error) {
	type plain EnvVar
	if e.Value == nil || e.Secret != "" || e.From != nil || !strings.ContainsFunc(*e.Value, isNoWord) {
		return plain(e), nil
	}
	return struct {
		Name  string `yaml:"name"`
		Value quoted `yaml:"value"`
	}{e.Name, quoted(*e.Value)}, nil
}

// isNoWord finds what is not in plain words, numbers, names and addresses.
func isNoWord(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune(" _-./:@,+", r)
}

// MarshalYAML writes a value as that of an EnvVar.
func (b BuildVar) MarshalYAML() (any, error) {
	value := b.Value
	return EnvVar{Name: b.Name, Value: &value}.MarshalYAML()
}
