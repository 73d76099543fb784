package direct

import (
	"context"

	"github.com/fluxcd/cli-utils/pkg/object"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler/tenant"
)

// Secrets are not watched: that would take the right to read those of the whole cluster. They are looked at by the deployer of their
// namespace, when a release is applied and when it is time to look for drift.
func isSecret(kind schema.GroupKind) bool { return kind == schema.GroupKind{Kind: "Secret"} }

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
		there, err := tenant.FindSecret(ctx, as, client.ObjectKey{Namespace: id.Namespace, Name: id.Name})
		if err != nil {
			return err
		}
		lost[id] = there == nil
	}
	return nil
}

// isOthers says of an object that it is a Secret that somebody else made.
func isOthers(ctx context.Context, as client.Client, o *unstructured.Unstructured) (bool, error) {
	if !isSecret(o.GroupVersionKind().GroupKind()) {
		return false, nil
	}
	return tenant.IsOthers(ctx, as, o)
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
