package loop

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// gitopsEdit is one commit to GitOps, and what to note once it has landed.
type gitopsEdit struct {
	manifest.Edit
	landed func()
	// deployed is the project whose values it writes; nil for other files.
	deployed *project
}

// writeGitOps brings GitOps to what the newest releases say: one commit each, all in one push. Whatever is remembered
// goes out with it, so that the config commit which these commits name stands for all that came before it.
func (s *state) writeGitOps(ctx context.Context, _ Hint) error {
	var edits []gitopsEdit
	for _, make := range []func() ([]gitopsEdit, error){s.chartEdits, s.namespaceEdits, s.projectEdits, s.strayEdits} {
		more, err := make()
		if err != nil {
			return err
		}
		edits = append(edits, more...)
	}
	if len(edits) == 0 && s.gitops.stale { // else the next process takes all that comes now for part of the rewriting
		edits = []gitopsEdit{{Edit: s.edit("Stand for the rewritten config history", nil), landed: func() {}}}
	}
	if len(edits) == 0 {
		return nil
	}
	more, err := s.tellFirst(ctx)
	if err != nil {
		return err
	}
	edits = append(edits, more...)
	plain := make([]manifest.Edit, len(edits))
	for i, e := range edits {
		plain[i] = e.Edit
	}
	commits, err := s.push(ctx, s.GitOps, "gitops", s.gitops.head, plain)
	if err != nil {
		return err
	}
	s.gitops.head, s.gitops.stale = commits[len(commits)-1], false
	for i, e := range edits {
		e.landed()
		if e.deployed != nil {
			s.logRuns(e.deployed, slog.LevelInfo, "written", "release", e.deployed.shows(), "commit", manifest.Short(commits[i]))
		}
	}
	return nil
}

// mark is the trailer that makes a GitOps commit stand for a config commit.
func (s *state) mark() manifest.Trailer {
	return manifest.Trailer{Key: manifest.TrailerConfigCommit, Value: s.catalog.Commit}
}

// edit makes a commit of files.
func (s *state) edit(subject string, files map[string][]byte, trailers ...manifest.Trailer) manifest.Edit {
	if len(trailers) == 0 {
		trailers = []manifest.Trailer{s.mark()}
	}
	return manifest.Edit{Message: manifest.FormatMessage(subject, trailers), Author: reconciler.Author(s.Clock().UTC()), Files: files}
}

// chartEdits adds the charts that releases need, and mends those that somebody changed. Charts that this binary does not
// know belong to another version of Plateform and are left alone.
func (s *state) chartEdits() ([]gitopsEdit, error) {
	needed := map[manifest.Chart]bool{}
	for k := range s.dirty {
		if r := s.projects[k].output.release; r != nil && !s.gitops.whole[r.Spec.Chart] {
			needed[r.Spec.Chart] = true
		}
	}
	for _, chart := range s.chartsThere() {
		if !s.gitops.whole[chart] {
			needed[chart] = true
		}
	}
	var edits []gitopsEdit
	for _, chart := range slices.SortedFunc(maps.Keys(needed), compareCharts) {
		files, err := s.chartFiles(chart)
		if err != nil {
			return nil, err
		}
		landed := func() {
			s.gitops.whole[chart] = true
			for file, content := range files {
				s.gitops.charts[file] = string(content)
			}
		}
		if len(files) == 0 {
			landed()
			continue
		}
		subject := fmt.Sprintf("Write chart %s %s", chart.Name, chart.Version)
		if s.gitops.tamperedCharts {
			subject = fmt.Sprintf("Write back chart %s %s, which somebody else changed", chart.Name, chart.Version)
		}
		edits = append(edits, gitopsEdit{Edit: s.edit(subject, files), landed: landed})
	}
	if len(edits) == 0 {
		s.gitops.tamperedCharts = false
	}
	return edits, nil
}

func compareCharts(a, b manifest.Chart) int {
	return strings.Compare(a.Name+"\n"+a.Version, b.Name+"\n"+b.Version)
}

// chartsThere are the charts of this binary that have files in GitOps.
func (s *state) chartsThere() []manifest.Chart {
	var charts []manifest.Chart
	for file := range s.gitops.charts {
		parts := strings.Split(file, "/")
		if len(parts) < 4 {
			continue
		}
		chart, err := s.Charts.Chart(manifest.ProjectType(parts[1]), parts[2])
		if err == nil && !slices.Contains(charts, chart) {
			charts = append(charts, chart)
		}
	}
	return charts
}

// chartFiles are the files of a chart that are not in GitOps as they should be; nil content for those too many.
func (s *state) chartFiles(chart manifest.Chart) (map[string][]byte, error) {
	wanted, err := s.Charts.Files(chart)
	if err != nil {
		return nil, fmt.Errorf("reading chart %s %s: %w", chart.Name, chart.Version, err)
	}
	files := map[string][]byte{}
	dir := manifest.ChartDir(chart)
	for name, content := range wanted {
		if file := path.Join(dir, name); s.gitops.charts[file] != string(content) {
			files[file] = content
		}
	}
	for file, content := range s.gitops.charts {
		if name, inside := strings.CutPrefix(file, dir+"/"); inside && content != "" && wanted[name] == nil {
			files[file] = nil
		}
	}
	return files, nil
}

// namespaceEdits writes the namespaces of the workspaces that were touched.
func (s *state) namespaceEdits() ([]gitopsEdit, error) {
	var edits []gitopsEdit
	names := slices.Sorted(maps.Keys(s.gitops.workspaces))
	documents, err := s.namespaces(names)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		wanted := documents[i]
		landed := func() {
			s.gitops.namespaces[name], s.gitops.kept[name] = wanted, wanted
			delete(s.gitops.tampered, name)
			delete(s.gitops.workspaces, name)
		}
		actual := s.gitops.namespaces[name]
		if wanted == actual {
			landed()
			continue
		}
		subject := "Write workspace " + name
		switch {
		case wanted == "":
			subject = "Remove workspace " + name
		case s.gitops.tampered[name]:
			subject = "Write back workspace " + name + ", which somebody else changed"
		}
		files := map[string][]byte{manifest.NamespaceFile(name): fileOf(wanted)}
		edits = append(edits, gitopsEdit{Edit: s.edit(subject, files), landed: landed})
	}
	return edits, nil
}

// namespaces makes namespace.yaml of several workspaces, on all cores.
func (s *state) namespaces(names []string) ([]string, error) {
	documents := make([]string, len(names))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() (err error) {
			documents[i], err = s.namespace(name)
			return err
		})
	}
	return documents, group.Wait()
}

// namespace is what namespace.yaml of a workspace has to say. A workspace that is deleted keeps its namespace as long as
// something in it runs or data was kept there.
func (s *state) namespace(name string) (string, error) {
	w := s.catalog.Workspaces[name]
	if w == nil || !w.Present {
		for k, p := range s.projects {
			if k.Workspace == name && (p.output.wanted != "" || p.run.Deleted != nil && p.run.Deleted.DataKept) {
				return s.gitops.kept[name], nil
			}
		}
		return "", nil
	}
	if w.Spec == nil || s.catalog.BlocksWorkspace(name) {
		return s.gitops.kept[name], nil
	}
	document, err := manifest.NamespaceDocument(s.catalog.Platform, w.Spec)
	if err != nil {
		return "", fmt.Errorf("making the namespace of %s: %w", name, err)
	}
	return string(document), nil
}

// fileOf is the content of a file in an edit: nil removes it.
func fileOf(content string) []byte {
	if content == "" {
		return nil
	}
	return []byte(content)
}

// projectEdits writes the projects that are not in GitOps as they should be.
func (s *state) projectEdits() ([]gitopsEdit, error) {
	var edits []gitopsEdit
	for _, k := range s.dirtyKeys() {
		p := s.projects[k]
		edit, err := s.projectEdit(p)
		if err != nil {
			return nil, err
		}
		if edit != nil {
			edits = append(edits, *edit)
		}
	}
	return edits, nil
}

func (s *state) projectEdit(p *project) (*gitopsEdit, error) {
	changed := p.output.wanted != p.output.actual
	if changed {
		s.recordDeploy(p)
	}
	remembers, err := p.remembersMore()
	if err != nil {
		return nil, err
	}
	if !changed && !remembers {
		p.output.tampered = false
		return nil, nil
	}
	return s.writeProject(p, changed)
}

// remembersMore says that run.yaml in GitOps is not what it has to be.
func (p *project) remembersMore() (bool, error) {
	if p.output.run != nil {
		return !reflect.DeepEqual(withoutEmpty(p.run), withoutEmpty(*p.output.run)), nil
	}
	wanted, err := encodeRun(p.key, p.run)
	return wanted != p.output.runText, err
}

// withoutEmpty leaves lists out that are empty: whether they are there means nothing, and is not written.
func withoutEmpty(run manifest.RunSpec) manifest.RunSpec {
	if len(run.Holds) == 0 {
		run.Holds = nil
	}
	if len(run.Asked) == 0 {
		run.Asked = nil
	}
	if run.Last != nil && len(run.Last.Also) == 0 {
		last := *run.Last
		last.Also = nil
		run.Last = &last
	}
	return run
}

// writeProject makes the commit that writes run.yaml of a project, with those who ask now, and values.yaml if that
// changed; nil when nothing would change.
func (s *state) writeProject(p *project, changed bool) (*gitopsEdit, error) {
	p.run.Asked = s.untold(p)
	remembers, err := p.remembersMore()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	if changed {
		files[manifest.ValuesFile(p.key)] = fileOf(p.output.wanted)
	}
	if remembers {
		run, err := encodeRun(p.key, p.run)
		if err != nil {
			return nil, err
		}
		files[manifest.RunFile(p.key)] = fileOf(run)
	}
	if len(files) == 0 {
		p.output.tampered = false
		return nil, nil
	}
	subject, trailers := s.subject(p, changed)
	wanted, run := p.output.wanted, p.run
	landed := func() {
		p.output.actual, p.output.run, p.output.runText, p.output.tampered = wanted, &run, "", false
		p.output.version = shownVersion(wanted)
	}
	edit := &gitopsEdit{Edit: s.edit(subject, files, trailers...), landed: landed}
	if changed {
		edit.deployed = p
	}
	return edit, nil
}

// subject says what a commit does to a project.
func (s *state) subject(p *project, changed bool) (string, []manifest.Trailer) {
	version := shownVersion(p.output.wanted)
	trailers := []manifest.Trailer{
		{Key: manifest.TrailerWorkspace, Value: p.key.Workspace}, {Key: manifest.TrailerProject, Value: p.key.Project}, s.mark(),
	}
	if changed && p.output.release != nil {
		trailers = manifest.NewTrailers(p.key, p.output.release)
		for i := range trailers {
			if trailers[i].Key == manifest.TrailerConfigCommit {
				trailers[i] = s.mark()
			}
		}
	}
	switch order := version.Compare(p.output.version); {
	case p.output.tampered && order == 0:
		return fmt.Sprintf("Write back %s, which somebody else changed", p.key), trailers
	case !changed:
		return fmt.Sprintf("Record %s: %s", p.key, p.remembers()), trailers
	case p.output.wanted == "":
		return fmt.Sprintf("Remove %s", p.key), trailers
	case order < 0:
		return fmt.Sprintf("Roll back %s to %s", p.key, version), trailers
	case order == 0:
		return fmt.Sprintf("Write %s %s again", p.key, version), trailers
	}
	return fmt.Sprintf("Release %s %s", p.key, version), trailers
}

// remembers says in a few words what run.yaml is about.
func (p *project) remembers() string {
	switch run := p.run; {
	case run.Deleted != nil:
		return "deleted"
	case run.Frozen != nil:
		return "frozen"
	case len(run.Holds) > 0 && run.Holds[0].Reason == manifest.HeldFailed:
		return "build failed"
	case len(run.Holds) > 0:
		return "held after a rollback"
	case run.Retry != "":
		return "retrying"
	case len(run.Asked) > 0:
		return "asked for something"
	}
	return "nothing is held"
}

// encodeRun is the content of run.yaml; empty while there is nothing to remember.
func encodeRun(k manifest.Key, run manifest.RunSpec) (string, error) {
	if forgettable(run) {
		return "", nil
	}
	text, err := manifest.Encode(manifest.Run{Header: manifest.NewHeader(manifest.KindRun, k.Project), Spec: run})
	if err != nil {
		return "", fmt.Errorf("writing run.yaml of %s: %w", k, err)
	}
	return string(text), nil
}

// forgettable says that a project has come to nothing yet that is worth a file.
func forgettable(run manifest.RunSpec) bool {
	return run.Highest == "" && len(run.Holds) == 0 && run.Frozen == nil && run.Kept == nil &&
		run.Retry == "" && run.Deleted == nil && run.Last == nil && len(run.Asked) == 0
}

// strayEdits removes what others put where only Plateform writes.
func (s *state) strayEdits() ([]gitopsEdit, error) {
	if len(s.gitops.strays) == 0 {
		return nil, nil
	}
	files := map[string][]byte{}
	for file := range s.gitops.strays {
		files[file] = nil
	}
	subject := fmt.Sprintf("Write back: remove %s that somebody else added", manifest.Count(len(files), "file"))
	return []gitopsEdit{{Edit: s.edit(subject, files), landed: func() { clear(s.gitops.strays) }}}, nil
}
