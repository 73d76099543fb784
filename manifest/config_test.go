package manifest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoad(t *testing.T) {
	config, ps := Load(checkout(t, map[string]string{
		"workspaces/ws-1/projects/broken/project.yaml": "kind: x\n",
		"workspaces/ws-9/workspace.yaml":               "kind: x\n",
		"workspaces/ws-9/projects/app/project.yaml":    header + "spec: {type: monolithic}\n",
	}))
	if config.Platform == nil || config.Platform.Metadata.Name != "acme" {
		t.Errorf("the platform is %v", config.Platform)
	}
	files := map[string]bool{}
	for _, p := range ps {
		files[p.File] = true
	}
	want := map[string]bool{
		"workspaces/ws-1/projects/broken/project.yaml": true, "workspaces/ws-9/workspace.yaml": true,
		"workspaces/ws-9/projects/app/project.yaml": true, // its name is another
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files with problems (-want +got):\n%s", diff)
	}
	broken := map[Key]bool{{"ws-1", "broken"}: true, {"ws-9", ""}: true, {"ws-9", "app"}: true}
	if diff := cmp.Diff(broken, config.Broken); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
	projects := map[string]bool{} // whether they parse
	for name, p := range config.byWorkspace()["ws-1"] {
		projects[name] = p != nil
	}
	if diff := cmp.Diff(map[string]bool{"shop": true, "shop-db": true, "bank": true, "broken": false}, projects); diff != "" {
		t.Errorf("projects of ws-1 (-want +got):\n%s", diff)
	}
	if len(config.Workspaces) != 2 || len(config.Projects) != 4 {
		t.Errorf("%d workspaces and %d projects", len(config.Workspaces), len(config.Projects))
	}
}

func TestLoadDoesNotFollowLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, checkout(t, nil)); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("geheim: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"workspaces/ws-3":                             filepath.Join(dir, "workspaces/ws-2"),
		"workspaces/ws-2/projects/wiki":               filepath.Join(dir, "workspaces/ws-2/projects/blog"),
		"workspaces/ws-2/projects/blog/project.yaml":  secret,
		"workspaces/ws-1/projects/shop/releases.yaml": secret,
	} {
		_ = os.Remove(filepath.Join(dir, link)) // the ones that are there
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	config, ps := Load(os.DirFS(dir))
	var want Problems
	for _, file := range []string{"workspaces/ws-2/projects/blog/project.yaml", "workspaces/ws-2/projects/wiki", "workspaces/ws-3"} {
		want = append(want, LinkProblem(file))
	}
	if diff := cmp.Diff(want, ps); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(config.Projects) != 3 || !config.Broken[Key{"ws-2", "blog"}] {
		t.Errorf("projects %v, broken %v", config.Projects, config.Broken)
	}
}

// unreadable is a file system of which one name cannot be read.
type unreadable struct {
	fstest.MapFS
	name string
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.Open(name)
}

func (u unreadable) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == u.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.ReadDir(name)
}

func TestLoadSaysWhatCannotBeRead(t *testing.T) {
	for name, want := range map[string]string{
		"workspaces/ws-2/workspace.yaml": "workspaces/ws-2/workspace.yaml: the file cannot be read: open workspaces/ws-2/workspace.yaml: permission denied (check its permissions)",
		"workspaces/ws-2/projects":       "workspaces/ws-2/projects: the folder cannot be read: open workspaces/ws-2/projects: permission denied (check its permissions)",
	} {
		config, ps := Load(unreadable{checkout(t, nil), name})
		if diff := cmp.Diff(want, ps.Error()); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if len(config.Workspaces) == 0 {
			t.Error("nothing else was read")
		}
	}
}

// BenchmarkValidate reads, parses and checks a checkout on disk, as `plateform validate` does. Compare with
// -benchtime 5x.
func BenchmarkValidate(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			writeMany(b, dir, n)
			for b.Loop() {
				started := time.Now()
				if ps := validate(os.DirFS(dir)); len(ps) > 0 {
					b.Fatal(ps)
				}
				b.ReportMetric(float64(time.Since(started).Microseconds())/float64(n), "µs/project")
			}
		})
	}
}

// writeMany writes a checkout of n projects, ten to a workspace.
func writeMany(b *testing.B, dir string, n int) {
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	const head = "apiVersion: plateform.dev/v1\nkind: %s\nmetadata:\n  name: %s\nspec:\n"
	write(PlatformFile, fmt.Sprintf(head, KindPlatform, "acme")+"  domain: apps.example.com\n  registry: {url: harbor.example.com}\n")
	for i := range n {
		k := Key{fmt.Sprintf("ws-%d", i/10), fmt.Sprintf("app-%d", i)}
		if i%10 == 0 {
			write(WorkspaceFile(k.Workspace), fmt.Sprintf(head, KindWorkspace, k.Workspace)+
				"  owner: {github: alice, id: 1}\n  quota: {projects: 10, cpu: \"20\", memory: 20Gi}\n")
		}
		write(ProjectFile(k), fmt.Sprintf(head, KindProject, k.Project)+`  type: monolithic
  source:
    repository: https://github.com/acme/`+k.Project+`
    branch: main
  port: 3000
  replicas: 2
  resources:
    cpu: 500m
    memory: 512Mi
  health:
    path: /healthz
  env:
    - name: LOG_LEVEL
      value: info
    - name: GREETING
      value: "hello"
`)
	}
}
