package installation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/kubernetes"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun"
	"github.com/plateform/plateform/reconciler/localrun/router"
	"github.com/plateform/plateform/reconciler/localrun/shim"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/reconciler/registry"
)

// EngineLocal is the kind of engine that runs everything on this machine.
const EngineLocal = "local"

// apps run on this machine, behind one address, or in a cluster.
type apps struct {
	// cluster is the engine of a cluster, and then there is none of this machine.
	cluster kubernetes.Engine
	engine  *localrun.Engine
	router  *router.Router
	// listener is nil until the address was opened.
	listener net.Listener
}

// appsDir is the folder of engine local.
func (s *Settings) appsDir() string { return filepath.Join(s.DataDir, "apps") }

// AppLogs is what tells what apps print, without anything running here.
func (s *Settings) AppLogs() (reconciler.AppLogs, error) {
	switch s.Engine.Kind {
	case EngineLocal:
		return localrun.Logs{Dir: s.appsDir()}, nil
	case EngineDirect, EngineArgoCD:
		return kubernetes.AppLogs(s.Engine.Kubeconfig)
	}
	return nil, exit.Usage("engine %s runs no apps whose output could be shown (engine.kind in serve.yaml)", s.Engine.Kind)
}

// OtherPort says in a line that the URLs of platform.yaml lead to another port than apps answer at, and what mends it; empty when
// they do not, or when that cannot be told: of a port that is picked, and of TLS, which something in front of it has to speak.
func (s EngineSettings) OtherPort(in manifest.IngressSpec) (said, fix string) {
	_, listens, err := net.SplitHostPort(s.Listen)
	if err != nil || s.Kind != EngineLocal || listens == "0" || in.TLSIssuer != "" {
		return "", ""
	}
	leads := strconv.Itoa(cmp.Or(in.Port, 80))
	if leads == listens {
		return "", ""
	}
	return fmt.Sprintf("URLs lead to port %s, and apps answer at %s", leads, s.Listen),
		fmt.Sprintf("set ingress.port in platform.yaml to %s, or engine.listen in serve.yaml to port %s, unless something in front leads from one to the other", listens, leads)
}

// engineParts are what an engine works with.
type engineParts struct {
	images *registry.Client
	gitops reconciler.Reader
	charts reconciler.Charts
	// secrets is nil when there is no key to open them with.
	secrets secret.Opener
}

// engine opens what gets things running; nil for an installation that stops at plateform-gitops.
func (i *Installation) engine(with engineParts) (reconciler.Engine, error) {
	notify := func() { i.reconciler.Hint(loop.Hint{Rollouts: true}) }
	switch i.settings.Engine.Kind {
	case EngineDirect, EngineArgoCD:
		e := i.settings.Engine // whose namespace is empty but for Argo CD
		engine, err := kubernetes.Open(kubernetes.Options{
			Kubeconfig: e.Kubeconfig, ArgoCD: e.Namespace, Ingress: e.Ingress, GitOps: with.gitops, Charts: with.charts, Secrets: with.secrets,
			Pull: e.Pull.login(), Notify: notify, Clock: i.now, Log: i.log, Transport: i.standby.Fenced,
		})
		if err != nil {
			return nil, exit.Usage("engine: %w", err)
		}
		i.apps = &apps{cluster: engine}
		return engine, nil
	case EngineLocal:
	default:
		return nil, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the file of this program, which watches over apps: %w", err)
	}
	front := router.New(router.Options{Log: i.log, Clock: i.now})
	engine, err := localrun.New(localrun.Options{
		Images: with.images, Secrets: with.secrets, Router: front, Dir: i.settings.appsDir(), Shim: []string{self, shim.Argument},
		Notify: notify, Clock: i.now, Log: i.log,
	})
	if err != nil {
		return nil, exit.Usage("engine: %w", err)
	}
	i.apps = &apps{engine: engine, router: front}
	return engine, nil
}

// ListenApps opens the address where apps answer and returns it; empty for an installation that runs none.
func (i *Installation) ListenApps(ctx context.Context) (string, error) {
	if i.apps == nil || i.apps.cluster != nil {
		return "", nil
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", i.settings.Engine.Listen)
	if err != nil {
		return "", fmt.Errorf("listening on %s (is another serve running? set engine.listen in serve.yaml and ingress.port in platform.yaml, both): %w", i.settings.Engine.Listen, err)
	}
	i.ServeApps(listener)
	return listener.Addr().String(), nil
}

// ServeApps has apps answer at an address that was opened. It is closed with the installation.
func (i *Installation) ServeApps(listener net.Listener) {
	if i.apps == nil || i.apps.cluster != nil {
		return
	}
	i.apps.listener = listener
	i.later(func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil // it was served
	})
}

// run runs apps until the context ends. They end after their requests have.
func (a *apps) run(ctx context.Context) error {
	if a.cluster != nil {
		if err := a.cluster.Run(ctx); !errors.Is(err, context.Canceled) {
			return fmt.Errorf("the engine of the cluster: %w", err)
		}
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer stop()
		if a.listener == nil {
			<-ctx.Done()
			return ctx.Err()
		}
		return a.router.Serve(ctx, a.listener)
	})
	group.Go(func() error {
		if err := a.engine.Run(running); !errors.Is(err, context.Canceled) {
			return fmt.Errorf("engine local: %w", err)
		}
		return nil
	})
	return group.Wait()
}
