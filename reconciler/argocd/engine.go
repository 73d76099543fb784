package argocd

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/tenant"
)

// Options of an Engine.
type Options struct {
	// Cluster is how the cluster is reached that Argo CD runs in.
	Cluster *rest.Config
	// Namespace of Argo CD.
	Namespace string
	// GitOps reads plateform-gitops, where the namespaces and the Applications are.
	GitOps reconciler.Reader
	// Secrets opens what was encrypted for the platform; nil when there is no key.
	Secrets secret.Opener
	// Pull reads the login that nodes pull images with; nil when they need none.
	Pull func() (tenant.PullLogin, error)
	// Ingress is where the ingress controller is asked whether URLs answer, as host or host:port; empty for where Ingresses say it is.
	Ingress string
	Times   Times
	// Notify is called when there is something new to say of a rollout.
	Notify func()
	Clock  func() time.Time
	Log    *slog.Logger
}

// Times are how long things may take. What is zero has the default that is named.
type Times struct {
	// Call bounds one call to the cluster; 15 s.
	Call time.Duration
	// Lag is how long Argo CD may take to compare what it was asked to before it is said that it does not; 30 s.
	Lag time.Duration
	// Look is the time between two looks at what is well, should the watches not tell; 5 min.
	Look time.Duration
	// Retry is the first wait after a call that failed, 500 ms, doubled at each further one up to MaxRetry, 30 s. Argo CD is asked
	// again as often while it cannot compare.
	Retry, MaxRetry time.Duration
}

func (t Times) withDefaults() Times {
	for field, value := range map[*time.Duration]time.Duration{
		&t.Call: 15 * time.Second, &t.Lag: 30 * time.Second, &t.Look: 5 * time.Minute, &t.Retry: 500 * time.Millisecond, &t.MaxRetry: 30 * time.Second,
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

// atOnce is how many projects are handed to Argo CD at the same time.
const atOnce = 8

// Engine has Argo CD bring about what is wanted. Want may be called before Run; nothing happens until then.
type Engine struct {
	options    Options
	cluster    *cluster
	namespaces *tenant.Namespaces
	root       root
	// slots are for projects that are handed over.
	slots chan struct{}
	news  chan struct{}

	mu       sync.Mutex
	projects map[manifest.Key]*project
	// unreachable says why the cluster, or Argo CD in it, could not be read yet.
	unreachable error
}

var _ reconciler.Engine = (*Engine)(nil)

// New returns an engine. The cluster is not asked anything before Run.
func New(o Options) (*Engine, error) {
	o.Times = o.Times.withDefaults()
	c, err := newCluster(o.Cluster, o.Times.Call, o.Namespace)
	if err != nil {
		return nil, fmt.Errorf("the cluster of engine argocd: %w", err)
	}
	return &Engine{
		options: o, cluster: c, namespaces: tenant.New(c.admin, o.GitOps, o.Pull, nil),
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
	running.Go(func() { failed <- e.cluster.start(ctx) })
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

// connect has the cluster watched, as soon as it answers and has an Argo CD.
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
		e.reached(e.absent(err))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// absent says of an error why the cluster cannot be watched.
func (e *Engine) absent(err error) error {
	if meta.IsNoMatchError(err) {
		return e.missing(err)
	}
	return fmt.Errorf("the cluster of engine argocd does not answer: %w", err)
}

// missing says of an error that there is no Argo CD, if that is what it means.
func (e *Engine) missing(err error) error {
	if meta.IsNoMatchError(err) {
		return fmt.Errorf("the cluster has no Argo CD: it does not know the kind Application (install Argo CD 3.0 or newer in namespace %s, or set engine.kind to direct)", e.options.Namespace)
	}
	return err
}

// reached notes whether the cluster can be read, and tells it when that is news.
func (e *Engine) reached(err error) {
	e.mu.Lock()
	before := e.unreachable
	e.unreachable = err
	e.mu.Unlock()
	if (err == nil) != (before == nil) || err != nil && err.Error() != before.Error() {
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
