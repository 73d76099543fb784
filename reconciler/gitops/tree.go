// Package gitops is plateform-gitops: as it is and as it has to be, and the commits that lead from one to the other.
// It knows which commits there are Plateform's own, whoever made them, and which config commit they stand for.
package gitops

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Tree is the GitOps repository at one commit, and what it has to be.
type Tree struct {
	reader reconciler.Reader
	charts reconciler.Charts

	// argocd deploys what is here; nil when somebody else does.
	argocd *ArgoCD
	// root is the content of root.yaml; of no interest without argocd.
	root string

	head string
	// stale says that GitOps stands for a config commit that is gone with a history that was rewritten.
	stale    bool
	projects map[manifest.Key]*Project

	// namespaces is the content of each workspace's namespace.yaml; ours is what Plateform last wrote there.
	namespaces map[string]string
	ours       map[string]string
	// workspaces whose namespace.yaml wants to be compared.
	workspaces map[string]bool
	// chartFiles is the content of all files of charts, by path; whole are the charts that are as they should be.
	chartFiles map[string]string
	whole      map[manifest.Chart]bool
	// strays are files that Plateform did not write, where only Plateform writes.
	strays map[string]bool
	// tampered workspaces, and charts: somebody else changed their files.
	tampered       map[string]bool
	tamperedCharts bool
}

// New returns an empty tree, before the first commit.
func New(reader reconciler.Reader, charts reconciler.Charts) *Tree {
	return &Tree{
		reader: reader, charts: charts, projects: map[manifest.Key]*Project{},
		namespaces: map[string]string{}, ours: map[string]string{}, workspaces: map[string]bool{},
		chartFiles: map[string]string{}, whole: map[manifest.Chart]bool{}, strays: map[string]bool{}, tampered: map[string]bool{},
	}
}

// DeployedBy has the tree hold what Argo CD needs, beside what each engine needs, unless it is nil. It returns the tree.
func (t *Tree) DeployedBy(a *ArgoCD) *Tree {
	t.argocd = a
	return t
}

// Head is the commit that the tree is at.
func (t *Tree) Head() string { return t.head }

// SetStale says that the config commit that GitOps stands for is gone, so that the next edits stand for another in any case.
func (t *Tree) SetStale() { t.stale = true }

// TouchWorkspace has namespace.yaml of a workspace compared with what it has to be.
func (t *Tree) TouchWorkspace(name string) { t.workspaces[name] = true }

// Project returns the project's part of the tree; it is made when it is asked for.
func (t *Tree) Project(k manifest.Key) *Project {
	p := t.projects[k]
	if p == nil {
		p = &Project{tree: t, key: k}
		t.projects[k] = p
	}
	return p
}

// Keys are the projects that the tree knows of, sorted.
func (t *Tree) Keys() []manifest.Key {
	return slices.SortedFunc(maps.Keys(t.projects), manifest.Key.Compare)
}

// The files of a project in GitOps.
const (
	valuesFile      = "values.yaml"
	runFile         = "run.yaml"
	applicationFile = "application.yaml"
)

// Managed says that only Plateform writes at this path.
func Managed(file string) bool {
	return strings.HasPrefix(file, manifest.WorkspacesDir+"/") || strings.HasPrefix(file, "charts/") || file == manifest.RootFile
}

// take takes in one file as it is in GitOps.
func (t *Tree) take(f File) {
	parts := strings.Split(f.path, "/")
	switch {
	case f.path == manifest.RootFile:
		t.root = f.content
	case parts[0] == "charts":
		t.chartFiles[f.path] = f.content
		clear(t.whole)
		t.tamperedCharts = t.tamperedCharts || f.foreign
	case len(parts) == 3 && parts[2] == path.Base(manifest.NamespaceFile("")):
		t.namespaces[parts[1]] = f.content
		if !f.foreign {
			t.ours[parts[1]] = f.content
		}
		t.workspaces[parts[1]] = true
		t.tampered[parts[1]] = f.foreign
	case len(parts) == 4 && parts[3] == valuesFile:
		t.Project(f.key()).takeValues(f.content, f.foreign)
	case len(parts) == 4 && parts[3] == runFile:
		p := t.Project(f.key())
		p.run, p.runText = f.run, f.content
		p.tampered = p.tampered || f.foreign
	case len(parts) == 4 && parts[3] == applicationFile:
		t.Project(f.key()).takeApplication(f.content, f.foreign)
	case !f.there:
		delete(t.strays, f.path)
	default:
		t.strays[f.path] = true
	}
}

// Project is one project's part of GitOps.
type Project struct {
	tree *Tree
	key  manifest.Key
	// release that the wanted values are from; nil when they are left as they are.
	release *manifest.Release
	// wanted and actual content of values.yaml; empty for no file.
	wanted, actual string
	// baseline says that the wanted values are of pods that a restricted namespace may refuse.
	baseline bool
	// application is the content of application.yaml, and chart the one it names as Plateform wrote it.
	application string
	chart       manifest.Chart
	// run is what run.yaml says. When there is none, or it is not known to be as Plateform wrote it, run is nil and runText
	// its content.
	run     *manifest.RunSpec
	runText string
	// version that was there last, whoever has changed it since.
	version manifest.Version
	// tampered says that somebody else changed the files.
	tampered bool
}

// Key is the project.
func (p *Project) Key() manifest.Key { return p.key }

// Want has GitOps show a release.
func (p *Project) Want(r *manifest.Release) {
	p.release = r
	p.want(string(r.Spec.Values))
	if p.actual == p.wanted {
		p.actual = p.wanted // so that equal texts are kept in memory once
	}
}

// Leave keeps what GitOps shows as it is.
func (p *Project) Leave() { p.release = nil }

// Restore keeps what GitOps shows as it is, also what was about to be removed.
func (p *Project) Restore() {
	if p.release = nil; p.wanted == "" {
		p.want(p.actual)
	}
}

// want notes which values GitOps has to show.
func (p *Project) want(values string) {
	if p.wanted != values {
		p.wanted = values
		p.baseline = values != "" && typeOf(values) != manifest.Database && valueOf(values, "podSecurity") != manifest.Restricted
	}
}

// Remove has GitOps show nothing of the project.
func (p *Project) Remove() {
	p.release = nil
	p.want("")
}

// Release is the one that GitOps has to show; nil when what it shows is left as it is.
func (p *Project) Release() *manifest.Release { return p.release }

// Version that GitOps shows; zero when nothing of the project runs.
func (p *Project) Version() manifest.Version { return p.version }

// Runs says that what GitOps shows runs an image.
func (p *Project) Runs(image manifest.Image) bool { return strings.Contains(p.actual, image.Digest) }

// Shows says that GitOps shows what it has to.
func (p *Project) Shows() bool { return p.wanted == p.actual && p.application == p.Application() }

// Tampered says that somebody else changed the files, and that they were not written back yet.
func (p *Project) Tampered() bool { return p.tampered }

func (p *Project) takeValues(content string, foreign bool) {
	p.actual = content
	if foreign {
		p.tampered = true
		return
	}
	p.want(content)
	p.version = ShownVersion(content)
}

// ShownVersion is the release that values are of; zero when they are of none.
func ShownVersion(values string) manifest.Version {
	version, err := manifest.ParseVersion(valueOf(values, "release"))
	if err != nil {
		return manifest.Version{}
	}
	return version
}
