//go:build e2e

package localbuild_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localbuild"
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

// The container tool of this machine takes links as links, and follows none out of the folder that it builds.
func TestContainerToolsStayInsideTheContext(t *testing.T) {
	const word = "Passw0rdOfThisMachine"
	outside := t.TempDir()
	writeFiles(t, outside, map[string]string{"secret.txt": word})
	links := map[string]string{"file": "-> " + outside + "/secret.txt", "folder": "-> " + outside, "way": "-> folder"}
	for name, copies := range map[string]string{
		"all": "COPY . /", "a link": "COPY file /x", "through a folder": "COPY folder/secret.txt /x", "a folder": "COPY folder /x",
		"through two": "COPY way/secret.txt /x", "a pattern": "COPY fold*/secret.* /x", "an archive": "ADD file /x",
	} {
		t.Run(name, func(t *testing.T) {
			src := sourceWith(t, with2(links, map[string]string{"Dockerfile": "FROM scratch\n" + copies + "\n", "beside": "x"}))
			d, err := localbuild.Detect(src, nil)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			image, _, err := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir(), Log: &log}.Build(t.Context(), src, d, nil)
			if name == "all" && err != nil {
				t.Fatal(err)
			}
			if strings.Contains(log.String(), word) || err != nil && strings.Contains(err.Error(), word) {
				t.Errorf("it is told: %v\n%s", err, log.String())
			}
			if err != nil {
				return
			}
			files := mutate.Extract(image)
			defer files.Close()
			content, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(content, []byte(word)) {
				t.Error("it is in the image")
			}
		})
	}
}
