package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/reconciler/embedded"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

// All images go to another registry with their tags and digests, each with the credentials of its workspace; what is somebody else's
// there stays.
func TestImagesCopy(t *testing.T) {
	images, err := embedded.Open(embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	from, to := ociregistry.Of(t, images), ociregistry.New(t)
	to.RequireLogin("robot", "hunter2")
	to.Own("apps/ws-2/", "robot-2", "hunter3")
	dir := t.TempDir()
	serve := filepath.Join(dir, "serve.yaml")
	text := "config: {url: config.git}\ngitops: {url: gitops.git}\n" +
		fmt.Sprintf("registry: {kind: embedded, listen: %q, usernameFile: user, passwordFile: password, workspaces: [{workspace: ws-2, usernameFile: user-2, passwordFile: password-2}]}\n", from.Host)
	for file, content := range map[string]string{serve: text, filepath.Join(dir, "user"): "robot\n", filepath.Join(dir, "password"): "hunter2\n",
		filepath.Join(dir, "user-2"): "robot-2\n", filepath.Join(dir, "password-2"): "hunter3\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{}
	source := from.Client(t, "", "")
	for _, at := range []string{"ws-1/hello:build-1", "ws-1/hello:v1.0.0", "ws-2/shop/orders:build-2"} {
		image, err := random.Image(100, 2)
		if err != nil {
			t.Fatal(err)
		}
		repository, tag, _ := strings.Cut(at, ":")
		digest, err := source.Push(t.Context(), from.Host+"/"+repository, tag, image)
		if err != nil {
			t.Fatal(err)
		}
		want[at] = digest
	}
	copyAll := func() (int, string, string) {
		a, stdout, stderr := testApp()
		code := a.run(t.Context(), []string{"images", "copy", to.Host + "/apps", "--config", serve})
		return code, stdout.String(), stderr.String()
	}
	targets := map[string]*registry.Client{"ws-1": to.Client(t, "robot", "hunter2"), "ws-2": to.Client(t, "robot-2", "hunter3")}
	for range 2 {
		code, out, said := copyAll()
		if code != exit.OK || !strings.Contains(out, "Copied 3 tags") || !strings.Contains(out, "set registry.url in platform.yaml to "+to.Host+"/apps") {
			t.Fatalf("exit code %d: %s %s", code, out, said)
		}
		for at, digest := range want {
			repository, tag, _ := strings.Cut(at, ":")
			workspace, _, _ := strings.Cut(at, "/")
			if got, err := targets[workspace].Digest(t.Context(), to.Host+"/apps/"+repository, tag); err != nil || got != digest || !strings.Contains(out, at+"  "+digest) {
				t.Errorf("%s is %s, %v, want %s: %s", at, got, err, digest, out)
			}
		}
	}
	pushed := slices.Max(slices.Collect(func(yield func(int) bool) {
		for _, n := range to.Pushes() {
			if !yield(n) {
				return
			}
		}
	}))
	if pushed != 1 {
		t.Errorf("an image was pushed %d times", pushed)
	}
	moveTag(t, from.Host+"/ws-1/hello:v1.0.0")
	if code, out, _ := copyAll(); code != exit.Findings || !strings.Contains(out, "is somebody else's") || !strings.Contains(out, "Copied 2 tags") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// moveTag puts another image under a tag.
func moveTag(t *testing.T, reference string) {
	t.Helper()
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image, remote.WithContext(context.Background())); err != nil {
		t.Fatal(err)
	}
}
