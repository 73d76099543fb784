// Package kubernetes opens the engines that bring what is wanted to a Kubernetes cluster.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/argocd"
	"github.com/plateform/plateform/reconciler/direct"
	"github.com/plateform/plateform/reconciler/pods"
	"github.com/plateform/plateform/reconciler/tenant"
)

// Options of an engine.
type Options struct {
	// Kubeconfig is the file that says how the cluster is reached; empty for the cluster that this runs in, or else what kubectl uses.
	Kubeconfig string
	// ArgoCD is the namespace of the Argo CD that applies what is wanted; empty when it is applied from here.
	ArgoCD string
	// Ingress is where the ingress controller is asked, as host or host:port; empty for where Ingresses say it is.
	Ingress string
	GitOps  reconciler.Reader
	Charts  reconciler.Charts
	// Secrets opens what is encrypted of a release; nil when there is no key.
	Secrets secret.Opener
	// Pull reads the login that nodes pull images with; nil when they need none.
	Pull   func() (tenant.PullLogin, error)
	Notify func()
	Clock  func() time.Time
	Log    *slog.Logger
	// Transport is what requests to the cluster go through, besides what they always do.
	Transport func(http.RoundTripper) http.RoundTripper
}

// Engine is an engine that works until a context ends.
type Engine interface {
	reconciler.Engine
	reconciler.AppLogs
	reconciler.Overseer
	// Run brings about what is wanted until the context ends.
	Run(ctx context.Context) error
}

// Config is how a cluster is reached: by the file that is named, from inside it, or as kubectl does.
func Config(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		inside, err := rest.InClusterConfig()
		if !errors.Is(err, rest.ErrNotInCluster) {
			return inside, err
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
}

// AppLogs reads what apps print in a cluster, without an engine.
func AppLogs(kubeconfig string) (reconciler.AppLogs, error) {
	config, err := Config(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("engine.kubeconfig: %w (name the file that says how the cluster is reached)", err)
	}
	return pods.Open(config)
}

// Open opens an engine. The cluster is not asked anything before it runs.
func Open(o Options) (Engine, error) {
	config, err := Config(o.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w (name the file that says how the cluster is reached)", err)
	}
	config.Wrap(o.Transport)
	// What the libraries of Kubernetes have to say goes where all else goes. They know one log for a whole process.
	log.SetLogger(logr.FromSlogHandler(o.Log.Handler()))
	klog.SetSlogLogger(o.Log)
	if o.ArgoCD != "" {
		return argocd.New(argocd.Options{
			Cluster: config, Namespace: o.ArgoCD, Ingress: o.Ingress, GitOps: o.GitOps, Secrets: o.Secrets, Pull: o.Pull, Notify: o.Notify, Clock: o.Clock, Log: o.Log,
		})
	}
	return direct.New(direct.Options{
		Cluster: config, Ingress: o.Ingress, GitOps: o.GitOps, Charts: o.Charts, Secrets: o.Secrets, Pull: o.Pull, Notify: o.Notify, Clock: o.Clock, Log: o.Log,
	})
}
