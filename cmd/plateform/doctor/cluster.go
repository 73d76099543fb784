package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
)

// inCluster looks at the cluster that apps run in.
type inCluster struct{ *examination }

// check asks whether the cluster answers, lets serve do what it has to, and has somebody who serves ingresses.
func (d inCluster) check(ctx context.Context) []Diagnosis {
	const what = "cluster"
	if !d.settings.Engine.InCluster() {
		return nil
	}
	config, err := d.settings.Engine.Cluster()
	if err != nil {
		return []Diagnosis{broken(what, err, "name the file that says how the cluster is reached in engine.kubeconfig")}
	}
	config.Timeout = d.timeout
	config.QPS, config.Burst = questionsASecond, questionsASecond
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return []Diagnosis{broken(what, err, "mend the file that engine.kubeconfig names")}
	}
	version, err := set.Discovery().ServerVersion()
	if err != nil {
		return []Diagnosis{broken(what, fmt.Errorf("%s does not answer: %w", config.Host, err), "start the cluster, or mend the file that engine.kubeconfig names")}
	}
	found := []Diagnosis{ok(what, "%s answers, Kubernetes %s", config.Host, version.GitVersion)}
	if d.settings.Engine.Kind == installation.EngineArgoCD {
		found = append(found, withArgoCD{set: set, namespace: d.settings.Engine.Namespace, repository: d.settings.GitOpsInCluster(), besides: d.more()}.check(ctx)...)
	} else {
		found = append(found, mayBring(ctx, set, append(rightsOfDirect(), d.more()...), "serve may make namespaces and act as the deployer of each")...)
		found = append(found, deployers{set: set, config: config}.check(ctx)...)
	}
	if d.platform != nil {
		found = append(found, ingressClass(ctx, set, d.platform)...)
	}
	return found
}

// more are the rights that serve needs because of what is set.
func (d inCluster) more() (rights []right) {
	if d.settings.Engine.Pull != nil {
		rights = append(rights, right{verb: "create", resource: "secrets"}, right{verb: "patch", resource: "secrets", name: "plateform-pull"},
			right{verb: "patch", resource: "serviceaccounts", name: "default"})
	}
	if d.platform != nil && d.platform.Spec.Ingress.TLSIssuer != "" {
		rights = append(rights, right{verb: "get", group: "cert-manager.io", resource: "certificates"})
	}
	return rights
}

// questionsASecond is how much the API server is asked; it has its own limits, which say when to come again.
const questionsASecond = 200

// right is something that serve has to be allowed to do in the whole cluster, or in one namespace.
type right struct{ verb, group, resource, namespace, name string }

// rightsOfDirect are what engine direct needs.
func rightsOfDirect() []right {
	rights := append(rightsOfNamespaces(), right{verb: "create", resource: "serviceaccounts"})
	for _, verb := range []string{"impersonate", "get", "patch"} {
		rights = append(rights, right{verb: verb, resource: "serviceaccounts", name: deployer})
	}
	for _, verb := range []string{"get", "create", "patch"} {
		rights = append(rights, right{verb: verb, resource: "configmaps"})
	}
	return append(rights, right{verb: "list", resource: "configmaps"}, right{verb: "delete", resource: "configmaps"})
}

// rightsOfNamespaces are what each engine of a cluster needs: to make namespaces and all that is in them besides what charts make, and to
// see how that does.
func rightsOfNamespaces() []right {
	const rbac, networking = "rbac.authorization.k8s.io", "networking.k8s.io"
	rights := []right{{verb: "get", resource: "pods/log"}, {verb: "escalate", group: rbac, resource: "roles"}, {verb: "bind", group: rbac, resource: "roles"}}
	for _, r := range []right{
		{resource: "namespaces"}, {resource: "resourcequotas"}, {resource: "limitranges"},
		{group: networking, resource: "networkpolicies"}, {group: rbac, resource: "roles"}, {group: rbac, resource: "rolebindings"},
	} {
		for _, verb := range []string{"get", "create", "patch"} {
			rights = append(rights, right{verb: verb, group: r.group, resource: r.resource})
		}
	}
	for _, r := range []right{
		{resource: "pods"}, {resource: "services"}, {resource: "persistentvolumeclaims"}, {group: "apps", resource: "deployments"}, {group: "apps", resource: "statefulsets"},
		{group: "apps", resource: "replicasets"}, {group: "batch", resource: "jobs"}, {group: "batch", resource: "cronjobs"}, {group: networking, resource: "ingresses"},
		{group: "policy", resource: "poddisruptionbudgets"}, {group: "autoscaling", resource: "horizontalpodautoscalers"},
	} {
		rights = append(rights, right{verb: "list", group: r.group, resource: r.resource}, right{verb: "watch", group: r.group, resource: r.resource})
	}
	return append(rights, right{verb: "get", group: networking, resource: "ingressclasses"})
}

// mayBring asks the cluster whether serve may do what its engine has to.
func mayBring(ctx context.Context, set kubernetes.Interface, rights []right, fine string) []Diagnosis {
	const what = "cluster rights"
	missing, err := lacks(ctx, set, rights)
	if err != nil {
		return []Diagnosis{broken(what, fmt.Errorf("asking what serve may do: %w", err), "let the account of engine.kubeconfig create selfsubjectaccessreviews, as every account may unless that was taken away, and run plateform doctor again")}
	}
	if len(missing) > 0 {
		return []Diagnosis{fail(what, "serve may not "+strings.Join(missing, ", "), "give the account of engine.kubeconfig a ClusterRole with these (docs/kubernetes.md)")}
	}
	return []Diagnosis{ok(what, "%s", fine)}
}

// questionsAtOnce is how many are asked at the same time, as a cluster may be far away.
const questionsAtOnce = 16

// lacks are those of the rights that somebody has not, in words.
func lacks(ctx context.Context, set kubernetes.Interface, rights []right) (missing []string, err error) {
	lacking := make([]bool, len(rights))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(questionsAtOnce)
	for i, r := range rights {
		asking.Go(func() error {
			resource, sub, _ := strings.Cut(r.resource, "/")
			answer, err := set.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: r.verb, Group: r.group, Resource: resource, Subresource: sub, Namespace: r.namespace, Name: r.name,
				}},
			}, metav1.CreateOptions{})
			lacking[i] = err == nil && !answer.Status.Allowed
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	for i, r := range rights {
		if lacking[i] {
			missing = append(missing, strings.TrimSpace(r.verb+" "+r.resource+" "+r.name))
		}
	}
	return missing, nil
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
		return []Diagnosis{broken(what, fmt.Errorf("asking for the IngressClass %s: %w", name, err), "let the account of engine.kubeconfig get ingressclasses: doctor alone asks for them, serve does not need them")}
	}
	return []Diagnosis{ok(what, "the cluster has the IngressClass %s", name)}
}
