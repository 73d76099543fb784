package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/ociregistry"
)

func TestBuildImage(t *testing.T) {
	registry := ociregistry.New(t)
	registry.RequireLogin("robot", "hunter2")
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := writeFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("shop/go.mod", "module example.com/shop\n\ngo 1.24\n")
	write("shop/main.go", "package main\n\nfunc main() { println(\"hello\") }\n")
	write("broken/go.mod", "module example.com/broken\n\ngo 1.24\n")
	write("broken/main.go", "package main\n\nfunc main() { nonsense() }\n")
	login := []string{"--username-file", write("user", "robot\n"), "--password-file", write("token", "hunter2\n")}
	build := func(source, id string, more ...string) (code int, stdout, stderr string) {
		t.Helper()
		var out, log bytes.Buffer
		a := &app{stdin: strings.NewReader(""), output: output{stdout: &out, stderr: &log, now: time.Now}}
		args := []string{"build", "image", filepath.Join(dir, source), "--destination", registry.Host + "/ws-1/shop", "--id", id,
			"--commit", "4b825dc", "--output", "json"}
		code = a.run(t.Context(), append(args, more...))
		return code, out.String(), log.String()
	}

	code, first, log := build("shop", "one", login...)
	if code != exit.OK {
		t.Fatalf("exit code %d\n%s", code, log)
	}
	var image manifest.Image
	if err := json.Unmarshal([]byte(first), &image); err != nil {
		t.Fatal(err)
	}
	want := manifest.Image{Name: "app", Repository: registry.Host + "/ws-1/shop", Tag: "build-one", Digest: image.Digest,
		Commit: "4b825dc", Framework: "go", Port: 8080, Built: true}
	if diff := cmp.Diff(want, image); diff != "" || image.Digest == "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	if code, second, log := build("shop", "one", login...); code != exit.OK || second != first || log != "" {
		t.Errorf("the second time: exit code %d, %s, and it said %q", code, second, log)
	}
	if pushes := registry.Pushes()["ws-1/shop:build-one"]; pushes != 1 {
		t.Errorf("pushed %d times, want once", pushes)
	}
	if code, _, log := build("broken", "two", login...); code != exit.Findings || !strings.Contains(log, "main.go:3:15: undefined: nonsense") {
		t.Errorf("a source that does not compile: exit code %d\n%s", code, log)
	}
	if code, _, log := build("shop", "three"); code != exit.CouldNotRun || !strings.Contains(log, "401 Unauthorized") {
		t.Errorf("without credentials: exit code %d\n%s", code, log)
	}
}
