package installation

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/deliveries"
	"github.com/plateform/plateform/reconciler/github/deployments"
	"github.com/plateform/plateform/reconciler/github/reviews"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/reconciler/review"
	"github.com/plateform/plateform/reconciler/worker"
)

// nobody is told of pull requests where they are not answered.
type nobody struct{}

func (nobody) Look() {}

func (nobody) Changed(int) {}

func (nobody) AgainAt(string) {}

func (nobody) Said(int64) {}

// proposals are what webhooks tell of pull requests.
func (i *Installation) proposals() proposals {
	if i.desk == nil {
		return nobody{}
	}
	return i.desk.reviewer
}

// desk is what talks to GitHub beside the forge: to people on pull requests, by deployments, and about webhooks.
type desk struct {
	reviewer    *review.Reviewer
	deployments *worker.Deployments
	// deliveries are asked for again that failed; nil unless there are webhooks, and an App that they may be those of.
	deliveries *deliveries.Deliveries
}

// openReviews makes what answers pull requests, where the forge is a GitHub.
func (i *Installation) openReviews(config, gitops *branch, parts reviewParts) error {
	if i.settings.Forge.Kind != forgeGitHub {
		return nil
	}
	repository, err := i.github.Repository("config.url", i.settings.Config.URL)
	if err != nil {
		return err
	}
	pulls, err := reviews.New(reviews.Options{
		Site: i.github.Site, Config: repository, Branch: i.settings.Config.Branch, Client: i.github.Client, Tokens: i.github.Tokens,
		App: i.settings.GitHub.App.ID, Log: i.log,
	})
	if err != nil {
		return fmt.Errorf("opening the pull requests: %w", err)
	}
	proposed, remembered := config.Proposals(), gitops.Proposals()
	i.later(func() error { return errors.Join(proposed.Close(), remembered.Close()) })
	reviewer, err := review.New(review.Options{
		Reviews: pulls, Remarks: pulls,
		Committing: review.Committing{Main: config, Pushed: func() { i.reconciler.Hint(loop.Hint{Config: true}) }, Signer: parts.signer},
		Config:     proposed, ConfigBranch: i.settings.Config.Branch,
		GitOps: remembered, GitOpsBranch: i.settings.GitOps.Branch,
		Planning: review.Planning{Charts: parts.charts, Secrets: parts.secrets, Unrun: i.settings.Engine.Unrun()},
		Images:   parts.images, Record: parts.record, Log: i.log,
		Every: min(slowestReview, pollsPerReview*parts.poll),
		DeletePage: func(file string) string {
			return i.github.Site.Web.JoinPath(repository.Owner, repository.Name, "delete", url.PathEscape(i.settings.Config.Branch), file).String()
		},
		Common: i.common(),
	})
	if err != nil {
		return fmt.Errorf("opening the pull requests: %w", err)
	}
	shown := deployments.New(deployments.Options{Config: repository, Client: i.github.Client, Tokens: i.github.Tokens, Log: i.log})
	deployed, err := worker.NewDeployments(shown, i.log, i.common())
	if err != nil {
		return fmt.Errorf("opening the deployments: %w", err)
	}
	i.desk = &desk{reviewer: reviewer, deployments: deployed, deliveries: i.openDeliveries()}
	i.observers = append(i.observers, reviewer, deployed)
	return nil
}

// openDeliveries makes what asks for webhooks again that failed, where that can be asked.
func (i *Installation) openDeliveries() *deliveries.Deliveries {
	if i.settings.Webhooks.GitHub == nil || i.github.app == nil {
		return nil
	}
	return deliveries.New(deliveries.Options{
		Client: i.github.Client, Login: i.github.app.Itself(), Clock: i.github.clock, Jitter: worker.RandomJitter, Log: i.log,
	})
}

// common is what workers beside the loop need.
func (i *Installation) common() worker.Common {
	return worker.Common{Queue: worker.Keyed, Clock: i.now, Jitter: worker.RandomJitter, Notify: func() {}}
}

// reviewParts are what answering pull requests needs of an installation.
type reviewParts struct {
	charts reconciler.Charts
	// secrets is nil when there is no key to open them with.
	secrets secret.Opener
	images  review.Images
	record  review.Record
	signer  *signing.Key
	poll    time.Duration
}

// Pull requests are looked for every so many polls, and at least every slowestReview.
const (
	pollsPerReview = 20
	slowestReview  = 40 * time.Second
)

var _ review.Config = (*gitstore.Proposals)(nil)
