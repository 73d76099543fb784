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

// follower follows the config repository, commit by commit along the first parents.
type follower struct {
	*world
	runs    *runs
	sources *sources
	tags    *tags
	// skipped are the commits that nothing could be taken from since the catalog's.
	skipped []string
}

// fetch fetches the config repository and takes in what is new there.
func (f *follower) fetch(ctx context.Context) error {
	head, err := f.options.Config.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("reading the config repository: %w", err)
	}
	if head == f.head {
		return nil
	}
	if head == "" {
		f.head, f.skipped = "", nil // whatever comes back is looked at again
		f.trouble = fmt.Errorf("the config repository has become empty: %w", config.ErrUnusable)
		f.options.Log.Error("the config repository cannot be used", "error", f.trouble)
		return nil
	}
	commits, related, err := f.since(head)
	if err != nil {
		return err
	}
	f.head = head
	if !related {
		return reopenAfter(f.rewritten(head))
	}
	if head == f.catalog.Commit && f.trouble != nil { // what could not be used is gone without a commit that mends it
		f.trouble = nil
		f.projects.touchAll()
	}
	f.noticeOthers("config", f.options.Config, commits)
	return f.follow(commits, false)
}

// since are the commits up to another that were not followed yet.
func (f *follower) since(to string) (commits []string, related bool, err error) {
	if n := len(f.skipped); n > 0 {
		if commits, related, err = config.Span(f.options.Config, f.skipped[n-1], to); err != nil || related {
			return commits, related, err
		}
		f.skipped = nil // somebody forced them out of the history
	}
	return config.Span(f.options.Config, f.catalog.Commit, to)
}

// reopenAfter makes the next pass start anew when taking in a commit failed halfway: both repositories still have it all.
func reopenAfter(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", errReopen, err)
	}
	return nil
}

// follow takes in commits one by one. own says that this process made them.
func (f *follower) follow(commits []string, own bool) error {
	for _, commit := range commits {
		if err := f.followOne(commit, fold{own: own}); err != nil {
			return reopenAfter(err)
		}
	}
	f.sources.lookAgain()
	return nil
}

// fold says how to take a commit in.
type fold struct {
	// only these projects take it in; all when nil.
	only map[manifest.Key]bool
	// old says that the commit is replayed from history. Those who asked with one from before answered have long been answered;
	// an earlier process may not have come to answer the others.
	old      bool
	answered time.Time
	// own says that this process made the commit.
	own bool
}

func (f *follower) followOne(hash string, how fold) error {
	commit, err := f.options.Config.Commit(hash)
	if err != nil {
		return fmt.Errorf("reading config commit %.10s: %w", hash, err)
	}
	parent := f.catalog.Commit
	step, err := f.catalog.Advance(hash)
	if err != nil {
		return f.unusable(hash, err)
	}
	skipped := f.usableAgain(&step)
	if !how.own && !(how.old && commit.Author.When.Before(how.answered)) {
		if err := f.reportFiles(commit, step, skipped); err != nil {
			return err
		}
	}
	for _, workspace := range step.Workspaces {
		f.gitops.TouchWorkspace(workspace)
	}
	retries, err := f.addRetries(&step, append(slices.Clone(skipped), hash))
	if err != nil {
		return err
	}
	for _, t := range step.Projects {
		if how.only != nil && !how.only[t.Key] {
			continue
		}
		change := decision.Change{Transition: t, Commit: hash, Parent: parent, Retry: retries[t.Key]}
		authors, err := f.authorsOf(change, commit, step, skipped)
		if err != nil {
			return err
		}
		if err := f.take(change, authors, how); err != nil {
			return err
		}
	}
	return nil
}

// usableAgain ends the trouble there was, and returns the commits that were skipped meanwhile.
func (f *follower) usableAgain(step *config.Step) (skipped []string) {
	skipped = f.skipped
	if f.skipped = nil; f.trouble != nil {
		f.trouble, step.Mended = nil, true
		f.projects.touchAll()
	}
	return skipped
}

// unusable notes that nothing can be taken from a commit, if that is what an error says.
func (f *follower) unusable(commit string, err error) error {
	if !errors.Is(err, config.ErrUnusable) {
		return err
	}
	first := f.trouble == nil
	f.trouble = err
	f.skipped = append(f.skipped, commit)
	f.options.Log.Error("the config repository cannot be used", "commit", manifest.Short(commit), "error", err)
	f.runs.reportTrouble(commit, err, first)
	return nil
}

// reportFiles tells on a commit, and on those that were skipped before it, which files they broke or mended.
func (f *follower) reportFiles(commit manifest.Commit, step config.Step, skipped []string) error {
	broken := map[string]manifest.Problems{}
	for _, p := range step.Broken {
		author, err := f.authorOf(p.File, commit, skipped)
		if err != nil {
			return err
		}
		broken[author.Hash] = append(broken[author.Hash], p)
	}
	for _, hash := range append(slices.Clone(skipped), commit.Hash) {
		f.runs.reportFiles(hash, config.Step{Broken: broken[hash], Mended: step.Mended})
	}
	return nil
}

// authorOf is the newest commit that changed a file: the step's own, or one that was skipped before it; the step's own when
// it is neither.
func (f *follower) authorOf(path string, commit manifest.Commit, skipped []string) (manifest.Commit, error) {
	if len(skipped) == 0 {
		return commit, nil
	}
	for _, hash := range slices.Backward(append(slices.Clone(skipped), commit.Hash)) {
		c, touched, err := f.history().Touches(hash, path)
		if err != nil || touched {
			return c, err
		}
	}
	return commit, nil
}

// addRetries adds the projects to a step that its commits ask to retry, and returns them.
func (f *follower) addRetries(step *config.Step, commits []string) (map[manifest.Key]bool, error) {
	retries := map[manifest.Key]bool{}
	for _, hash := range commits {
		commit, err := f.options.Config.Commit(hash)
		if err != nil {
			return nil, fmt.Errorf("reading config commit %.10s: %w", hash, err)
		}
		for _, k := range config.Retries(commit) {
			retries[k] = true
			v := f.catalog.View(k)
			if v != nil && !slices.ContainsFunc(step.Projects, func(t config.Transition) bool { return t.Key == k }) {
				step.Projects = append(step.Projects, config.Transition{Key: k, Before: v, After: v})
			}
		}
	}
	return retries, nil
}

// author is a commit that asked for what a step did to a project.
type author struct {
	manifest.Commit
	// own are the problems of the project that the commit made, or left in files it touched.
	own manifest.Problems
}

// take folds one step into one project. authors are the commits that asked for what it did.
func (f *follower) take(change decision.Change, authors []author, how fold) error {
	p := f.projects.get(change.Key)
	f.projects.touch(change.Key)
	if change.Before != nil {
		change.Running = p.running(change.Before)
	}
	if change.Edited && !how.old { // where a source was under other settings says nothing
		f.sources.watch(p, change.After)
	}
	p.sources.again = p.sources.again || change.Retry && len(p.sources.tips) > 0
	if change.Retry { // what was gone may be back
		clear(p.asked)
	}
	var err error
	change.Withdrawn, err = f.catalog.ReadReleases(change.Parent, change.Key, decision.Withdrawn(change.Transition, change.Running))
	if err != nil {
		return err
	}
	change.Keys, change.Tips = decision.KnownKeys(change.After, change.Running, p.sources.tips), p.sources.tips
	highest := p.memory.Highest
	p.memory = decision.Remember(p.memory, change)
	p.noteTogether(change)
	if err := f.recallKept(p); err != nil {
		return err
	}
	if newest := change.After.Newest; newest != nil && !how.old && (change.Before == nil || change.Before.NewestVersion() != newest.Version()) {
		f.tags.want(change.Key, newest)
	}
	if how.own {
		return nil
	}
	for i, author := range authors {
		asked := change
		asked.Retry = slices.Contains(config.Retries(author.Commit), change.Key)
		r := runOf(asked, author.Commit, highest)
		if r == nil {
			continue
		}
		r.own = author.own
		if len(authors) > 1 {
			r.forSource = r.forSource && f.asksForSource(change.Key, author.Hash)
		}
		if r.replayed = how.old && author.Author.When.Before(how.answered); r.replayed && i == 0 {
			p.runs = nil
		}
		f.runs.start(p, r)
	}
	return nil
}

// authorsOf are the commits that asked for what a step did to a project, oldest first: its own, and those that were skipped
// before it and touched the project, or asked for a retry.
func (f *follower) authorsOf(change decision.Change, commit manifest.Commit, step config.Step, skipped []string) ([]author, error) {
	own := ownProblems(step, change.Transition)
	if len(skipped) == 0 {
		return []author{{commit, own}}, nil
	}
	var authors []author
	for _, hash := range append(slices.Clone(skipped), commit.Hash) {
		c, touched, err := f.history().Touches(hash, manifest.ProjectDir(change.Key))
		if err != nil {
			return nil, err
		}
		if touched || slices.Contains(config.Retries(c), change.Key) {
			authors = append(authors, author{Commit: c})
		}
	}
	if len(authors) == 0 {
		authors = append(authors, author{Commit: commit})
	}
	for _, p := range own {
		by, err := f.authorOf(p.File, commit, skipped)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(authors, func(a author) bool { return a.Hash == by.Hash }); i >= 0 {
			authors[i].own = append(authors[i].own, p)
		}
	}
	return authors, nil
}

// ownProblems are the problems of a project that a step made, or left in files that it touched.
func ownProblems(step config.Step, t config.Transition) manifest.Problems {
	if t.Before == nil {
		return step.Own(t.After.Problems, nil)
	}
	return step.Own(t.After.Problems, t.Before.Problems)
}

// noteTogether keeps account of what commits changed together with a source since the newest release.
func (p *project) noteTogether(change decision.Change) {
	if change.Before != nil && change.Before.NewestVersion().Compare(change.After.NewestVersion()) < 0 || change.Before == nil {
		p.together = map[string]bool{}
	}
	if p.together == nil {
		return
	}
	for _, part := range decision.Together(change.Transition) {
		p.together[part] = true
	}
}

// runOf is the run that a commit begins for a project; nil when it asks for nothing.
func runOf(change decision.Change, commit manifest.Commit, highest string) *run {
	cause := manifest.Cause{Commit: commit.Hash, Config: commit.Hash, By: commit.Author.Name}
	silent := false
	t := change.Transition
	asks, forSource := decision.Asks(t)
	switch {
	case change.Retry:
		cause.Kind, forSource, asks = manifest.CauseRetry, true, ""
	case t.Before != nil && t.After.Present && t.Before.NewestVersion() != t.After.NewestVersion():
		cause.Kind = manifest.CauseRollback
		before, err := manifest.ParseVersion(highest)
		silent = err != nil || t.After.NewestVersion().Compare(before) > 0 // a release that an earlier process made
	case asks != "":
		cause.Kind = asks
	default:
		return nil
	}
	return &run{Run: newRun(change.Key, cause), silent: silent, forSource: forSource, asks: asks}
}

// noticeOthers says so when commits of Plateform's appear that this process did not make: another one works on the same
// repositories. Both stay right, for each push says where the branch has to be, but each does work the other has done. What people
// asked for on pull requests is done beside the loop, and says nothing.
func (w *world) noticeOthers(repository string, reader reconciler.Reader, commits []string) {
	for _, hash := range commits {
		commit, err := reader.Commit(hash)
		if err != nil || !reconciler.ByPlateform(commit) || reconciler.ForPeople(commit) {
			continue
		}
		w.options.Log.Warn("another serve is at work on the same repositories (stop one of the two)", "repository", repository, "commit", manifest.Short(hash))
		return
	}
}
