package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"
)

// Limits of one file. They are far beyond what people write and keep hostile files cheap.
const (
	// MaxFileBytes is the size of the largest file that is parsed, in bytes.
	MaxFileBytes = 1 << 20
	// MaxDepth is how deep mappings and lists may be nested.
	MaxDepth = 64
	// MaxProblems is how many problems of one file are reported; the rest is counted.
	MaxProblems = 100
)

// File is a file that is YAML, and what is wrong with it so far.
type File struct {
	// Root of the YAML nodes.
	Root     *yaml.Node
	name     string
	data     []byte
	problems Problems
}

// Parse turns a file into YAML nodes, and checks all that does not depend on what the file is about. The File is nil when
// there is no point in looking any further; the problems are why. outline says what to write into a file that is empty.
func Parse(name string, data []byte, outline string) (*File, Problems) {
	root, problems := parseTree(name, data, outline)
	if root == nil {
		return nil, problems
	}
	return &File{Root: root, name: name, data: data, problems: problems}, nil
}

// Decode fills in a struct with yaml tags, which into points to; a field without omitempty must be there. The YAML is parsed
// once: the same nodes are checked, give the positions, and are turned into the struct. They are not kept.
func (f *File) Decode(into any) {
	d := decoder{file: f.name, data: f.data, lenient: len(f.problems) > 0}
	d.decode(f.Root, into)
	f.problems = append(f.problems, d.problems...)
}

// Add reports one more problem, at the position of a node.
func (f *File) Add(n *yaml.Node, field, what, fix string) {
	f.problems = append(f.problems, problemAt(f.name, n, field, what, fix))
}

// Problems returns all that is wrong, in order and not too many.
func (f *File) Problems() Problems { return finish(f.problems, f.data) }

// parseTree turns a file into YAML nodes, and checks all that does not depend on what the file is about. The root is nil
// when there is no point in looking any further.
func parseTree(file string, data []byte, outline string) (*yaml.Node, Problems) {
	if p := CheckText(file, data); p != nil {
		return nil, Problems{*p}
	}
	var doc yaml.Node
	y := yaml.NewDecoder(bytes.NewReader(data))
	if err := y.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, Problems{{File: file, Line: 1, Column: 1, What: "the file is empty",
			Fix: outline}}
	} else if err != nil {
		return nil, Problems{syntaxProblem(file, data, err)}
	}
	var next yaml.Node
	if err := y.Decode(&next); err == nil {
		return nil, finish(Problems{{File: file, Line: next.Line, Column: next.Column,
			What: "there is more than one YAML document in the file", Fix: "keep one document; remove the line --- and what follows it"}}, data)
	} else if !errors.Is(err, io.EOF) {
		return nil, Problems{syntaxProblem(file, data, err)}
	}
	root := doc.Content[0]
	c := treeCheck{file: file}
	c.check(root, 1)
	if c.tooDeep {
		return nil, finish(c.problems, data)
	}
	return root, c.problems
}

// Child returns the value of a key of a mapping, or nil.
func Child(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// problemAt makes a problem at the position of a node.
func problemAt(file string, n *yaml.Node, field, what, fix string) Problem {
	return Problem{File: file, Line: n.Line, Column: n.Column, Field: field, What: WithoutCredentials(what), Fix: WithoutCredentials(fix)}
}

// finish puts the problems of one file in order, sees to it that positions are inside the file, and cuts a flood.
func finish(ps Problems, data []byte) Problems {
	ps.Sort()
	ps = slices.Compact(ps)
	clampPositions(ps, data)
	if len(ps) > MaxProblems {
		rest := len(ps) - MaxProblems
		last := ps[MaxProblems]
		ps = append(ps[:MaxProblems:MaxProblems], Problem{File: last.File, Line: last.Line, Column: last.Column,
			What: fmt.Sprintf("%d more problems follow", rest), Fix: "mend the ones above first"})
	}
	return ps
}
