// Package installation is one Plateform that works: its settings, serve.yaml, and the reconciler with everything that
// these name.
package installation

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/plateform/plateform/cmd/plateform/claim"
	"github.com/plateform/plateform/cmd/plateform/crash"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/metrics"
	"github.com/plateform/plateform/cmd/plateform/standby"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/embedded"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/reconciler/runlog"
	"github.com/plateform/plateform/reconciler/secrets"
	"github.com/plateform/plateform/webhook"
)

// Installation is a reconciler with everything it works with.
type Installation struct {
	settings   *Settings
	now        func() time.Time
	log        *slog.Logger
	observers  []reconciler.Observer
	reconciler *loop.Reconciler
	metrics    *metrics.Metrics
	// apps is nil when none run here.
	apps *apps
	// branches are those of the two repositories.
	branches []*branch
	// github is nil when no login at one is named.
	github *GitHub
	// images is the embedded registry, and serving answers for it; nil when there is none.
	images  *embedded.Registry
	serving *serving
	// desk is nil where the forge is no GitHub.
	desk *desk
	// standby is nil for an installation that always leads.
	standby *standby.Standby
	edge
}

// edge is what those come to who are not the installation itself.
type edge struct {
	// webhooks are those of GitHub, calls those of a Jenkins; nil when none are taken.
	webhooks *webhook.GitHub
	calls    *webhook.Jenkins
	// identities is nil when nobody could tell who somebody is.
	identities reconciler.Identities
	// runs answers how runs go; nil where no address is named for it.
	runs *answering
	// closers give back what was opened; the newest first.
	closers []func() error
}

// Options are what an installation gets from the process that it is part of.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Log takes what does not happen to a run.
	Log *slog.Logger
	// Observers take what happens to runs, beside the metrics.
	Observers []reconciler.Observer
	// Host is what other serves on the same repositories know this machine by; empty when it listens on an address that they reach.
	Host string
}

// Logged are options that write all there is to a log.
func Logged(now func() time.Time, log *slog.Logger) Options {
	return Options{Now: now, Log: log, Observers: []reconciler.Observer{runlog.New(log)}}
}

// Open puts an installation together. It talks to nobody yet. The caller closes it.
func Open(s *Settings, o Options) (*Installation, error) {
	i := &Installation{settings: s, now: o.Now, log: o.Log, metrics: metrics.New()}
	i.observers = append(slices.Clone(o.Observers), i.metrics)
	if err := i.open(o.Host); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// open opens the parts in the order they need each other.
func (i *Installation) open(host string) error {
	signer, err := i.settings.Keys.Signer()
	if err != nil {
		return err
	}
	opener, err := secrets.FromFile(i.settings.Keys.IdentityFile)
	if err != nil {
		return exit.Usage("keys.identityFile: %w", err)
	}
	if i.standby, err = i.settings.standby(host, i.now, i.log); err != nil {
		return err
	}
	if i.github, err = i.settings.GitHub.open(i.now, i.standby.Fenced(http.DefaultTransport)); err != nil {
		return err
	}
	if i.identities, err = i.settings.Identities(i.github, i.now); err != nil {
		return err
	}
	release, err := claim.Take(i.settings.DataDir)
	if err != nil {
		return err
	}
	i.later(release)
	if err := i.openImages(); err != nil {
		return err
	}
	config, err := i.store("config", i.settings.Config)
	if err != nil {
		return err
	}
	config.named, config.leads = i.settings.Registry.otherRegistry, i.settings.Engine.OtherPort
	gitops, err := i.store("gitops", i.settings.GitOps)
	if err != nil {
		return err
	}
	forge, record, err := i.forge(config)
	if err != nil {
		return err
	}
	images, err := i.registry(config)
	if err != nil {
		return err
	}
	sources, err := i.sources()
	if err != nil {
		return err
	}
	builder, err := i.builder(images, sources)
	if err != nil {
		return err
	}
	builtin, err := charts.New()
	if err != nil {
		return err
	}
	engine, err := i.engine(engineParts{images: images, gitops: gitops, charts: builtin, secrets: opener})
	if err == nil {
		history := api.History{Config: api.Branch{Reader: config, Head: config.last}, GitOps: api.Branch{Reader: gitops, Head: gitops.last}, Told: record.Told}
		err = openAPI(i, history, builder, engine)
	}
	if err != nil {
		return err
	}
	builder = i.scanned(builder, config.registryHost, images)
	poll, err := time.ParseDuration(i.settings.Forge.Poll)
	if err != nil {
		return exit.Usage("forge.poll: %w", err)
	}
	resync, err := parseResync(i.settings.Resync)
	if err != nil {
		return exit.Usage("resync: %w", err)
	}
	ports := loop.Ports{
		Config: config, GitOps: gitops, Sources: sources, Builder: i.standby.Fence(builder), Registry: images, Forge: forge, Charts: builtin, Engine: engine,
	}
	if i.images != nil {
		ports.Images = i.images
	}
	if err := i.openReviews(config, gitops, reviewParts{charts: builtin, secrets: opener, images: images, record: record, signer: signer, poll: poll}); err != nil {
		return err
	}
	i.reconciler, err = loop.New(crash.Fragile(loop.Options{
		Ports:  ports,
		Signer: signer, Secrets: opener, Clock: i.now, Log: i.log, Meter: i.metrics, Observers: i.observers, Poll: poll, Resync: resync, LogURL: i.settings.API.logURL(),
		ArgoCD: i.settings.argoCD(),
	}))
	if err != nil {
		return err
	}
	i.metrics.Watch(i.reconciler, i.standby, i.now)
	return i.openWebhooks()
}

// SourceMoved has a source repository looked at soon.
func (i *Installation) SourceMoved(repository string) {
	i.reconciler.Hint(loop.Hint{Source: repository})
}

// later registers what is to be closed at the end.
func (i *Installation) later(closer func() error) { i.closers = append(i.closers, closer) }

// Close closes everything in the opposite order.
func (i *Installation) Close() error {
	var err error
	for n := len(i.closers) - 1; n >= 0; n-- {
		err = errors.Join(err, i.closers[n]())
	}
	i.closers = nil
	return err
}
