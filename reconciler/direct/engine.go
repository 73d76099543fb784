package direct

import (
	"fmt"
	"log/slog"
	"time"

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

// atOnce is how many projects are applied at the same time.
const atOnce = 8

// Engine brings what is wanted to a cluster. Want may be called before Run; nothing happens until then.
type Engine struct {
	*rollout.Fleet
	pods.Overseer
	options    Options
	cluster    *cluster
	namespaces *tenant.Namespaces
	renderer   *renderer
	// slots are for projects that are applied.
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
	c, err := newCluster(o.Cluster, o.Times.Call, o.Log)
	if err != nil {
		return nil, fmt.Errorf("the cluster of engine direct: %w", err)
	}
	e := &Engine{
		options: o, cluster: c, namespaces: tenant.New(c.admin, o.GitOps, o.Pull, deployerOf), renderer: newRenderer(o, c),
		slots: make(chan struct{}, atOnce),
	}
	e.Fleet = rollout.NewFleet(rollout.FleetOptions{
		Watched: c, Absent: absent, Join: func(k manifest.Key) rollout.Member { return newProject(k, e) },
		Retry: o.Times.Retry, MaxRetry: o.Times.MaxRetry, Notify: o.Notify,
	})
	e.Overseer = pods.Overseer{Reader: pods.Reader{Cluster: c.set, Namespace: e.NamespaceOf, Call: o.Times.Call}, Seen: c.seen, Said: e.Rollouts}
	return e, nil
}

// absent says of an error why the cluster cannot be watched.
func absent(err error) error {
	return fmt.Errorf("the cluster of engine direct does not answer: %w", err)
}
