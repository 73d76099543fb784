package direct

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// The labels of a namespace, as plateform-gitops has them.
const (
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelOwnerID   = "plateform.dev/owner-id"
)

// namespaces brings about what plateform-gitops says of the namespaces.
type namespaces struct {
	cluster *cluster
	gitops  reconciler.Reader

	mu    sync.Mutex
	locks map[string]*namespaceState
}

// namespaceState is what was applied of one namespace by this process.
type namespaceState struct {
	mu      sync.Mutex
	applied [sha256.Size]byte
}

func newNamespaces(c *cluster, gitops reconciler.Reader) *namespaces {
	return &namespaces{cluster: c, gitops: gitops, locks: map[string]*namespaceState{}}
}

// forget has a namespace applied anew by whoever needs it next: it may be gone.
func (n *namespaces) forget(name string) {
	s := n.state(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = [sha256.Size]byte{}
}

func (n *namespaces) state(name string) *namespaceState {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.locks[name]
	if s == nil {
		s = &namespaceState{}
		n.locks[name] = s
	}
	return s
}

// bring makes the namespace of a target what plateform-gitops says at a commit.
func (n *namespaces) bring(ctx context.Context, commit string, t reconciler.Target) error {
	text, err := n.gitops.Read(commit, manifest.NamespaceFile(t.Key.Workspace))
	if errors.Is(err, fs.ErrNotExist) {
		return refused("plateform-gitops has no %s at %s", manifest.NamespaceFile(t.Key.Workspace), manifest.Short(commit))
	}
	if err != nil {
		return fmt.Errorf("reading plateform-gitops: %w", err)
	}
	s := n.state(t.Namespace)
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.Sum256(text)
	if sum == s.applied {
		return nil
	}
	objects, err := decode(string(text))
	if err != nil {
		return refused("%s: %w", manifest.NamespaceFile(t.Key.Workspace), err)
	}
	if err := n.claim(ctx, t, objects); err != nil {
		return err
	}
	for _, o := range objects { // the namespace is the first
		if _, err := apply(ctx, n.cluster.admin, o); err != nil {
			return fmt.Errorf("%s of namespace %s: %w", name(o), t.Namespace, err)
		}
	}
	if err := n.cluster.staff(ctx, t.Namespace); err != nil {
		return err
	}
	s.applied = sum
	return nil
}

// claim refuses a namespace that is there and is not this workspace's.
func (n *namespaces) claim(ctx context.Context, t reconciler.Target, objects []*unstructured.Unstructured) error {
	if len(objects) == 0 || objects[0].GetKind() != "Namespace" || objects[0].GetName() != t.Namespace {
		return refused("%s is not of namespace %s", manifest.NamespaceFile(t.Key.Workspace), t.Namespace)
	}
	there, err := n.cluster.namespace(ctx, t.Namespace)
	if err != nil || there == nil {
		return err
	}
	if there.GetDeletionTimestamp() != nil {
		return leaving(there)
	}
	want, have := objects[0].GetLabels(), there.GetLabels()
	for _, label := range []string{labelManagedBy, labelWorkspace, labelOwnerID} {
		if have[label] != want[label] {
			return refused("namespace %s is there and is not of workspace %s: its label %s is %q, not %q (set spec.namespace of the workspace to another name, or label the namespace if it is to be taken over)",
				t.Namespace, t.Key.Workspace, label, have[label], want[label])
		}
	}
	return nil
}

// leaving says of a namespace that it is being deleted, and what holds that up.
func leaving(namespace *unstructured.Unstructured) error {
	conditions, _, _ := unstructured.NestedSlice(namespace.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] == string(corev1.NamespaceFinalizersRemaining) && condition["status"] == "True" {
			return fmt.Errorf("namespace %s is being deleted, and does not end: %v (what was in it comes back once it is gone)", namespace.GetName(), condition["message"])
		}
	}
	return fmt.Errorf("namespace %s is being deleted: what was in it comes back once it is gone", namespace.GetName())
}

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
func (c *cluster) belongs(ctx context.Context, t reconciler.Target, namespace string) (whose, error) {
	there, err := c.namespace(ctx, namespace)
	if err != nil {
		return foreign, err
	}
	if there == nil || there.GetDeletionTimestamp() != nil {
		return ending, nil
	}
	l := there.GetLabels()
	if l[labelManagedBy] != "plateform" || l[labelWorkspace] != t.Key.Workspace {
		return foreign, nil
	}
	if t.Owner != 0 && l[labelOwnerID] != strconv.FormatInt(t.Owner, 10) {
		return foreign, nil
	}
	return here, nil
}

// namespace returns a namespace as it is now; nil when it is not there.
func (c *cluster) namespace(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	there := &unstructured.Unstructured{}
	there.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	err := c.admin.Get(ctx, client.ObjectKey{Name: name}, there)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for namespace %s: %w", name, err)
	}
	return there, nil
}

// staff makes the account that the projects of a namespace are applied as.
func (c *cluster) staff(ctx context.Context, namespace string) error {
	for _, o := range deployerOf(namespace) {
		if _, err := apply(ctx, c.admin, o); err != nil {
			return fmt.Errorf("%s of namespace %s: %w", name(o), namespace, err)
		}
	}
	return nil
}

// deployerOf are the account that the projects of a namespace are applied as, and what it may do: handle what charts have, and nothing
// else, in that namespace alone.
func deployerOf(namespace string) []*unstructured.Unstructured {
	object := func(apiVersion, kind string, more map[string]any) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": apiVersion, "kind": kind,
			"metadata": map[string]any{"name": deployer, "namespace": namespace, "labels": map[string]any{labelManagedBy: "plateform"}},
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
