package up_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/up"
)

func TestNamesFitProjects(t *testing.T) {
	for folder, want := range map[string]string{
		"shop": "shop", "My_Shop 2": "my-shop-2", "--": "app", "ünï": "n", "42": "app-42", ".hidden": "hidden", "a--b": "a-b",
		strings.Repeat("x", 60): strings.Repeat("x", 40), strings.Repeat("y", 39) + "-z": strings.Repeat("y", 39),
	} {
		if got := (up.Folder{Root: filepath.Join("/src", folder)}).Name(); got != want {
			t.Errorf("%q is named %q, want %q", folder, got, want)
		}
	}
}

func TestAFolderThatCannotBeBuiltIsAFinding(t *testing.T) {
	w := newWorkplace(t)
	w.write("empty/README", "nothing here")
	w.write("snake/setup.py", "setup()")
	w.write("monorepo/package.json", `{"workspaces": ["apps/*"]}`)
	w.write("monorepo/apps/web/package.json", `{"dependencies": {"next": "15"}, "scripts": {"build": "next build"}}`)
	for folder, want := range map[string]string{
		"empty": "nothing in the source says how to build it", "snake": "this is python, but nothing says how the app is started: there is no main.py or app.py, and no Procfile (write web: ",
		"monorepo": "); there is an app in apps/web (nextjs): run plateform up there",
	} {
		_, err := up.Look(t.Context(), filepath.Join(w.git.Dir, folder))
		if err == nil || exit.CodeOf(err) != exit.Findings || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", folder, err)
		}
	}
	for _, dir := range []string{filepath.Join(w.git.Dir, "none"), filepath.Join(w.git.Dir, "main.go")} {
		if _, err := up.Look(t.Context(), dir); err == nil || exit.CodeOf(err) != exit.WrongUsage {
			t.Errorf("%s: got %v", dir, err)
		}
	}
}

// Without a container tool nothing is begun for an app that needs one: it says which there could be.
func TestAnAppThatNeedsAContainerToolSaysSo(t *testing.T) {
	w := newWorkplace(t)
	w.write("app/server.js", "")
	w.write("app/package.json", `{"scripts": {"start": "node server.js"}}`)
	home := filepath.Join(t.TempDir(), "plateform")
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir()
	if err := os.Symlink(real, filepath.Join(path, "git")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", path)
	var out strings.Builder
	err = up.Options{Dir: filepath.Join(w.git.Dir, "app"), Home: home, Out: &out}.Run(t.Context())
	for _, want := range []string{"cannot be built here: node is built with a container tool, from a Dockerfile that is written for it, and nothing here can build a Dockerfile",
		"buildah is not installed", "(install buildah on the machine"} {
		if err == nil || exit.CodeOf(err) != exit.Findings || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if !strings.Contains(out.String(), "node server.js") {
		t.Errorf("it does not say what it found:\n%s", out.String())
	}
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Errorf("an installation was begun (%v)", err)
	}
}

// A bare repository has no files to build; it says so, and what to do.
func TestABareRepositoryIsNoFolderWithAnApp(t *testing.T) {
	w := newWorkplace(t)
	w.run("init", "--quiet", "--bare", "shop.git")
	_, err := up.Look(t.Context(), filepath.Join(w.git.Dir, "shop.git"))
	if err == nil || exit.CodeOf(err) != exit.WrongUsage {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"shop.git is a bare repository", "git clone ", "shop.git, and run it in the clone"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it says %q, want %q", err, want)
		}
	}
}

// The folder of the installation is one that nobody named, most of the time: what is wrong with it says how to have another.
func TestAnInstallationThatCannotBeMadeNamesTheFlag(t *testing.T) {
	w := newWorkplace(t)
	w.write("main.go", "package main\n\nfunc main() {}\n")
	home := filepath.Join(t.TempDir(), "plateform")
	if err := os.Symlink("nowhere", home); err != nil { // no folder can be made there, not even by root
		t.Fatal(err)
	}
	err := up.Options{Dir: w.git.Dir, Home: home, Out: io.Discard}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--dir") || !strings.Contains(err.Error(), home) {
		t.Errorf("got %v", err)
	}
}
