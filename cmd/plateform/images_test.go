package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/embedded"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/gitserver"
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

// The images of all release files are asked for, of those of a project that was deleted and of old ones too; a release that names an image that is gone
// is named, and a registry that does not answer is not asked for long.
func TestImagesCheck(t *testing.T) {
	server := ociregistry.New(t)
	server.RequireLogin("robot", "hunter2")
	client := server.Client(t, "robot", "hunter2")
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	repo := gitserver.New(t).Create(t, "config")
	files := map[string]string{manifest.PlatformFile: "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\nspec:\n  domain: apps.test\n  registry: {url: " + server.Host + "/apps}\n"}
	release := func(key manifest.Key, version int, digest string) string {
		v := manifest.Version{Major: 1, Patch: version}
		file, err := manifest.EncodeRelease(&manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, v.String()), Spec: manifest.ReleaseSpec{
			Images: []manifest.Image{{Name: "app", Repository: server.Host + "/apps/" + key.String(), Digest: digest, Built: true}},
			Values: manifest.Document("namespace: x\n"), Cause: manifest.Cause{Kind: manifest.CauseConfig},
			Chart: manifest.Chart{Name: "monolithic", Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)},
		}}, key, 7, nil)
		if err != nil {
			t.Fatal(err)
		}
		files[manifest.ReleaseFile(key, v)] = string(file)
		return v.String()
	}
	gone := "sha256:" + strings.Repeat("0", 64)
	for n := range 40 {
		key := manifest.Key{Workspace: "ws-1", Project: fmt.Sprintf("p%02d", n)}
		digest, err := client.Push(t.Context(), server.Host+"/apps/"+key.String(), "build-1", image)
		if err != nil {
			t.Fatal(err)
		}
		release(key, 0, digest)
		release(key, 1, digest)
		if n == 7 {
			release(key, 1, gone)
			release(key, 2, digest)
		}
	}
	repo.Commit(gitserver.Change{Message: "Releases", Files: files})
	dir := t.TempDir()
	serve := filepath.Join(dir, "serve.yaml")
	for file, content := range map[string]string{
		serve: "config: {url: " + repo.URL + "}\ngitops: {url: gitops.git}\nregistry: {usernameFile: user, passwordFile: password}\n", filepath.Join(dir, "user"): "robot", filepath.Join(dir, "password"): "hunter2",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(args ...string) (int, string, string) {
		a, stdout, stderr := testApp()
		code := a.run(t.Context(), append([]string{"images", "check", "--config", serve}, args...))
		return code, stdout.String(), stderr.String()
	}
	want := "ws-1/p07 v1.0.1: " + server.Host + "/apps/ws-1/p07@" + gone + " is not there\nLooked for 41 images of 81 releases of 40 projects.\n"
	if code, out, said := check(); code != exit.Findings || out != want || !strings.Contains(said, "1 image of releases is not there") {
		t.Errorf("exit code %d: %s %s, want\n%s", code, out, said, want)
	}
	if code, out, _ := check("--output", "json"); code != exit.Findings || !strings.Contains(out, `"release": "v1.0.1"`) || !strings.Contains(out, `"newest": false`) || !strings.Contains(out, `"unknown": []`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	repo.Commit(gitserver.Change{Message: "Forget it", Remove: []string{manifest.ReleaseFile(manifest.Key{Workspace: "ws-1", Project: "p07"}, manifest.Version{Major: 1, Patch: 1})}})
	if code, out, said := check(); code != exit.OK || out != "Looked for 40 images of 80 releases of 40 projects: all are there.\n" {
		t.Errorf("exit code %d: %s %s", code, out, said)
	}
	server.RequireLogin("robot", "another")
	if code, out, said := check(); code != exit.CouldNotRun || !strings.Contains(out, "401") || !strings.Contains(out, "check registry.usernameFile") || !strings.Contains(said, "of 40 images nothing is known") {
		t.Errorf("exit code %d: %s %s", code, out, said)
	}
	server.RequireLogin("robot", "hunter2")
	server.Fail("", "/v2/", http.StatusServiceUnavailable)
	before := server.Requests()
	code, out, _ := check()
	if code != exit.CouldNotRun || !strings.Contains(out, "it was not asked any more") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if asked := server.Requests() - before; asked >= 40 {
		t.Errorf("a registry in trouble was asked %d times", asked)
	}
}
