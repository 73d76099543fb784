package gitops

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Wanted is what GitOps has to become.
type Wanted struct {
	// Catalog at the config commit that GitOps is to stand for.
	Catalog *config.Catalog
	// Keys of the projects that may have changed, sorted; Run is what is remembered of any.
	Keys []manifest.Key
	Run  func(manifest.Key) manifest.RunSpec
	// Unreported is the oldest config commit whose report about broken or mended files may not have arrived; empty when all have.
	Unreported string
	Now        time.Time
	// Signer signs the commit that stands for the config commit; nil when the installation has no key.
	Signer *signing.Key
}

// Batch is commits that lead to what is wanted. They go out in one push: the last of them alone stands for the config
// commit, as GitOps holds all that it asks for only there.
type Batch struct {
	Edits []manifest.Edit
	// Written are the projects whose values the commits bring, by the place of the commit.
	Written map[int]*Project
	landed  []func()
}

// Landed brings the tree to what a batch made of it.
func (t *Tree) Landed(b Batch, commits []string) {
	t.head, t.stale = commits[len(commits)-1], false
	for _, landed := range b.landed {
		landed()
	}
}

func (b *Batch) add(edit manifest.Edit, landed func()) {
	b.Edits = append(b.Edits, edit)
	b.landed = append(b.landed, landed)
}

// Edits are the commits from what GitOps is to what is wanted: one for each chart, workspace and project.
func (t *Tree) Edits(w Wanted) (Batch, error) {
	b := Batch{Written: map[int]*Project{}}
	for _, step := range []func(Wanted, *Batch) error{t.editRoot, t.editCharts, t.editNamespaces, t.editProjects, t.editStrays} {
		if err := step(w, &b); err != nil {
			return Batch{}, err
		}
	}
	if len(b.Edits) == 0 && t.stale { // without it the next process would take later commits for part of the rewritten history
		b.add(edit(w, "Stand for the rewritten config history", nil, nil), func() {})
	}
	if n := len(b.Edits); n > 0 {
		w.mark(&b.Edits[n-1])
	}
	return b, nil
}

// mark makes a commit stand for the config commit.
func (w Wanted) mark(e *manifest.Edit) {
	trailers := append(manifest.Trailers(e.Message), manifest.Trailer{Key: manifest.TrailerConfigCommit, Value: w.Catalog.Commit})
	if w.Unreported != "" {
		trailers = append(trailers, manifest.Trailer{Key: manifest.TrailerUnreported, Value: w.Unreported})
	}
	subject, _, _ := strings.Cut(e.Message, "\n")
	e.Message = manifest.FormatMessage(subject, trailers)
	*e = e.Signed(w.Signer)
}

// edit makes a commit of files.
func edit(w Wanted, subject string, files map[string][]byte, trailers []manifest.Trailer) manifest.Edit {
	return manifest.Edit{Message: manifest.FormatMessage(subject, trailers), Author: reconciler.Author(w.Now), Files: files}
}

// editCharts adds the charts that releases need, and mends those that somebody changed. Charts that this binary does not
// know belong to another version of Plateform and are left alone.
func (t *Tree) editCharts(w Wanted, b *Batch) error {
	needed := map[manifest.Chart]bool{}
	for _, k := range w.Keys {
		if r := t.Project(k).release; r != nil && !t.whole[r.Spec.Chart] {
			needed[r.Spec.Chart] = true
		}
	}
	for _, chart := range t.chartsThere() {
		if !t.whole[chart] {
			needed[chart] = true
		}
	}
	before := len(b.Edits)
	for _, chart := range slices.SortedFunc(maps.Keys(needed), compareCharts) {
		files, err := t.filesOf(chart)
		if err != nil {
			return err
		}
		landed := func() {
			t.whole[chart] = true
			for file, content := range files {
				t.chartFiles[file] = string(content)
			}
		}
		if len(files) == 0 {
			landed()
			continue
		}
		subject := fmt.Sprintf("Write chart %s %s", chart.Name, chart.Version)
		if t.tamperedCharts {
			subject = putBack(fmt.Sprintf("chart %s %s", chart.Name, chart.Version), t.lacks(chart, files))
		}
		b.add(edit(w, subject, files, nil), landed)
	}
	if len(b.Edits) == before {
		t.tamperedCharts = false
	}
	return nil
}

func compareCharts(a, b manifest.Chart) int {
	return strings.Compare(a.Name+"\n"+a.Version, b.Name+"\n"+b.Version)
}

// chartsThere are the charts of this binary that have files in GitOps.
func (t *Tree) chartsThere() []manifest.Chart {
	var charts []manifest.Chart
	for file := range t.chartFiles {
		parts := strings.Split(file, "/")
		if len(parts) < 4 {
			continue
		}
		chart, err := t.charts.Chart(manifest.ProjectType(parts[1]), parts[2])
		if err == nil && !slices.Contains(charts, chart) {
			charts = append(charts, chart)
		}
	}
	return charts
}

// filesOf are the files of a chart that are not in GitOps as they should be; nil content for those too many.
func (t *Tree) filesOf(chart manifest.Chart) (map[string][]byte, error) {
	wanted, err := t.charts.Files(chart)
	if err != nil {
		return nil, fmt.Errorf("reading chart %s %s: %w", chart.Name, chart.Version, err)
	}
	files := map[string][]byte{}
	dir := manifest.ChartDir(chart)
	for name, content := range wanted {
		if file := path.Join(dir, name); t.chartFiles[file] != string(content) {
			files[file] = content
		}
	}
	for file, content := range t.chartFiles {
		if name, inside := strings.CutPrefix(file, dir+"/"); inside && content != "" && wanted[name] == nil {
			files[file] = nil
		}
	}
	return files, nil
}

// editStrays removes files that others have put into folders where only Plateform writes.
func (t *Tree) editStrays(w Wanted, b *Batch) error {
	if len(t.strays) == 0 {
		return nil
	}
	files := map[string][]byte{}
	for file := range t.strays {
		files[file] = nil
	}
	subject := fmt.Sprintf("Write back: remove %s that somebody else added", manifest.Count(len(files), "file"))
	b.add(edit(w, subject, files, nil), func() { clear(t.strays) })
	return nil
}

// lacks says that none of the files is in GitOps, nor any other of the chart.
func (t *Tree) lacks(chart manifest.Chart, files map[string][]byte) bool {
	wanted, err := t.charts.Files(chart)
	if err != nil || len(files) < len(wanted) {
		return false
	}
	for file := range files {
		if t.chartFiles[file] != "" {
			return false
		}
	}
	return true
}

// putBack is the subject of a commit that makes something be as it was again, after others took it away or changed it.
func putBack(what string, missing bool) string {
	if missing {
		return fmt.Sprintf("Write %s, which was missing", what)
	}
	return fmt.Sprintf("Write back %s, which somebody else changed", what)
}

// fileOf is the content of a file in an edit: nil removes it.
func fileOf(content string) []byte {
	if content == "" {
		return nil
	}
	return []byte(content)
}
