package manifest

import (
	"fmt"
	"path"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest/strict"
)

// MaxFileBytes is the size of the largest file that is parsed, in bytes.
const MaxFileBytes = strict.MaxFileBytes

// outline is what a file of the platform has.
const outline = "write apiVersion, kind, metadata and spec"

// ParsePlatform parses platform.yaml. Parsing is strict and reports everything that is wrong with the file at once; the
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
	if len(data) > maxProjectBytes {
		return nil, Problems{{File: file, What: fmt.Sprintf("the file has %d bytes, more than the %d that a project may have", len(data), maxProjectBytes),
			Fix: "have the app read what is long from a file of its image"}}
	}
	return parse[Project](KindProject, file, data)
}

// maxProjectBytes is the size of the largest project.yaml that is parsed, in bytes. Its release holds all of it twice, as it was
// written and as values, in an encoding that may be longer, and is no larger than MaxFileBytes.
const maxProjectBytes = 192 << 10

// ParseRelease parses a release file, as ParseWorkspace does. It does not look at the signature.
func ParseRelease(file string, data []byte) (*Release, Problems) {
	return parse[Release](KindRelease, file, data)
}

// ParseRun parses a run.yaml of the GitOps repository, as ParsePlatform does.
func ParseRun(file string, data []byte) (*Run, Problems) {
	return parse[Run](KindRun, file, data)
}

// DecodeStrict parses a YAML file that is no object of the platform, such as the settings of an installation, as strictly
// as those are parsed: unknown and duplicate keys, wrong types, anchors and empty values are reported with their place, all
// at once. into points to a struct with yaml tags; a field without omitempty must be there.
func DecodeStrict(file string, data []byte, into any) Problems {
	f, problems := strict.Parse(file, data, outline)
	if f == nil {
		return problems
	}
	f.Decode(into)
	return f.Problems()
}

// parse reads one object of a kind.
func parse[T any](kind, file string, data []byte) (*T, Problems) {
	f, problems := strict.Parse(file, data, outline)
	if f == nil {
		return nil, problems
	}
	if !checkHeader(kind, f) {
		return nil, f.Problems()
	}
	object := new(T)
	f.Decode(object)
	checkFolder(kind, file, f)
	if ps := f.Problems(); len(ps) > 0 {
		return nil, ps
	}
	return object, nil
}

// checkHeader checks apiVersion and kind first: in a file of another kind or version every key would be unknown.
func checkHeader(kind string, f *strict.File) bool {
	if f.Root.Kind != yaml.MappingNode {
		f.Add(f.Root, "", "the file is "+strict.Describe(f.Root)+", but a mapping is wanted", outline)
		return false
	}
	good := true
	for _, want := range []struct{ key, value string }{{"apiVersion", APIVersion}, {"kind", kind}} {
		fix := fmt.Sprintf("write %s: %s", want.key, want.value)
		if n := strict.Child(f.Root, want.key); n == nil {
			f.Add(f.Root, want.key, want.key+" is missing", fix)
			good = false
		} else if n.Kind != yaml.ScalarNode || n.Value != want.value {
			f.Add(n, want.key, fmt.Sprintf("%s is %s, but in this file it must be %s", want.key, strict.Describe(n), want.value), fix)
			good = false
		}
	}
	return good
}

// checkFolder checks that the name in the file is the one of its place in the config repository.
func checkFolder(kind, file string, f *strict.File) {
	place, ok := FileOf(file)
	if !ok || place.Kind != kind || kind == KindPlatform {
		return
	}
	want, where := place.Key.Workspace, "folder"
	switch kind {
	case KindProject:
		want = place.Key.Project
	case KindRelease:
		want, where = place.Version.String(), "file"
	}
	metadata := strict.Child(f.Root, "metadata")
	if metadata == nil || metadata.Kind != yaml.MappingNode {
		return
	}
	n := strict.Child(metadata, "name")
	if n == nil || n.Kind != yaml.ScalarNode || n.Value == want {
		return
	}
	fix := "write name: " + want + ", or rename the " + where + " " + path.Dir(file)
	if kind == KindRelease {
		fix = "release files are written by Plateform only; delete the file to take the release back"
	}
	f.Add(n, "metadata.name", fmt.Sprintf("metadata.name is %s, but the %s is called %s", quote(n.Value), where, quote(want)), fix)
}
