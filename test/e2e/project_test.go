package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
)

// project is one project of one workspace, and the repository of its app.
type project struct {
	w               *world
	workspace, name string
	app             *repo
	spec            []string // lines of project.yaml's spec beyond type and source
}

// goProject makes a repository with a Go program that prints its version, "one". Nothing is in the config repository yet.
func (w *world) goProject(workspace, name string) *project {
	w.t.Helper()
	p := &project{w: w, workspace: workspace, name: name, app: newRepo(w.t, w.dir, "app-"+name)}
	p.app.commit("Begin "+name, files{
		"go.mod":  "module example.com/" + name + "\n\ngo 1.24\n",
		"main.go": program("one"),
	})
	return p
}

func program(version string) string {
	return "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"" + version + "\\n\") }\n"
}

// oneApp is a world with one project, ws-1/shop, that runs v1.0.0 of the program that says "one".
func oneApp(t *testing.T) (w *world, shop *project, one values) {
	t.Helper()
	w = newWorld(t).open()
	shop = w.goProject("ws-1", "shop")
	w.add(shop)
	return w, shop, shop.runs("v1.0.0")
}

// oneImage is a world with one project, ws-1/shop, that runs v1.0.0 of an image that is not built here.
func oneImage(t *testing.T) (w *world, shop *project, one values) {
	t.Helper()
	w = newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop = w.imageProject("ws-1", "shop", "birds/wren:1")
	w.add(shop)
	return w, shop, shop.runs("v1.0.0")
}

// twoTenants is a world with a project of each of two tenants, ws-1/shop and ws-2/blog, that run v1.0.0 of an image.
func twoTenants(t *testing.T) (w *world, shop, blog *project) {
	t.Helper()
	w = newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop, blog = w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("ws-2", "blog", "birds/wren:1")
	w.add(shop, blog)
	shop.runs("v1.0.0")
	blog.runs("v1.0.0")
	return w, shop, blog
}

// imageProject is a project that runs an image of the registry.
func (w *world) imageProject(workspace, name, image string, spec ...string) *project {
	return &project{w: w, workspace: workspace, name: name, spec: append([]string{"type: monolithic", "image: " + w.registry.host + "/" + image}, spec...)}
}

// dir is the project's folder in the config repository.
func (p *project) dir() string  { return "workspaces/" + p.workspace + "/projects/" + p.name }
func (p *project) file() string { return p.dir() + "/project.yaml" }

func (p *project) releaseFile(version string) string {
	return p.dir() + "/releases/" + version + ".yaml"
}

// runDir is the project's folder in the GitOps repository.
func (p *project) runDir() string { return "workspaces/" + p.workspace + "/" + p.name }

func (p *project) context() string { return "plateform/" + p.workspace + "/" + p.name }

// repository is where the project's image is pushed to.
func (p *project) repository() string { return p.workspace + "/" + p.name }

// yaml is project.yaml: type, source, and what is given.
func (p *project) yaml(spec ...string) string {
	var own []string
	if p.app != nil {
		own = []string{"type: monolithic", "source: {repository: " + p.app.url + "}"}
	}
	return object("Project", p.name, slices.Concat(own, p.spec, spec)...)
}

// add commits the projects, and their workspaces where they are new, in one commit.
func (w *world) add(projects ...*project) string {
	w.t.Helper()
	change, names := files{}, []string{}
	for _, p := range projects {
		change[p.file()] = p.yaml()
		names = append(names, p.name)
		if w.config.read(workspaceFile(p.workspace)) == "" {
			change[workspaceFile(p.workspace)] = workspaceYAML(p.workspace, 1001)
		}
	}
	return w.config.commit("Add "+strings.Join(names, ", "), change)
}

// edit commits project.yaml with the given lines of spec beyond those it was made with.
func (p *project) edit(spec ...string) string {
	p.w.t.Helper()
	return p.w.config.commit("Edit "+p.name, files{p.file(): p.yaml(spec...)})
}

// push commits a program to the app that prints the version, and returns the app's commit.
func (p *project) push(version string) string {
	p.w.t.Helper()
	return p.app.commit("Make "+p.name+" say "+version, files{"main.go": program(version)})
}

// revert reverts the commit of a release, as one does by hand, and returns the commit that does.
func (p *project) revert(version string) string {
	p.w.t.Helper()
	return p.w.config.revert(p.releaseCommit(version))
}

// retry asks for the project to be tried again, with the command.
func (p *project) retry() {
	p.w.t.Helper()
	if out, err := p.w.plateform("retry", p.workspace+"/"+p.name); err != nil {
		p.w.t.Fatalf("%v\n%s", err, out)
	}
}

// releases are the names of the release files.
func (p *project) releases() []string {
	var found []string
	for _, file := range p.w.config.list(p.dir() + "/releases") {
		found = append(found, strings.TrimSuffix(file, ".yaml"))
	}
	return found
}

// releaseCommits are all commits that add the release's file, the newest first.
func (p *project) releaseCommits(version string) []string {
	return lines(p.w.config.look("log", "--diff-filter=A", "--format=%H", "main", "--", p.releaseFile(version)))
}

// releaseCommit is the commit that made a release.
func (p *project) releaseCommit(version string) string {
	p.w.t.Helper()
	found := p.releaseCommits(version)
	if len(found) == 0 {
		p.w.t.Fatalf("there is no release %s of %s", version, p.name)
	}
	return found[len(found)-1]
}

// values is what values.yaml says.
type values struct {
	text      string // byte for byte; empty when the file is not there
	Workspace string
	Project   string
	Release   string
	Namespace string
	Host      string
	Port      int
	Image     image
	Replicas  int
	Env       []variable
	Services  []struct {
		Name  string
		Host  string
		Image image
	}
}

type image struct{ Repository, Tag, Digest string }

type variable struct{ Name, Value string }

// env is the value of a variable; empty when there is none.
func (v values) env(name string) string {
	for _, e := range v.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// values reads what runs from the GitOps repository.
func (p *project) values() values {
	v := values{text: p.w.gitops.read(p.runDir() + "/values.yaml")}
	if err := yaml.Unmarshal([]byte(v.text), &v); err != nil {
		p.w.t.Fatalf("values.yaml of %s: %v\n%s", p.name, err, v.text)
	}
	return v
}

// run reads run.yaml as it is.
func (p *project) run() string { return p.w.gitops.read(p.runDir() + "/run.yaml") }

// memory is run.yaml without who may not have been told yet: people are told beside the loop, so that this depends on how
// soon they are.
func (p *project) memory() string {
	p.w.t.Helper()
	text := p.run()
	var run manifest.Run
	if err := yaml.Unmarshal([]byte(text), &run); err != nil {
		p.w.t.Fatalf("run.yaml of %s: %v\n%s", p.name, err, text)
	}
	run.Spec.Asked = nil
	encoded, err := manifest.Encode(run)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return string(encoded)
}

// runs waits until a release is what the GitOps repository says, and returns its values.
func (p *project) runs(version string) values {
	p.w.t.Helper()
	var v values
	p.w.await(p.name+" to run "+version, func() error {
		if v = p.values(); v.Release != version {
			return fmt.Errorf("it runs %q; its releases are %v", v.Release, p.releases())
		}
		return nil
	})
	return v
}

// gone waits until nothing of the project runs any more.
func (p *project) gone() {
	p.w.t.Helper()
	p.w.await(p.name+" to be pruned", func() error {
		if p.values().text != "" {
			return errors.New("values.yaml is still there")
		}
		return nil
	})
}

// notes are the project's reports on a config commit.
func (p *project) notes(commit string) []report { return p.w.notesOn(commit, p.context()) }

// verdict waits for the verdict on a config commit.
func (p *project) verdict(commit string) report {
	p.w.t.Helper()
	return p.w.verdictOn(commit, p.context())
}

// sourceNotes are the project's reports on a commit of the app, wherever they are.
func (p *project) sourceNotes(source string) []report {
	var found []report
	for _, reports := range p.w.notes() {
		for _, r := range reports {
			if r.Context == p.context() && r.Source == source {
				found = append(found, r)
			}
		}
	}
	return found
}

// sourceVerdict waits for the verdict on a commit of the app.
func (p *project) sourceVerdict(source string) report {
	p.w.t.Helper()
	var verdict report
	p.w.await("a verdict on "+p.name+"'s commit "+source, func() error {
		ends := terminals(p.sourceNotes(source))
		if len(ends) == 0 {
			return errors.New("there is none yet")
		}
		verdict = ends[0]
		return nil
	})
	return verdict
}

// reaches waits until a run for a commit of the app has reached a stage.
func (p *project) reaches(source, stage string) {
	p.w.t.Helper()
	p.w.await(p.name+" to be "+stage, func() error {
		seen := stages(p.sourceNotes(source))
		if !slices.Contains(seen, stage) {
			return fmt.Errorf("it went through %v", seen)
		}
		return nil
	})
}

// builds is how many builds of the project have pushed an image. A build that pushed twice fails the test.
func (p *project) builds() int {
	p.w.t.Helper()
	found := p.w.registry.builds(p.repository())
	for tag, count := range found {
		if count > 1 {
			p.w.t.Errorf("%s was built and pushed %d times as %s", p.name, count, tag)
		}
	}
	return len(found)
}

// attempts is how many sources of the project a build was ever begun of, as the builds' logs tell.
func (p *project) attempts() int {
	p.w.t.Helper()
	return len(p.buildLogs())
}

// buildLogs are the logs of the project's builds; another content or time means that a build was begun again.
func (p *project) buildLogs() map[string]string {
	p.w.t.Helper()
	names, err := filepath.Glob(filepath.Join(p.w.dir, "data", "builds", p.workspace, p.name, "*"))
	if err != nil {
		p.w.t.Fatal(err)
	}
	logs := map[string]string{}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			p.w.t.Fatal(err)
		}
		logs[filepath.Base(name)] = fmt.Sprint(info.Size(), " bytes at ", info.ModTime())
	}
	return logs
}

// says is what the program of the image that runs prints.
func (p *project) says() string {
	p.w.t.Helper()
	return p.w.says(p.values().Image)
}

// says is what the program of an image prints.
func (w *world) says(i image) string {
	w.t.Helper()
	return w.registry.runImage(i.Repository, i.Digest)
}

// still asserts that nothing at all has come of what happened since the values were read: same bytes, same releases,
// nothing built. It goes through the loop first.
func (p *project) still(want values) {
	p.w.t.Helper()
	releases, builds, logs := p.releases(), p.builds(), p.buildLogs()
	p.w.settle()
	if got := p.values(); got.text != want.text {
		p.w.t.Errorf("the values of %s are not what they were:\n%s\nwant:\n%s", p.name, got.text, want.text)
	}
	p.wantReleases(releases...)
	if again := p.buildLogs(); p.builds() != builds || !maps.Equal(again, logs) {
		p.w.t.Errorf("%s was built again: %v, before %v", p.name, again, logs)
	}
}

// next is the version after the newest release that is there.
func (p *project) next() string {
	p.w.t.Helper()
	var newest manifest.Version
	for _, name := range p.releases() {
		v, err := manifest.ParseVersion(name)
		if err != nil {
			p.w.t.Fatal(err)
		}
		if v.Compare(newest) > 0 {
			newest = v
		}
	}
	return newest.Next().String()
}
