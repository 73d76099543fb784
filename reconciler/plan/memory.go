package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/gitops"
)

// far is how many commits back anything is looked for.
const far = 1000

// withoutGitOps is what a plan of the config repository alone cannot know.
const withoutGitOps = "without plateform-gitops this plan does not know what is held or rolled back; plateform plan --gitops-repo names it"

// GitOps is the GitOps repository, where Plateform keeps what it remembers of projects.
type GitOps struct {
	reconciler.Reader
	// Head is its newest commit; empty when it has none yet.
	Head string
}

func firstParent(c manifest.Commit) string {
	if len(c.Parents) == 0 {
		return ""
	}
	return c.Parents[0]
}

// run reads what is remembered of a project at a commit; nothing when there is no run.yaml.
func (g GitOps) run(commit string, k manifest.Key) (run manifest.RunSpec, found bool, err error) {
	file := manifest.RunFile(k)
	data, err := g.Read(commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest.RunSpec{}, false, nil
	}
	if err != nil {
		return manifest.RunSpec{}, false, fmt.Errorf("reading %s at GitOps commit %.10s: %w", file, commit, err)
	}
	parsed, problems := manifest.ParseRun(file, data)
	if len(problems) > 0 {
		return manifest.RunSpec{}, false, nil // made again by Plateform, as if it were not there
	}
	return parsed.Spec, true, nil
}

// memory is what is remembered of projects at the base of a plan.
type memory struct {
	projects map[manifest.Key]decision.Before
	// unknown says what is not remembered.
	unknown []string
}

func (m *memory) doubt(format string, args ...any) {
	m.unknown = append(m.unknown, fmt.Sprintf(format, args...))
}

// recall reads what is remembered of projects, and brings it from the config commit that GitOps stands for to the base.
// head is the catalog that a release which is kept is read with.
func (o Options) recall(s scope, base string, head *config.Catalog, keys []manifest.Key) (*memory, error) {
	m := &memory{projects: map[manifest.Key]decision.Before{}}
	if o.GitOps == nil {
		m.unknown = []string{withoutGitOps}
		return m, o.recallHighest(m, base)
	}
	trusted, _ := config.KeysAt(o.Config, base)
	mark, _, err := gitops.FindMark(o.GitOps, o.GitOps.Head, "", trusted)
	if err != nil {
		return nil, err
	}
	if mark.Commit == "" {
		err := o.recallHighest(m, base)
		if len(m.projects) > 0 { // else nothing was released yet, and there is nothing to remember
			m.doubt("plateform-gitops has no commit of Plateform among its newest: this plan does not know what is held or rolled back")
		}
		return m, err
	}
	for _, k := range keys {
		run, _, err := o.GitOps.run(mark.Commit, k)
		if err != nil {
			return nil, err
		}
		before := decision.Before{Run: run}
		if err := keep(head, &before, k); err != nil {
			return nil, err
		}
		m.projects[k] = before
	}
	commits, err := o.since(m, mark.Config, base)
	if err != nil || len(commits) == 0 {
		return m, err
	}
	return m, m.fold(o, s, mark.Config, commits)
}

// recallHighest takes the highest version that projects ever had from the release commits up to the base.
func (o Options) recallHighest(m *memory, base string) error {
	hash := base
	for range far {
		if hash == "" {
			return nil
		}
		commit, err := o.Config.Commit(hash)
		if err != nil {
			return fmt.Errorf("walking config commit %.10s back: %w", hash, err)
		}
		if k, version, ok := releaseOf(commit); ok {
			if before := m.projects[k]; higher(before.Run.Highest, version) {
				before.Run.Highest = version.String()
				m.projects[k] = before
			}
		}
		if hash = firstParent(commit); len(commit.Cut) > 0 {
			m.doubt("the history here ends at config commit %.10s (git fetch --unshallow): releases from before it are not known", commit.Hash)
		}
	}
	return nil
}

// releaseOf is the release that a commit of Plateform brings.
func releaseOf(c manifest.Commit) (k manifest.Key, version manifest.Version, ok bool) {
	if !reconciler.ByPlateform(c) {
		return k, version, false
	}
	for _, trailer := range manifest.Trailers(c.Message) {
		switch trailer.Key {
		case manifest.TrailerWorkspace:
			k.Workspace = trailer.Value
		case manifest.TrailerProject:
			k.Project = trailer.Value
		case manifest.TrailerRelease:
			v, err := manifest.ParseVersion(trailer.Value)
			version, ok = v, err == nil
		}
	}
	return k, version, ok
}

func higher(highest string, version manifest.Version) bool {
	before, err := manifest.ParseVersion(highest)
	return err != nil || version.Compare(before) > 0
}

// since are the config commits after the one that GitOps stands for, up to the base: what Plateform would take in one by
// one if the base were pushed now.
func (o Options) since(m *memory, mark, base string) ([]string, error) {
	commits, found, err := o.back(base, mark)
	if err != nil || found {
		return commits, err
	}
	if _, err := o.Config.Commit(mark); err != nil {
		m.doubt("plateform-gitops stands for config commit %.10s, which is not here (git fetch): what came between is not known", mark)
		return nil, nil
	}
	if len(commits) == far {
		m.doubt("plateform-gitops stands for config commit %.10s, more than %d commits before the base: what came between is taken as one", mark, far)
		return []string{base}, nil
	}
	commits, related, err := config.Span(o.Config, mark, base)
	if err != nil || related {
		return commits, err
	}
	m.doubt("plateform-gitops stands for config commit %.10s, which the base does not have: bring the branch up to date to know what it adds", mark)
	return nil, nil
}

// back are the commits from one back to another along the first parents, oldest first, without the other. When it is not
// found they are as many as it pays to look at.
func (o Options) back(from, to string) (commits []string, found bool, err error) {
	for hash := from; hash != "" && len(commits) < far; {
		if hash == to {
			slices.Reverse(commits)
			return commits, true, nil
		}
		commits = append(commits, hash)
		commit, err := o.Config.Commit(hash)
		if err != nil {
			return nil, false, fmt.Errorf("walking config commit %.10s back: %w", hash, err)
		}
		hash = firstParent(commit)
	}
	return commits, false, nil
}

// fold takes config commits after a mark into what is remembered, as the loop does.
func (m *memory) fold(o Options, s scope, mark string, commits []string) error {
	c, err := s.load(o.Config, o.Charts, mark)
	if err != nil {
		return err
	}
	for _, hash := range commits {
		if err := m.foldOne(o, s, c, hash); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) foldOne(o Options, s scope, c *config.Catalog, hash string) error {
	commit, err := o.Config.Commit(hash)
	if err != nil {
		return fmt.Errorf("reading config commit %.10s: %w", hash, err)
	}
	parent := c.Commit
	moved, err := s.step(c, hash)
	if errors.Is(err, config.ErrUnusable) {
		return nil // nothing is taken from it
	}
	if err != nil {
		return err
	}
	retries := config.Retries(commit)
	for _, k := range retries {
		v := c.View(k)
		if v != nil && !slices.ContainsFunc(moved.Projects, func(t config.Transition) bool { return t.Key == k }) {
			moved.Projects = append(moved.Projects, config.Transition{Key: k, Before: v, After: v})
		}
	}
	for _, t := range moved.Projects {
		before, wanted := m.projects[t.Key]
		if !wanted {
			continue
		}
		next, err := remember(c, before, decision.Change{
			Transition: t, Commit: hash, Parent: parent, Retry: slices.Contains(retries, t.Key),
		})
		if err != nil {
			return err
		}
		m.projects[t.Key] = next
	}
	return nil
}

// remember folds one change of the config repository into what is remembered of a project. Sources stay where they are.
func remember(c *config.Catalog, before decision.Before, change decision.Change) (decision.Before, error) {
	if change.Before != nil {
		change.Running = decision.RunningRelease(before, change.Before)
	}
	var err error
	change.Withdrawn, err = c.ReadReleases(change.Parent, change.Key, decision.Withdrawn(change.Transition, change.Running))
	if err != nil {
		return before, err
	}
	change.Tips = tipsOf(before, change.Transition)
	change.Keys = decision.KnownKeys(change.After, change.Running, change.Tips)
	next := decision.Before{Run: decision.Remember(before.Run, change), Kept: before.Kept}
	return next, keep(c, &next, change.Key)
}

// keep reads the release that is kept although its file is gone or edited.
func keep(c *config.Catalog, before *decision.Before, k manifest.Key) error {
	kept := before.Run.Kept
	if kept == nil {
		before.Kept = nil
		return nil
	}
	if before.Kept != nil && before.Kept.Metadata.Name == kept.Release {
		return nil
	}
	version, err := manifest.ParseVersion(kept.Release)
	if err != nil {
		return fmt.Errorf("reading what %s keeps: %w", k, err)
	}
	before.Kept = nil
	if _, err := c.Reader.Commit(kept.Commit); err != nil {
		before.Run.Kept = nil // gone with a history that was rewritten
		return nil
	}
	release, problems, err := c.ReadRelease(kept.Commit, k, config.ReleaseFile{Version: version}, nil)
	if errors.Is(err, fs.ErrNotExist) || len(problems) > 0 {
		return nil
	}
	before.Kept = release
	return err
}
