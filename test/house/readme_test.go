package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/plateform/plateform/manifest"
)

// The examples in the README are a platform-config: the path that stands before a block is where it belongs.
var example = regexp.MustCompile("(?s)\n`([^`\n]+)`: [^`]*(?:`[^`\n]+`[^`]*)*?\n\n```yaml\n(.*?)```\n")

func TestExamplesInTheReadmeAreValid(t *testing.T) {
	files := fstest.MapFS{}
	for _, match := range example.FindAllStringSubmatch(readme(t), -1) {
		files[match[1]] = &fstest.MapFile{Data: []byte(match[2])}
	}
	if len(files) != 5 {
		t.Fatalf("the README has %d examples with a path before them, want 5: %v", len(files), files)
	}
	config, problems := manifest.Load(files)
	if len(problems) == 0 {
		problems = config.Validate()
	}
	for _, p := range problems {
		t.Error(p)
	}
}

func TestTargetsInTheReadmeAreThere(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9-]+)").FindAllStringSubmatch(readme(t), -1) {
		if !strings.Contains(string(makefile), "\n"+match[1]+":") {
			t.Errorf("the README says make %s, the Makefile has no such target", match[1])
		}
	}
}

func TestLinksInTheReadmeLeadSomewhere(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readme(t), -1)
	if len(links) == 0 {
		t.Fatal("the README has no links")
	}
	for _, match := range links {
		if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
			t.Errorf("the README links to %s: %v", match[1], err)
		}
	}
}

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
