//go:build e2e

package localbuild_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/dockerfile/generate"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// base is an image that stands in for one of a registry that is not reached here: programs of this machine, and what they load.
type base struct {
	t     *testing.T
	files map[string]string // where they are in the image, and here
	links map[string]string // and where links in it lead
	env   []string
}

// link adds a link.
func (b *base) link(name, target string) {
	if b.links == nil {
		b.links = map[string]string{}
	}
	b.links[name] = target
}

// program adds a program of this machine under the names given, with the libraries that it loads.
func (b *base) program(path string, names ...string) {
	b.t.Helper()
	file, err := exec.LookPath(path)
	if err != nil {
		b.t.Skipf("%s is not here: %v", path, err)
	}
	if file, err = filepath.EvalSymlinks(file); err != nil {
		b.t.Fatal(err)
	}
	for _, n := range names {
		b.files[n] = file
	}
	loads, err := exec.CommandContext(b.t.Context(), "ldd", file).Output()
	if err != nil {
		return // it is static
	}
	for _, library := range regexp.MustCompile(`/\S+\.so\S*`).FindAllString(string(loads), -1) {
		real, err := filepath.EvalSymlinks(library)
		if err != nil {
			b.t.Fatal(err)
		}
		b.files[strings.TrimPrefix(library, "/")] = real
	}
}

// tree adds a folder of this machine, but for what a filter leaves out.
func (b *base) tree(dir, to string, skip func(name string) bool) {
	b.t.Helper()
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		local, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		if skip(filepath.ToSlash(local)) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.Type().IsRegular() {
			b.files[to+"/"+filepath.ToSlash(local)] = file
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// image makes the image.
func (b *base) image() v1.Image {
	b.t.Helper()
	archive := filepath.Join(b.t.TempDir(), "layer.tar")
	f, err := os.Create(archive)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	dirs := map[string]bool{}
	var folder func(dir string)
	folder = func(dir string) {
		if dir == "." || dirs[dir] {
			return
		}
		folder(filepath.Dir(dir))
		dirs[dir] = true
		mode := int64(0o755)
		if dir == "tmp" {
			mode = 0o1777
		}
		if err := w.WriteHeader(&tar.Header{Name: dir + "/", Mode: mode, Typeflag: tar.TypeDir}); err != nil {
			b.t.Fatal(err)
		}
	}
	for _, dir := range []string{"tmp", "etc/nginx", "usr/share/nginx/html", "proc", "dev", "sys"} {
		folder(dir)
	}
	for name, file := range b.files {
		folder(filepath.Dir(name))
		content, err := os.ReadFile(file)
		if err != nil {
			b.t.Fatal(err)
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			b.t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			b.t.Fatal(err)
		}
	}
	for name, target := range b.links {
		folder(filepath.Dir(name))
		if err := w.WriteHeader(&tar.Header{Name: name, Linkname: target, Mode: 0o777, Typeflag: tar.TypeSymlink}); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	layer, err := tarball.LayerFromFile(archive)
	if err != nil {
		b.t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		b.t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		b.t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config.Env = "linux", runtime.GOARCH, b.env
	if image, err = mutate.ConfigFile(image, file); err != nil {
		b.t.Fatal(err)
	}
	return image
}

// put puts images where buildah looks for them before it asks a registry.
func put(t *testing.T, cache string, images map[string]v1.Image) {
	t.Helper()
	storage := filepath.Join(cache, "containers")
	for reference, image := range images {
		tag, err := name.NewTag(reference)
		if err != nil {
			t.Fatal(err)
		}
		archive := filepath.Join(t.TempDir(), "base.tar")
		if err := tarball.WriteToFile(archive, tag, image); err != nil {
			t.Fatal(err)
		}
		pull := exec.CommandContext(t.Context(), "buildah", "--root", filepath.Join(storage, "images"), "--runroot", filepath.Join(storage, "run"),
			"--storage-driver", "vfs", "pull", "docker-archive:"+archive)
		if out, err := pull.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// buildGenerated builds a source as the local builder does, on stand-ins for all images that its Dockerfile names.
func buildGenerated(t *testing.T, src localbuild.Source, stands func(reference string) v1.Image, env []manifest.BuildVar) v1.Image {
	t.Helper()
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Skip("buildah is not here")
	}
	d, err := localbuild.Detect(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := generate.Dockerfile(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	images := map[string]v1.Image{}
	for _, reference := range file.Bases {
		images[reference] = stands(reference)
	}
	put(t, cache, images)
	if d.Framework == frameworks.Go { // which the local builder does not need one for
		if err := os.WriteFile(filepath.Join(src.Root, "Dockerfile"), []byte(file.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err = localbuild.Detect(src, nil); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	image, d, err := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: cache, Log: &log}.Build(t.Context(), src, d, env)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if d.Port == 0 {
		t.Error("its port is not known")
	}
	return image
}

// runImage runs what an image starts in its own files and as its own user, and returns where it answers.
func runImage(t *testing.T, image v1.Image) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can change the root")
	}
	root := t.TempDir()
	files := mutate.Extract(image)
	defer files.Close()
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "--preserve-permissions", "-f", "-", "-C", root)
	unpack.Stdin = files
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("the user is %q", config.Config.User)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, "placeholder", config.Config.Cmd[1:]...)
	command.Path = config.Config.Cmd[0]
	if !strings.Contains(command.Path, "/") {
		command.Path = "/bin/" + command.Path
	}
	command.Err = nil // it was looked for outside
	command.Dir, command.Env = cmp.Or(config.Config.WorkingDir, "/"), append(config.Config.Env, "PORT="+port)
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		var ended *exec.ExitError
		if err := command.Wait(); err != nil && !errors.As(err, &ended) {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("it said:\n%s", out.String())
		}
	})
	return "http://" + address
}

// get asks until something answers.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := response.Body.Close(); err != nil {
				t.Fatal(err)
			}
			return response.StatusCode, string(body)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not answer: %v", url, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// The Dockerfile that is written for a Go program is built, with the compiler of this machine in its base image; what comes out
// runs without rights, and has what build.env says.
func TestAGeneratedDockerfileOfGo(t *testing.T) {
	src := sourceWith(t, map[string]string{
		"go.mod":          "module example.com/app\n\ngo 1.25\n",
		"lib/lib.go":      "package lib\n\nimport _ \"embed\"\n\n//go:embed word\nvar Word string\n",
		"lib/word":        "embedded",
		"cmd/app/main.go": "package main\n\nimport (\n\t\"net/http\"\n\t\"os\"\n\n\t\"example.com/app/lib\"\n)\n\nfunc main() {\n\tpanic(http.ListenAndServe(\"127.0.0.1:\"+os.Getenv(\"PORT\"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(lib.Word)) })))\n}\n",
	})
	said, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	goroot := strings.TrimSpace(string(said))
	image := buildGenerated(t, src, func(reference string) v1.Image {
		b := &base{t: t, files: map[string]string{}, env: []string{"PATH=/usr/local/go/bin:/bin"}}
		if strings.Contains(reference, "/golang:1.25-") {
			b.program("sh", "bin/sh")
			b.tree(goroot, "usr/local/go", func(name string) bool {
				return strings.HasSuffix(name, "_test.go") || filepath.Base(name) == "testdata" || name == "src/cmd" || name == "test" || name == "api" || name == "doc" || name == "misc"
			})
		}
		return b.image()
	}, nil)
	if code, body := get(t, runImage(t, image)); code != http.StatusOK || body != "embedded" {
		t.Errorf("it answers %d %q", code, body)
	}
}

// server is what stands in for nginx: it serves the folder that its settings name where they say, and nothing that begins with a dot.
const server = `package main

import (
	"net/http"
	"os"
	"regexp"
	"strings"
)

func main() {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	listen := regexp.MustCompile("listen ([0-9]+);").FindSubmatch(text)
	root := regexp.MustCompile("root ([^;]+);").FindSubmatch(text)
	files := http.FileServer(http.Dir(string(root[1])))
	panic(http.ListenAndServe("127.0.0.1:"+string(listen[1]), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/.") {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	})))
}
`

// nginx is an image with what stands in for it, and the programs that our Dockerfile runs there.
func nginx(t *testing.T) v1.Image {
	t.Helper()
	program := sourceWith(t, map[string]string{"go.mod": "module example.com/server\n\ngo 1.25\n", "main.go": server})
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", "server", ".")
	compile.Dir, compile.Env = program.Root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := &base{t: t, files: map[string]string{"bin/nginx": filepath.Join(program.Root, "server")}, env: []string{"PATH=/bin"}}
	for _, tool := range []string{"sh", "find", "chmod", "sed"} {
		b.program(tool, "bin/"+tool)
	}
	return b.image()
}

// The Dockerfile that is written for a static site is built and runs without rights, also when the checkout lets nobody else
// read its files. What its .dockerignore would leave out is left out.
func TestAGeneratedDockerfileOfASite(t *testing.T) {
	src := sourceWith(t, map[string]string{"index.html": "<h1>hello</h1>", "css/site.css": "body {}", ".env": "SECRET=1", "node_modules/x/y.js": "x"})
	image := buildGenerated(t, src, func(string) v1.Image { return nginx(t) }, []manifest.BuildVar{{Name: "HOSTILE", Value: "x\nUSER root\nRUN exit 1"}})
	at := runImage(t, image)
	for path, want := range map[string]string{"/": "200 <h1>hello</h1>", "/css/site.css": "200 body {}", "/node_modules/x/y.js": "404 404 page not found\n"} {
		code, body := get(t, at+path)
		if got := fmt.Sprintf("%d %s", code, body); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	files := mutate.Extract(image)
	defer files.Close()
	content, err := io.ReadAll(files)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte("SECRET=1")) {
		t.Error("the .env is in the image")
	}
}

// The Dockerfile that is written for an app of Node is built with the Node of this machine, and what its build makes answers.
func TestAGeneratedDockerfileOfNode(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err == nil {
		npm, err = filepath.EvalSymlinks(npm)
	}
	if err != nil {
		t.Skipf("npm is not here: %v", err)
	}
	src := sourceWith(t, map[string]string{
		"package.json":      `{"name": "shop", "scripts": {"build": "node build.js", "start": "node --title=shop server.js"}}`,
		"package-lock.json": `{"name": "shop", "lockfileVersion": 3, "requires": true, "packages": {"": {"name": "shop"}}}`,
		"build.js":          `require("fs").writeFileSync("made.json", JSON.stringify({word: process.env.GREETING}))`,
		"server.js":         `require("http").createServer((_, a) => a.end(require("./made.json").word)).listen(process.env.PORT, "127.0.0.1")`,
	})
	image := buildGenerated(t, src, func(string) v1.Image {
		b := &base{t: t, files: map[string]string{}, env: []string{"PATH=/bin"}}
		for _, tool := range []string{"sh", "find", "chmod", "node"} {
			b.program(tool, "bin/"+tool)
		}
		b.program("env", "usr/bin/env")
		modules := filepath.Dir(filepath.Dir(npm)) // npm-cli.js is in bin of its package
		b.tree(modules, "lib/npm", func(name string) bool { return name == "docs" || name == "man" })
		b.link("bin/npm", "../lib/npm/bin/npm-cli.js")
		return b.image()
	}, []manifest.BuildVar{{Name: "GREETING", Value: `hello "there" $HOME`}})
	if code, body := get(t, runImage(t, image)); code != http.StatusOK || body != `hello "there" $HOME` {
		t.Errorf("it answers %d %q", code, body)
	}
}

// The builder makes a release of such a source: what it is and where it listens are known of the image, for whoever finds it.
func TestTheBuilderBuildsASiteWithoutADockerfile(t *testing.T) {
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Skip("buildah is not here")
	}
	b := newBench(t, nil)
	r := b.request(t, "one", map[string]string{"web/index.html": "<h1>hello</h1>"})
	r.Path = "web"
	src := localbuild.Source{Root: r.Repository, Path: r.Path}
	d, err := localbuild.Detect(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := generate.Dockerfile(d, nil)
	if err != nil || len(file.Bases) != 1 {
		t.Fatal(file.Bases, err)
	}
	put(t, filepath.Join(b.options.Dir, "cache"), map[string]v1.Image{file.Bases[0]: nginx(t)})
	made := b.good(t, r)
	if made.Framework != frameworks.Static || made.Port != 8080 || made.Commit != r.Commit {
		t.Errorf("made %+v", made)
	}
	if code, body := get(t, runImage(t, pull(t, made.Repository, made.Digest))); code != http.StatusOK || body != "<h1>hello</h1>" {
		t.Errorf("it answers %d %q", code, body)
	}
}
