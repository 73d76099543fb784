package examples

import (
	"flag"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/namespace"
)

var update = flag.Bool("update", false, "write the release files and plateform-gitops again")

const (
	configDir = "../../examples/platform-config"
	gitopsDir = "../../examples/plateform-gitops"
)

func load(t *testing.T) *manifest.Config {
	t.Helper()
	config, problems := manifest.Load(os.DirFS(configDir))
	if problems = append(problems, config.Validate()...); len(problems) > 0 {
		t.Fatal(problems)
	}
	return config
}

func embeddedCharts(t *testing.T) *charts.Charts {
	t.Helper()
	embedded, err := charts.New()
	if err != nil {
		t.Fatal(err)
	}
	return embedded
}

// TestConfigIsAnExampleOfAll: two workspaces, all types of projects.
func TestConfigIsAnExampleOfAll(t *testing.T) {
	config := load(t)
	types := map[manifest.ProjectType]bool{}
	for _, p := range config.Projects {
		types[p.Spec.Type] = true
	}
	if len(config.Workspaces) != 2 || len(types) != len(manifest.ProjectTypes()) {
		t.Errorf("%d workspaces, types %v", len(config.Workspaces), types)
	}
}

// TestReleaseFiles: each release file is the one that Plateform would write, and is honoured.
func TestReleaseFiles(t *testing.T) {
	config, embedded := load(t), embeddedCharts(t)
	want := map[string]string{}
	for _, m := range history() {
		_, file := m.release(t, config, embedded)
		want[manifest.ReleaseFile(m.key, m.version)] = string(file)
	}
	isRelease := func(name string) bool {
		file, ok := manifest.FileOf(name)
		return ok && file.Kind == manifest.KindRelease
	}
	same(t, configDir, isRelease, want)
	for name, content := range read(t, configDir, isRelease) {
		file, _ := manifest.FileOf(name)
		r, problems := manifest.ParseRelease(name, []byte(content))
		if len(problems) > 0 {
			t.Error(problems)
			continue
		}
		owner := config.Workspaces[file.Key.Workspace].Spec.Owner.ID
		if err := manifest.VerifyRelease([]byte(content), r, file.Key, owner, nil); err != nil {
			t.Error(err)
		}
		delete(config.Projects, file.Key)
	}
	if len(config.Projects) > 0 {
		t.Errorf("there is no release of %v", slices.Collect(maps.Keys(config.Projects)))
	}
}

// TestGitOps: plateform-gitops is what the newest releases of platform-config render to.
func TestGitOps(t *testing.T) {
	config, embedded := load(t), embeddedCharts(t)
	want := map[string]string{}
	for name, w := range config.Workspaces {
		document, err := namespace.Document(config.Platform, w)
		if err != nil {
			t.Fatal(err)
		}
		want[manifest.NamespaceFile(name)] = string(document)
	}
	for _, m := range history() { // the newest of a project comes last
		r, _ := m.release(t, config, embedded)
		want[manifest.ValuesFile(m.key)] = string(r.Spec.Values)
		files, err := embedded.Files(r.Spec.Chart)
		if err != nil {
			t.Fatal(err)
		}
		for file, content := range files {
			want[path.Join(manifest.ChartDir(r.Spec.Chart), file)] = string(content)
		}
	}
	same(t, gitopsDir, func(string) bool { return true }, want)
}

// TestNewestReleasesAreUpToDate: with the examples as they are, there is nothing to release.
func TestNewestReleasesAreUpToDate(t *testing.T) {
	config, embedded := load(t), embeddedCharts(t)
	newest := map[manifest.Key]*manifest.Release{}
	for _, m := range history() {
		newest[m.key], _ = m.release(t, config, embedded)
	}
	for k, r := range newest {
		spec := config.Projects[k].Spec
		inputs := manifest.UsedInputs(manifest.Surroundings{Platform: config.Platform, Workspace: config.Workspaces[k.Workspace], Projects: projectsOf(config, k.Workspace)}, k, spec, r.Spec.Chart)
		if r.Spec.Parts[manifest.PartProject] != manifest.ProjectKey(spec) || r.Spec.Parts[manifest.PartPlatform] != manifest.PlatformKey(inputs) {
			t.Errorf("%s %s is not what project.yaml says", k, r.Metadata.Name)
		}
	}
}

// same compares the files of a folder that a filter takes with what they should be, or writes them with -update.
func same(t *testing.T, dir string, take func(name string) bool, want map[string]string) {
	t.Helper()
	if *update {
		for name := range read(t, dir, take) {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				t.Fatal(err)
			}
		}
		for name, content := range want {
			file := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := read(t, dir, take)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if content, there := got[name]; !there {
			t.Errorf("%s/%s is missing (go test -update writes it)", dir, name)
		} else if content != want[name] {
			t.Errorf("%s/%s (go test -update writes it again):\n%s", dir, name, cmp.Diff(want[name], content))
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s/%s should not be there (go test -update removes it)", dir, name)
	}
}

// read returns the files of a folder that a filter takes.
func read(t *testing.T, dir string, take func(name string) bool) map[string]string {
	t.Helper()
	files := map[string]string{}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !take(name) {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		files[strings.TrimPrefix(name, "./")] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
