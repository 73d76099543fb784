//go:build e2e

package localbuild_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/test/ociregistry"
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
			"ARG GREETING\nENV GREETING=$GREETING\nLABEL dev.plateform.build=forged\nEXPOSE 7000\n" +
			"HEALTHCHECK --interval=7s CMD [\"/app\", \"--check\"]\nENTRYPOINT [\"/app\"]\n",
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
	if check := file.Config.Healthcheck; check == nil || check.Interval != 7*time.Second || !slices.Equal(check.Test, []string{"CMD", "/app", "--check"}) {
		t.Errorf("the health check of the image is %+v", check)
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

// Base images come from the mirror of their registry, also those without a registry in their name; what the mirror does not have is
// asked for where it is from.
func TestBaseImagesComeFromAMirror(t *testing.T) {
	mirror, elsewhere := ociregistry.New(t), ociregistry.New(t)
	base := func(to *ociregistry.Registry, repository string) {
		t.Helper()
		layer, err := crane.Layer(map[string][]byte{"from": []byte(repository)})
		if err != nil {
			t.Fatal(err)
		}
		image, err := mutate.AppendLayers(empty.Image, layer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Client(t, "", "").Push(t.Context(), to.Host+"/"+repository, "1", image); err != nil {
			t.Fatal(err)
		}
	}
	base(mirror, "hub/library/base")
	base(mirror, "hub/acme/tools")
	base(mirror, "copies/shop")
	base(elsewhere, "other")
	mirrors := localbuild.Mirrors{"docker.io": "http://" + mirror.Host + "/hub", elsewhere.Host: "http://" + mirror.Host + "/copies"}
	for _, tt := range []struct{ from, want string }{
		{"docker.io/library/base:1", "hub/library/base"}, {"base:1", "hub/library/base"}, {"acme/tools:1", "hub/acme/tools"},
		{elsewhere.Host + "/shop:1", "copies/shop"}, {elsewhere.Host + "/other:1", ""},
	} {
		t.Run(tt.from, func(t *testing.T) {
			src := sourceWith(t, map[string]string{"Dockerfile": "FROM " + tt.from + "\nCOPY beside /\n", "beside": "x"})
			d, err := localbuild.Detect(src, nil)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			image, _, err := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir(), Mirrors: mirrors, Log: &log}.Build(t.Context(), src, d, nil)
			if tt.want == "" { // and refused, as it is not encrypted, and nobody allows that
				if err == nil || !strings.Contains(err.Error(), "the machine that builds does not trust a server that the build needs: "+elsewhere.Host) {
					t.Errorf("it is not asked for where it is from: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
			files := mutate.Extract(image)
			defer files.Close()
			content, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(content, []byte(tt.want)) {
				t.Errorf("it stands on something else:\n%s", log.String())
			}
		})
	}
}
