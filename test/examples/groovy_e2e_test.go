//go:build e2e

package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGroovyOfThePipeline: the pipeline and the configuration of its job are Groovy, as the compiler of the version that Jenkins has reads it;
// what is none is refused.
func TestGroovyOfThePipeline(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"Jenkinsfile": example(t, "Jenkinsfile"), "job.groovy": jobScript(t), "broken": strings.Replace(example(t, "Jenkinsfile"), "stages {", "stages {{", 1),
		"parse": "args.each { new GroovyShell().parse(new File(it)) }\n",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parse := func(name string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "groovy", filepath.Join(dir, "parse"), filepath.Join(dir, name)).CombinedOutput()
		return string(out), err
	}
	for _, name := range []string{"Jenkinsfile", "job.groovy"} {
		if out, err := parse(name); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if out, err := parse("broken"); err == nil || !strings.Contains(out, "1 error") {
		t.Errorf("what is no Groovy is taken: %v\n%s", err, out)
	}
}
