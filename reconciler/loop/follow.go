package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// observeConfig fetches the config repository and takes in what is new there, commit by commit.
func (s *state) observeConfig(ctx context.Context, hint Hint) error {
	if hint.Everything {
		s.wantEverything()
	}
	if !hint.Config {
		return nil
	}
	head, err := s.Config.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("reading the config repository: %w", err)
	}
	if head == s.head {
		return nil
	}
	if head == "" {
		s.trouble = fmt.Errorf("the config repository has become empty: %w", config.ErrUnusable)
		s.Log.Error("the config repository cannot be used", "error", s.trouble)
		return nil
	}
	commits, related, err := config.Span(s.Config, s.catalog.Commit, head)
	if err != nil {
		return err
	}
	s.head = head
	if !related {
		return s.broken(s.freeze(head))
	}
	s.noticeRival("config", s.Config, commits)
	return s.follow(commits, false)
}

// wantEverything makes every project want a decision.
func (s *state) wantEverything() {
	for k := range s.projects {
		s.dirty[k] = true
	}
}

// broken makes the next pass start anew when taking in a commit failed halfway: both repositories still have it all.
func (s *state) broken(err error) error {
	if err != nil {
		s.Reconciler.state = nil
	}
	return err
}

// follow takes in commits one by one. own says that this process made them.
func (s *state) follow(commits []string, own bool) error {
	for _, commit := range commits {
		if err := s.followOne(commit, fold{own: own}); err != nil {
			return s.broken(err)
		}
	}
	s.lookAgain()
	if !own && len(commits) > 0 {
		s.reportConfig(commits[len(commits)-1])
	}
	return nil
}

// fold says how to take a commit in.
type fold struct {
	// only these projects take it in; all when nil.
	only map[manifest.Key]bool
	// old says that the commit is replayed from history. Those who ask with one from before told have long been answered;
	// an earlier process may not have come to answer the others.
	old  bool
	told time.Time
	// own says that this process made the commit.
	own bool
}

func (s *state) followOne(hash string, f fold) error {
	commit, err := s.Config.Commit(hash)
	if err != nil {
		return fmt.Errorf("reading config commit %.10s: %w", hash, err)
	}
	parent := s.catalog.Commit
	moved, err := s.catalog.Advance(hash)
	if errors.Is(err, config.ErrUnusable) {
		s.trouble = err
		s.Log.Error("the config repository cannot be used", "commit", manifest.Short(hash), "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if s.trouble != nil {
		s.trouble = nil
		s.wantEverything()
	}
	for _, workspace := range moved.Workspaces {
		s.gitops.workspaces[workspace] = true
	}
	retries := config.Retries(commit)
	for _, k := range retries {
		if !slices.ContainsFunc(moved.Projects, func(t config.Transition) bool { return t.Key == k }) && s.catalog.View(k) != nil {
			moved.Projects = append(moved.Projects, config.Transition{Key: k, Before: s.catalog.View(k), After: s.catalog.View(k)})
		}
	}
	for _, t := range moved.Projects {
		if f.only != nil && !f.only[t.Key] {
			continue
		}
		if err := s.take(t, commit, parent, slices.Contains(retries, t.Key), f); err != nil {
			return err
		}
	}
	return nil
}

// take folds one commit into one project.
func (s *state) take(t config.Transition, commit manifest.Commit, parent string, retry bool, f fold) error {
	p := s.project(t.Key)
	s.dirty[t.Key] = true
	var ran *manifest.Release
	if t.Before != nil {
		ran = p.running(t.Before)
	}
	if t.Edited && !f.old { // where a source was under other settings says nothing
		s.watch(p, t.After)
	}
	p.again = p.again || retry && len(p.tips) > 0
	highest := p.run.Highest
	p.run = decision.Remember(p.run, decision.Change{
		Transition: t, Commit: commit.Hash, Parent: parent, Running: ran, Retry: retry,
		Keys: decision.KnownKeys(t.After, ran, p.tips),
	})
	if err := s.recallKept(p); err != nil {
		return err
	}
	if f.own {
		return nil
	}
	if a, asked := askOf(t, commit, retry, highest); asked {
		if a.Old = f.old && commit.Author.When.Before(f.told); a.Old {
			p.asks = nil
		}
		s.hear(p, a)
	}
	return nil
}

// askOf says what a commit asks of a project, if anything.
func askOf(t config.Transition, commit manifest.Commit, retry bool, highest string) (ask, bool) {
	a := ask{Cause: manifest.Cause{Commit: commit.Hash, Config: commit.Hash, By: commit.Author.Name}}
	switch {
	case retry:
		a.Kind = manifest.CauseRetry
	case t.Before != nil && t.After.Present && runsOther(t):
		a.Kind = manifest.CauseRollback
		before, err := manifest.ParseVersion(highest)
		a.Silent = err != nil || t.After.NewestVersion().Compare(before) > 0 // a release that an earlier process made
	case t.Edited:
		a.Kind = manifest.CauseConfig
		a.ForSource = t.Before != nil && t.Before.Present && sourcesChanged(t.Before.Spec, t.After.Spec)
	case t.Before != nil && t.After.Present && inputsChanged(t):
		a.Kind = manifest.CausePlatform
	default:
		return a, false
	}
	return a, true
}

// runsOther says that the step took the newest release away, or brought another.
func runsOther(t config.Transition) bool { return t.Before.NewestVersion() != t.After.NewestVersion() }

// inputsChanged says that something outside project.yaml matters to the project: what it uses of the platform and its
// workspace, or something that kept it from being released and does not any more.
func inputsChanged(t config.Transition) bool {
	mended := len(t.Before.Problems) > 0 && len(t.After.Problems) == 0
	return mended || manifest.PlatformKey(t.Before.Inputs) != manifest.PlatformKey(t.After.Inputs)
}

// sourcesChanged says that where images come from, or how they are built, was edited.
func sourcesChanged(before, after manifest.ProjectSpec) bool {
	settings := func(spec manifest.ProjectSpec) (keys []string) {
		for _, input := range manifest.SourceInputs(spec) {
			keys = append(keys, input.Part, input.Reference, input.Source.Branch, input.Source.Revision, input.Key(""))
		}
		return keys
	}
	return !slices.Equal(settings(before), settings(after))
}

// reportConfig says which files at the head cannot be used, or that they can be again: on the newest commit of people,
// for Plateform's own change none of them.
func (s *state) reportConfig(head string) {
	report := reconciler.Report{Commit: s.newestOfPeople(head), Context: reconciler.ConfigContext, State: reconciler.StateSuccess, Stage: reconciler.StageUpdatingGitOps,
		Description: "every file can be used again", At: s.Clock().UTC()}
	problems := s.catalog.FileProblems()
	switch {
	case s.trouble != nil:
		report.State, report.Stage, report.Description = reconciler.StateFailure, reconciler.StageFailed, s.trouble.Error()
	case len(problems) > 0:
		report.State, report.Stage, report.Description = reconciler.StateFailure, reconciler.StageFailed, problems.Error()
	case !s.complained:
		return
	}
	s.complained = report.State == reconciler.StateFailure
	s.outbox = append(s.outbox, report)
}

// newestOfPeople is the newest commit up to the head that Plateform did not make itself, along the first parents.
func (s *state) newestOfPeople(head string) string {
	for hash := head; ; {
		commit, err := s.Config.Commit(hash)
		switch {
		case err != nil:
			return head
		case commit.Author.Email != reconciler.Author(commit.Author.When).Email || len(commit.Parents) == 0:
			return hash
		}
		hash = commit.Parents[0]
	}
}
