// Package deployments shows on GitHub what of each project was deployed last: one environment for each project, and a deployment for
// each release that came there, with the URL where it answers.
package deployments

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// Options of Deployments.
type Options struct {
	// Config is the config repository on GitHub.
	Config auth.Repository
	Client *client.Client
	Tokens auth.Tokens
	Log    *slog.Logger
}

// Deployments is a reconciler.Deployments. It is safe for use by several goroutines, and beside other processes.
type Deployments struct{ Options }

var _ reconciler.Deployments = (*Deployments)(nil)

// New returns Deployments. It asks nobody anything yet.
func New(o Options) *Deployments { return &Deployments{o} }

// task is what Plateform's deployments are called: those of others in an environment of the same name are theirs.
const task = "deploy:plateform"

// payload is what a deployment is found again by: its release. Which commit asked is for people.
type payload struct {
	Release string `json:"release,omitempty"`
	Commit  string `json:"commit"`
}

// Show implements reconciler.Deployments. GitHub itself makes the deployments before it inactive.
func (d *Deployments) Show(ctx context.Context, want reconciler.Deployment) error {
	priority := client.Progress // the same is said elsewhere
	if want.State == reconciler.StateFailure {
		priority = client.Final
	}
	err := d.show(client.WithPriority(ctx, priority), want)
	if err == nil {
		return nil
	}
	err = client.Explain(err)
	switch {
	case client.Denied(err):
		return fmt.Errorf("showing a deployment in %s: %w (let Plateform write deployments there): %w", d.Config, err, reconciler.ErrNotTaken)
	case client.Answered(err, http.StatusUnprocessableEntity):
		return fmt.Errorf("showing a deployment in %s: %w: %w", d.Config, err, reconciler.ErrNotTaken)
	}
	return fmt.Errorf("showing a deployment in %s: %w", d.Config, err)
}

func (d *Deployments) show(ctx context.Context, want reconciler.Deployment) error {
	api := d.Client.As(auth.LoginTo(d.Tokens, d.Config, auth.WriteDeployments()))
	newest, err := d.newest(ctx, api, want.Project)
	if err != nil {
		return err
	}
	switch {
	case want.Release == "" && newest == nil:
		return nil // it never was anywhere
	case want.Release != "" && (newest == nil || markOf(newest).Release != want.Release):
		newest, err = d.create(ctx, api, want, markOf(newest).Release)
		if client.Answered(err, http.StatusUnprocessableEntity) { // the commit is not there any more
			d.Log.Warn("GitHub takes no deployment of a commit", "project", want.Project.String(), "commit", manifest.Short(want.Commit), "error", err.Error())
			return nil
		}
		if err != nil {
			return err
		}
	}
	return d.say(ctx, api, newest.GetID(), want)
}

// newest is the newest deployment of a project; nil when there is none.
func (d *Deployments) newest(ctx context.Context, api *github.Client, k manifest.Key) (*github.Deployment, error) {
	list, _, err := api.Repositories.ListDeployments(ctx, d.Config.Owner, d.Config.Name, &github.DeploymentsListOptions{
		Environment: k.String(), Task: task, ListOptions: github.ListOptions{PerPage: 1},
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// markOf is what a deployment is of; nothing when it is none of Plateform's.
func markOf(d *github.Deployment) (mark payload) {
	if d == nil {
		return payload{}
	}
	if json.Unmarshal(d.Payload, &mark) != nil {
		return payload{}
	}
	return mark
}

// create makes a deployment of what takes the place of another release.
func (d *Deployments) create(ctx context.Context, api *github.Client, want reconciler.Deployment, before string) (*github.Deployment, error) {
	made, _, err := api.Repositories.CreateDeployment(ctx, d.Config.Owner, d.Config.Name, &github.DeploymentRequest{
		Ref: &want.Commit, Task: github.String(task), Environment: github.String(want.Project.String()), Description: github.String(client.Description(headline(before, want.Release))),
		AutoMerge: github.Bool(false), RequiredContexts: &[]string{}, Payload: payload{Release: want.Release, Commit: want.Commit},
	})
	return made, client.Explain(err)
}

// headline says what is deployed: of an older release, that it is gone back to.
func headline(before, now string) string {
	from, errFrom := manifest.ParseVersion(before)
	to, errTo := manifest.ParseVersion(now)
	if errFrom == nil && errTo == nil && to.Compare(from) < 0 {
		return fmt.Sprintf("%s back to %s", before, now)
	}
	return now
}

// statusOf is how a deployment came out, in GitHub's words.
func statusOf(want reconciler.Deployment) *github.DeploymentStatusRequest {
	status := &github.DeploymentStatusRequest{State: github.String("failure"), Description: github.String(client.Description(want.Description)), LogURL: optional(want.LogURL)}
	switch {
	case want.Release == "":
		status.State = github.String("inactive")
	case want.State == reconciler.StateSuccess:
		status.State, status.EnvironmentURL = github.String("success"), optional(want.LiveURL)
	}
	return status
}

// say has a deployment show how it came out, unless it does. Why something failed is said anew when it is another reason.
func (d *Deployments) say(ctx context.Context, api *github.Client, id int64, deployment reconciler.Deployment) error {
	want := statusOf(deployment)
	shown, _, err := api.Repositories.ListDeploymentStatuses(ctx, d.Config.Owner, d.Config.Name, id, &github.ListOptions{PerPage: 1})
	if err != nil {
		return err
	}
	if len(shown) > 0 && shown[0].GetState() == want.GetState() && shown[0].GetEnvironmentURL() == want.GetEnvironmentURL() {
		if deployment.State != reconciler.StateFailure || deployment.Again || shown[0].GetDescription() == want.GetDescription() {
			return nil
		}
	}
	_, _, err = api.Repositories.CreateDeploymentStatus(ctx, d.Config.Owner, d.Config.Name, id, want)
	return err
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
