package direct

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/tenant"
)

// Options of an Engine.
type Options struct {
	// Cluster is how the cluster is reached.
	Cluster *rest.Config
	// GitOps reads plateform-gitops, where the namespaces are.
	GitOps reconciler.Reader
	// Ingress is where the ingress controller is asked whether URLs answer, as host or host:port; empty for where Ingresses say it is.
	Ingress string
	// Charts that releases are rendered with.
	Charts reconciler.Charts
	// Secrets opens what was encrypted for the platform.
	Secrets secret.Opener
	// Pull reads the login that nodes pull images with; nil when they need none.
	Pull  func() (tenant.PullLogin, error)
	Times Times
	// Notify is called when there is something new to say of a rollout.
	Notify func()
	Clock  func() time.Time
	Log    *slog.Logger
}

// Times are how long things may take. What is zero has the default that is named.
type Times struct {
	// Call bounds one call to the cluster; 15 s.
	Call time.Duration
	// Drift is the time between two looks for what somebody else changed; 5 min. What is deleted or edited is noticed at once where the
	// cluster tells of it.
	Drift time.Duration
	// Retry is the first wait after a call that failed, 500 ms, doubled at each further one up to MaxRetry, 30 s.
	Retry, MaxRetry time.Duration
}

func (t Times) withDefaults() Times {
	for field, value := range map[*time.Duration]time.Duration{
		&t.Call: 15 * time.Second, &t.Drift: 5 * time.Minute, &t.Retry: 500 * time.Millisecond, &t.MaxRetry: 30 * time.Second,
	} {
		if *field == 0 {
			*field = value
		}
	}
	return t
}

// wait is the time until something is tried again that was not taken, some times in a row already.
func (t Times) wait(tries int, err error) time.Duration {
	longest := t.MaxRetry
	if tenant.IsEnding(err) {
		longest = min(longest, settling)
	}
	return min(t.Retry<<min(tries, 16), longest)
}

// atOnce is how many projects are applied at the same time.
const atOnce = 8

// Engine brings what is wanted to a cluster. Want may be called before Run; nothing happens until then.
type Engine struct {
	options    Options
	cluster    *cluster
	namespaces *tenant.Namespaces
	renderer   *renderer
	// slots are for projects that are applied.
	slots chan struct{}
	news  chan struct{}

	mu       sync.Mutex
	projects map[manifest.Key]*project
	// unreachable says why the cluster could not be read yet.
	unreachable error
}

var _ reconciler.Engine = (*Engine)(nil)

// New returns an engine. The cluster is not asked anything before Run.
func New(o Options) (*Engine, error) {
	o.Times = o.Times.withDefaults()
	c, err := newCluster(o.Cluster, o.Times.Call, o.Log)
	if err != nil {
		return nil, fmt.Errorf("the cluster of engine direct: %w", err)
	}
	return &Engine{
		options: o, cluster: c, namespaces: tenant.New(c.admin, o.GitOps, o.Pull, deployerOf), renderer: newRenderer(o, c),
		slots: make(chan struct{}, atOnce), news: make(chan struct{}, 1), projects: map[manifest.Key]*project{},
	}, nil
}

// Want implements reconciler.Engine.
func (e *Engine) Want(_ context.Context, commit string, targets []reconciler.Target) error {
	for _, t := range targets {
		e.want(wanted{Target: t, Commit: commit})
	}
	signal(e.news)
	return nil
}

// Rollouts implements reconciler.Engine.
func (e *Engine) Rollouts(_ context.Context, keys []manifest.Key) (map[manifest.Key]reconciler.Rollout, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unreachable != nil {
		return nil, e.unreachable
	}
	rollouts := map[manifest.Key]reconciler.Rollout{}
	for _, k := range keys {
		if p := e.projects[k]; p != nil {
			if rollout, there := p.state.Rollout(); there {
				rollouts[k] = rollout
			}
		}
	}
	return rollouts, nil
}

// want hands a project what is wanted of it. The lock is held all the time: no project that is being forgotten gets anything.
func (e *Engine) want(w wanted) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.projects[w.Key]
	if p == nil {
		p = newProject(w.Key, e)
		e.projects[w.Key] = p
	}
	p.state.Want(w)
}

// forget forgets a project that nothing is left of, unless something is wanted of it by now.
func (e *Engine) forget(p *project) (forgotten bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, there := p.state.Rollout(); there {
		return false
	}
	delete(e.projects, p.key)
	return true
}

// changed wakes a project because something of it in the cluster is not as it was.
func (e *Engine) changed(k manifest.Key) {
	e.mu.Lock()
	p := e.projects[k]
	e.mu.Unlock()
	if p != nil {
		p.state.Wake()
	}
}

// Run brings about what is wanted until the context ends. What runs in the cluster goes on then.
func (e *Engine) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := e.connect(ctx); err != nil {
		return err
	}
	failed := make(chan error, 1)
	running.Go(func() { failed <- e.cluster.seen.Start(ctx) })
	if err := e.cluster.synced(ctx); err != nil {
		return err
	}
	e.reached(nil)
	for {
		e.mu.Lock()
		all := slices.Collect(maps.Values(e.projects))
		e.mu.Unlock()
		for _, p := range all {
			if !p.begun {
				p.begun = true
				running.Go(func() { p.run(ctx) })
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("watching the cluster: %w", err)
		case <-e.news:
		}
	}
}

// connect has the cluster watched, as soon as it answers.
func (e *Engine) connect(ctx context.Context) error {
	times := e.options.Times
	for wait := times.Retry; ; wait = min(2*wait, times.MaxRetry) {
		err := e.cluster.watch(ctx, e.changed)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.reached(fmt.Errorf("the cluster of engine direct does not answer: %w", err))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// reached notes whether the cluster can be read, and tells it when that is news.
func (e *Engine) reached(err error) {
	e.mu.Lock()
	news := (err == nil) != (e.unreachable == nil)
	e.unreachable = err
	e.mu.Unlock()
	if news {
		e.options.Notify()
	}
}

// signal wakes whoever waits, once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
