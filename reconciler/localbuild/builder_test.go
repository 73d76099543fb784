package localbuild_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/buildertest"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/test/ociregistry"
)

// hello is the smallest app there is. It needs nothing of the standard library, so that it compiles fast.
var hello = map[string]string{
	"go.mod":  "module example.com/hello\n\ngo 1.24\n",
	"main.go": "package main\n\nfunc main() { println(\"hello\") }\n",
}

func with(files map[string]string, path, content string) map[string]string {
	files = maps.Clone(files)
	files[path] = content
	return files
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=alice@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for path, content := range files {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// newRepository makes a repository with one commit.
func newRepository(t *testing.T, files map[string]string) (url, commit string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	writeFiles(t, dir, files)
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "one")
	return dir, git(t, dir, "rev-parse", "HEAD")
}

// checkout is a Checkout by the git command line. As with any, there is no .git in the end.
func checkout(ctx context.Context, repository, commit, dir string) error {
	for _, args := range [][]string{
		{"clone", "-q", "--no-checkout", "--", repository, dir},
		{"-C", dir, "checkout", "-q", "--detach", commit},
	} {
		if out, err := exec.CommandContext(ctx, "git", args...).CombinedOutput(); err != nil {
			return errors.New(strings.TrimSpace(string(out)))
		}
	}
	return os.RemoveAll(filepath.Join(dir, ".git"))
}

// bench is a builder with all that is around it.
type bench struct {
	*localbuild.Builder
	options  localbuild.Options
	registry *ociregistry.Registry
	changed  chan string
}

func newBench(t *testing.T, change func(o *localbuild.Options)) *bench {
	t.Helper()
	b := &bench{registry: ociregistry.New(t), changed: make(chan string, 1000)}
	b.options = localbuild.Options{
		Checkout: checkout, Registry: b.registry.Client(t, "", ""), Dir: t.TempDir(),
		Notify: func(id string) { b.changed <- id },
	}
	if change != nil {
		change(&b.options)
	}
	b.Builder = newBuilder(t, b.options)
	return b
}

func newBuilder(t *testing.T, o localbuild.Options) *localbuild.Builder {
	t.Helper()
	b, err := localbuild.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// request is one for the app in a repository of its own.
func (b *bench) request(t *testing.T, id string, files map[string]string) reconciler.BuildRequest {
	t.Helper()
	url, commit := newRepository(t, files)
	return reconciler.BuildRequest{
		ID: id, Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Image: "app",
		Repository: url, Commit: commit, Destination: b.registry.Host + "/ws-1/shop",
	}
}

// status is how far one build is, if it is known.
func (b *bench) status(t *testing.T, id string) (reconciler.BuildStatus, bool) {
	t.Helper()
	statuses, err := b.Statuses(t.Context(), []string{id})
	if err != nil {
		t.Fatal(err)
	}
	status, known := statuses[id]
	return status, known
}

// until waits for a status that is as wished.
func (b *bench) until(t *testing.T, id string, wished func(reconciler.BuildStatus) bool) reconciler.BuildStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		status, known := b.status(t, id)
		if !known {
			t.Fatalf("build %s is not known", id)
		}
		if wished(status) {
			return status
		}
		select {
		case <-b.changed:
		case <-ctx.Done():
			t.Fatalf("build %s stays at %+v", id, status)
		}
	}
}

func done(s reconciler.BuildStatus) bool { return s.Done }

func building(s reconciler.BuildStatus) bool { return len(s.Stages) > 0 }

func (b *bench) start(t *testing.T, r reconciler.BuildRequest) {
	t.Helper()
	if err := b.Start(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) good(t *testing.T, r reconciler.BuildRequest) *manifest.Image {
	t.Helper()
	b.start(t, r)
	status := b.until(t, r.ID, done)
	if status.Failure != nil {
		t.Fatalf("the build failed: %s\n%s", status.Failure.Summary, status.Failure.Log)
	}
	return status.Image
}

func (b *bench) bad(t *testing.T, r reconciler.BuildRequest) *reconciler.BuildFailure {
	t.Helper()
	b.start(t, r)
	status := b.until(t, r.ID, done)
	if status.Failure == nil {
		t.Fatalf("the build went well: %+v", status.Image)
	}
	return status.Failure
}

func (b *bench) log(t *testing.T, id string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.options.Dir, "builds", "ws-1", "shop", id+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLocalBuilderIsABuilder(t *testing.T) {
	buildertest.Run(t, func(t *testing.T) buildertest.Subject {
		b := newBench(t, nil)
		good, bad, shaken := b.request(t, "good", hello), b.request(t, "bad", hello), b.request(t, "shaken", hello)
		away := shaken.Repository + ".away"
		if err := os.Rename(shaken.Repository, away); err != nil {
			t.Fatal(err)
		}
		strict := filepath.Join(t.TempDir(), "strict")
		writeFiles(t, filepath.Dir(strict), map[string]string{"strict": ""})
		compiler := filepath.Join(t.TempDir(), "go") // refuses what is built in a folder called bad
		script := "#!/bin/sh\ncase \"$1 $PWD\" in build*/bad/*) [ -e " + strict + " ] && { echo './main.go:3:1: syntax error' >&2; exit 1; } ;; esac\nexec go \"$@\"\n"
		if err := os.WriteFile(compiler, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		b.options.GoCommand = compiler
		return buildertest.Subject{
			Open: func(t *testing.T, notify func(string)) reconciler.Builder {
				o := b.options
				o.Dir, o.Notify = t.TempDir(), notify // only the registry outlives a process
				return newBuilder(t, o)
			},
			Good: good, Bad: bad, Shaken: shaken,
			Mend: func(t *testing.T) {
				if err := os.Remove(strict); err != nil {
					t.Fatal(err)
				}
			},
			Recover: func(t *testing.T) {
				if err := os.Rename(away, shaken.Repository); err != nil {
					t.Fatal(err)
				}
			},
			Built: func(r reconciler.BuildRequest) int { return b.registry.Pushes()["ws-1/shop:build-"+r.ID] },
		}
	})
}

func TestAGoAppBecomesAnImage(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", hello)
	b.start(t, r)
	status := b.until(t, r.ID, done)
	want := &manifest.Image{
		Name: "app", Repository: r.Destination, Tag: "build-one", Commit: r.Commit, Framework: "go", Port: 8080, Built: true,
	}
	if status.Image != nil {
		want.Digest = status.Image.Digest
	}
	if diff := cmp.Diff(want, status.Image); diff != "" {
		t.Fatalf("image (-want +got):\n%s\n%+v", diff, status.Failure)
	}
	if diff := cmp.Diff([]reconciler.Stage{reconciler.StageBuilding, reconciler.StagePushing}, status.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	image := pull(t, want.Repository, want.Digest)
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v1.Config{
		Entrypoint: []string{"/app"}, User: "65532:65532", WorkingDir: "/", Env: []string{"PATH=/", "HOME=/tmp"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.source": r.Repository, "org.opencontainers.image.revision": r.Commit,
			"dev.plateform.build": "one", "dev.plateform.framework": "go", "dev.plateform.port": "8080",
		},
	}, file.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if file.OS != "linux" || file.Architecture != runtime.GOARCH {
		t.Errorf("made for %s/%s, want linux/%s", file.OS, file.Architecture, runtime.GOARCH)
	}
	if runtime.GOOS == "linux" {
		if said := runApp(t, image); said != "hello\n" {
			t.Errorf("the app says %q", said)
		}
	}
	log := b.log(t, "one")
	for _, part := range []string{"there is a go.mod", r.Commit, "pushed " + want.Digest} {
		if !strings.Contains(log, part) {
			t.Errorf("the log does not say %q:\n%s", part, log)
		}
	}
}

// Without a go.mod a program is compiled as well, and needs no more than the standard library; what needs more is told so.
func TestAGoAppWithoutAModuleBecomesAnImage(t *testing.T) {
	b := newBench(t, nil)
	alone := map[string]string{"main.go": "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"alone\") }\n"}
	r := b.request(t, "alone", alone)
	b.start(t, r)
	status := b.until(t, r.ID, done)
	if status.Image == nil {
		t.Fatalf("there is no image: %+v", status.Failure)
	}
	if runtime.GOOS == "linux" {
		if said := runApp(t, pull(t, r.Destination, status.Image.Digest)); said != "alone\n" {
			t.Errorf("the app says %q", said)
		}
	}
	needy := b.request(t, "needy", map[string]string{"main.go": "package main\n\nimport _ \"example.com/other\"\n\nfunc main() {}\n"})
	b.start(t, needy)
	if status := b.until(t, needy.ID, done); status.Failure == nil || status.Failure.Temporary || !strings.Contains(status.Failure.Summary, "example.com/other") {
		t.Errorf("a program that needs a module: %+v", status.Failure)
	}
}

func pull(t *testing.T, repository, digest string) v1.Image {
	t.Helper()
	ref, err := name.NewDigest(repository + "@" + digest)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	image, err := remote.Image(ref, remote.WithTransport(transport))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// runApp takes the program out of an image, runs it and returns what it prints.
func runApp(t *testing.T, image v1.Image) string {
	t.Helper()
	files := mutate.Extract(image)
	defer files.Close()
	program := filepath.Join(t.TempDir(), "app")
	for archive := tar.NewReader(files); ; {
		header, err := archive.Next()
		if err != nil {
			t.Fatalf("looking for the program: %v", err)
		}
		if header.Name != "app" {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, content, 0o700); err != nil {
			t.Fatal(err)
		}
		break
	}
	out, err := exec.CommandContext(t.Context(), program).CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTheSameSourceGivesTheSameDigest(t *testing.T) {
	first, second := newBench(t, nil), newBench(t, nil)
	r := first.request(t, "one", hello)
	again := r
	again.Destination = second.registry.Host + "/ws-1/shop"
	if one, two := first.good(t, r).Digest, second.good(t, again).Digest; one != two {
		t.Errorf("two machines made %s and %s", one, two)
	}
}

func TestACompileErrorIsTold(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", with(hello, "main.go", "package main\n\nfunc main() { undefined() }\n"))
	failure := b.bad(t, r)
	want := "the Go program does not compile: ./main.go:3:15: undefined: undefined (mend the source and push)"
	if failure.Summary != want {
		t.Errorf("summary %q, want %q", failure.Summary, want)
	}
	if !strings.Contains(failure.Log, "main.go:3:15") || !strings.HasSuffix(strings.TrimSpace(b.log(t, "one")), failure.Log) {
		t.Errorf("the failure's log is not the end of the log:\n%q\n%q", failure.Log, b.log(t, "one"))
	}
}

func TestSourceInAFolder(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", map[string]string{
		"go.mod":                  hello["go.mod"],
		"services/orders/main.go": hello["main.go"],
		"services/stock/main.go":  "package main\n\nfunc main() { broken() }\n",
	})
	r.Path = "services/orders"
	r.Tree = git(t, r.Repository, "rev-parse", "HEAD:"+r.Path)
	image := b.good(t, r)
	if image.Framework != "go" || image.Tree != r.Tree {
		t.Errorf("got %+v, want a Go app of tree %s", image, r.Tree)
	}
}

func TestSomebodyElsesImageUnderTheTagIsLeftAlone(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", hello)
	foreign, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := b.registry.Client(t, "", "").Push(t.Context(), r.Destination, "build-one", foreign)
	if err != nil {
		t.Fatal(err)
	}
	image := b.good(t, r)
	if image.Digest == digest {
		t.Error("an image that this build did not make was taken over")
	}
	for tag, want := range map[string]string{"build-one": digest, image.Tag: image.Digest} {
		if got, err := b.registry.Client(t, "", "").Digest(t.Context(), r.Destination, tag); err != nil || got != want {
			t.Errorf("%s is %s (%v), want %s", tag, got, err, want)
		}
	}
}

// Two processes may build the same source at once, and need not come to the same digest. The first image stays: a release may
// have it already.
func TestTheImageOfAFasterBuildIsTakenOver(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", hello)
	faster, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"dev.plateform.build": "one", "org.opencontainers.image.revision": r.Commit}
	if faster, err = mutate.Config(faster, v1.Config{Labels: labels}); err != nil {
		t.Fatal(err)
	}
	client := b.registry.Client(t, "", "")
	var begun atomic.Bool
	b.registry.Answer(func(_ http.ResponseWriter, request *http.Request) bool {
		if request.Method == http.MethodPost && begun.CompareAndSwap(false, true) { // the first upload of this build
			if _, err := client.Push(t.Context(), r.Destination, "build-one", faster); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	want, err := faster.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if image := b.good(t, r); image.Digest != want.String() || image.Commit != r.Commit {
		t.Errorf("got %+v, want the image %s of the faster build", image, want)
	}
}

func TestRegistryTrouble(t *testing.T) {
	t.Run("before a build nothing is decided", func(t *testing.T) {
		b := newBench(t, nil)
		r := b.request(t, "one", hello)
		b.registry.Fail("", "/manifests/", http.StatusInternalServerError)
		if err := b.Start(t.Context(), r); err == nil || !strings.Contains(err.Error(), "in trouble") {
			t.Errorf("Start = %v, want the registry's trouble", err)
		}
		if status, known := b.status(t, "one"); known {
			t.Errorf("its status is %+v, want none", status)
		}
		b.registry.Answer(nil)
		b.good(t, r)
	})
	t.Run("a push that fails", func(t *testing.T) {
		b := newBench(t, nil)
		b.registry.Fail(http.MethodPost, "/blobs/", http.StatusInternalServerError)
		failure := b.bad(t, b.request(t, "one", hello))
		if !strings.Contains(failure.Summary, "in trouble") || !failure.Temporary || strings.Contains(failure.Summary, "plateform retry") || failure.Log != "" {
			t.Errorf("the failure is %+v", failure)
		}
		b.registry.Answer(nil)
		b.good(t, b.request(t, "one", hello))
	})
	t.Run("another digest", func(t *testing.T) {
		b := newBench(t, nil)
		r := b.request(t, "one", hello)
		other, err := random.Image(64, 1)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := other.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		var pushed atomic.Bool
		b.registry.Answer(func(w http.ResponseWriter, request *http.Request) bool {
			if !strings.Contains(request.URL.Path, "/manifests/") {
				return false
			}
			if request.Method == http.MethodPut {
				pushed.Store(true)
			}
			if request.Method != http.MethodGet || !pushed.Load() {
				return false
			}
			w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
			_, err := w.Write(raw)
			return err == nil
		})
		if failure := b.bad(t, r); !strings.Contains(failure.Summary, "was written") {
			t.Errorf("summary %q", failure.Summary)
		}
	})
	t.Run("wrong credentials", func(t *testing.T) {
		b := newBench(t, nil)
		b.registry.RequireLogin("robot", "hunter2")
		err := b.Start(t.Context(), b.request(t, "one", hello))
		if err == nil || !strings.Contains(err.Error(), "registry.usernameFile") {
			t.Errorf("Start = %v, want what to check", err)
		}
	})
	t.Run("right credentials", func(t *testing.T) {
		b := newBench(t, nil)
		b.registry.RequireLogin("robot", "hunter2")
		o := b.options
		o.Dir, o.Registry = t.TempDir(), b.registry.Client(t, "robot", "hunter2")
		b.Builder = newBuilder(t, o)
		b.good(t, b.request(t, "one", hello))
	})
}
