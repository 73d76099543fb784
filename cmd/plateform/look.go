package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// gitopsSetting is where a checkout of the config repository keeps the URL of the GitOps repository, in its git config.
const gitopsSetting = "plateform.gitops"

// lookFlags say which two repositories to look at.
type lookFlags struct {
	repositoryFlags
	gitops       string
	gitopsBranch string
}

func (f *lookFlags) add(c *cobra.Command) {
	f.repositoryFlags.add(c)
	c.Flags().StringVar(&f.gitops, "gitops-repo", "", "URL or path of the GitOps repository (default: git config "+gitopsSetting+" of the checkout)")
	c.Flags().StringVar(&f.gitopsBranch, "gitops-branch", "", "branch of the GitOps repository (default: its default branch)")
}

// look is both repositories as they are now.
type look struct {
	config     *checkout
	head       string
	trust      *config.Trust
	gitops     *checkout // nil when it is not known
	gitopsHead string
	notes      *notes
	now        func() time.Time
	// since is when the values of a project were last written to GitOps, for those that were asked for.
	since map[manifest.Key]string
}

// openLook fetches both repositories. The caller closes it.
func openLook(ctx context.Context, flags lookFlags, now func() time.Time) (_ *look, err error) {
	repository, err := openCheckout(ctx, flags.repositoryFlags)
	if err != nil {
		return nil, err
	}
	l := &look{config: repository, now: now, since: map[manifest.Key]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.head, err = repository.fetch(ctx); err != nil {
		return nil, err
	}
	if l.notes, err = readNotes(ctx, repository, l.head); err != nil {
		return nil, err
	}
	if l.trust, err = config.ReadTrust(repository.objects, l.head); err != nil {
		return nil, whereConfigIs(err)
	}
	url := flags.gitops
	if url == "" {
		url = configuredGitOps(ctx, repository)
	}
	if url == "" {
		return l, nil
	}
	l.gitops, err = openCheckout(ctx, repositoryFlags{url: url, branch: flags.gitopsBranch})
	if err != nil {
		return nil, fmt.Errorf("the GitOps repository: %w", err)
	}
	l.gitopsHead, err = l.gitops.fetch(ctx)
	return l, err
}

// configuredGitOps is the GitOps repository that the checkout names; empty when it names none. A path counts from the
// root of the checkout, wherever in it the user stands.
func configuredGitOps(ctx context.Context, config *checkout) string {
	url, err := config.git.run(ctx, "config", "--get", gitopsSetting)
	if err != nil {
		return "" // unset is no error: then only the config repository is looked at
	}
	if strings.HasPrefix(url, "./") || strings.HasPrefix(url, "../") {
		return filepath.Join(config.git.dir, url)
	}
	return url
}

func (l *look) close() error {
	err := l.config.close()
	if l.gitops != nil {
		err = errors.Join(err, l.gitops.close())
	}
	return err
}

// project looks at one project.
func (l *look) project(key manifest.Key) (projectStatus, error) {
	s := projectStatus{Key: key}
	h, err := l.trust.Releases(key)
	if err != nil {
		return s, err
	}
	release, refused := h.Newest()
	if release != nil {
		s.Release = &releaseStatus{
			Version: release.Metadata.Name, CreatedAt: release.Spec.CreatedAt.UTC().Format(time.RFC3339),
			Cause: release.Spec.Cause, Images: release.Spec.Images,
		}
	}
	if owner, err := l.trust.Owner(key.Workspace); err != nil {
		return s, err
	} else if owner.Doubt != "" {
		s.Why = append(s.Why, owner.Doubt)
	}
	s.Since = l.since[key]
	if s.Since == "" && l.gitops == nil && s.Release != nil {
		s.Since = s.Release.CreatedAt
	}
	if err := l.readProject(key, &s); err != nil {
		return s, err
	}
	run, err := l.readGitOps(key, &s)
	if err != nil {
		return s, err
	}
	j := judgement{run: run, refused: refused, gitopsKnown: l.gitops != nil, failure: l.notes.failure}
	if release != nil {
		j.silent = l.now().Sub(release.Spec.CreatedAt)
	}
	if report, ok := l.notes.newest(key); ok && !report.Terminal() {
		s.Stage, j.silent = string(report.Stage), l.now().Sub(report.At)
	}
	s.judge(j)
	return s, nil
}

// readProject takes what is worth showing from project.yaml. A file that does not parse is part of the answer.
func (l *look) readProject(key manifest.Key, s *projectStatus) error {
	file := manifest.ProjectFile(key)
	data, err := l.config.objects.Read(l.head, file)
	if errors.Is(err, fs.ErrNotExist) {
		s.Why = append(s.Why, file+" is not there: the project is deleted")
		return nil
	}
	if err != nil {
		return err
	}
	project, problems := manifest.ParseProject(file, data)
	if project == nil {
		s.Why = append(s.Why, fmt.Sprintf("%s does not parse: %s", file, problems[0]))
		s.Next = append(s.Next, "mend it (plateform validate lists every problem)")
		return nil
	}
	s.Type, s.Paused = project.Spec.Type, project.Spec.Paused
	return nil
}

// readGitOps takes from the GitOps repository what runs there and what is remembered of the project.
func (l *look) readGitOps(key manifest.Key, s *projectStatus) (*manifest.Run, error) {
	if l.gitops == nil {
		return nil, nil
	}
	data, err := l.gitops.objects.Read(l.gitopsHead, manifest.ValuesFile(key))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	values, err := parseRunning(data)
	if err != nil {
		return nil, err
	}
	s.Runs, s.URL = values.Release, values.url()
	file := manifest.RunFile(key)
	data, err = l.gitops.objects.Read(l.gitopsHead, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	run, problems := manifest.ParseRun(file, data)
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("the GitOps repository: %w", err)
	}
	s.Highest, s.Holds, s.Last = run.Spec.Highest, run.Spec.Holds, run.Spec.Last
	return run, nil
}

// readSince finds out since when projects run what they run: one of them, or all.
func (l *look) readSince(ctx context.Context, key *manifest.Key) error {
	if l.gitops == nil {
		return nil
	}
	args := []string{l.gitopsHead, "--", ":(glob)" + manifest.WorkspacesDir + "/*/*/values.yaml"}
	if key != nil {
		args = []string{l.gitopsHead, "--max-count=1", "--", manifest.ValuesFile(*key)}
	}
	touches, err := l.gitops.touches(ctx, args...)
	if err != nil {
		return err
	}
	last := map[manifest.Key]string{}
	for _, touch := range touches {
		if parts := strings.Split(touch.path, "/"); len(parts) == 4 {
			last[manifest.Key{Workspace: parts[1], Project: parts[2]}] = touch.commit
		}
	}
	for k, hash := range last {
		commit, err := l.gitops.fact(hash)
		if err != nil {
			return err
		}
		l.since[k] = commit.At
	}
	return nil
}
