package installation

import (
	"errors"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/reconciler/direct"
)

// EngineDirect is the kind of engine that applies charts to a cluster.
const EngineDirect = "direct"

// Cluster is how the cluster of engine direct is reached: by the file that is named, from inside it, or as kubectl does.
func (s EngineSettings) Cluster() (*rest.Config, error) {
	if s.Kubeconfig == "" {
		inside, err := rest.InClusterConfig()
		if !errors.Is(err, rest.ErrNotInCluster) {
			return inside, err
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = s.Kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
}

// openCluster opens the engine that applies charts to a cluster.
func (s EngineSettings) openCluster(o direct.Options) (*direct.Engine, error) {
	config, err := s.Cluster()
	if err != nil {
		return nil, exit.Usage("engine.kubeconfig: %w (name the file that says how the cluster is reached)", err)
	}
	// What the libraries of Kubernetes have to say goes where all else goes. They know one log for a whole process.
	log.SetLogger(logr.FromSlogHandler(o.Log.Handler()))
	klog.SetSlogLogger(o.Log)
	o.Cluster, o.Ingress = config, s.Ingress
	engine, err := direct.New(o)
	if err != nil {
		return nil, exit.Usage("engine: %w", err)
	}
	return engine, nil
}
