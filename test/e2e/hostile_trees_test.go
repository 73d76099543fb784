package e2e

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// symlink puts a symbolic link where something else was into Alice's next commit.
func (r *repo) symlink(file, target string) {
	r.t.Helper()
	full := filepath.Join(r.work, file)
	if err := os.RemoveAll(full); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(target, full); err != nil {
		r.t.Fatal(err)
	}
	r.git("add", "--all", file)
}

// submodule puts a submodule where something else was into Alice's next commit.
func (r *repo) submodule(dir string) {
	r.t.Helper()
	r.git("rm", "--quiet", "-r", "--cached", dir)
	if err := os.RemoveAll(filepath.Join(r.work, dir)); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(r.work, dir), 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.git("update-index", "--add", "--cacheinfo", "160000,"+r.git("rev-parse", "HEAD")+","+dir)
}

// What stands where a file or a folder belongs, and is neither, is told like a bad file: what was there before runs on,
// neighbours go out, and when it is as it was nothing has come of it.
func TestLinksAndSubmodulesDeleteNothing(t *testing.T) {
	t.Parallel()
	w, shop, blog := twoTenants(t)
	shop.edit("replicas: 2")
	two := shop.runs("v1.0.1")
	w.settle()

	elsewhere := "../../../ws-2/projects/blog"
	for i, odd := range []struct {
		name, place string
		put         func()
	}{
		{"project.yaml is a symlink", shop.file(), func() { w.config.symlink(shop.file(), elsewhere+"/project.yaml") }},
		{"project.yaml is a symlink out of the repository", shop.file(), func() { w.config.symlink(shop.file(), "/etc/passwd") }},
		{"the project is a symlink", shop.dir(), func() { w.config.symlink(shop.dir(), elsewhere) }},
		{"the project is a submodule", shop.dir(), func() { w.config.submodule(shop.dir()) }},
		{"the releases are a symlink", shop.dir() + "/releases", func() { w.config.symlink(shop.dir()+"/releases", elsewhere+"/releases") }},
		{"the newest release is a symlink", shop.releaseFile("v1.0.1"), func() { w.config.symlink(shop.releaseFile("v1.0.1"), "v1.0.0.yaml") }},
		{"workspace.yaml is a symlink", workspaceFile("ws-1"), func() { w.config.symlink(workspaceFile("ws-1"), "../ws-2/workspace.yaml") }},
		{"the workspace is a submodule", "workspaces/ws-1", func() { w.config.submodule("workspaces/ws-1") }},
	} {
		namespace := w.gitops.read("workspaces/ws-1/namespace.yaml")
		w.config.pull()
		good := w.config.git("rev-parse", "HEAD:workspaces/ws-1")
		odd.put()
		replicas := i + 2
		w.config.record("Break shop: "+odd.name, files{blog.file(): blog.yaml(fmt.Sprintf("replicas: %d", replicas))})
		broken := w.config.push()
		if v := blog.runs(fmt.Sprintf("v1.0.%d", i+1)); v.Replicas != replicas {
			t.Errorf("%s: the neighbour is\n%s", odd.name, v.text)
		}
		if verdict := w.redOn(broken, shop); !strings.Contains(verdict.Description, odd.place) || !strings.Contains(verdict.Description, "link") {
			t.Errorf("%s: it ended with %+v, want a failure at %s", odd.name, verdict, odd.place)
		}
		w.restart()
		w.settle()
		if odd.place != shop.releaseFile("v1.0.1") { // without that the one before runs
			same(t, shop.values(), two)
		}
		if w.gitops.read("workspaces/ws-1/namespace.yaml") != namespace {
			t.Errorf("%s: the namespace is another", odd.name)
		}
		w.config.pull()
		w.config.git("rm", "--quiet", "-r", "--cached", "workspaces/ws-1")
		if err := os.RemoveAll(filepath.Join(w.config.work, "workspaces/ws-1")); err != nil {
			t.Fatal(err)
		}
		w.config.git("read-tree", "--prefix=workspaces/ws-1/", "-u", good)
		w.config.git("commit", "--quiet", "--message", "Mend shop")
		w.config.push()
	}
	shop.runs("v1.0.1")
	shop.still(two)
	shop.wantReleases("v1.0.0", "v1.0.1")
}

// Folders with names that no project may have are told; nobody is held up by them, and they get into nothing.
func TestHostileFolderNames(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneImage(t)
	for i, name := range []string{
		"new\nline", `quo"te`, "it's", "$(id)", "`id`", "a b", `back\slash`, "-rf", "größe", "\u202Eevil", "{{ .Values }}", "${HOME}",
		"a%2fb", strings.Repeat("long", 60), "..data", "\xff\xfe", "Shop",
	} {
		t.Run(fmt.Sprintf("%.12q", name), func(t *testing.T) {
			w.t = t
			quoted := strings.NewReplacer("\xff", "?", "\xfe", "?").Replace(name)
			change := files{
				path.Join("workspaces/ws-1/projects", name, "project.yaml"):         object("Project", fmt.Sprintf("%q", quoted), "type: monolithic", "image: "+w.registry.host+"/birds/wren:1"),
				path.Join("workspaces", name, "workspace.yaml"):                     workspaceYAML(fmt.Sprintf("%q", quoted), 5),
				path.Join("workspaces", name, "projects", "inner", "project.yaml"):  object("Project", "inner", "type: monolithic", "image: "+w.registry.host+"/birds/wren:1"),
				path.Join("workspaces/ws-1/projects", name, "releases/v1.0.0.yaml"): "kind: Release\n",
				shop.file(): shop.yaml(fmt.Sprintf("replicas: %d", i%9+2)),
			}
			commit := w.config.commit("Add a hostile name", change)
			shop.runs(fmt.Sprintf("v1.0.%d", i+1))
			if verdict := w.verdictOn(commit, "plateform/config"); verdict.State != "failure" {
				t.Errorf("it ended with %+v", verdict)
			}
			if written := w.gitops.look("ls-tree", "-r", "-z", "--name-only", "main"); strings.Contains(written, name) || strings.Contains(written, "inner") {
				t.Errorf("GitOps has\n%q", written)
			}
			w.config.git("rm", "--quiet", "-r", path.Join("workspaces/ws-1/projects", name), path.Join("workspaces", name))
			w.config.git("commit", "--quiet", "--message", "Take it away again")
			w.config.push()
		})
	}
	w.t = t
	w.settle()
}

// A tree that Git would not make, with folders called .. and .git, is no way out of the folder it is in.
func TestUpwardNamesLeadNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	for _, id := range []string{"hasDot", "hasDotdot", "hasDotgit", "treeNotSorted"} { // git fsck at the end of the story is to let it pass
		mustRun(t, w.config.bare, "git", "config", "fsck."+id, "ignore")
	}
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.add(shop)
	one := shop.runs("v1.0.0")
	w.settle()

	before := w.config.head()
	inner := w.config.look("rev-parse", "main:workspaces/ws-1")
	raw := func(of string) []byte {
		out, err := command(w.config.bare, "git", "cat-file", "tree", of).Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	hash, err := hex.DecodeString(inner)
	if err != nil {
		t.Fatal(err)
	}
	hostile := raw("main:workspaces")
	for _, name := range []string{"..", ".", ".git"} {
		hostile = append(hostile, append([]byte("40000 "+name+"\x00"), hash...)...)
	}
	workspaces := w.config.writeTree(hostile)
	listing := strings.Replace(w.config.look("ls-tree", "main"), w.config.look("rev-parse", "main:workspaces"), workspaces, 1)
	root := w.config.feed(listing+"\n", "mktree")
	commit := w.config.look("commit-tree", "-p", before, "-m", "Look upwards", root)
	mustRun(t, w.config.bare, "git", "update-ref", "refs/heads/main", commit, before)
	clean := w.config.look("commit-tree", "-p", commit, "-m", "Look ahead again", before+"^{tree}")
	mustRun(t, w.config.bare, "git", "update-ref", "refs/heads/main", clean, commit)
	w.settle() // what comes after both is released, so both were taken in
	shop.still(one)
}

// writeTree stores the bytes of a tree as they are.
func (r *repo) writeTree(data []byte) string {
	return r.feed(string(data), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
}

// feed runs git in the bare repository with an input.
func (r *repo) feed(input string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin, cmd.Stderr = r.bare, strings.NewReader(input), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// Links that somebody puts into GitOps, for a file or a whole folder, are written over like any other change there.
func TestLinksInGitOpsAreWrittenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("ws-1", "blog", "birds/wren:1")
	w.add(shop, blog)
	one, other := shop.runs("v1.0.0"), blog.runs("v1.0.0")
	w.settle()

	w.gitops.pull()
	w.gitops.symlink(shop.runDir()+"/values.yaml", "/etc/passwd")
	w.gitops.symlink(blog.runDir(), "shop")
	w.gitops.symlink("workspaces/ws-1/stray", "shop")
	w.gitops.recordAndPush("Put links")
	w.await("the links to be gone", func() error {
		if links := w.gitops.look("ls-tree", "-r", "main", "workspaces"); strings.Contains(links, "120000 ") {
			return fmt.Errorf("there are\n%s", links)
		}
		return nil
	})
	shop.still(one)
	blog.still(other)
}

// Without platform.yaml or the folder of all workspaces nothing can be meant: nothing is taken from such a commit.
func TestLinksForThePlatformStopEverything(t *testing.T) {
	t.Parallel()
	w, shop, one := oneImage(t)
	w.settle()
	gitops := w.gitops.head()
	for _, file := range []string{"platform.yaml", "workspaces"} {
		w.config.pull()
		good := w.config.git("rev-parse", "HEAD")
		w.config.symlink(file, "/etc")
		broken := w.config.recordAndPush("Put a link for " + file)
		if verdict := w.verdictOn(broken, "plateform/config"); verdict.State != "failure" || !strings.Contains(verdict.Description, file+": this is a link") {
			t.Errorf("%s ended with %+v", file, verdict)
		}
		if head := w.gitops.head(); head != gitops {
			t.Errorf("with a link for %s GitOps moved to\n%s", file, w.gitops.look("show", "--stat", head))
		}
		w.config.git("rm", "--quiet", "--cached", file)
		if err := os.Remove(filepath.Join(w.config.work, file)); err != nil {
			t.Fatal(err)
		}
		w.config.git("checkout", "--quiet", good, "--", file)
		w.config.recordAndPush("Mend " + file)
	}
	shop.still(one)
}
