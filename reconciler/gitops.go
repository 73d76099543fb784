package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
)

// gitops is what the GitOps repository holds beyond the files of projects.
type gitops struct {
	head string
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

// readGitOps reads all of the GitOps repository and returns what it remembers of each project.
func (s *state) readGitOps(head string) (map[manifest.Key]manifest.RunSpec, error) {
	s.gitops = newGitOps()
	s.gitops.head = head
	for _, p := range s.projects {
		p.output.actual, p.output.run = "", ""
	}
	changes, err := s.GitOps.Diff("", head)
	if err != nil {
		return nil, fmt.Errorf("listing GitOps commit %.10s: %w", head, err)
	}
	contents, err := s.readAll(head, changes)
	if err != nil {
		return nil, err
	}
	runs := map[manifest.Key]manifest.RunSpec{}
	for i, change := range changes {
		k, run, ok := s.takeGitOps(change.Path, contents[i], false)
		if ok {
			runs[k] = run
		}
	}
	return runs, nil
}

// readAll reads files, several at a time; a file that is gone has no content.
func (s *state) readAll(commit string, changes []manifest.Change) ([][]byte, error) {
	contents := make([][]byte, len(changes))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, change := range changes {
		if !managed(change.Path) || change.After == "" {
			continue
		}
		group.Go(func() error {
			if change.Special { // a link holds nothing, but is there
				contents[i] = []byte{}
				return nil
			}
			data, err := s.GitOps.Read(commit, change.Path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("reading %s at GitOps commit %.10s: %w", change.Path, commit, err)
			}
			contents[i] = data
			return nil
		})
	}
	return contents, group.Wait()
}

// managed says that only Plateform writes at this path.
func managed(file string) bool {
	return strings.HasPrefix(file, manifest.WorkspacesDir+"/") || strings.HasPrefix(file, "charts/")
}

// takeGitOps takes in one file as it is in GitOps; nil content for one that is gone. foreign says that somebody else
// put it so. For a run.yaml that can be read it returns what that remembers.
func (s *state) takeGitOps(file string, content []byte, foreign bool) (k manifest.Key, run manifest.RunSpec, ok bool) {
	if !managed(file) {
		return k, run, false
	}
	parts := strings.Split(file, "/")
	switch {
	case parts[0] == "charts":
		s.gitops.charts[file] = string(content)
		clear(s.gitops.whole)
		s.gitops.tamperedCharts = s.gitops.tamperedCharts || foreign
	case len(parts) == 3 && parts[2] == path.Base(manifest.NamespaceFile("")):
		s.gitops.namespaces[parts[1]] = string(content)
		if !foreign {
			s.gitops.kept[parts[1]] = string(content)
		}
		s.gitops.workspaces[parts[1]] = true
		s.gitops.tampered[parts[1]] = foreign
	case len(parts) == 4 && parts[3] == "values.yaml":
		p := s.project(manifest.Key{Workspace: parts[1], Project: parts[2]})
		s.takeValues(p, string(content), foreign)
	case len(parts) == 4 && parts[3] == "run.yaml":
		p := s.project(manifest.Key{Workspace: parts[1], Project: parts[2]})
		p.output.run = string(content)
		s.dirty[p.key] = true
		p.output.tampered = p.output.tampered || foreign
		if foreign { // what is remembered is not theirs to say
			return k, run, false
		}
		parsed, problems := manifest.ParseRun(file, content)
		if len(problems) > 0 {
			s.Log.Warn("run.yaml cannot be read; it is made again", "error", problems.Error())
			return p.key, run, false
		}
		return p.key, parsed.Spec, true
	case content == nil:
		delete(s.gitops.strays, file)
	default:
		s.gitops.strays[file] = true
	}
	return k, run, false
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
			if trailer.Key == manifest.TrailerConfigCommit && commit.Author.Email == author(commit.Author.When).Email {
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
	if commits, related, err := span(s.GitOps, s.gitops.head, head); err == nil && related {
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
	contents, err := s.readAll(head, changes)
	if err != nil {
		return err
	}
	for i, change := range changes {
		s.takeGitOps(change.Path, contents[i], true)
	}
	s.gitops.head = head
	s.Log.Warn("somebody else pushed to GitOps", "files", len(changes), "head", short(head))
	return nil
}
