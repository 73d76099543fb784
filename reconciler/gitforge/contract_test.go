package gitforge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/forgetest"
	"github.com/plateform/plateform/reconciler/gitforge"
	"github.com/plateform/plateform/test/gitserver"
)

func TestContractOverHTTP(t *testing.T) {
	server := gitserver.New(t)
	created := 0
	forgetest.Run(t, func(t *testing.T) forgetest.Forge {
		created++
		repo := server.Create(t, fmt.Sprintf("config-%d", created))
		return forgeOn(t, repo, repo.URL)
	})
}

func TestContractOnDisk(t *testing.T) {
	forgetest.Run(t, func(t *testing.T) forgetest.Forge {
		repo := gitserver.CreateBare(t, t.TempDir()+"/config.git")
		return forgeOn(t, repo, repo.Dir)
	})
}

// forgeOn returns a repository with three commits, and the forge on it.
func forgeOn(t *testing.T, repo *gitserver.Repo, url string) forgetest.Forge {
	t.Helper()
	var commits []string
	for i := range 3 {
		commits = append(commits, repo.Commit(gitserver.Change{
			Message: fmt.Sprintf("commit %d", i),
			Files:   map[string]string{"README.md": fmt.Sprintf("version %d\n", i)},
		}))
	}
	return forgetest.Forge{
		Commits: commits,
		New:     func() reconciler.Forge { return process(t, url) },
		Said:    func(commit string) []reconciler.Statement { return said(t, repo, commit) },
	}
}

// process opens the repository as a process that has just started does.
func process(t *testing.T, url string) reconciler.Forge {
	t.Helper()
	options := gitstore.Options{URL: url, Dir: t.TempDir()}
	config, err := gitstore.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	options.Dir = t.TempDir()
	notes, err := gitstore.OpenNotes(gitstore.NotesOptions{
		Options: options,
		Author:  manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com"},
		Now:     func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := config.Close(); err != nil {
			t.Error(err)
		}
		if err := notes.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := config.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	return gitforge.New(notes, config)
}

// said reads a note with the git command line.
func said(t *testing.T, repo *gitserver.Repo, commit string) []reconciler.Statement {
	t.Helper()
	text, err := gitserver.TryGit(repo.Dir, nil, "notes", "--ref=plateform", "show", commit)
	if err != nil {
		return nil
	}
	var statements []reconciler.Statement
	for line := range strings.Lines(text) {
		var s reconciler.Statement
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("line %q of the note on %s: %v", line, commit, err)
		}
		statements = append(statements, s)
	}
	return statements
}

// report is one about a project of ws-1.
func report(commit, project string, state reconciler.State, stage reconciler.Stage, outcome reconciler.Outcome) reconciler.Report {
	return reconciler.Report{
		Subject: reconciler.Subject{Project: manifest.Key{Workspace: "ws-1", Project: project}, Commit: commit},
		State:   state, Stage: stage, Outcome: outcome, At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
}

func TestOnePushForManyReports(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Create(t, "config")
	fresh := forgeOn(t, repo, repo.URL)
	forge := fresh.New()
	var reports []reconciler.Report
	for _, commit := range fresh.Commits {
		for i := range 50 {
			reports = append(reports,
				report(commit, fmt.Sprintf("p%d", i), reconciler.StatePending, reconciler.StageQueued, reconciler.OutcomeWaiting))
		}
	}
	if err := forge.Report(t.Context(), reports); err != nil {
		t.Fatal(err)
	}
	if pushes := server.Count("config", gitserver.PushPack); pushes != 1 {
		t.Errorf("%d pushes, want 1", pushes)
	}
	before := server.Counts()
	if err := forge.Report(t.Context(), reports); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, server.Counts()); diff != "" {
		t.Errorf("telling it again went to the server (-before +after):\n%s", diff)
	}
	for _, commit := range fresh.Commits {
		if statements := said(t, repo, commit); len(statements) != 50 {
			t.Errorf("%s says %d things, want 50", commit, len(statements))
		}
	}
}

func TestAnAnswerThatGotLost(t *testing.T) {
	server := gitserver.New(t)
	repo := server.Create(t, "config")
	fresh := forgeOn(t, repo, repo.URL)
	forge := fresh.New()
	verdict := report(fresh.Commits[1], "shop", reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeBlocked)
	server.Inject("config", gitserver.Fault{Op: gitserver.PushPack, Times: 1, DropAnswer: true})
	for range 2 {
		if err := forge.Report(t.Context(), []reconciler.Report{verdict}); err != nil {
			t.Fatal(err)
		}
	}
	if statements := said(t, repo, fresh.Commits[1]); len(statements) != 1 {
		t.Errorf("the commit says %v, want one verdict", statements)
	}
}
