package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/forgetest"
	"github.com/plateform/plateform/reconciler/gitforge"
	"github.com/plateform/plateform/reconciler/github"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// wallClock is that of this machine.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The contract of forges on GitHub, with the notes that are its record, through Git and the API alike. What people see in statuses is
// what the notes say.
func TestForgeContractOnGitHub(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	created := 0
	forgetest.Run(t, func(t *testing.T) forgetest.Forge {
		created++
		name := fmt.Sprintf("config-%d", created)
		config := newRepo(t, t.TempDir(), name)
		h.move(config, name)
		var commits []string
		for i := range 3 {
			commits = append(commits, config.commit(fmt.Sprint("Commit ", i), files{"README.md": fmt.Sprint("version ", i)}))
		}
		return forgetest.Forge{
			Commits: commits,
			New:     func() reconciler.Forge { return h.forge(t, config, auth.Repository{Owner: "acme", Name: name}) },
			Said:    func(commit string) []reconciler.Statement { return h.said(t, config, name, commit) },
		}
	})
	h.checkManners()
}

// forge is the one of a process that has just started, which logs in as alice.
func (h *hub) forge(t *testing.T, config *repo, repository auth.Repository) reconciler.Forge {
	t.Helper()
	site, err := auth.SiteAt(h.url)
	h.must(err)
	api, err := client.New(client.Options{API: site.API, Clock: wallClock{}})
	h.must(err)
	file := filepath.Join(t.TempDir(), "token")
	h.must(os.WriteFile(file, []byte(h.token), 0o600))
	git := auth.Git{Site: site, Tokens: auth.File(file), Needs: auth.WriteContents()}
	options := gitstore.Options{URL: config.url, Dir: t.TempDir(), Access: gitstore.Access{
		Credentials: func(ctx context.Context, url string) (gitstore.Credential, error) {
			user, password, err := git.Login(ctx, url)
			return gitstore.Credential{Username: user, Password: password}, err
		},
	}}
	store, err := gitstore.Open(options)
	h.must(err)
	t.Cleanup(func() { _ = store.Close() })
	options.Dir = t.TempDir()
	notes, err := gitstore.OpenNotes(gitstore.NotesOptions{
		Options: options, Author: manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com"}, Now: time.Now,
	})
	h.must(err)
	t.Cleanup(func() { _ = notes.Close() })
	_, err = store.Fetch(t.Context())
	h.must(err)
	forge, err := github.New(github.Options{
		Site: site, Config: repository, Client: api, Tokens: auth.File(file), Record: gitforge.New(notes, store), Clock: wallClock{}, Log: slog.New(slog.DiscardHandler), Pace: -1,
	})
	h.must(err)
	return forge
}

// said is what the notes say of a commit. The newest statuses have to say it, too.
func (h *hub) said(t *testing.T, config *repo, name, commit string) []reconciler.Statement {
	t.Helper()
	var said []reconciler.Statement
	for _, line := range lines(config.look("notes", "--ref=plateform", "show", commit)) {
		var s reconciler.Statement
		h.must(json.Unmarshal([]byte(line), &s))
		said = append(said, s)
	}
	newest := map[string]commitStatus{}
	for _, s := range h.statuses(name, commit) {
		if _, there := newest[s.Context]; !there {
			newest[s.Context] = s
		}
	}
	for _, s := range said {
		if s.Source != "" {
			continue // it is told on the app's commit
		}
		if _, there := newest[s.Context]; !there {
			t.Errorf("no status of %s on %s", s.Context, commit)
		}
	}
	for shown, status := range newest {
		var last reconciler.Statement
		for _, s := range said {
			if s.Context == shown && s.Source == "" {
				last = s
			}
		}
		if status.State != string(last.State) || status.TargetURL != last.URL || status.Description[:6] != last.Description[:6] {
			t.Errorf("%s shows %+v, and the note says %+v", commit, status, last)
		}
	}
	return said
}
