package installation

import (
	"context"
	"errors"
	"net/http"

	"github.com/plateform/plateform/cmd/plateform/endpoint"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/webhook"
)

// openWebhooks makes what takes webhooks, if there are to be any.
func (i *Installation) openWebhooks() error {
	github, jenkins := i.settings.Webhooks.GitHub, i.settings.Webhooks.Jenkins
	if github == nil && jenkins == nil {
		return nil
	}
	count := i.metrics.Webhooks()
	if github != nil {
		var err error
		i.webhooks, err = webhook.NewGitHub(webhook.Options{
			Secrets: secretsOf(github.SecretFile, github.PreviousSecretFile),
			Hints:   newHints(i.settings, i.reconciler.Hint, i.proposals()),
			Clock:   i.now, Log: i.log,
			Count: count,
		})
		if err != nil {
			return exit.Usage("webhooks.github: %w", err)
		}
	}
	if jenkins != nil {
		var err error
		i.calls, err = webhook.NewJenkins(webhook.JenkinsOptions{
			Secrets: secretsOf(jenkins.SecretFile, jenkins.PreviousSecretFile),
			Wake:    func() { i.reconciler.Hint(loop.Hint{Builds: true}) },
			Clock:   i.now, Log: i.log,
			Count: count,
		})
		if err != nil {
			return exit.Usage("webhooks.jenkins: %w", err)
		}
	}
	return nil
}

// secretsOf reads the one or two secrets, for each use, so that they can be replaced under a running process.
func secretsOf(files ...string) func() ([]webhook.Secret, error) {
	return func() ([]webhook.Secret, error) {
		var secrets []webhook.Secret
		for _, file := range files {
			if file == "" {
				continue
			}
			secret, err := ReadSecret(file)
			if err != nil {
				return nil, err
			}
			secrets = append(secrets, webhook.Secret(secret))
		}
		return secrets, nil
	}
}

// ListenPublic opens the address that anybody may reach.
func (i *Installation) ListenPublic(ctx context.Context) (endpoint.Endpoint, error) {
	limits := endpoint.DefaultLimits()
	mux := http.NewServeMux()
	mux.Handle("/", endpoint.LimitBody(i.Health(), limits.BodyBytes))
	if i.calls != nil {
		mux.Handle(webhook.JenkinsPath, endpoint.LimitBody(i.standby.Webhooks(i.calls, i.calls), limits.BodyBytes))
	}
	if i.webhooks != nil {
		mux.Handle(webhook.GitHubPath, i.standby.Webhooks(i.webhooks, i.webhooks))
		limits.BodyBytes = webhook.MaxBody
		limits.Write = limits.Read + limits.Write // from when the header was there
	}
	e, err := endpoint.Listen(ctx, i.settings.Listen, "listen", mux)
	if err != nil {
		return e, err
	}
	e.Limits = limits
	if err := i.standby.Listens(e.Address()); err != nil {
		return e, errors.Join(err, e.Close())
	}
	return e, nil
}

// proposals are what is told of changes to pull requests.
type proposals interface {
	// Look has all of them looked at.
	Look()
	// Changed has one looked at.
	Changed(number int)
	// AgainAt has those planned once more that propose a commit.
	AgainAt(commit string)
	// Said has a comment read that may ask for something.
	Said(comment int64)
}

// hints turns what webhooks say into hints of the loop, and of who answers pull requests.
type hints struct {
	config, gitops branchNews
	hint           func(loop.Hint)
	proposals      proposals
}

// branchNews is a branch, by what news of its repository are looked for under.
type branchNews struct{ repository, ref string }

func newsOf(r RemoteSettings) branchNews {
	return branchNews{repository: repourl.News(r.URL), ref: "refs/heads/" + r.Branch}
}

func newHints(s *Settings, hint func(loop.Hint), p proposals) *hints {
	return &hints{config: newsOf(s.Config), gitops: newsOf(s.GitOps), hint: hint, proposals: p}
}

// Hint implements webhook.Hints. Which sources are anybody's, their worker knows.
func (h *hints) Hint(w webhook.Hint) {
	spellings := []string{w.Repository}
	if w.SSH != "" && repourl.News(w.SSH) != repourl.News(w.Repository) { // a port of its own
		spellings = append(spellings, w.SSH)
	}
	for _, repository := range spellings {
		switch ofConfig := h.config.repository == repourl.News(repository); {
		case w.Subject == webhook.Push || w.Subject == webhook.Access:
			h.moved(repository, w.Ref)
		case ofConfig && w.Subject == webhook.PullRequest:
			h.proposals.Changed(w.Number)
		case ofConfig && w.Subject == webhook.Comment:
			h.proposals.Said(w.Comment)
		case ofConfig && w.Subject == webhook.Checks:
			h.proposals.AgainAt(w.Commit)
		}
	}
}

// moved is about a ref of a repository, or about all of it.
func (h *hints) moved(repository, ref string) {
	news := repourl.News(repository)
	is := func(b branchNews) bool { return b.repository == news && (ref == "" || ref == b.ref) }
	h.hint(loop.Hint{Config: is(h.config), GitOps: is(h.gitops), Source: repository})
	if is(h.config) || is(h.gitops) {
		h.proposals.Look()
	}
}

// Everything implements webhook.Hints.
func (h *hints) Everything() {
	h.hint(loop.Hint{Config: true, GitOps: true, Sources: true, Everything: true})
	h.proposals.Look()
}
