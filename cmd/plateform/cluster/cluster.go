// Package cluster is the flags of commands that make an installation whose apps may run in a Kubernetes cluster.
package cluster

import (
	"cmp"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
)

// Flags say whether apps run in a Kubernetes cluster, and in which.
type Flags struct {
	engine, class, ingress string
	// Registry and Domain are those of the new platform.
	Registry, Domain string
}

// Add adds the flags to a command that makes an installation of its own.
func (f *Flags) Add(c *cobra.Command) {
	f.AddEngine(c)
	c.Flags().StringVar(&f.Registry, "registry", "", "registry that is pushed to and that the cluster pulls from, as host[:port][/path], with --engine direct")
	c.Flags().StringVar(&f.Domain, "domain", "", "domain that hosts are made under, with --engine direct (default "+scaffold.DefaultDomain+")")
}

// AddEngine adds those that say where apps run.
func (f *Flags) AddEngine(c *cobra.Command) {
	c.Flags().StringVar(&f.engine, "engine", installation.EngineLocal, "where apps run: local, this machine, or direct, the cluster that $KUBECONFIG names")
	c.Flags().StringVar(&f.class, "ingress-class", "", "class of the cluster's ingress controller, with --engine direct (default "+scaffold.DefaultIngressClass+")")
	c.Flags().StringVar(&f.ingress, "ingress", "", "where that ingress controller answers, as host[:port], with --engine direct")
}

// Cluster is the cluster that the flags mean, which pulls from a registry; nil when apps are to run on this machine.
func (f *Flags) Cluster(registry string) (*scaffold.Cluster, error) {
	switch f.engine {
	case installation.EngineLocal:
		for name, value := range map[string]string{"ingress-class": f.class, "ingress": f.ingress, "registry": f.Registry, "domain": f.Domain} {
			if value != "" {
				return nil, exit.Usage("--%s goes with --engine direct", name)
			}
		}
		return nil, nil
	case installation.EngineDirect:
	default:
		return nil, exit.Usage("--engine is local or direct, and not %q", f.engine)
	}
	if registry == "" {
		return nil, exit.Usage("a cluster cannot pull images from this machine (name a registry that is pushed to and that the cluster pulls from: --registry HOST[:PORT][/PATH])")
	}
	cluster := &scaffold.Cluster{IngressClass: cmp.Or(f.class, scaffold.DefaultIngressClass), Ingress: f.ingress}
	if f.ingress != "" {
		host, _, err := net.SplitHostPort(f.ingress)
		if err != nil {
			host, cluster.Ingress = f.ingress, net.JoinHostPort(f.ingress, "80")
		}
		if host == "" {
			return nil, exit.Usage("--ingress %q is no host[:port]", f.ingress)
		}
	}
	// A folder may be another one when serve.yaml is read.
	if files := filepath.SplitList(os.Getenv("KUBECONFIG")); len(files) == 1 {
		var err error
		if cluster.Kubeconfig, err = filepath.Abs(files[0]); err != nil {
			return nil, exit.Usage("KUBECONFIG: %w", err)
		}
	}
	return cluster, nil
}
