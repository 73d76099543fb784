package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// look is both repositories as they are now.
type look struct {
	config     *checkout
	head       string
	trust      *trust
	gitops     *checkout // nil when it is not known
	gitopsHead string
	// reports is the newest report of each context.
	reports map[string]reconciler.Report
}

// openLook fetches both repositories. The caller closes it.
func openLook(ctx context.Context, config *checkout, flags statusFlags) (*look, error) {
	l := &look{config: config}
	var err error
	if l.head, err = config.fetch(ctx); err != nil {
		return nil, err
	}
	if l.reports, err = readReports(ctx, config, l.head); err != nil {
		return nil, err
	}
	if l.trust, err = readTrust(config.objects, l.head); err != nil {
		return nil, err
	}
	if flags.gitops == "" {
		return l, nil
	}
	l.gitops, err = openCheckout(ctx, repositoryFlags{url: flags.gitops, branch: flags.gitopsBranch})
	if err != nil {
		return nil, fmt.Errorf("the GitOps repository: %w", err)
	}
	if l.gitopsHead, err = l.gitops.fetch(ctx); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *look) close() error {
	if l.gitops == nil {
		return nil
	}
	return l.gitops.close()
}

// projects lists the projects of the config repository.
func (l *look) projects() ([]manifest.Key, error) {
	workspaces, err := l.config.objects.List(l.head, manifest.WorkspacesDir)
	if err != nil {
		return nil, err
	}
	var keys []manifest.Key
	for _, w := range workspaces {
		projects, err := l.config.objects.List(l.head, manifest.ProjectsDir(w.Name))
		if err != nil {
			return nil, err
		}
		for _, p := range projects {
			if p.Dir {
				keys = append(keys, manifest.Key{Workspace: w.Name, Project: p.Name})
			}
		}
	}
	return keys, nil
}

// project looks at one project.
func (l *look) project(key manifest.Key) (projectStatus, error) {
	s := projectStatus{Key: key}
	h, err := l.trust.history(key)
	if err != nil {
		return s, err
	}
	release, refused := h.newest()
	if release != nil {
		s.Release = &releaseStatus{
			Version: release.Metadata.Name, CreatedAt: release.Spec.CreatedAt.UTC().Format(time.RFC3339),
			Cause: release.Spec.Cause, Images: release.Spec.Images,
		}
	}
	if owner, err := l.trust.owner(key.Workspace); err != nil {
		return s, err
	} else if owner.doubt != "" {
		s.Why = append(s.Why, owner.doubt)
	}
	if err := l.readProject(key, &s); err != nil {
		return s, err
	}
	run, err := l.readGitOps(key, &s)
	if err != nil {
		return s, err
	}
	if report, ok := l.reports["plateform/"+key.String()]; ok && !report.Terminal() {
		s.Stage = string(report.Stage)
	}
	s.judge(run, refused, l.gitops != nil)
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

// reportDepth is how many config commits are searched for reports.
const reportDepth = "50"

// readReports reads the newest report of each context out of the notes; none when the remote has no notes.
func readReports(ctx context.Context, config *checkout, head string) (map[string]reconciler.Report, error) {
	reports := map[string]reconciler.Report{}
	listed, err := config.git.run(ctx, "ls-remote", config.name, gitstore.NotesRef)
	if err != nil || listed == "" {
		return reports, err
	}
	notes, err := config.fetchRef(ctx, gitstore.NotesRef)
	if err != nil {
		return nil, err
	}
	log, err := config.git.run(ctx, "rev-list", "--first-parent", "--max-count="+reportDepth, head)
	if err != nil {
		return nil, err
	}
	for _, commit := range strings.Fields(log) {
		for _, report := range noteOf(config.objects, notes, commit) {
			if _, newer := reports[report.Context]; !newer {
				reports[report.Context] = report
			}
		}
	}
	return reports, nil
}

// noteOf reads the reports on one commit, the newest first. Git spreads notes over folders when there are many.
func noteOf(reader reconciler.Reader, notes, commit string) []reconciler.Report {
	var data []byte
	for _, name := range []string{commit, commit[:2] + "/" + commit[2:], commit[:2] + "/" + commit[2:4] + "/" + commit[4:]} {
		var err error
		if data, err = reader.Read(notes, name); err == nil {
			break
		}
	}
	var reports []reconciler.Report
	for line := range strings.Lines(string(data)) {
		var report reconciler.Report
		// Notes are open to everybody: a line that is no report is not ours.
		if json.Unmarshal([]byte(line), &report) == nil {
			reports = append([]reconciler.Report{report}, reports...)
		}
	}
	return reports
}
