package strict

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Locate fills in line and column of the problems of a file that name a field but no line, by parsing the file again. A
// field that is not there gets the position of the nearest one above it. All other problems are returned as they are;
// all are returned in the order of file, line and column.
func Locate(file string, data []byte, ps Problems) Problems {
	located := append(Problems(nil), ps...)
	var root *yaml.Node
	for i := range located {
		p := &located[i]
		if p.File != file || p.Field == "" || p.Line > 0 {
			continue
		}
		if root == nil {
			if root, _ = parseTree(file, data, ""); root == nil {
				break
			}
		}
		n := find(root, p.Field)
		p.Line, p.Column = n.Line, n.Column
		clampPositions(located[i:i+1], data)
	}
	located.Sort()
	return located
}

// find returns the node that stands for a field, or for the nearest one above it: the value of a scalar, else the key.
func find(root *yaml.Node, field string) *yaml.Node {
	shown, at := root, root
	for _, s := range steps(field) {
		switch {
		case at.Kind == yaml.MappingNode:
			key, value := entry(at, s)
			if key == nil {
				return shown
			}
			shown, at = key, value
			if value.Kind == yaml.ScalarNode && value.Tag != "!!null" {
				shown = value
			}
		case at.Kind == yaml.SequenceNode:
			i, err := strconv.Atoi(s)
			if err != nil || i < 0 || i >= len(at.Content) {
				return shown
			}
			at = at.Content[i]
			shown = at
		default:
			return shown
		}
	}
	return shown
}

func entry(mapping *yaml.Node, key string) (k, v *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// steps splits spec.env[2].name into spec, env, 2, name.
func steps(field string) []string {
	return strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}
