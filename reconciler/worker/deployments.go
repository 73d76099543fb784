package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
	"github.com/plateform/plateform/reconciler/words"
)

const (
	// deployTimeout bounds showing one deployment, and deploysAtOnce how many are shown at the same time.
	deployTimeout = time.Minute
	deploysAtOnce = 2
	// deployPause lets what follows at once take a deployment's place.
	deployPause = time.Second
	// maxDeploysOfCommit is of how many projects of one commit deployments are shown: a mass change is no news of each.
	maxDeploysOfCommit = 20
	// maxMassCommits bounds of how many commits it is counted.
	maxMassCommits = 256
)

// Deployments has the newest deployment of each project shown. It is a reconciler.Observer.
type Deployments struct {
	Common
	port  reconciler.Deployments
	log   *slog.Logger
	queue Queue

	mu sync.Mutex
	// wanted is what is to be shown, by project.
	wanted map[string]reconciler.Deployment
	// projects are those that each commit deployed.
	projects *lru.LRU[string, map[manifest.Key]bool]
	// trouble is why the last one was not shown; nil when it was.
	trouble error
}

// NewDeployments returns the worker.
func NewDeployments(port reconciler.Deployments, log *slog.Logger, common Common) (*Deployments, error) {
	projects, err := lru.NewLRU[string, map[manifest.Key]bool](maxMassCommits, nil)
	if err != nil {
		return nil, err
	}
	d := &Deployments{Common: common, port: port, log: log, wanted: map[string]reconciler.Deployment{}, projects: projects}
	d.queue = common.Queue(queue.Options{Turn: d.show, Timeout: deployTimeout, Host: func(string) string { return theForge }, PerHost: deploysAtOnce})
	return d, nil
}

// Run works until the context ends.
func (d *Deployments) Run(ctx context.Context) error { return d.queue.Run(ctx) }

// Observe implements reconciler.Observer.
func (d *Deployments) Observe(e reconciler.Event) {
	if e.Kind != reconciler.EventReported || e.Report == nil {
		return
	}
	r := *e.Report
	if r.Project == (manifest.Key{}) || !r.Terminal() || !deploys(r) {
		return
	}
	statement := words.Statement(r)
	deployment := reconciler.Deployment{
		Project: r.Project, Release: r.Release.Version, Commit: r.Commit, State: r.State, Description: statement.Description, LogURL: r.Build.URL,
	}
	if r.State == reconciler.StateSuccess {
		deployment.LiveURL = r.LiveURL
	}
	key := r.Project.String()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.many(r) {
		return
	}
	d.wanted[key] = deployment
	d.queue.AddAfter(key, deployPause)
}

// deploys says that a report is on what runs now, and not on what did not come so far.
func deploys(r reconciler.Report) bool {
	switch r.Outcome {
	case reconciler.OutcomeRuns, reconciler.OutcomeRolloutFailed:
		return r.Release.Version != ""
	case reconciler.OutcomeRemoved, reconciler.OutcomeDataKept:
		return true
	}
	return false
}

// many says that a commit deploys too many projects for one more to be shown. Whoever calls it has the lock.
func (d *Deployments) many(r reconciler.Report) bool {
	projects, found := d.projects.Get(r.Commit)
	if !found {
		projects = map[manifest.Key]bool{}
		d.projects.Add(r.Commit, projects)
	}
	if !projects[r.Project] && len(projects) >= maxDeploysOfCommit {
		return true
	}
	projects[r.Project] = true
	return false
}

// show is one turn at showing the deployment of a project.
func (d *Deployments) show(ctx context.Context, key string) (again time.Duration, err error) {
	d.mu.Lock()
	wanted, found := d.wanted[key]
	d.mu.Unlock()
	if !found {
		return 0, nil
	}
	err = d.port.Show(ctx, wanted)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		if d.trouble == nil || refusalOf(d.trouble) != refusalOf(err) {
			d.log.Warn("deployments are not shown now; it is tried again", "project", key, "error", err.Error())
		}
		d.trouble = err
		return 0, fmt.Errorf("showing the deployment of %s: %w", key, err)
	}
	if d.trouble != nil {
		d.trouble = nil
		d.log.Info("deployments are shown again")
	}
	if d.wanted[key] == wanted {
		delete(d.wanted, key)
		return 0, nil
	}
	return deployPause, nil
}
