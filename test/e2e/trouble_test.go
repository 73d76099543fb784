package e2e

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// triesAgain waits until a commit says that something is tried again, and why; it must not tell anybody to mend a source.
func (p *project) triesAgain(commit, why string) {
	p.w.t.Helper()
	p.w.await(p.name+" to say that it is tried again: "+why, func() error {
		var told []string
		for _, r := range p.notes(commit) {
			if r.State == "pending" && strings.Contains(r.Description, "trying again: ") && strings.Contains(r.Description, why) {
				if strings.Contains(r.Description, "mend the source") || strings.Contains(r.Description, p.w.dir) {
					p.w.t.Errorf("it says %q", r.Description)
				}
				return nil
			}
			told = append(told, r.State+": "+r.Description)
		}
		return fmt.Errorf("it says %q", told)
	})
}

// moduleProxy serves one module, example.com/lib@v1.0.0, as the Go command asks for it.
type moduleProxy struct {
	address string
	files   files
}

// newModuleProxy keeps an address free for a proxy that is down.
func newModuleProxy(t *testing.T) *moduleProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return &moduleProxy{address: listener.Addr().String(), files: files{
		"go.mod": "module example.com/lib\n", "lib.go": "package lib\n\nconst Word = \"lib\"\n",
	}}
}

// open begins to answer.
func (m *moduleProxy) open(t *testing.T) {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, content := range m.files {
		f, err := w.Create("example.com/lib@v1.0.0/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{"zip": archive.String(), "mod": m.files["go.mod"], "info": `{"Version": "v1.0.0"}`}
	listener, err := net.Listen("tcp", m.address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, found := answers[strings.TrimPrefix(r.URL.Path, "/example.com/lib/@v/v1.0.0.")]
		if !found {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(content)) // whoever asked may be gone
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends when it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
}

// sums are the lines of go.sum.
func (m *moduleProxy) sums() string {
	sum := func(fs files, prefix string) string {
		var list []string
		for name, content := range fs {
			list = append(list, fmt.Sprintf("%x  %s%s\n", sha256.Sum256([]byte(content)), prefix, name))
		}
		slices.SortFunc(list, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
		hash := sha256.Sum256([]byte(strings.Join(list, "")))
		return "h1:" + base64.StdEncoding.EncodeToString(hash[:])
	}
	return "example.com/lib v1.0.0 " + sum(m.files, "example.com/lib@v1.0.0/") + "\n" +
		"example.com/lib v1.0.0/go.mod " + sum(files{"go.mod": m.files["go.mod"]}, "") + "\n"
}

// A module proxy that is down is no fault of the source: it is said and tried again, nothing is held, and once the proxy is
// up the build goes on by itself. A module that the proxy does not have is.
func TestUnreachableModuleProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxy := newModuleProxy(t)
	cache := filepath.Join(w.dir, "modules")
	w.setUp()
	cmd := command(w.dir, os.Getenv(binaryVariable), "serve", "--config", w.writeSettings())
	cmd.Env = append(cmd.Env, "GOPROXY=http://"+proxy.address, "GOMODCACHE="+cache, "GONOSUMDB=*", "GOFLAGS=-modcacherw")
	w.server = startProcess(t, cmd, w.serveLog())
	t.Cleanup(func() { mustRun(t, w.dir, "chmod", "-R", "u+w", w.dir) })

	shop, blog := w.goProject("ws-1", "shop"), w.goProject("ws-1", "blog")
	uses := files{
		"go.mod":  "module example.com/shop\n\ngo 1.24\n\nrequire example.com/lib v1.0.0\n",
		"go.sum":  proxy.sums(),
		"main.go": "package main\n\nimport (\n\t\"os\"\n\n\t\"example.com/lib\"\n)\n\nfunc main() { os.Stdout.WriteString(lib.Word + \"\\n\") }\n",
	}
	shop.app.commit("Use a module", uses)
	commit := w.add(shop, blog)
	blog.runs("v1.0.0")
	shop.triesAgain(commit, proxy.address)
	w.wantWaiting(commit, shop)
	if status, err := w.plateform("status", "ws-1/shop"); err != nil || !strings.Contains(status, "cannot be reached") {
		t.Errorf("status says (%v)\n%s", err, status)
	}

	proxy.open(t)
	shop.runs("v1.0.0")
	shop.wantSays("lib")
	shop.wantVerdict(commit, "success")

	source := shop.app.commit("Use what is not there", files{"go.mod": strings.ReplaceAll(uses["go.mod"], "v1.0.0", "v1.0.1"), "go.sum": strings.ReplaceAll(uses["go.sum"], "v1.0.0", "v1.0.1")})
	if verdict := shop.sourceVerdict(source); verdict.State != "failure" || !strings.Contains(verdict.Description, "check its name and version") {
		t.Errorf("a version that is none ended with %+v", verdict)
	}
}

// A source that needs what Plateform does not do is told exactly that, keeps what ran, and goes out when it is mended.
func TestSourcesThatNeedWhatIsNotDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, blog := w.goProject("ws-1", "shop"), w.goProject("ws-1", "blog")
	w.add(shop, blog)
	one := shop.runs("v1.0.0")
	before := blog.runs("v1.0.0")
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	embedding := "package main\n\nimport (\n\t_ \"embed\"\n\t\"os\"\n)\n\n//go:embed word.txt\nvar word string\n\nfunc main() { os.Stdout.WriteString(word) }\n"
	fails := func(p *project, source string, parts ...string) {
		t.Helper()
		verdict := p.sourceVerdict(source)
		for _, part := range parts {
			if verdict.State != "failure" || !strings.Contains(verdict.Description, part) {
				t.Errorf("it ended with %+v, want a failure with %q", verdict, part)
			}
		}
	}
	fails(shop, shop.app.commit("Embed what is in LFS", files{"main.go": embedding, "word.txt": pointer}), "word.txt is a Git LFS pointer", "commit the file itself")
	shop.still(one)
	fails(shop, shop.app.commit("Use cgo", files{"word.txt": "two\n", "c.go": "package main\n\nimport \"C\"\n\nfunc add() {}\n", "d.go": "package main\n\nfunc init() { add() }\n"}), `c.go imports "C"`, "without cgo")
	shop.app.commit("Leave cgo out", files{"c.go": "", "d.go": ""})
	shop.runs("v1.0.1")
	shop.wantSays("two")

	blog.app.stage(files{"lib/x": "x", "main.go": "package main\n\nimport _ \"example.com/blog/lib\"\n\nfunc main() {}\n"})
	blog.app.submodule("lib")
	fails(blog, blog.app.recordAndPush("Use a submodule"), "lib is a submodule", "commit its files instead")
	blog.still(before)
}
