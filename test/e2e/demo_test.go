package e2e

import (
	"os"
	"regexp"
	"testing"
)

// `plateform demo` tells the whole story with real commits and digests, succeeds, and leaves nothing behind.
func TestDemo(t *testing.T) {
	t.Parallel()
	playDemo(t, nil, []string{"KUBECONFIG="}, `\b[0-9a-f]{7,40}\b`, `sha256:[0-9a-f]{7,64}`, `v1\.0\.0`, `v1\.0\.1`, `git revert`)
}

// On GitHub it is told by pull requests, all of whose requests and answers are as GitHub describes them.
func TestDemoOnGitHub(t *testing.T) {
	t.Parallel()
	playDemo(t, []string{"--github"}, []string{"KUBECONFIG="}, `success plateform/plan: 1 project, 1 build`, `success plateform/owners: @alice may change all of this`, `done: 1 project`,
		`v1\.0\.1 back to v1\.0\.0, image still in the registry \(checked\), no build`, `v1\.0\.1 was rolled back by [0-9a-f]{40}`, `Plateform wrote [0-9]+ times`)
}

// playDemo returns what the demo told.
func playDemo(t *testing.T, flags, env []string, tells ...string) string {
	t.Helper()
	dependOnSources(t)
	temp := t.TempDir()
	out, err := run1(t.TempDir(), append(env, "TMPDIR="+temp), os.Getenv(binaryVariable), append([]string{"demo"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range tells {
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
	return out
}
