package direct

import (
	"context"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/object"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Secrets are not watched: that would take the right to read those of the whole cluster. They are looked at by the deployer of their
// namespace, when a release is applied and when it is time to look for drift.
func isSecret(kind schema.GroupKind) bool { return kind == schema.GroupKind{Kind: "Secret"} }

// labels of a Secret; nil when it is not there. What is in it is not asked for.
func labelsOf(ctx context.Context, as client.Client, id object.ObjMetadata) (map[string]string, error) {
	about := &metav1.PartialObjectMetadata{}
	about.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Secret"})
	err := as.Get(ctx, client.ObjectKey{Namespace: id.Namespace, Name: id.Name}, about)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for Secret %s: %w", id.Name, err)
	}
	if about.Labels == nil {
		return map[string]string{}, nil
	}
	return about.Labels, nil
}

// lostSecrets adds the Secrets of an inventory that somebody deleted to what is lost.
func (c *cluster) lostSecrets(ctx context.Context, inv *inventory, lost map[object.ObjMetadata]bool) error {
	if inv == nil {
		return nil
	}
	as, err := c.as(inv.Namespace)
	if err != nil {
		return err
	}
	for id := range inv.Objects {
		if !isSecret(id.GroupKind) {
			continue
		}
		there, err := labelsOf(ctx, as, id)
		if err != nil {
			return err
		}
		lost[id] = there == nil
	}
	return nil
}

// isOthers says of a Secret that somebody else made it. It is left alone: where it has the name of a database's credentials, these are
// what the database was begun with.
func isOthers(ctx context.Context, as client.Client, o *unstructured.Unstructured) (bool, error) {
	id := object.UnstructuredToObjMetadata(o)
	if !isSecret(id.GroupKind) {
		return false, nil
	}
	there, err := labelsOf(ctx, as, id)
	if err != nil || there == nil {
		return false, err
	}
	return there[labelWorkspace] != o.GetLabels()[labelWorkspace] || there[labelProject] != o.GetLabels()[labelProject], nil
}

// retire deletes the Secrets of releases before, now that nothing runs any more that would be started with them.
func retire(ctx context.Context, p *project, w wanted) error {
	if len(p.stale) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*p.engine.options.Times.Call)
	defer cancel()
	as, err := p.engine.cluster.as(w.Namespace)
	if err != nil {
		return err
	}
	for _, id := range p.stale {
		if err := p.remove(ctx, as, id); err != nil {
			return err
		}
	}
	for _, id := range p.stale {
		delete(p.applied.Objects, id)
	}
	if err := p.engine.cluster.remember(ctx, p.key, p.applied); err != nil {
		return err
	}
	p.stale = nil
	return nil
}
