package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// UnknownCommitError says that nothing is known of a commit.
type UnknownCommitError struct {
	// Prefix is what was asked for: the beginning of its hash.
	Prefix string
	// Branch of the config repository.
	Branch string
	// GitOpsKnown says that the GitOps repository was looked at.
	GitOpsKnown bool
	// GaveUp says how far was looked, when there is more; empty else.
	GaveUp string
}

func (e *UnknownCommitError) Error() string {
	and := " or of the GitOps repository"
	if !e.GitOpsKnown {
		and = " (name the GitOps repository with --gitops-repo to look there, too)"
	}
	return fmt.Sprintf("nothing is known of a commit %s: it is not on %s of the config repository%s, and nothing was built from it that Plateform told of%s",
		e.Prefix, e.Branch, and, e.GaveUp)
}

// place is a commit in one of the repositories.
type place struct {
	kind Kind
	hash string
}

// aboutCommit finds out where a commit is, and answers.
func (t *tracer) aboutCommit(ctx context.Context, prefix string, w *Why) error {
	found, err := t.places(ctx, prefix)
	if err != nil {
		return err
	}
	switch {
	case len(found) == 0:
		return t.unknown(prefix)
	case len(found) > 1:
		var names []string
		for _, p := range found {
			names = append(names, fmt.Sprintf("%s %.10s", p.kind, p.hash))
		}
		return config.Refuse("several commits begin with %s (write more letters): %s", prefix, strings.Join(names, ", "))
	}
	w.Kind = found[0].kind
	switch w.Kind {
	case AskConfig:
		return t.aboutConfig(ctx, found[0].hash, w)
	case AskGitOps:
		return t.aboutGitOps(ctx, found[0].hash, w)
	}
	w.Answers, err = t.aboutSource(ctx, found[0].hash)
	return err
}

func (t *tracer) unknown(prefix string) error {
	e := &UnknownCommitError{Prefix: prefix, Branch: t.config.Name, GitOpsKnown: t.gitops != nil, GaveUp: t.gaveUp()}
	if e.GaveUp == "" && t.gitops != nil && t.gitops.cut() {
		e.GaveUp = "; it was not found in " + t.gitops.newest() + " of the GitOps repository"
	}
	return config.Refuse("%w", e)
}

// places finds the commits that begin with some letters.
func (t *tracer) places(ctx context.Context, prefix string) ([]place, error) {
	var found []place
	add := func(kind Kind, hashes []string, err error) error {
		for _, hash := range hashes {
			found = append(found, place{kind, hash})
		}
		return err
	}
	ofConfig, err := t.config.starting(ctx, prefix)
	if err := add(AskConfig, ofConfig, err); err != nil {
		return nil, err
	}
	if t.gitops != nil {
		ofGitOps, err := t.gitops.starting(ctx, prefix)
		if err := add(AskGitOps, ofGitOps, err); err != nil {
			return nil, err
		}
	}
	ofApps, err := t.sources(ctx, prefix)
	return found, add(AskSource, ofApps, err)
}

// sources finds the commits of apps that begin with some letters: those that were released, and those that notes are
// about.
func (t *tracer) sources(ctx context.Context, prefix string) ([]string, error) {
	var found []string
	add := func(hash string) {
		if strings.HasPrefix(hash, prefix) && fullHash.MatchString(hash) {
			found = append(found, hash)
		}
	}
	releases, err := t.releasesOf(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, s := range releases {
		for _, trailer := range manifest.Trailers(s.Message) {
			if trailer.Key == manifest.TrailerSourceCommit {
				add(trailer.Value)
			}
		}
	}
	noted, err := t.notes.aboutSource(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, note := range noted {
		add(note.Source)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// releasesOf finds the commits of the config repository that released a commit of an app.
func (t *tracer) releasesOf(ctx context.Context, source string) ([]*step, error) {
	var found []*step
	for s, err := range t.config.all(ctx) {
		if err != nil {
			return nil, err
		}
		if strings.Contains(s.Message, manifest.TrailerSourceCommit+": "+source) {
			found = append(found, s)
		}
	}
	return found, nil
}

// aboutSource answers with the releases that were built from a commit of an app. Where there is none, the notes say why.
func (t *tracer) aboutSource(ctx context.Context, source string) ([]Answer, error) {
	steps, err := t.releasesOf(ctx, source)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, s := range steps {
		files = append(files, releaseOf(s.Message))
	}
	answers, err := t.traceFiles(ctx, files, func(r *TracedRelease) bool {
		return slices.ContainsFunc(r.Images, func(i manifest.Image) bool { return i.Commit == source })
	})
	if err != nil {
		return nil, err
	}
	noted, err := t.notes.aboutSource(ctx, source)
	if err != nil {
		return nil, err
	}
	return t.withNotes(ctx, answers, noted)
}

// withNotes adds what notes say of the projects that no answer is about.
func (t *tracer) withNotes(ctx context.Context, answers []Answer, noted []Note) ([]Answer, error) {
	for _, note := range newestNotes(noted) {
		key, ok := note.project()
		if !ok || slices.ContainsFunc(answers, func(a Answer) bool { return a.Key == key }) {
			continue
		}
		a, err := t.reported(ctx, key, note)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	newestFirst(answers)
	return answers, nil
}

// aboutGitOps answers with the release that a commit of the GitOps repository wrote.
func (t *tracer) aboutGitOps(ctx context.Context, hash string, w *Why) error {
	commit, err := t.gitops.Reader.Commit(hash)
	if err != nil {
		return err
	}
	commit.Hash = hash
	w.Commit = &AskedCommit{Commit: shown(commit)}
	if named := trailer(commit.Message, manifest.TrailerConfigCommit); fullHash.MatchString(named) {
		by, err := t.config.shown(named)
		if err != nil {
			return err
		}
		if by != nil {
			w.Commit.Does = append(w.Commit.Does, fmt.Sprintf("it stands for config commit %.10s%s: %s", by.Hash, by.by(), by.Subject))
		}
	}
	if file := releaseOf(commit.Message); file != "" {
		w.Answers, err = t.traceFiles(ctx, []string{file}, func(*TracedRelease) bool { return true })
		return err
	}
	key := keyOf(commit.Message)
	if key.Workspace == "" || key.Project == "" {
		return nil
	}
	a, err := t.running(ctx, key)
	if err == nil {
		w.Answers = append(w.Answers, a)
	}
	return err
}
