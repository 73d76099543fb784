//go:build e2e

package localbuild_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
)

// TestARealDockerfile builds with the container tool of this machine, without the network: the base image is empty, and
// what RUN runs is compiled here.
func TestARealDockerfile(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, hello)
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", "hello", ".")
	compile.Dir = dir
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("compiling what to run: %v\n%s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"app": string(program),
		"deploy/Dockerfile": "FROM scratch AS base\nCOPY --chmod=0755 app /app\nRUN [\"/app\"]\nFROM base\n" +
			"ARG GREETING\nENV GREETING=$GREETING\nLABEL dev.plateform.build=forged\nEXPOSE 7000\nENTRYPOINT [\"/app\"]\n",
		"broken/Dockerfile": "FROM scratch\nCOPY nothing /\n",
	}
	b := newBench(t, nil)
	r := b.request(t, "good", files)
	r.Build = &manifest.Build{Dockerfile: "deploy/Dockerfile", Env: []manifest.BuildVar{{Name: "GREETING", Value: "hi there"}}}
	image := b.good(t, r)
	if image.Framework != "dockerfile" || image.Port != 7000 || image.Commit != r.Commit {
		t.Errorf("got %+v", image)
	}
	if log := b.log(t, "good"); !strings.Contains(log, "hello") {
		t.Errorf("the log lacks what RUN printed:\n%s", log)
	}
	built := pull(t, image.Repository, image.Digest)
	file, err := built.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if env := strings.Join(file.Config.Env, "\n"); !strings.Contains(env, "GREETING=hi there") {
		t.Errorf("the image's environment is %q", env)
	}
	if got := file.Config.Labels["dev.plateform.build"]; got != "good" {
		t.Errorf("the label of the build is %q", got)
	}
	if said := runApp(t, built); said != "hello\n" {
		t.Errorf("the app says %q", said)
	}

	r.ID = "bad"
	r.Build = &manifest.Build{Dockerfile: "broken/Dockerfile"}
	if failure := b.bad(t, r); !strings.Contains(failure.Summary, "the Dockerfile does not build") || !strings.Contains(failure.Log, "nothing") {
		t.Errorf("got %+v", failure)
	}
}
