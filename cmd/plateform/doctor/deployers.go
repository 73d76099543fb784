package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/cmd/plateform/terminal"
)

// deployer is the account of each namespace that engine direct applies what charts make as.
const deployer = "plateform-deployer"

// mostNamespaces is in how many namespaces doctor asks what their deployers may do.
const mostNamespaces = 20

// deployers looks at what may be done as the deployers of the namespaces that projects are in.
type deployers struct {
	set kubernetes.Interface
	// config is how the cluster is reached as serve.
	config *rest.Config
}

// check asks the cluster, as each deployer, whether it may handle what charts make: also release commands, workers, cron jobs and backups.
func (a deployers) check(ctx context.Context) []Diagnosis {
	const what = "cluster deployers"
	all, err := a.namespaces(ctx)
	if apierrors.IsForbidden(err) {
		return nil // which is told with the other rights of serve
	}
	if err != nil {
		return []Diagnosis{broken(what, fmt.Errorf("looking for the namespaces of projects: %w", err), "start the cluster, or mend the file that engine.kubeconfig names")}
	}
	if len(all) == 0 {
		return []Diagnosis{ok(what, "no project is in the cluster yet: serve makes a deployer with each namespace")}
	}
	asked := all[:min(len(all), mostNamespaces)]
	var found []Diagnosis
	for _, namespace := range asked {
		missing, err := a.lacks(ctx, namespace)
		if apierrors.IsForbidden(err) {
			return found // serve may not act as it, which is told with its other rights; or the deployer may not ask
		}
		if err != nil {
			return append(found, broken(what, fmt.Errorf("asking what %s may do in namespace %s: %w", deployer, namespace, err), "run plateform doctor again once the API server answers"))
		}
		if len(missing) > 0 {
			found = append(found, fail(what, fmt.Sprintf("the account %s of namespace %s may not %s", deployer, namespace, strings.Join(missing, ", ")),
				fmt.Sprintf("serve gives it back within five minutes, and at once when it is restarted; where it goes again, see who takes it: kubectl -n %s get role,rolebinding %s -o yaml --show-managed-fields", namespace, deployer)))
		}
	}
	if len(found) == 0 {
		of := terminal.Count(len(asked), "namespace")
		if len(asked) < len(all) {
			of += fmt.Sprintf(", of %d", len(all))
		}
		found = append(found, ok(what, "the deployers of %s may handle what charts make", of))
	}
	return found
}

// namespaces are those that there are inventories in.
func (a deployers) namespaces(ctx context.Context) (names []string, err error) {
	list, err := a.set.CoreV1().ConfigMaps("").List(ctx, metav1.ListOptions{LabelSelector: "plateform.dev/inventory"})
	if err != nil {
		return nil, err
	}
	for _, inventory := range list.Items {
		names = append(names, inventory.Namespace)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// lacks are those of the rights that the deployer of a namespace has not, in words.
func (a deployers) lacks(ctx context.Context, namespace string) ([]string, error) {
	config := rest.CopyConfig(a.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + deployer}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return lacks(ctx, set, rightsOfDeployer(namespace))
}

// rightsOfDeployer are what the engine does as the deployer of a namespace with what charts make.
func rightsOfDeployer(namespace string) (rights []right) {
	for _, r := range []right{
		{resource: "services"}, {resource: "configmaps"}, {resource: "persistentvolumeclaims"}, {resource: "secrets"},
		{group: "apps", resource: "deployments"}, {group: "apps", resource: "statefulsets"}, {group: "batch", resource: "jobs"}, {group: "batch", resource: "cronjobs"},
		{group: "networking.k8s.io", resource: "ingresses"}, {group: "networking.k8s.io", resource: "networkpolicies"}, {group: "policy", resource: "poddisruptionbudgets"},
	} {
		for _, verb := range []string{"get", "create", "patch", "delete"} {
			rights = append(rights, right{verb: verb, group: r.group, resource: r.resource, namespace: namespace})
		}
	}
	return rights
}
