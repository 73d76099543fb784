package installation

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// GitHub is how one GitHub is reached: all that is asked and said there goes through its one client. It is nil for an
// installation that logs in at none.
type GitHub struct {
	Site   auth.Site
	Client *client.Client
	Tokens auth.Tokens
	// app is whose tokens they are, when they are those of a GitHub App, which reach what it was installed on and nothing else; nil
	// for a user's token.
	app   *auth.App
	clock client.Clock
}

// wallClock is the clock of an installation: it tells the time that it is given, and waits for real.
type wallClock struct{ now func() time.Time }

// Now implements client.Clock.
func (c wallClock) Now() time.Time { return c.now() }

// Sleep implements client.Clock.
func (wallClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reach returns how GitHub is reached by somebody who is nobody there yet.
func (s GitHubSettings) reach(now func() time.Time, transport http.RoundTripper) (*GitHub, error) {
	site, err := auth.SiteAt(s.BaseURL)
	if err != nil {
		return nil, exit.Usage("github.baseURL: %w", err)
	}
	clock := wallClock{now}
	api, err := client.New(client.Options{API: site.API, Transport: transport, Clock: clock})
	if err != nil {
		return nil, err
	}
	return &GitHub{Site: site, Client: api, clock: clock}, nil
}

// Open returns how GitHub is reached, without asking it anything; nil when no login is named.
func (s GitHubSettings) Open(now func() time.Time) (*GitHub, error) {
	return s.open(now, http.DefaultTransport)
}

// open is Open with requests sent by a transport.
func (s GitHubSettings) open(now func() time.Time, transport http.RoundTripper) (*GitHub, error) {
	if !s.login() {
		return nil, nil
	}
	g, err := s.reach(now, transport)
	if err != nil {
		return nil, err
	}
	g.Tokens = auth.File(s.TokenFile)
	if s.App.ID == 0 {
		if _, err := g.Tokens.Token(context.Background(), auth.Repository{}, nil); err != nil {
			return nil, exit.Usage("github.tokenFile: %w", err)
		}
		return g, nil
	}
	if _, err := auth.ReadKey(s.App.PrivateKeyFile); err != nil {
		return nil, exit.Usage("github.app.privateKeyFile: %w", err)
	}
	g.app, err = auth.NewApp(auth.AppOptions{ID: s.App.ID, KeyFile: s.App.PrivateKeyFile, Client: g.Client, Now: now})
	if err != nil {
		return nil, err
	}
	g.Tokens = g.app
	return g, nil
}

// Itself is the login of the App itself, and not of where it is installed; false when there is none.
func (g *GitHub) Itself() (client.Login, bool) {
	if g == nil || g.app == nil {
		return nil, false
	}
	return g.app.Itself(), true
}

// Platform adds the login at GitHub to the access to one of the two repositories: what its own settings name comes first.
func (g *GitHub) Platform(access gitstore.Access) gitstore.Access {
	if g == nil {
		return access
	}
	return over(access, auth.Git{Site: g.Site, Tokens: g.Tokens, Needs: auth.WriteContents()})
}

// Sources adds the login at GitHub to the access to the repositories of apps. It is that of an App alone, which is installed on
// what it may read; whoever may write a project.yaml could build all that a user's token reads.
func (g *GitHub) Sources(access gitstore.Access) gitstore.Access {
	if g == nil || g.app == nil {
		return access
	}
	return over(access, auth.Git{Site: g.Site, Tokens: g.Tokens, Needs: auth.ReadContents(), Public: true})
}

// over has git log in at GitHub where nothing else is named.
func over(access gitstore.Access, git auth.Git) gitstore.Access {
	named := access.Credentials
	access.Credentials = func(ctx context.Context, url string) (gitstore.Credential, error) {
		if named != nil {
			if c, err := named(ctx, url); err != nil || c != (gitstore.Credential{}) {
				return c, err
			}
		}
		username, password, err := git.Login(ctx, url)
		return gitstore.Credential{Username: username, Password: password}, err
	}
	access.Rejected = func(url string, c gitstore.Credential) { git.Rejected(url, c.Password) }
	return access
}

// Repository is the one of a URL; a problem of the settings when it is none of this GitHub.
func (g *GitHub) Repository(setting, url string) (auth.Repository, error) {
	r, ok := g.Site.Repository(url)
	if !ok {
		return r, exit.Usage("%s %s is no repository of %s", setting, gitstore.Redact(url), g.Site)
	}
	return r, nil
}

// forge returns the forge that says on GitHub what the record keeps.
func (g *GitHub) forge(configURL string, record github.Record, log *slog.Logger) (reconciler.Forge, error) {
	config, err := g.Repository("config.url", configURL)
	if err != nil {
		return nil, err
	}
	forge, err := github.New(github.Options{
		Site: g.Site, Config: config, Client: g.Client, Tokens: g.Tokens, Record: record, Clock: g.clock, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the forge: %w", err)
	}
	return forge, nil
}
