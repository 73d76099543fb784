package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// open reads both repositories and brings what is remembered up to the config repository's head.
func (r *Reconciler) open(ctx context.Context) (*state, error) {
	s := &state{
		Reconciler: r,
		catalog:    config.NewCatalog(r.Config, r.Charts),
		projects:   map[manifest.Key]*project{},
		dirty:      map[manifest.Key]bool{},
		late:       map[manifest.Key]error{},
		building:   map[manifest.Key]bool{},
		asking:     map[manifest.Key]bool{},
		watched:    map[watch]map[manifest.Key][]string{},
		sent:       1,
	}
	mark, runs, err := s.fetchBoth(ctx)
	if err != nil {
		return nil, err
	}
	head := s.head
	if err := s.recall(head, mark, runs); err != nil {
		return nil, s.complain(ctx, err)
	}
	for k := range s.catalog.Projects {
		s.dirty[k] = true
		s.project(k)
	}
	for k := range s.projects {
		s.dirty[k] = true
	}
	if err := s.adopt(ctx, head); err != nil {
		return nil, err
	}
	s.repeat()
	s.reportConfig(head)
	r.Log.Info("read both repositories", "projects", len(s.projects), "config", manifest.Short(head), "gitops", manifest.Short(s.gitops.head))
	return s, nil
}

// fetchBoth fetches both repositories and reads GitOps as the newest commit of an earlier process left it, for that is
// what it remembered, and takes what others did since as theirs. It returns the config commit that GitOps stands for, and
// what is remembered of each project.
//
// GitOps is fetched first, so that the config head is never older than what it stands for, and read while the other one,
// which is larger, is fetched.
func (s *state) fetchBoth(ctx context.Context) (mark string, runs map[manifest.Key]manifest.RunSpec, err error) {
	gitops, err := s.GitOps.Fetch(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("reading the GitOps repository: %w", err)
	}
	own, mark, err := s.watermark(gitops)
	if err != nil {
		return "", nil, err
	}
	if own == "" {
		own = gitops
	}
	var files []gitopsFile
	var reading errgroup.Group
	reading.Go(func() (err error) {
		files, err = s.readGitOps(own)
		return err
	})
	s.head, err = s.fetchConfig(ctx, &reading)
	if err != nil {
		return "", nil, err
	}
	if runs = s.recollect(own, files); own != gitops {
		err = s.takeForeign(gitops)
	}
	return mark, runs, err
}

// fetchConfig fetches the config repository and waits for what goes on meanwhile.
func (s *state) fetchConfig(ctx context.Context, meanwhile *errgroup.Group) (head string, err error) {
	defer func() { err = errors.Join(err, meanwhile.Wait()) }()
	head, err = s.Config.Fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the config repository: %w", err)
	}
	if head == "" {
		return "", errors.New("the config repository is empty (push the one that `plateform init` made)")
	}
	return head, nil
}

// complain tells people when not even a start can be made of what they wrote.
func (s *state) complain(ctx context.Context, err error) error {
	if !errors.Is(err, config.ErrUnusable) {
		return err
	}
	s.trouble = err
	s.reportConfig(s.head)
	return errors.Join(err, s.report(ctx))
}

// recall brings the catalog and what is remembered to head, from the commit mark that GitOps stands for.
func (s *state) recall(head, mark string, runs map[manifest.Key]manifest.RunSpec) error {
	for _, k := range slices.SortedFunc(maps.Keys(runs), manifest.Key.Compare) {
		s.project(k).run = runs[k]
		s.askAgain(s.project(k))
	}
	if mark == "" {
		return s.replay(head, nil)
	}
	commits, related, err := config.Span(s.Config, mark, head)
	if err != nil {
		return err
	}
	if !related {
		return s.freeze(head)
	}
	if _, err := s.catalog.Advance(mark); err != nil {
		return err
	}
	if lost := s.lostRuns(runs); len(lost) > 0 {
		s.Log.Warn("run.yaml files are missing in GitOps; reading them out of the config history", "projects", len(lost))
		s.catalog = config.NewCatalog(s.Config, s.Charts)
		if err := s.replay(mark, lost); err != nil {
			return err
		}
	}
	for _, k := range s.catalog.Keys() {
		if err := s.recallKept(s.project(k)); err != nil {
			return err
		}
	}
	return s.follow(commits, false)
}

// lostRuns are the projects with releases that GitOps remembers nothing of.
func (s *state) lostRuns(runs map[manifest.Key]manifest.RunSpec) map[manifest.Key]bool {
	lost := map[manifest.Key]bool{}
	for _, k := range s.catalog.Keys() {
		if _, there := runs[k]; !there && s.catalog.View(k).Newest != nil {
			lost[k] = true
		}
	}
	return lost
}

// replay reads the whole config history up to a commit; with a selection, only those projects take it in.
func (s *state) replay(to string, only map[manifest.Key]bool) error {
	commits, _, err := config.Span(s.Config, "", to)
	if err != nil {
		return err
	}
	head, err := s.Config.Commit(to)
	if err != nil {
		return fmt.Errorf("reading config commit %.10s: %w", to, err)
	}
	told := head.Author.When.Add(-recent)
	for i, commit := range commits {
		if err := s.followOne(commit, fold{only: only, old: i < len(commits)-1 || only != nil, told: told}); err != nil {
			return err
		}
	}
	if s.catalog.Commit == "" {
		return s.trouble
	}
	return nil
}

// freeze takes the config repository as it is after its history was rewritten. A project whose release vanished keeps
// what runs until somebody asks for a retry.
func (s *state) freeze(head string) error {
	s.Log.Error("the config history was rewritten: projects whose newest release vanished are frozen until a retry", "head", manifest.Short(head))
	rewritten := config.NewCatalog(s.Config, s.Charts)
	if _, err := rewritten.Advance(head); err != nil {
		if errors.Is(err, config.ErrUnusable) && s.catalog.Commit != "" {
			s.trouble = err
			s.reportConfig(head)
			return nil
		}
		return err
	}
	before := s.catalog
	s.catalog, s.trouble, s.gitops.stale = rewritten, nil, true
	s.reportConfig(head)
	for _, k := range s.catalog.Keys() {
		s.project(k)
	}
	for _, k := range slices.SortedFunc(maps.Keys(s.projects), manifest.Key.Compare) {
		p := s.projects[k]
		ran := p.output.version
		v := s.catalog.View(k)
		s.dirty[k] = true
		if v != nil && v.Present {
			p.run.Deleted = nil
		}
		if ran.IsZero() && (v == nil || !v.Present) {
			p.run = decision.Bury(p.run, decision.Change{Transition: config.Transition{Before: before.View(k)}, Commit: head})
		}
		if ran.IsZero() || p.run.Frozen != nil {
			continue
		}
		if v != nil && v.Present && v.NewestVersion().Compare(ran) >= 0 {
			p.run = decision.BringBack(p.run, decision.Change{Transition: config.Transition{After: v}})
			p.run.Kept, p.kept = nil, nil
			p.run = decision.EndHolds(p.run, v, decision.KnownKeys(v, v.Newest, p.tips))
			continue
		}
		p.run.Kept, p.kept = nil, nil // the commit that it was kept from is gone
		if p.output.wanted == "" {    // about to be removed
			p.output.wanted = p.output.actual
		}
		p.run.Frozen = &manifest.Frozen{Release: ran.String(), Commit: head}
		s.hear(p, ask{Cause: manifest.Cause{Kind: manifest.CauseConfig, Commit: head, Config: head}})
	}
	return nil
}

// recallKept reads the release that run.yaml says was kept.
func (s *state) recallKept(p *project) error {
	kept := p.run.Kept
	if kept == nil {
		p.kept = nil
		return nil
	}
	if p.kept != nil && p.kept.Metadata.Name == kept.Release {
		return nil
	}
	version, err := manifest.ParseVersion(kept.Release)
	if err != nil {
		return fmt.Errorf("reading what %s keeps: %w", p.key, err)
	}
	if _, err := s.Config.Commit(kept.Commit); err != nil { // gone with a history that was rewritten
		s.Log.Warn("the commit of the release that is kept is gone", "project", p.key.String(), "release", kept.Release)
		p.run.Kept, p.kept = nil, nil
		return nil
	}
	release, problems, err := s.catalog.ReadRelease(kept.Commit, p.key, config.ReleaseFile{Version: version}, nil)
	if errors.Is(err, fs.ErrNotExist) || len(problems) > 0 {
		s.Log.Warn("the release that is kept cannot be read any more", "project", p.key.String(), "release", kept.Release, "error", problems.Error())
		p.kept = nil
		return nil
	}
	p.kept = release
	return err
}

// adopt takes over what an earlier process had begun to tell.
func (s *state) adopt(ctx context.Context, head string) error {
	open, err := s.Forge.Open(ctx, head)
	if err != nil {
		return fmt.Errorf("reading open reports: %w", err)
	}
	for _, report := range open {
		k, ok := reconciler.KeyOfContext(report.Context)
		if !ok {
			continue
		}
		p := s.project(k) // it may have gone with a history that was rewritten
		s.dirty[k] = true
		cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: report.Commit, Config: report.Commit}
		if report.Source != "" {
			cause.Kind, cause.Commit = manifest.CauseSource, report.Source
			p.known = append(p.known, report.Source)
		}
		a := s.hear(p, ask{Cause: cause, Source: report.Source})
		a.Old, a.said = false, s.sent
	}
	return nil
}
