package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
)

// inCluster looks at the cluster of engine direct.
type inCluster struct{ *examination }

// check asks whether the cluster answers, lets serve do what it has to, and has somebody who serves ingresses.
func (d inCluster) check(ctx context.Context) []Diagnosis {
	const what = "cluster"
	if d.settings.Engine.Kind != installation.EngineDirect {
		return nil
	}
	config, err := d.settings.Engine.Cluster()
	if err != nil {
		return []Diagnosis{broken(what, err, "name the file that says how the cluster is reached in engine.kubeconfig")}
	}
	config.Timeout = d.timeout
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return []Diagnosis{broken(what, err, "mend the file that engine.kubeconfig names")}
	}
	version, err := set.Discovery().ServerVersion()
	if err != nil {
		return []Diagnosis{broken(what, fmt.Errorf("%s does not answer: %w", config.Host, err), "start the cluster, or mend the file that engine.kubeconfig names")}
	}
	found := []Diagnosis{ok(what, "%s answers, Kubernetes %s", config.Host, version.GitVersion)}
	found = append(found, mayBring(ctx, set)...)
	if d.platform != nil {
		found = append(found, ingressClass(ctx, set, d.platform)...)
	}
	return found
}

// right is something that serve has to be allowed to do in the whole cluster.
type right struct{ verb, group, resource string }

// rightsOfDirect are what engine direct needs.
func rightsOfDirect() []right {
	rights := []right{
		{"impersonate", "", "serviceaccounts"}, {"impersonate", "", "groups"}, {"get", "", "pods/log"},
		{"escalate", "rbac.authorization.k8s.io", "roles"}, {"bind", "rbac.authorization.k8s.io", "roles"},
	}
	for _, r := range []right{
		{"", "", "namespaces"}, {"", "", "resourcequotas"}, {"", "", "limitranges"}, {"", "", "serviceaccounts"}, {"", "", "configmaps"},
		{"", "networking.k8s.io", "networkpolicies"}, {"", "rbac.authorization.k8s.io", "roles"}, {"", "rbac.authorization.k8s.io", "rolebindings"},
	} {
		for _, verb := range []string{"get", "create", "patch"} {
			rights = append(rights, right{verb, r.group, r.resource})
		}
	}
	for _, r := range []right{
		{"", "", "pods"}, {"", "", "services"}, {"", "", "persistentvolumeclaims"}, {"", "apps", "deployments"}, {"", "apps", "statefulsets"}, {"", "apps", "replicasets"},
		{"", "batch", "jobs"}, {"", "batch", "cronjobs"}, {"", "networking.k8s.io", "ingresses"}, {"", "policy", "poddisruptionbudgets"},
		{"", "autoscaling", "horizontalpodautoscalers"},
	} {
		rights = append(rights, right{"list", r.group, r.resource}, right{"watch", r.group, r.resource})
	}
	return append(rights, right{"get", "networking.k8s.io", "ingressclasses"}, right{"list", "", "configmaps"}, right{"delete", "", "configmaps"})
}

// mayBring asks the cluster whether serve may do what engine direct has to.
func mayBring(ctx context.Context, set kubernetes.Interface) []Diagnosis {
	const what = "cluster rights"
	var missing []string
	for _, r := range rightsOfDirect() {
		resource, sub, _ := strings.Cut(r.resource, "/")
		answer, err := set.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: r.verb, Group: r.group, Resource: resource, Subresource: sub,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return []Diagnosis{broken(what, fmt.Errorf("asking what serve may do: %w", err), "")}
		}
		if !answer.Status.Allowed {
			missing = append(missing, r.verb+" "+r.resource)
		}
	}
	if len(missing) > 0 {
		return []Diagnosis{fail(what, "serve may not "+strings.Join(missing, ", "), "give the account of engine.kubeconfig a ClusterRole with these (docs/kubernetes.md)")}
	}
	return []Diagnosis{ok(what, "serve may make namespaces and act as the deployer of each")}
}

// ingressClass looks whether there is a class of the name that hosts are served by.
func ingressClass(ctx context.Context, set kubernetes.Interface, platform *manifest.Platform) []Diagnosis {
	const what = "ingress"
	name := cmp.Or(platform.Spec.Ingress.Class, "nginx") // as charts get it
	_, err := set.NetworkingV1().IngressClasses().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return []Diagnosis{warn(what, fmt.Sprintf("the cluster has no IngressClass %s: it may be that nobody serves what ingress.class of platform.yaml names", name),
			"install an ingress controller for it, or name another class")}
	case err != nil:
		return []Diagnosis{broken(what, err, "")}
	}
	return []Diagnosis{ok(what, "the cluster has the IngressClass %s", name)}
}
