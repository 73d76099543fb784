package tenant

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
)

// kindSecret is the kind whose metadata alone is ever asked for: what is in a Secret stays in the cluster.
func kindSecret() schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind("Secret") }

// FindSecret returns what is known of a Secret but for what is in it; nil when it is not there.
func FindSecret(ctx context.Context, from client.Reader, at client.ObjectKey) (*metav1.PartialObjectMetadata, error) {
	about := &metav1.PartialObjectMetadata{}
	about.SetGroupVersionKind(kindSecret())
	err := from.Get(ctx, at, about)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for Secret %s: %w", at.Name, err)
	}
	return about, nil
}

// IsOthers says of a Secret that is to be applied that somebody else made it. It is left alone: where it has the name of a database's
// credentials, these are what the database was begun with.
func IsOthers(ctx context.Context, from client.Reader, o *unstructured.Unstructured) (bool, error) {
	there, err := FindSecret(ctx, from, client.ObjectKeyFromObject(o))
	if err != nil || there == nil {
		return false, err
	}
	want := o.GetLabels()
	return there.Labels[health.LabelWorkspace] != want[health.LabelWorkspace] || there.Labels[health.LabelProject] != want[health.LabelProject], nil
}

// Secrets are what is known of the Secrets of a project, in all namespaces of its workspace that are not being deleted, but for what is
// in them. Namespaces of another owner's workspace of that name are not looked at.
func (n *Namespaces) Secrets(ctx context.Context, t reconciler.Target) (all []metav1.PartialObjectMetadata, err error) {
	names, err := n.of(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
		if err := n.admin.List(ctx, list, client.InNamespace(name), ours(t.Key)); err != nil {
			return nil, fmt.Errorf("looking for the Secrets in namespace %s: %w", name, err)
		}
		for i := range list.Items {
			list.Items[i].SetGroupVersionKind(kindSecret())
			all = append(all, list.Items[i])
		}
	}
	return all, nil
}

// ours selects what Plateform itself made of a project.
func ours(k manifest.Key) client.MatchingLabels {
	labels := health.Of(k)
	labels[LabelManagedBy] = Plateform
	return labels
}

// of are the namespaces of the workspace of a target.
func (n *Namespaces) of(ctx context.Context, t reconciler.Target) (names []string, err error) {
	labels := client.MatchingLabels{LabelManagedBy: Plateform, health.LabelWorkspace: t.Key.Workspace}
	if t.Owner != 0 {
		labels[LabelOwnerID] = strconv.FormatInt(t.Owner, 10)
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := n.admin.List(ctx, list, labels); err != nil {
		return nil, fmt.Errorf("looking for the namespaces of workspace %s: %w", t.Key.Workspace, err)
	}
	for _, namespace := range list.Items {
		if namespace.DeletionTimestamp == nil {
			names = append(names, namespace.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
