package localbuild_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/test/ociregistry"
)

// monorepo is a module of two programs and a package that one of them is compiled with.
var monorepo = map[string]string{
	"go.mod":              hello["go.mod"],
	"cmd/api/main.go":     "package main\n\nimport \"example.com/hello/internal/text\"\n\nfunc main() { println(text.Hello) }\n",
	"cmd/worker/main.go":  hello["main.go"],
	"internal/text/it.go": "package text\n\nconst Hello = \"hello\"\n",
}

// next commits files to the repository of a request, and returns the request to build them, compared with an image.
func next(t *testing.T, r reconciler.BuildRequest, id, runs string, files map[string]string) reconciler.BuildRequest {
	t.Helper()
	writeFiles(t, r.Repository, files)
	git(t, r.Repository, "add", "-A")
	git(t, r.Repository, "commit", "-q", "--allow-empty", "-m", id)
	r.ID, r.Runs, r.Commit, r.Tree = id, runs, git(t, r.Repository, "rev-parse", "HEAD"), git(t, r.Repository, "rev-parse", "HEAD^{tree}")
	return r
}

func TestABuildThatComesToTheImageThatRuns(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", monorepo)
	r.Path = "cmd/api"
	first := b.good(t, r)

	again := b.good(t, next(t, r, "two", first.Digest, map[string]string{"README.md": "read me", "internal/text/it_test.go": "package text\n"}))
	if again.Digest != first.Digest {
		t.Errorf("what changes nothing in the program made %s of %s", again.Digest, first.Digest)
	}
	if head := git(t, r.Repository, "rev-parse", "HEAD"); again.Commit != head || again.Tag != "build-two" || again.Framework != "go" {
		t.Errorf("the build of %s answers %+v", head, again)
	}
	other := b.good(t, next(t, r, "three", first.Digest, map[string]string{"internal/text/it.go": "package text\n\nconst Hello = \"bye\"\n"}))
	if other.Digest == first.Digest {
		t.Error("another program is taken for the one that runs")
	}
	plain := b.good(t, next(t, r, "four", "", map[string]string{"README.md": "more"}))
	if plain.Digest == other.Digest {
		t.Error("a build that is compared with nothing has the labels of another commit")
	}

	t.Run("is found by the next process", func(t *testing.T) {
		pushes := len(b.registry.Pushes())
		o := b.options
		o.Dir, o.GoCommand = t.TempDir(), filepath.Join(t.TempDir(), "no-go-here")
		fresh := *b
		fresh.Builder = newBuilder(t, o)
		r := r
		r.ID, r.Commit = "two", again.Commit
		found := fresh.good(t, r)
		if found.Digest != first.Digest || found.Commit != again.Commit || len(b.registry.Pushes()) != pushes {
			t.Errorf("found %+v", found)
		}
	})
	t.Run("of an image that is gone", func(t *testing.T) {
		gone := "sha256:" + strings.Repeat("1", 64)
		if image := b.good(t, next(t, r, "five", gone, nil)); image.Digest == gone {
			t.Errorf("got %+v", image)
		}
	})
	t.Run("of an image that cannot be looked at", func(t *testing.T) {
		b.registry.Fail(http.MethodGet, "/manifests/sha256:", http.StatusForbidden)
		defer b.registry.Answer(nil)
		b.good(t, next(t, r, "six", first.Digest, map[string]string{"README.md": "and more"}))
	})
}

// An image from another source is not taken over, although it has the tag of the build.
func TestTheTagOfABuildOnAnImageOfAnotherSource(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", monorepo)
	r.Path = "cmd/worker"
	other := b.good(t, r)
	if err := b.registry.Client(t, "", "").Tag(t.Context(), r.Destination, other.Digest, "build-two"); err != nil {
		t.Fatal(err)
	}
	r.ID, r.Path = "two", "cmd/api"
	if image := b.good(t, r); image.Digest == other.Digest {
		t.Error("the image of another program was taken over")
	}
}

// What a program is compiled with is what its scope says.
func TestGoWorkspaces(t *testing.T) {
	lib := map[string]string{
		"lib/go.mod":  "module example.com/lib\n\ngo 1.24\n",
		"lib/text.go": "package lib\n\nconst Hello = \"hello\"\n",
		"api/main.go": "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.Hello) }\n",
	}
	tests := []struct {
		name  string
		files map[string]string
	}{
		{"a workspace", map[string]string{
			"go.work": "go 1.24\n\nuse (\n\t./api\n\t./lib\n)\n", "api/go.mod": "module example.com/api\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n",
		}},
		{"a workspace that does not use the module", map[string]string{
			"go.work":    "go 1.24\n\nuse ./lib\n",
			"api/go.mod": "module example.com/api\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n",
		}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			files := maps.Clone(lib)
			maps.Copy(files, c.files)
			b := newBench(t, nil)
			r := b.request(t, "one", files)
			r.Path = "api"
			b.good(t, r)
		})
	}
}

// A folder of the machine that builds is no part of a source, also when it is there.
func TestAGoProgramIsNotCompiledWithFoldersOutsideOfItsRepository(t *testing.T) {
	outside := t.TempDir()
	writeFiles(t, outside, map[string]string{"go.mod": "module example.com/lib\n\ngo 1.24\n", "text.go": "package lib\n\nconst Hello = \"of the machine\"\n"})
	b := newBench(t, nil)
	failure := b.bad(t, b.request(t, "one", map[string]string{
		"go.mod":  "module example.com/app\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => " + outside + "\n",
		"main.go": "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.Hello) }\n",
	}))
	for _, want := range []string{"go.mod:7: \"replace example.com/lib => " + outside + "\" leads out of the repository", "vendor it"} {
		if !strings.Contains(failure.Summary, want) {
			t.Errorf("the failure is %q and lacks %q", failure.Summary, want)
		}
	}
	if failure.Temporary {
		t.Error("it is tried again")
	}
}

// A Dockerfile may be outside of the folder that is its context, and not outside of the source.
func TestADockerfileElsewhere(t *testing.T) {
	b := newToolbox(t)
	b.add(t, "docker", docker)
	dir := filepath.Join(t.TempDir(), "source")
	writeFiles(t, dir, map[string]string{"docker/api.Dockerfile": "FROM scratch\nEXPOSE 7000\n", "services/api/x": "", "../outside": "FROM scratch\n"})
	src := localbuild.Source{Root: dir, Path: "services/api"}
	d, err := localbuild.Detect(src, &manifest.Build{Dockerfile: "../../docker/api.Dockerfile"})
	if err != nil || d.Port != 7000 || d.Scope != "docker/api.Dockerfile, services/api" {
		t.Fatalf("%+v %v", d, err)
	}
	server := ociregistry.New(t)
	r := reconciler.BuildRequest{
		ID: "one", Image: "app", Commit: "4b825dc", Path: "services/api", Destination: server.Host + "/ws-1/shop",
		Build: &manifest.Build{Dockerfile: "../../docker/api.Dockerfile"},
	}
	steps := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir()}
	if _, err := steps.Run(t.Context(), r, src, server.Client(t, "", ""), func(reconciler.Stage) {}); err != nil {
		t.Fatal(err)
	}
	want := "-f " + filepath.Join(dir, "docker/api.Dockerfile") + " " + src.Dir()
	if calls := b.read(t, "calls"); !strings.Contains(calls, want) {
		t.Errorf("the tool is not called with %q:\n%s", want, calls)
	}
	if err := os.Symlink("../../outside", filepath.Join(dir, "docker/link")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"../../../outside", "../../docker/link"} {
		if d, err := localbuild.Detect(src, &manifest.Build{Dockerfile: file}); err == nil {
			t.Errorf("%s is read: %+v", file, d)
		}
	}
}
