package argocd

import (
	"fmt"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/pods"
	"github.com/plateform/plateform/reconciler/rollout"
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

// atOnce is how many projects are handed to Argo CD at the same time.
const atOnce = 8

// Engine has Argo CD bring about what is wanted. Want may be called before Run; nothing happens until then.
type Engine struct {
	*rollout.Fleet
	pods.Overseer
	options    Options
	cluster    *cluster
	namespaces *tenant.Namespaces
	root       root
	// slots are for projects that are handed over.
	slots chan struct{}
}

var (
	_ reconciler.Engine   = (*Engine)(nil)
	_ reconciler.AppLogs  = (*Engine)(nil)
	_ reconciler.Overseer = (*Engine)(nil)
)

// New returns an engine. The cluster is not asked anything before Run.
func New(o Options) (*Engine, error) {
	o.Times = o.Times.withDefaults()
	c, err := newCluster(o.Cluster, o.Times.Call, o.Namespace)
	if err != nil {
		return nil, fmt.Errorf("the cluster of engine argocd: %w", err)
	}
	e := &Engine{
		options: o, cluster: c, namespaces: tenant.New(c.admin, o.GitOps, o.Pull, nil),
		slots: make(chan struct{}, atOnce),
	}
	e.Fleet = rollout.NewFleet(rollout.FleetOptions{
		Watched: c, Absent: e.absent, Join: func(k manifest.Key) rollout.Member { return newProject(k, e) },
		Retry: o.Times.Retry, MaxRetry: o.Times.MaxRetry, Notify: o.Notify,
	})
	e.Overseer = pods.Overseer{Reader: pods.Reader{Cluster: c.set, Namespace: e.NamespaceOf, Call: o.Times.Call}, Seen: c.seen, Said: e.Rollouts}
	return e, nil
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
