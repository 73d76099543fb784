package ledger

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
)

var (
	testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	shop     = manifest.Key{Workspace: "ws-1", Project: "shop"}
)

// files are content by path.
type files map[string]string

// repository is one in memory. Each commit holds all of its files; a blob's hash is its content.
type repository struct {
	commits map[string]manifest.Commit
	files   map[string]files
	head    string
	// asked counts the commits that were read.
	asked int
}

func newRepository() *repository {
	return &repository{commits: map[string]manifest.Commit{}, files: map[string]files{"": {}}}
}

// commit makes a commit on top of the head, a minute after the one before. Empty content removes a file.
func (r *repository) commit(message string, edits files, merged ...string) string {
	hash := fmt.Sprintf("%040x", 0xabc0000+len(r.commits))
	c := manifest.Commit{Hash: hash, Message: message, Author: manifest.Signature{Name: "alice", When: testTime.Add(time.Duration(len(r.commits)) * time.Minute)}}
	if r.head != "" {
		c.Parents = append([]string{r.head}, merged...)
	}
	now := maps.Clone(r.files[r.head])
	maps.Copy(now, edits)
	maps.DeleteFunc(now, func(_, content string) bool { return content == "" })
	r.commits[hash], r.files[hash], r.head = c, now, hash
	return hash
}

// release adds a release file as Plateform does, for an app's commit.
func (r *repository) release(t *testing.T, version, source string) string {
	t.Helper()
	v, err := manifest.ParseVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	return r.commit(fmt.Sprintf("Release %s %s\n\nWorkspace: ws-1\nProject: shop\nRelease: %s\nSource-Commit: %s\n", shop, v, v, source),
		files{manifest.ReleaseFile(shop, v): encodeRelease(t, newRelease(version, source, nil))})
}

func (r *repository) Commit(hash string) (manifest.Commit, error) {
	r.asked++
	c, there := r.commits[hash]
	if !there {
		return c, fmt.Errorf("%.10s: %w", hash, ErrNoCommit)
	}
	return c, nil
}

func (r *repository) Read(commit, path string) ([]byte, error) {
	content, there := r.files[commit][path]
	if !there {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

func (r *repository) List(commit, dir string) ([]manifest.Entry, error) {
	entries := map[string]manifest.Entry{}
	for path, content := range r.files[commit] {
		below, ok := strings.CutPrefix("/"+path, strings.TrimSuffix("/"+dir, "/")+"/")
		if !ok {
			continue
		}
		name, _, deeper := strings.Cut(below, "/")
		entries[name] = manifest.Entry{Name: name, Dir: deeper, Hash: content}
	}
	return slices.SortedFunc(maps.Values(entries), func(a, b manifest.Entry) int { return strings.Compare(a.Name, b.Name) }), nil
}

func (r *repository) Diff(from, to string) ([]manifest.Change, error) {
	before, there := r.files[from]
	if !there {
		return nil, fmt.Errorf("%.10s: %w", from, ErrNoCommit)
	}
	after := r.files[to]
	all := maps.Clone(before)
	maps.Copy(all, after)
	var changes []manifest.Change
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if before[path] != after[path] {
			changes = append(changes, manifest.Change{Path: path, Before: before[path], After: after[path]})
		}
	}
	return changes, nil
}

// testCharts knows one version of each chart.
type testCharts struct{}

func (testCharts) Chart(t manifest.ProjectType, _ string) (manifest.Chart, error) {
	return manifest.Chart{Name: string(t), Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)}, nil
}

func (testCharts) Files(manifest.Chart) (map[string][]byte, error) { return nil, nil }

// newConfig is a config repository with the project shop, which nothing was released of.
func newConfig() *repository {
	r := newRepository()
	r.commit("Begin", files{
		manifest.PlatformFile:          "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\nspec:\n  domain: apps.example.com\n  registry: {url: registry.example.com}\n",
		manifest.WorkspaceFile("ws-1"): "apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: ws-1}\nspec:\n  owner: {github: alice, id: 1}\n",
		manifest.ProjectFile(shop):     projectText,
	})
	return r
}

const projectText = "apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: shop}\nspec:\n  type: monolithic\n  source: {repository: \"https://github.com/acme/shop\"}\n"

// newRelease is a release of shop at an app's commit, made of what newConfig says; parts may say otherwise.
func newRelease(version, source string, parts manifest.Parts) *manifest.Release {
	spec := manifest.ProjectSpec{Type: manifest.Monolithic, Source: &manifest.Source{Repository: "https://github.com/acme/shop"}}
	r := &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, version)}
	r.Spec = manifest.ReleaseSpec{
		Parts: manifest.Parts{manifest.PartProject: manifest.ProjectKey(spec), manifest.PartSource: sourceKey(spec, source)},
		Images: []manifest.Image{{
			Name: "app", Repository: "registry.example.com/ws-1/shop", Tag: version, Digest: "sha256:" + strings.Repeat(source[:1], 64), Commit: source,
		}},
		Values: manifest.Document(fmt.Sprintf("release: %s\nhost: shop-ws-1.apps.example.com\n", version)), Project: spec,
		Cause: manifest.Cause{Kind: manifest.CauseSource, Commit: source, Config: source}, CreatedAt: testTime,
	}
	maps.Copy(r.Spec.Parts, parts)
	return r
}

// sourceKey is the key of the source part at an app's commit.
func sourceKey(spec manifest.ProjectSpec, commit string) string {
	return manifest.SourceInputs(spec)[0].Key(manifest.SourceID(commit, ""))
}

func encodeRelease(t *testing.T, r *manifest.Release) string {
	t.Helper()
	data, err := manifest.EncodeRelease(r, shop, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// open opens a ledger that looks at a number of commits; 0 for the usual one. gitops may be nil.
func open(t *testing.T, config, gitops *repository, max int) *Ledger {
	t.Helper()
	at := Repositories{Config: Branch{Reader: config, Head: config.head, Name: "main"}, Charts: testCharts{}}
	if gitops != nil {
		at.GitOps = &Branch{Reader: gitops, Head: gitops.head, Name: "main"}
	}
	l, err := Open(at, testTime.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if max > 0 {
		l.config.max = max
		if l.gitops != nil {
			l.gitops.max = max
		}
	}
	return l
}
