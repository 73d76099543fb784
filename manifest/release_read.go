package manifest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/signing"

	"gopkg.in/yaml.v3"
)

// Authored is what people wrote that a release is made of: the project, and what it uses of the platform.
type Authored struct {
	Project  ProjectSpec
	Platform PlatformInputs
}

// Expected is what a release file has to be: which release of which project it is, the id of the workspace's owner, and
// the keys that may have signed it.
type Expected struct {
	Key     Key
	Version Version
	Owner   int64
	Keys    []signing.PublicKey
}

// ReadRelease parses a release file and checks that it is honoured: that it is the release that is expected, written by
// Plateform and not changed by anybody since; see VerifyRelease.
//
// now may say what is authored at present. A release that was made of the same, which its plan hash shows, is read without
// parsing that again, and shares it: with many projects at rest this is most of the work and of the memory.
func ReadRelease(data []byte, want Expected, now *Authored) (*Release, Problems) {
	if now != nil {
		if r := readUnchanged(data, want, *now); r != nil {
			return r, nil
		}
	}
	file := ReleaseFile(want.Key, want.Version)
	r, problems := ParseRelease(file, data)
	if len(problems) > 0 {
		return nil, Locate(file, data, problems)
	}
	at := Problem{File: file, Line: 1, Column: 1}
	if r.Metadata.Name != want.Version.String() {
		at.What, at.Fix = fmt.Sprintf("is named %s inside", r.Metadata.Name), "bring back the file as it was"
		return nil, Problems{at}
	}
	if err := VerifyRelease(data, r, want.Key, want.Owner, want.Keys); err != nil {
		at.What = err.Error()
		return nil, Problems{at}
	}
	return r, nil
}

// readUnchanged reads a release that was made of what is authored now; nil when it was not, or when the file is not
// exactly as Plateform writes one. It relies on how that is laid out, so it looks at no file before its signature.
func readUnchanged(data []byte, want Expected, now Authored) *Release {
	content, signature, found := cutSignature(data)
	if !found || verifyContent(content, signature, want.binding(), want.Keys) != nil {
		return nil
	}
	now.Project.Paused = false // what is paused is not released
	plan := "  plan: " + PlanHash(want.Key, now.Project, now.Platform) + "\n"
	if !bytes.Contains(content, []byte("\n"+plan)) {
		return nil
	}
	rest, blocks, found := cutBlocks(content, "values", "project", "platform")
	if !found {
		return nil
	}
	values, found := outdent(blocks[0])
	if !found {
		return nil
	}
	r := new(Release)
	if yaml.Unmarshal(rest, r) != nil || r.Metadata.Name != want.Version.String() {
		return nil
	}
	r.Spec.Values, r.Spec.Project, r.Spec.Platform, r.Spec.Signature = values, now.Project, now.Platform, signature
	return r
}

// Sealed says that a release file is, byte for byte, what Plateform wrote for the release that is expected, as far as its
// signature shows; then there is no need to parse it to know that it is honoured.
func Sealed(data []byte, want Expected) bool {
	content, signature, found := cutSignature(data)
	return found && verifyContent(content, signature, want.binding(), want.Keys) == nil
}

// cutBlocks takes mappings out of the spec of a file and returns what is left, and the lines below each of them.
func cutBlocks(content []byte, names ...string) (rest []byte, blocks [][]byte, found bool) {
	blocks = make([][]byte, len(names))
	into := -1 // the block that a line belongs to
	for line := range bytes.Lines(content) {
		if len(line) > 2 && string(line[:2]) == "  " && line[2] != ' ' {
			into = slices.IndexFunc(names, func(name string) bool { return string(line) == "  "+name+":\n" })
			if into >= 0 {
				continue
			}
		}
		if into < 0 {
			rest = append(rest, line...)
			continue
		}
		blocks[into] = append(blocks[into], line...)
	}
	return rest, blocks, !slices.ContainsFunc(blocks, func(b []byte) bool { return len(b) == 0 })
}

// outdent takes a mapping two levels up, to where it is a document of its own. Texts of several lines may have to be
// written otherwise there, so it gives up on them.
func outdent(block []byte) (Document, bool) {
	const indent = "    "
	var text strings.Builder
	text.Grow(len(block))
	for line := range bytes.Lines(block) {
		inner, found := bytes.CutPrefix(line, []byte(indent))
		if trimmed := bytes.TrimRight(inner, "\n-+0123456789"); !found || bytes.HasSuffix(trimmed, []byte("|")) || bytes.HasSuffix(trimmed, []byte(">")) {
			return "", false
		}
		text.Write(inner)
	}
	return Document(text.String()), true
}
