package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
)

// place is a commit in one of the repositories.
type place struct {
	kind questionKind
	hash string
}

// aboutCommit finds out where a commit is, and answers.
func (t *tracer) aboutCommit(ctx context.Context, prefix string, r *whyReport) error {
	found, err := t.places(ctx, prefix)
	if err != nil {
		return err
	}
	switch {
	case len(found) == 0:
		return t.unknownCommit(ctx, prefix)
	case len(found) > 1:
		var names []string
		for _, p := range found {
			names = append(names, string(p.kind)+" "+terminal.Short(p.hash))
		}
		return exit.Finding("several commits begin with %s (write more letters): %s", prefix, strings.Join(names, ", "))
	}
	r.Kind = found[0].kind
	switch r.Kind {
	case askConfig:
		return t.aboutConfig(ctx, found[0].hash, r)
	case askGitOps:
		return t.aboutGitOps(ctx, found[0].hash, r)
	}
	r.Answers, err = t.aboutSource(ctx, found[0].hash)
	return err
}

// places finds the commits that begin with some letters.
func (t *tracer) places(ctx context.Context, prefix string) ([]place, error) {
	var found []place
	config, err := t.config.onBranch(ctx, prefix, t.head)
	if err != nil {
		return nil, err
	}
	for _, hash := range config {
		found = append(found, place{askConfig, hash})
	}
	if t.gitops != nil {
		gitops, err := t.gitops.onBranch(ctx, prefix, t.gitopsHead)
		if err != nil {
			return nil, err
		}
		for _, hash := range gitops {
			found = append(found, place{askGitOps, hash})
		}
	}
	sources, err := t.sources(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, hash := range sources {
		found = append(found, place{askSource, hash})
	}
	return found, nil
}

// commits finds the commits in a repository that begin with some letters.
func (c *checkout) commits(ctx context.Context, prefix string) ([]string, error) {
	objects, err := c.git.Run(ctx, "rev-parse", "--disambiguate="+prefix)
	if err != nil || objects == "" {
		return nil, err
	}
	kinds, err := c.git.Feed(ctx, objects+"\n", "cat-file", "--batch-check=%(objectname) %(objecttype)")
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(kinds) {
		if hash, ok := strings.CutSuffix(strings.TrimSpace(line), " commit"); ok {
			found = append(found, hash)
		}
	}
	return found, nil
}

// onBranch keeps of those commits the ones that a head comes from.
func (c *checkout) onBranch(ctx context.Context, prefix, head string) ([]string, error) {
	all, err := c.commits(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, hash := range all {
		comes, err := c.comesFrom(ctx, head, hash)
		if err != nil {
			return nil, err
		}
		if comes {
			found = append(found, hash)
		}
	}
	return found, nil
}

// comesFrom says that a commit is another one or has it among its ancestors.
func (c *checkout) comesFrom(ctx context.Context, commit, ancestor string) (bool, error) {
	_, err := c.git.Run(ctx, "merge-base", "--is-ancestor", ancestor, commit)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}

// unknownCommit says that a commit is nowhere, and what that may be due to.
func (t *tracer) unknownCommit(ctx context.Context, prefix string) error {
	here, err := t.config.commits(ctx, prefix)
	if err != nil {
		return err
	}
	if len(here) > 0 && t.config.temporary == "" {
		return exit.Finding("commit %s is in this checkout, but not on %s of %s (push it, or ask for the commit that it was merged as)",
			terminal.Short(here[0]), t.config.branch, t.config.remote)
	}
	and := " or of the GitOps repository"
	if t.gitops == nil {
		and = " (name the GitOps repository with --gitops-repo to look there, too)"
	}
	return exit.Finding("nothing is known of a commit %s: it is not on %s of the config repository%s, and nothing was built from it that Plateform told of",
		prefix, t.config.branch, and)
}

// sources finds the commits of apps that begin with some letters: those that were released, that are held, and that
// reports are about.
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
	for _, commit := range releases {
		for _, trailer := range manifest.Trailers(commit.Message) {
			if trailer.Key == manifest.TrailerSourceCommit {
				add(trailer.Value)
			}
		}
	}
	reports, err := t.notes.aboutSource(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, report := range reports {
		add(report.Source)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// releasesOf finds the commits of the config repository that released a commit of an app.
func (t *tracer) releasesOf(ctx context.Context, source string) ([]manifest.Commit, error) {
	said, err := t.config.git.Run(ctx, "log", "--first-parent", "--no-show-signature", "--format=%H", "-F",
		"--grep="+manifest.TrailerSourceCommit+": "+source, t.head)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", t.config.remote, err)
	}
	var commits []manifest.Commit
	for _, hash := range strings.Fields(said) {
		commit, err := t.config.objects.Commit(hash)
		if err != nil {
			return nil, err
		}
		commits = append(commits, commit)
	}
	return commits, nil
}

// releaseOf is the release file that the trailers of a commit name.
func releaseOf(message string) string {
	key := manifest.Key{Workspace: trailer(message, manifest.TrailerWorkspace), Project: trailer(message, manifest.TrailerProject)}
	version, err := manifest.ParseVersion(trailer(message, manifest.TrailerRelease))
	if err != nil {
		return ""
	}
	return manifest.ReleaseFile(key, version)
}

// aboutSource answers with the releases that were built from a commit of an app. Where there is none, the reports say
// why.
func (t *tracer) aboutSource(ctx context.Context, source string) ([]answer, error) {
	commits, err := t.releasesOf(ctx, source)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, commit := range commits {
		files = append(files, releaseOf(commit.Message))
	}
	answers, err := t.traceFiles(ctx, files, func(r *tracedRelease) bool {
		return slices.ContainsFunc(r.Images, func(i manifest.Image) bool { return i.Commit == source })
	})
	if err != nil {
		return nil, err
	}
	reports, err := t.notes.aboutSource(ctx, source)
	if err != nil {
		return nil, err
	}
	return t.withReports(ctx, answers, reports)
}

// withReports adds what reports say of the projects that no answer is about.
func (t *tracer) withReports(ctx context.Context, answers []answer, reports []note) ([]answer, error) {
	for _, report := range newestNotes(reports) {
		key, ok := report.project()
		if !ok || slices.ContainsFunc(answers, func(a answer) bool { return a.Key == key }) {
			continue
		}
		a, err := t.reported(ctx, key, report)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	newestFirst(answers)
	return answers, nil
}

// aboutGitOps answers with the release that a commit of the GitOps repository wrote.
func (t *tracer) aboutGitOps(ctx context.Context, hash string, r *whyReport) error {
	fact, err := t.gitops.fact(hash)
	if err != nil {
		return err
	}
	commit, err := t.gitops.objects.Commit(hash)
	if err != nil {
		return err
	}
	r.Commit = &askedCommit{commitFact: fact}
	if config := trailer(commit.Message, manifest.TrailerConfigCommit); fullHash.MatchString(config) {
		by, err := t.factIfThere(config)
		if err != nil {
			return err
		}
		if by != nil {
			r.Commit.Does = append(r.Commit.Does, fmt.Sprintf("it stands for config commit %s%s: %s", terminal.Short(by.Hash), of(by.Author), by.Subject))
		}
	}
	if file := releaseOf(commit.Message); file != "" {
		r.Answers, err = t.traceFiles(ctx, []string{file}, func(*tracedRelease) bool { return true })
		return err
	}
	key := manifest.Key{Workspace: trailer(commit.Message, manifest.TrailerWorkspace), Project: trailer(commit.Message, manifest.TrailerProject)}
	if key.Workspace == "" || key.Project == "" {
		return nil
	}
	a, err := t.running(ctx, key)
	if err == nil {
		r.Answers = append(r.Answers, a)
	}
	return err
}
