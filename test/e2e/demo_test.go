package e2e

import (
	"os"
	"regexp"
	"testing"
)

// `plateform demo` tells the whole story with real commits and digests, succeeds, and leaves nothing behind.
func TestDemo(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	temp := t.TempDir()
	out, err := run1(t.TempDir(), []string{"TMPDIR=" + temp, "KUBECONFIG="}, os.Getenv(binaryVariable), "demo")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`\b[0-9a-f]{7,40}\b`, `sha256:[0-9a-f]{7,64}`, `v1\.0\.0`, `v1\.0\.1`, `git revert`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the story does not tell %s:\n%s", want, out)
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("the demo left %s behind", entry.Name())
	}
}
