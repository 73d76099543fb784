package worker

import (
	"cmp"
	"context"
	"errors"
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
	// maxDeploysOfCommit is how many projects a commit may be about for their deployments to be shown: a mass change is no news of
	// each.
	maxDeploysOfCommit = 20
	// maxCounted bounds of how many commits it is counted.
	maxCounted = 256
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
	// asked are the projects that each commit asked something of; no more are kept than tell that it is a mass change.
	asked *lru.LRU[string, map[manifest.Key]bool]
	// trouble is why the last one was not shown; nil when it was.
	trouble error
}

// NewDeployments returns the worker.
func NewDeployments(port reconciler.Deployments, log *slog.Logger, common Common) (*Deployments, error) {
	asked, err := lru.NewLRU[string, map[manifest.Key]bool](maxCounted, nil)
	if err != nil {
		return nil, err
	}
	d := &Deployments{Common: common, port: port, log: log, wanted: map[string]reconciler.Deployment{}, asked: asked}
	d.queue = common.Queue(queue.Options{Turn: d.show, Timeout: deployTimeout, Host: func(string) string { return theForge }, PerHost: deploysAtOnce})
	return d, nil
}

// Run works until the context ends.
func (d *Deployments) Run(ctx context.Context) error { return d.queue.Run(ctx) }

// Observe implements reconciler.Observer.
func (d *Deployments) Observe(e reconciler.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Kind == reconciler.EventStarted {
		for _, run := range e.Runs {
			d.count(cmp.Or(run.Source, run.Cause.Config), run.Project)
		}
		return
	}
	if e.Kind != reconciler.EventReported || e.Report == nil {
		return
	}
	r := *e.Report
	if r.Project == (manifest.Key{}) || r.Aside || !r.Terminal() || !deploys(r) { // what stands aside is said of who asked, too
		return
	}
	if d.count(cmp.Or(r.Source, r.Commit), r.Project) > maxDeploysOfCommit {
		return
	}
	key := r.Project.String()
	d.wanted[key] = deploymentOf(r, e.Recalled)
	d.queue.AddAfter(key, deployPause)
}

// deploymentOf is what a report comes to as a deployment.
func deploymentOf(r reconciler.Report, again bool) reconciler.Deployment {
	deployment := reconciler.Deployment{
		Project: r.Project, Release: r.Release.Version, Commit: r.Commit, State: r.State, Description: words.Statement(r).Description, LogURL: r.Build.URL, Again: again,
	}
	if r.State == reconciler.StateSuccess {
		deployment.LiveURL = r.LiveURL
	}
	return deployment
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

// count takes in that a commit asked something of a project, and returns of how many projects that is known; it stops where it is a
// mass change. All of a commit are begun before any is done. Whoever calls it has the lock.
func (d *Deployments) count(commit string, k manifest.Key) int {
	projects, found := d.asked.Get(commit)
	if !found {
		projects = map[manifest.Key]bool{}
		d.asked.Add(commit, projects)
	}
	if len(projects) <= maxDeploysOfCommit {
		projects[k] = true
	}
	return len(projects)
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
		again := !errors.Is(err, reconciler.ErrNotTaken)
		d.complain(key, err, again)
		if again {
			return 0, fmt.Errorf("showing the deployment of %s: %w", key, err)
		}
		return d.over(key, wanted), nil
	}
	if d.trouble != nil {
		d.trouble = nil
		d.log.Info("deployments are shown again")
	}
	return d.over(key, wanted), nil
}

// complain says why a deployment is not shown, once for a reason. Whoever calls it has the lock.
func (d *Deployments) complain(key string, err error, again bool) {
	switch said := d.trouble != nil && refusalOf(d.trouble) == refusalOf(err); {
	case said:
	case again:
		d.log.Warn("deployments are not shown now; it is tried again", "project", key, "error", err.Error())
	default:
		d.log.Warn("a deployment is not taken; it is tried again with the next one, or after a restart", "project", key, "error", err.Error())
	}
	d.trouble = err
}

// over notes that nothing more comes of a deployment, and says after how long to come again for a newer one. Whoever calls it has the lock.
func (d *Deployments) over(key string, wanted reconciler.Deployment) (again time.Duration) {
	if d.wanted[key] != wanted {
		return deployPause
	}
	delete(d.wanted, key)
	return 0
}
