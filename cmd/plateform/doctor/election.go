package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// checkElection looks at the Lease by which one of several serves leads.
func (d *examination) checkElection(ctx context.Context) []Diagnosis {
	const what = "election"
	e := d.settings.Election
	if e == nil {
		return nil
	}
	namespace, err := e.Where()
	if err != nil {
		return []Diagnosis{broken(what, err, "set election.namespace in serve.yaml")}
	}
	config, err := d.settings.Engine.Cluster()
	if err != nil {
		return []Diagnosis{broken(what, err, "run doctor in the pod of serve, or name the file that says how the cluster is reached in engine.kubeconfig")}
	}
	config.Timeout = d.timeout
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return []Diagnosis{broken(what, err, "mend the file that engine.kubeconfig names")}
	}
	const group = "coordination.k8s.io"
	missing, err := lacks(ctx, set, []right{
		{verb: "create", group: group, resource: "leases", namespace: namespace},
		{verb: "get", group: group, resource: "leases", namespace: namespace, name: e.Lease},
		{verb: "update", group: group, resource: "leases", namespace: namespace, name: e.Lease},
	})
	if err != nil {
		return []Diagnosis{broken(what, fmt.Errorf("asking what serve may do: %w", err), "see that the cluster answers, and run plateform doctor again")}
	}
	if len(missing) > 0 {
		return []Diagnosis{fail(what, fmt.Sprintf("serve may not %s in namespace %s: nobody leads", strings.Join(missing, ", "), namespace), "give its account a Role with these (examples/deploy has one)")}
	}
	lease, err := set.CoordinationV1().Leases(namespace).Get(ctx, e.Lease, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return []Diagnosis{ok(what, "there is no Lease %s/%s yet; the first serve makes it", namespace, e.Lease)}
	case err != nil:
		return []Diagnosis{broken(what, fmt.Errorf("reading the Lease %s/%s: %w", namespace, e.Lease, err), "see that the cluster answers, and run plateform doctor again")}
	case lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" || lease.Spec.RenewTime == nil || lease.Spec.LeaseDurationSeconds == nil:
		return []Diagnosis{warn(what, fmt.Sprintf("nobody has the Lease %s/%s: nobody leads", namespace, e.Lease), "start a serve; if one runs, its log says why it does not lead")}
	}
	holder, _, _ := strings.Cut(*lease.Spec.HolderIdentity, ",")
	age := d.now().Sub(lease.Spec.RenewTime.Time).Round(time.Second)
	if age > time.Duration(*lease.Spec.LeaseDurationSeconds)*time.Second {
		return []Diagnosis{warn(what, fmt.Sprintf("%s has the Lease %s/%s, and renewed it %s ago: nobody leads", holder, namespace, e.Lease, age),
			"start a serve; if one runs, its log says why it does not lead (docs/high-availability.md)")}
	}
	return []Diagnosis{ok(what, "%s leads (Lease %s/%s)", holder, namespace, e.Lease)}
}
