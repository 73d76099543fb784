// Package tenant brings the namespaces of workspaces to a cluster, as plateform-gitops has them: for engines, which bring about what
// runs in them in their own ways.
package tenant

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
)

// The labels of a namespace, as plateform-gitops has them.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelOwnerID   = "plateform.dev/owner-id"
	// Plateform is the value of LabelManagedBy, and the field manager of all that is applied.
	Plateform = "plateform"
)

// Namespaces brings about what plateform-gitops says of the namespaces.
type Namespaces struct {
	admin   client.Client
	gitops  reconciler.Reader
	pull    func() (PullLogin, error)
	besides func(namespace string) []*unstructured.Unstructured

	mu     sync.Mutex
	states map[string]*state
}

// state is what was applied of one namespace by this process.
type state struct {
	mu      sync.Mutex
	applied [sha256.Size]byte
}

// New returns namespaces that are applied by a client. pull reads the login that nodes pull images with; nil when they need none. besides are
// the objects that an engine needs in a namespace; nil for none.
func New(admin client.Client, gitops reconciler.Reader, pull func() (PullLogin, error), besides func(namespace string) []*unstructured.Unstructured) *Namespaces {
	if besides == nil {
		besides = func(string) []*unstructured.Unstructured { return nil }
	}
	return &Namespaces{admin: admin, gitops: gitops, pull: pull, besides: besides, states: map[string]*state{}}
}

func (n *Namespaces) state(name string) *state {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.states[name]
	if s == nil {
		s = &state{}
		n.states[name] = s
	}
	return s
}

// Forget has a namespace applied anew by whoever needs it next: it may be gone.
func (n *Namespaces) Forget(name string) {
	s := n.state(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = [sha256.Size]byte{}
}

// Bring makes the namespace of a target what plateform-gitops says at a commit.
func (n *Namespaces) Bring(ctx context.Context, commit string, t reconciler.Target) error {
	file := manifest.NamespaceFile(t.Key.Workspace)
	text, err := n.gitops.Read(commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return Refused("plateform-gitops has no %s at %s", file, manifest.Short(commit))
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
	objects, err := Decode(string(text))
	if err != nil {
		return Refused("%s: %w", file, err)
	}
	if err := n.claim(ctx, t, objects); err != nil {
		return err
	}
	if err := n.apply(ctx, t.Namespace, objects); err != nil { // the namespace is the first
		return err
	}
	if err := n.Equip(ctx, t.Namespace); err != nil {
		return err
	}
	s.applied = sum
	return nil
}

// Equip makes what an engine needs in a namespace besides what plateform-gitops has.
func (n *Namespaces) Equip(ctx context.Context, namespace string) error {
	objects := n.besides(namespace)
	if n.pull != nil {
		login, err := n.pull()
		if err != nil {
			return fmt.Errorf("the login that images are pulled with: %w", err)
		}
		more, err := pullObjects(namespace, login)
		if err != nil {
			return err
		}
		objects = append(objects, more...)
	}
	return n.apply(ctx, namespace, objects)
}

func (n *Namespaces) apply(ctx context.Context, namespace string, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		if err := Apply(ctx, n.admin, o); err != nil {
			return fmt.Errorf("%s of namespace %s: %w", health.Name(o), namespace, err)
		}
	}
	return nil
}

// claim refuses a namespace that is there and is not this workspace's.
func (n *Namespaces) claim(ctx context.Context, t reconciler.Target, objects []*unstructured.Unstructured) error {
	if len(objects) == 0 || objects[0].GetKind() != "Namespace" || objects[0].GetName() != t.Namespace {
		return Refused("%s is not of namespace %s", manifest.NamespaceFile(t.Key.Workspace), t.Namespace)
	}
	there, err := n.Living(ctx, t.Namespace)
	if err != nil || there == nil {
		return err
	}
	want, have := objects[0].GetLabels(), there.GetLabels()
	for _, label := range []string{LabelManagedBy, health.LabelWorkspace, LabelOwnerID} {
		if have[label] != want[label] {
			return Refused("namespace %s is there and is not of workspace %s: its label %s is %q, not %q (set spec.namespace of the workspace to another name, or label the namespace if it is to be taken over)",
				t.Namespace, t.Key.Workspace, label, have[label], want[label])
		}
	}
	return nil
}

// Find returns a namespace as it is now; nil when it is not there.
func (n *Namespaces) Find(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	there := &unstructured.Unstructured{}
	there.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	err := n.admin.Get(ctx, client.ObjectKey{Name: name}, there)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for namespace %s: %w", name, err)
	}
	return there, nil
}

// Living returns a namespace as it is now; nil when it is not there. One that is being deleted is an error, of which IsEnding says so.
func (n *Namespaces) Living(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	there, err := n.Find(ctx, name)
	if err == nil && there != nil && there.GetDeletionTimestamp() != nil {
		return nil, leaving(there)
	}
	return there, err
}

// leaving says of a namespace that it is being deleted, and what holds that up.
func leaving(namespace *unstructured.Unstructured) error {
	conditions, _, _ := unstructured.NestedSlice(namespace.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] == string(corev1.NamespaceFinalizersRemaining) && condition["status"] == "True" {
			return ending{fmt.Errorf("namespace %s is being deleted, and does not end: %v (what was in it comes back once it is gone)", namespace.GetName(), condition["message"])}
		}
	}
	return ending{fmt.Errorf("namespace %s is being deleted: what was in it comes back once it is gone", namespace.GetName())}
}

// Apply sends one object.
func Apply(ctx context.Context, as client.Client, o *unstructured.Unstructured) error {
	return as.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(Plateform), client.ForceOwnership)
}

// Decode reads the objects of a file of YAML documents.
func Decode(text string) (objects []*unstructured.Unstructured, err error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		o := &unstructured.Unstructured{}
		switch err := decoder.Decode(o); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, err
		case len(o.Object) > 0:
			objects = append(objects, o)
		}
	}
}
