package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/gitops"
)

// open reads both repositories and brings what is remembered up to the config repository's head.
func open(ctx context.Context, r *Reconciler) (*session, error) {
	s := newSession(r)
	mark, memory, err := s.readBoth(ctx)
	if err != nil {
		return nil, err
	}
	head := s.head
	if err := s.follower.recall(head, mark, memory); err != nil {
		return nil, s.complain(err)
	}
	for _, k := range s.catalog.Keys() {
		s.projects.get(k)
	}
	s.projects.touchAll()
	s.recall.begin(head)
	for _, k := range s.projects.keys() {
		s.rollouts.want(k)
	}
	s.runs.repeat()
	s.follower.tags.wantRecent()
	r.options.Log.Info("read both repositories", "projects", len(s.projects.all), "config", manifest.Short(head), "gitops", manifest.Short(s.gitops.Head()))
	return s, nil
}

// readBoth fetches both repositories and reads GitOps as the newest commit of Plateform's own left it, for that is what
// was remembered, and takes what others did since as theirs. It returns what GitOps stands for, and what is remembered.
//
// GitOps is fetched first, so that the config head is never older than what it stands for, and read while the other one,
// which is larger, is fetched. Which of its commits are Plateform's own is certain only once platform.yaml,
// which names the keys, is there.
func (s *session) readBoth(ctx context.Context) (gitops.Mark, gitops.Memory, error) {
	head, err := s.options.GitOps.Fetch(ctx)
	if err != nil {
		return gitops.Mark{}, gitops.Memory{}, fmt.Errorf("reading the GitOps repository: %w", err)
	}
	likely, _, err := gitops.FindMark(s.options.GitOps, head, "", nil)
	if err != nil {
		return gitops.Mark{}, gitops.Memory{}, err
	}
	var files []gitops.File
	var reading errgroup.Group
	reading.Go(func() (err error) {
		files, err = gitops.Read(s.options.GitOps, likely.Commit)
		return err
	})
	if s.head, err = s.fetchConfig(ctx, &reading); err != nil {
		return gitops.Mark{}, gitops.Memory{}, err
	}
	mark, _, err := gitops.FindMark(s.options.GitOps, head, "", s.trustedKeys(s.head))
	if err != nil {
		return gitops.Mark{}, gitops.Memory{}, err
	}
	if mark.Commit != likely.Commit {
		s.options.Log.Warn("the newest commits of GitOps that look like Plateform's are not signed with a key of platform.yaml", "commit", manifest.Short(likely.Commit))
		if files, err = gitops.Read(s.options.GitOps, mark.Commit); err != nil {
			return gitops.Mark{}, gitops.Memory{}, err
		}
	}
	memory := s.gitops.Load(mark.Commit, files)
	if len(memory.Problems) > 0 {
		s.options.Log.Warn("run.yaml cannot be read; it is made again", "error", memory.Problems.Error())
	}
	if mark.Commit != head {
		err = s.writer.takeForeign(head)
	}
	return mark, memory, err
}

// trustedKeys are the keys that sign commits of Plateform's: those that platform.yaml names at a config commit, and this
// installation's own; none when platform.yaml names none.
func (w *world) trustedKeys(commit string) []signing.PublicKey {
	keys, known := config.KeysAt(w.options.Config, commit)
	if w.options.Signer != nil && (len(keys) > 0 || !known) {
		keys = append(keys, w.options.Signer.Public())
	}
	return keys
}

// fetchConfig fetches the config repository and waits for what goes on meanwhile.
func (s *session) fetchConfig(ctx context.Context, meanwhile *errgroup.Group) (head string, err error) {
	defer func() { err = errors.Join(err, meanwhile.Wait()) }()
	head, err = s.options.Config.Fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the config repository: %w", err)
	}
	if head == "" {
		return "", errors.New("the config repository is empty (push the one that `plateform init` made)")
	}
	return head, nil
}

// complain tells people when not even a start can be made of what they wrote.
func (s *session) complain(err error) error {
	if errors.Is(err, config.ErrUnusable) {
		s.runs.reportTrouble(s.head, err, true)
	}
	return err
}

// recall brings the catalog and what is remembered to head, from the config commit that GitOps stands for.
func (f *follower) recall(head string, mark gitops.Mark, memory gitops.Memory) error {
	for k, run := range memory.Runs {
		f.projects.get(k).memory = *run
	}
	for _, k := range f.projects.keys() {
		f.runs.startAgain(f.projects.get(k))
	}
	if mark.Config == "" {
		return f.replay(head, nil)
	}
	commits, related, err := config.Span(f.options.Config, mark.Config, head)
	if err != nil {
		return err
	}
	if !related {
		return f.rewritten(head)
	}
	if err := f.judgeUnreported(mark); err != nil {
		return err
	}
	if _, err := f.catalog.Advance(mark.Config); err != nil {
		return err
	}
	if lost := f.lostMemory(memory); len(lost) > 0 {
		f.options.Log.Warn("run.yaml files are missing in GitOps; reading them out of the config history", "projects", len(lost))
		f.catalog = config.NewCatalog(f.options.Config, f.options.Charts)
		if err := f.replay(mark.Config, lost); err != nil {
			return err
		}
	}
	for _, k := range f.catalog.Keys() {
		if err := f.recallKept(f.projects.get(k)); err != nil {
			return err
		}
	}
	if err := f.judgeAsked(); err != nil {
		return err
	}
	return f.follow(commits, false)
}

// judgeUnreported tells of broken and mended files on the commits since the one that GitOps names as unreported.
func (f *follower) judgeUnreported(mark gitops.Mark) error {
	if mark.Unreported == "" {
		return nil
	}
	base, err := f.usableBefore(mark.Unreported)
	if err != nil || base == "" {
		return err
	}
	commits, related, err := config.Span(f.options.Config, base, mark.Config)
	if err != nil || !related {
		return err
	}
	for _, hash := range commits {
		if err := f.judge(hash); err != nil {
			return err
		}
	}
	return nil
}

// usableBefore brings the catalog to the newest commit before another from which something can be taken, and returns it;
// "" when there is none, not further back than it pays.
func (f *follower) usableBefore(hash string) (string, error) {
	for before := range f.history().FirstParents(hash) {
		if before == hash {
			continue
		}
		_, err := f.catalog.Advance(before)
		if !errors.Is(err, config.ErrUnusable) {
			return before, err
		}
	}
	return "", nil
}

// judge brings the catalog to a commit, and tells of the files that it broke or mended and of nothing else.
func (f *follower) judge(hash string) error {
	step, err := f.catalog.Advance(hash)
	if err != nil {
		return f.unusable(hash, err)
	}
	commit, err := f.options.Config.Commit(hash)
	if err != nil {
		return fmt.Errorf("reading config commit %.10s: %w", hash, err)
	}
	return f.reportFiles(commit, step, f.usableAgain(&step))
}

// judgeAsked finds out again which problems were made by the commits whose runs an earlier process may not have reported:
// red is who broke something. It looks with a catalog of its own, for what one holds depends on where it has been.
func (f *follower) judgeAsked() error {
	asked := map[string][]*run{}
	for _, k := range f.projects.keys() {
		v := f.catalog.View(k)
		for _, r := range f.projects.get(k).runs {
			if v != nil && len(v.Problems) > 0 && r.Source == "" {
				asked[r.Cause.Config] = append(asked[r.Cause.Config], r)
			}
		}
	}
	catalog := config.NewCatalog(f.options.Config, f.options.Charts)
	for _, hash := range slices.Sorted(maps.Keys(asked)) {
		step, err := catalog.StepOf(hash)
		if err != nil {
			return err
		}
		for _, r := range asked[hash] {
			for _, t := range step.Projects {
				if t.Key == r.Project {
					r.own = ownProblems(step, t)
				}
			}
		}
	}
	return nil
}

// lostMemory are the projects with releases that GitOps remembers nothing of.
func (f *follower) lostMemory(memory gitops.Memory) map[manifest.Key]bool {
	lost := map[manifest.Key]bool{}
	for _, k := range f.catalog.Keys() {
		if _, there := memory.Runs[k]; !there && f.catalog.View(k).Newest != nil {
			lost[k] = true
		}
	}
	return lost
}

// recent is how long before the newest run others are reported again at a start.
const recent = 10 * time.Minute

// replay reads the whole config history up to a commit; with a selection, only those projects take it in.
func (f *follower) replay(to string, only map[manifest.Key]bool) error {
	commits, _, err := config.Span(f.options.Config, "", to)
	if err != nil {
		return err
	}
	head, err := f.options.Config.Commit(to)
	if err != nil {
		return fmt.Errorf("reading config commit %.10s: %w", to, err)
	}
	answered := head.Author.When.Add(-recent)
	for i, commit := range commits {
		if err := f.followOne(commit, fold{only: only, old: i < len(commits)-1 || only != nil, answered: answered}); err != nil {
			return err
		}
	}
	for _, k := range f.catalog.Keys() {
		f.projects.get(k).rebuilt = only == nil || only[k]
	}
	if f.catalog.Commit == "" {
		return f.trouble
	}
	return nil
}

// recallKept reads the release that run.yaml says was kept.
func (f *follower) recallKept(p *project) error {
	kept := p.memory.Kept
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
	if _, err := f.options.Config.Commit(kept.Commit); err != nil { // gone with a history that was rewritten
		f.options.Log.Warn("the commit of the release that is kept is gone", "project", p.key.String(), "release", kept.Release)
		p.memory.Kept, p.kept = nil, nil
		return nil
	}
	release, problems, err := f.catalog.ReadRelease(kept.Commit, p.key, config.ReleaseFile{Version: version}, nil)
	if errors.Is(err, fs.ErrNotExist) || len(problems) > 0 {
		f.options.Log.Warn("the release that is kept cannot be read any more", "project", p.key.String(), "release", kept.Release, "error", problems.Error())
		p.kept = nil
		return nil
	}
	p.kept = release
	return err
}

// rewritten takes the config repository as it is after its history was rewritten. A project whose release vanished keeps
// what runs until somebody asks for a retry.
func (f *follower) rewritten(head string) error {
	if end := f.history().End(head); end != "" {
		f.options.Log.Error("the config history is cut off and does not reach back to what was known: what came between is not known; projects whose newest release vanished are frozen until a retry",
			"head", manifest.Short(head), "oldest", manifest.Short(end))
	} else {
		f.options.Log.Error("the config history was rewritten: projects whose newest release vanished are frozen until a retry", "head", manifest.Short(head))
	}
	catalog, base, commits := config.Rebase(f.catalog, head)
	f.skipped, f.trouble = nil, nil
	for _, hash := range commits {
		step, err := catalog.Advance(hash)
		if err != nil && hash == head && f.catalog.Commit == "" {
			return err
		}
		if err == nil {
			err = f.reportRewritten(hash, base, step)
		} else {
			err = f.unusable(hash, err)
		}
		if err != nil {
			return err
		}
	}
	if catalog.Commit != head {
		f.skipped = nil // the catalog is still where the history was: what comes next is a rewritten history, too
		return nil
	}
	before := f.catalog
	f.catalog, f.trouble, f.skipped = catalog, nil, nil
	f.gitops.SetStale()
	for _, k := range f.catalog.Keys() {
		f.projects.get(k)
	}
	for _, k := range f.projects.keys() {
		f.rewrittenProject(f.projects.get(k), before.View(k), head)
	}
	return nil
}

// reportRewritten tells which files a commit of a rewritten history broke or mended. Where nothing of the history is known
// any more, nobody can say which of its commits did.
func (f *follower) reportRewritten(hash, base string, step config.Step) error {
	skipped := f.usableAgain(&step)
	if base == "" {
		return nil
	}
	commit, err := f.options.Config.Commit(hash)
	if err != nil {
		return fmt.Errorf("reading config commit %.10s: %w", hash, err)
	}
	return f.reportFiles(commit, step, skipped)
}

func (f *follower) rewrittenProject(p *project, before *config.View, head string) {
	f.projects.touch(p.key)
	shown, wasFrozen := f.gitops.Project(p.key), p.memory.Frozen != nil
	p.memory = decision.Rewritten(p.memory, decision.Rewrite{
		Before: before, After: f.catalog.View(p.key), Shown: shown.Version(), Head: head, Tips: p.sources.tips,
	})
	if p.memory.Kept == nil {
		p.kept = nil
	}
	p.together = nil
	if p.memory.Frozen != nil && !wasFrozen {
		shown.Restore()
		f.runs.start(p, &run{Run: newRun(p.key, manifest.Cause{Kind: manifest.CauseConfig, Commit: head, Config: head})})
	}
}
