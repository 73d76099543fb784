package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// gitops is what the GitOps repository holds beyond the files of projects.
type gitops struct {
	head string
	// stale says that GitOps stands for a config commit that is gone with a history that was rewritten.
	stale bool
	// namespaces is the content of each workspace's namespace.yaml; kept is what Plateform last wrote there.
	namespaces map[string]string
	kept       map[string]string
	// charts is the content of all files of charts, by path.
	charts map[string]string
	// whole are the charts whose files were compared and are as they should be.
	whole map[manifest.Chart]bool
	// strays are files that Plateform did not write, where only Plateform writes.
	strays map[string]bool
	// workspaces whose namespace.yaml wants to be compared.
	workspaces map[string]bool
	// tampered workspaces: somebody else changed namespace.yaml. tamperedCharts: somebody else changed files of charts.
	tampered       map[string]bool
	tamperedCharts bool
}

func newGitOps() gitops {
	return gitops{
		namespaces: map[string]string{}, kept: map[string]string{}, charts: map[string]string{}, whole: map[manifest.Chart]bool{}, strays: map[string]bool{},
		workspaces: map[string]bool{}, tampered: map[string]bool{},
	}
}

// readGitOps reads all that Plateform wrote at a commit of the GitOps repository.
func (s *state) readGitOps(commit string) ([]gitopsFile, error) {
	changes, err := s.GitOps.Diff("", commit)
	if err != nil {
		return nil, fmt.Errorf("listing GitOps commit %.10s: %w", commit, err)
	}
	return s.readAll(commit, changes, false)
}

// recollect takes in all files of a commit of the GitOps repository and returns what is remembered of each project.
func (s *state) recollect(commit string, files []gitopsFile) map[manifest.Key]manifest.RunSpec {
	s.gitops = newGitOps()
	s.gitops.head = commit
	runs := map[manifest.Key]manifest.RunSpec{}
	for _, file := range files {
		s.takeGitOps(file)
		if file.run != nil {
			runs[file.key()] = *file.run
		}
	}
	return runs
}

// gitopsFile is one file of the GitOps repository that only Plateform writes.
type gitopsFile struct {
	path string
	hash string
	// there says that it is not gone.
	there bool
	// content, unless it is in run.
	content string
	// foreign says that somebody else put it so.
	foreign bool
	// run is what it says, when it is a run.yaml that Plateform wrote; problems say why it cannot be read.
	run      *manifest.RunSpec
	problems manifest.Problems
}

// key is the project whose file it is.
func (f gitopsFile) key() manifest.Key {
	parts := strings.Split(f.path, "/")
	return manifest.Key{Workspace: parts[1], Project: parts[2]}
}

// readAll reads files, several at a time.
func (s *state) readAll(commit string, changes []manifest.Change, foreign bool) ([]gitopsFile, error) {
	changes = slices.DeleteFunc(changes, func(change manifest.Change) bool { return !managed(change.Path) })
	files := make([]gitopsFile, len(changes))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, change := range changes {
		files[i] = gitopsFile{path: change.Path, hash: change.After, foreign: foreign}
		switch {
		case change.After == "":
		case change.Special: // a link holds nothing, but is there
			files[i].there = true
		default:
			group.Go(func() error { return files[i].read(s.GitOps, commit) })
		}
	}
	return files, group.Wait()
}

func (f *gitopsFile) read(reader reconciler.Reader, commit string) error {
	data, err := reconciler.ReadFile(reader, commit, f.path, f.hash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s at GitOps commit %.10s: %w", f.path, commit, err)
	}
	f.there = true
	if path.Base(f.path) == runFile && !f.foreign { // what is remembered is not theirs to say
		run, problems := manifest.ParseRun(f.path, data)
		if f.problems = problems; run != nil {
			f.run = &run.Spec
			return nil
		}
	}
	f.content = string(data)
	return nil
}

// The files of a project in GitOps.
const (
	valuesFile = "values.yaml"
	runFile    = "run.yaml"
)

// managed says that only Plateform writes at this path.
func managed(file string) bool {
	return strings.HasPrefix(file, manifest.WorkspacesDir+"/") || strings.HasPrefix(file, "charts/")
}

// takeGitOps takes in one file as it is in GitOps.
func (s *state) takeGitOps(f gitopsFile) {
	parts := strings.Split(f.path, "/")
	switch {
	case parts[0] == "charts":
		s.gitops.charts[f.path] = f.content
		clear(s.gitops.whole)
		s.gitops.tamperedCharts = s.gitops.tamperedCharts || f.foreign
	case len(parts) == 3 && parts[2] == path.Base(manifest.NamespaceFile("")):
		s.gitops.namespaces[parts[1]] = f.content
		if !f.foreign {
			s.gitops.kept[parts[1]] = f.content
		}
		s.gitops.workspaces[parts[1]] = true
		s.gitops.tampered[parts[1]] = f.foreign
	case len(parts) == 4 && parts[3] == valuesFile:
		s.takeValues(s.project(f.key()), f.content, f.foreign)
	case len(parts) == 4 && parts[3] == runFile:
		p := s.project(f.key())
		p.output.run, p.output.runText = f.run, f.content
		s.dirty[p.key] = true
		p.output.tampered = p.output.tampered || f.foreign
		if len(f.problems) > 0 {
			s.Log.Warn("run.yaml cannot be read; it is made again", "error", f.problems.Error())
		}
	case !f.there:
		delete(s.gitops.strays, f.path)
	default:
		s.gitops.strays[f.path] = true
	}
}

func (s *state) takeValues(p *project, content string, foreign bool) {
	p.output.actual = content
	s.dirty[p.key] = true
	if foreign {
		p.output.tampered = true
		return
	}
	p.output.wanted = content
	p.output.version = shownVersion(content)
}

// shownVersion reads the release out of values. Plateform wrote them: the line is there as it stands here.
func shownVersion(values string) manifest.Version {
	for line := range strings.Lines(values) {
		if text, found := strings.CutPrefix(line, "release: "); found {
			version, err := manifest.ParseVersion(strings.Trim(strings.TrimSpace(text), `"`))
			if err == nil {
				return version
			}
		}
	}
	return manifest.Version{}
}

// watermark finds the newest GitOps commit up to the head that Plateform made, and the config commit that it stands for;
// both are empty when there is none.
func (s *state) watermark(head string) (own, mark string, err error) {
	for hash := head; hash != ""; {
		commit, err := s.GitOps.Commit(hash)
		if err != nil {
			return "", "", fmt.Errorf("walking GitOps commit %.10s back: %w", hash, err)
		}
		for _, trailer := range manifest.Trailers(commit.Message) {
			if trailer.Key == manifest.TrailerConfigCommit && commit.Author.Email == reconciler.Author(commit.Author.When).Email {
				return hash, trailer.Value, nil
			}
		}
		if len(commit.Parents) == 0 {
			return "", "", nil
		}
		hash = commit.Parents[0]
	}
	return "", "", nil
}

// observeGitOps fetches the GitOps repository. Whatever somebody else changed there is compared, and written back.
func (s *state) observeGitOps(ctx context.Context, hint Hint) error {
	if !hint.GitOps {
		return nil
	}
	head, err := s.GitOps.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("reading the GitOps repository: %w", err)
	}
	if head == s.gitops.head {
		return nil
	}
	if commits, related, err := config.Span(s.GitOps, s.gitops.head, head); err == nil && related {
		s.noticeRival("gitops", s.GitOps, commits)
	}
	return s.takeForeign(head)
}

// takeForeign takes in what others did to GitOps up to its head.
func (s *state) takeForeign(head string) error {
	changes, err := s.GitOps.Diff(s.gitops.head, head)
	if err != nil {
		return s.broken(fmt.Errorf("comparing GitOps commits %.10s and %.10s: %w", s.gitops.head, head, err))
	}
	files, err := s.readAll(head, changes, true)
	if err != nil {
		return err
	}
	for _, file := range files {
		s.takeGitOps(file)
	}
	s.gitops.head = head
	if len(files) > 0 {
		s.Log.Warn("somebody else pushed to GitOps", "files", len(files), "head", manifest.Short(head))
	}
	return nil
}
