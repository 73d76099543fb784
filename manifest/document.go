package manifest

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Document is a YAML mapping kept as text, with the order of its keys. In a file it is written as a nested block; read
// back it is the same text again, byte for byte.
type Document string

// MarshalYAML writes the document as a nested mapping.
func (d Document) MarshalYAML() (any, error) {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(d), &n); err != nil {
		return nil, fmt.Errorf("reading a document back: %w", err)
	}
	if len(n.Content) == 0 {
		return nil, nil
	}
	return n.Content[0], nil
}

// UnmarshalYAML takes a nested mapping as text.
func (d *Document) UnmarshalYAML(n *yaml.Node) error {
	b, err := Encode(n)
	if err != nil {
		return err
	}
	*d = Document(b)
	return nil
}

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

// Encode writes any value as YAML the way all files of Plateform are written: two spaces of indent, no document marker.
func Encode(v any) ([]byte, error) { return encodeAll([]any{v}) }

// encodeAll writes several values as one YAML document each.
func encodeAll[T any](values []T) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return nil, fmt.Errorf("writing YAML: %w", err)
		}
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return b.Bytes(), nil
}
