package installation

import (
	"cmp"

	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/cmd/plateform/kubernetes"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/reconciler/tenant"
)

// The kinds of engines that bring what is wanted to a cluster.
const (
	EngineDirect = "direct" // applies charts itself
	EngineArgoCD = "argocd" // has Argo CD apply them
)

// InCluster says that apps run in a Kubernetes cluster.
func (s EngineSettings) InCluster() bool { return s.Kind == EngineDirect || s.Kind == EngineArgoCD }

// Cluster is how the cluster of an engine is reached.
func (s EngineSettings) Cluster() (*rest.Config, error) { return kubernetes.Config(s.Kubeconfig) }

// GitOpsInCluster is the URL that Argo CD reaches plateform-gitops by.
func (s *Settings) GitOpsInCluster() string { return cmp.Or(s.Engine.Repository, s.GitOps.URL) }

// argoCD is what deploys plateform-gitops; nil when that is not Argo CD.
func (s *Settings) argoCD() *gitops.ArgoCD {
	if s.Engine.Kind != EngineArgoCD {
		return nil
	}
	return &gitops.ArgoCD{Namespace: s.Engine.Namespace, Repository: s.GitOpsInCluster(), Branch: s.GitOps.Branch}
}

// login reads the login that nodes pull images with, anew each time; nil when they need none.
func (s *PullSettings) login() func() (tenant.PullLogin, error) {
	if s == nil {
		return nil
	}
	return func() (tenant.PullLogin, error) {
		username, err := ReadSecret(s.UsernameFile)
		if err != nil {
			return tenant.PullLogin{}, err
		}
		password, err := ReadSecret(s.PasswordFile)
		return tenant.PullLogin{Registry: s.Registry, Username: username, Password: password}, err
	}
}
