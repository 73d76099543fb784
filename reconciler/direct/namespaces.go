package direct

import (
	"context"
	"strconv"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/tenant"
)

// whose a namespace is, and what may be done in it.
type whose int

const (
	// foreign is a namespace of somebody else, or of another owner's workspace of that name: what is in it is not touched.
	foreign whose = iota
	// ending is a namespace that is being deleted, with all that is in it.
	ending
	// here is a namespace of the workspace.
	here
)

// belongs says whose a namespace is in which there is an inventory of a project.
func (e *Engine) belongs(ctx context.Context, t reconciler.Target, namespace string) (whose, error) {
	there, err := e.namespaces.Find(ctx, namespace)
	if err != nil {
		return foreign, err
	}
	if there == nil || there.GetDeletionTimestamp() != nil {
		return ending, nil
	}
	l := there.GetLabels()
	if l[tenant.LabelManagedBy] != tenant.Plateform || l[labelWorkspace] != t.Key.Workspace {
		return foreign, nil
	}
	if t.Owner != 0 && l[tenant.LabelOwnerID] != strconv.FormatInt(t.Owner, 10) {
		return foreign, nil
	}
	return here, nil
}

// deployerOf are the account that the projects of a namespace are applied as, and what it may do: handle what charts have, and nothing
// else, in that namespace alone.
func deployerOf(namespace string) []*unstructured.Unstructured {
	object := func(apiVersion, kind string, more map[string]any) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": apiVersion, "kind": kind,
			"metadata": map[string]any{"name": deployer, "namespace": namespace, "labels": map[string]any{tenant.LabelManagedBy: tenant.Plateform}},
		}}
		for field, value := range more {
			o.Object[field] = value
		}
		return o
	}
	rule := func(group string, resources ...any) map[string]any {
		return map[string]any{
			"apiGroups": []any{group}, "resources": resources,
			"verbs": []any{"get", "list", "watch", "create", "update", "patch", "delete"},
		}
	}
	return []*unstructured.Unstructured{
		object("v1", "ServiceAccount", map[string]any{"automountServiceAccountToken": false}),
		object(rbacv1.SchemeGroupVersion.String(), "Role", map[string]any{"rules": []any{
			rule("", "services", "configmaps", "persistentvolumeclaims", "secrets"),
			rule("apps", "deployments", "statefulsets"),
			rule("batch", "jobs", "cronjobs"),
			rule("networking.k8s.io", "ingresses", "networkpolicies"),
			rule("policy", "poddisruptionbudgets"),
		}}),
		object(rbacv1.SchemeGroupVersion.String(), "RoleBinding", map[string]any{
			"roleRef":  map[string]any{"apiGroup": rbacv1.GroupName, "kind": "Role", "name": deployer},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": deployer, "namespace": namespace}},
		}),
	}
}
