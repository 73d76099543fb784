package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"gopkg.in/yaml.v3"
)

// Limits of one file. They are far beyond what people write and keep hostile files cheap.
const (
	// MaxFileBytes is the size of the largest file that is parsed, in bytes.
	MaxFileBytes = 1 << 20
	// maxDepth is how deep mappings and lists may be nested.
	maxDepth = 64
	// maxProblems is how many problems of one file are told; the rest is counted.
	maxProblems = 100
)

// ParsePlatform parses platform.yaml. Parsing is strict and tells everything that is wrong with the file at once; the
// Platform is nil when anything is.
func ParsePlatform(file string, data []byte) (*Platform, Problems) {
	return parse[Platform](KindPlatform, file, data)
}

// ParseWorkspace parses a workspace.yaml, as ParsePlatform does. A file at its place in the config repository must have
// the name of its folder.
func ParseWorkspace(file string, data []byte) (*Workspace, Problems) {
	return parse[Workspace](KindWorkspace, file, data)
}

// ParseProject parses a project.yaml, as ParseWorkspace does.
func ParseProject(file string, data []byte) (*Project, Problems) {
	return parse[Project](KindProject, file, data)
}

// ParseRelease parses a release file, as ParseWorkspace does. It does not look at the signature.
func ParseRelease(file string, data []byte) (*Release, Problems) {
	return parse[Release](KindRelease, file, data)
}

// ParseRun parses a run.yaml of the GitOps repository, as ParsePlatform does.
func ParseRun(file string, data []byte) (*Run, Problems) {
	return parse[Run](KindRun, file, data)
}

// parse reads one object of a kind. The YAML is parsed once: the same nodes are checked, give the positions, and are
// turned into the object. They are not kept.
func parse[T any](kind, file string, data []byte) (*T, Problems) {
	root, problems := parseTree(file, data)
	if root == nil {
		return nil, problems
	}
	if p := checkHeader(kind, file, root); len(p) > 0 {
		return nil, finish(append(problems, p...), data)
	}
	object := new(T)
	d := decoder{file: file, data: data, lenient: len(problems) > 0}
	d.decode(root, object)
	problems = append(problems, d.problems...)
	if p := checkFolder(kind, file, root); p != nil {
		problems = append(problems, *p)
	}
	if len(problems) > 0 {
		return nil, finish(problems, data)
	}
	return object, nil
}

// parseTree turns a file into YAML nodes, and checks all that does not depend on what the file is about. The root is nil
// when there is no point in looking any further.
func parseTree(file string, data []byte) (*yaml.Node, Problems) {
	if p := checkText(file, data); p != nil {
		return nil, Problems{*p}
	}
	var doc yaml.Node
	y := yaml.NewDecoder(bytes.NewReader(data))
	if err := y.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, Problems{{File: file, Line: 1, Column: 1, What: "the file is empty",
			Fix: "write apiVersion, kind, metadata and spec"}}
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

// checkHeader checks apiVersion and kind first: in a file of another kind or version every key would be unknown.
func checkHeader(kind, file string, root *yaml.Node) Problems {
	if root.Kind != yaml.MappingNode {
		return Problems{problemAt(file, root, "", "the file is "+describe(root)+", but a mapping is wanted",
			"write apiVersion, kind, metadata and spec")}
	}
	var ps Problems
	for _, want := range []struct{ key, value string }{{"apiVersion", APIVersion}, {"kind", kind}} {
		if n := child(root, want.key); n == nil {
			ps = append(ps, problemAt(file, root, want.key, want.key+" is missing",
				fmt.Sprintf("write %s: %s", want.key, want.value)))
		} else if n.Kind != yaml.ScalarNode || n.Value != want.value {
			ps = append(ps, problemAt(file, n, want.key, fmt.Sprintf("%s is %s, but in this file it must be %s", want.key, describe(n), want.value),
				fmt.Sprintf("write %s: %s", want.key, want.value)))
		}
	}
	return ps
}

// checkFolder checks that the name in the file is the one of its place in the config repository.
func checkFolder(kind, file string, root *yaml.Node) *Problem {
	place, ok := FileOf(file)
	if !ok || place.Kind != kind || kind == KindPlatform {
		return nil
	}
	want, where := place.Key.Workspace, "folder"
	switch kind {
	case KindProject:
		want = place.Key.Project
	case KindRelease:
		want, where = place.Version.String(), "file"
	}
	metadata := child(root, "metadata")
	if metadata == nil || metadata.Kind != yaml.MappingNode {
		return nil
	}
	n := child(metadata, "name")
	if n == nil || n.Kind != yaml.ScalarNode || n.Value == want {
		return nil
	}
	p := problemAt(file, n, "metadata.name", fmt.Sprintf("metadata.name is %s, but the %s is called %s", quote(n.Value), where, quote(want)),
		"write name: "+want+", or rename the "+where+" "+path.Dir(file))
	if kind == KindRelease {
		p.Fix = "release files are written by Plateform only; delete the file to take the release back"
	}
	return &p
}

// child returns the value of a key of a mapping, or nil.
func child(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// problemAt makes a problem at the position of a node.
func problemAt(file string, n *yaml.Node, field, what, fix string) Problem {
	return Problem{File: file, Line: n.Line, Column: n.Column, Field: field, What: what, Fix: fix}
}

// finish puts the problems of one file in order, sees to it that positions are inside the file, and cuts a flood.
func finish(ps Problems, data []byte) Problems {
	sortProblems(ps)
	ps = slices.Compact(ps)
	clampPositions(ps, data)
	if len(ps) > maxProblems {
		rest := len(ps) - maxProblems
		last := ps[maxProblems]
		ps = append(ps[:maxProblems:maxProblems], Problem{File: last.File, Line: last.Line, Column: last.Column,
			What: fmt.Sprintf("%d more problems follow", rest), Fix: "mend the ones above first"})
	}
	return ps
}
