package source_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/plateform/plateform/cmd/plateform/source"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/detect"
)

// Names and scripts of a source are somebody else's words: none of them makes a line of its own or does anything to the terminal.
func TestWhatASourceSaysIsPlain(t *testing.T) {
	const evil = "a\n\x1b]0;title\a\u202eb"
	found := source.Detected{Paths: []detect.Place{{Path: evil, Framework: "flask", Reason: evil}}}
	found.Framework, found.Reasons = "node", []manifest.Inference{{Field: "start", Value: evil, Reason: evil}}
	var out bytes.Buffer
	found.Print(&out)
	if got := out.String(); strings.ContainsAny(got, "\x1b\a\u202e") || strings.Count(got, "\n") != 5 {
		t.Errorf("it is told as %q", got)
	}
}
