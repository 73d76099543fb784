package strict

import (
	"bytes"
	"fmt"

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

// Encode writes any value as YAML the way all files of Plateform are written: two spaces of indent, no document marker.
func Encode(v any) ([]byte, error) { return EncodeAll([]any{v}) }

// EncodeAll writes several values as one YAML document each.
func EncodeAll[T any](values []T) ([]byte, error) {
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
