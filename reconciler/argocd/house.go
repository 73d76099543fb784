package argocd

import (
	"context"
	"fmt"
	"strings"

	"github.com/plateform/plateform/reconciler/tenant"
)

// unhoused says of an operation that went wrong for want of the namespace what is the matter with that; nil when it did not, or another
// one tells. Argo CD makes no namespaces, and does not try again by itself what has failed: once the namespace is gone, it is handed over
// anew, and the namespace with it.
func unhoused(ctx context.Context, p *project, a *application, q question) (*answer, error) {
	op := a.Status.OperationState
	if a.Metadata.DeletionTimestamp != nil || a.asked() || a.Metadata.Annotations[annotationCommit] != p.hand.commit || !op.lacksNamespace(q.Namespace) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.engine.options.Times.Call)
	defer cancel()
	there, err := p.engine.namespaces.Living(ctx, q.Namespace)
	var said answer
	switch {
	case tenant.IsEnding(err):
		said = q.progressing("%v", err)
		return &said, nil
	case err != nil:
		return nil, err
	case op.begun() == p.hand.before, there != nil && there.GetCreationTimestamp().Time.Before(op.StartedAt.Time):
		return nil, nil // it was handed over anew already, or it is something else
	}
	p.engine.namespaces.Forget(q.Namespace)
	p.hand = hand{retry: true}
	said = q.progressing("namespace %s was deleted, and is made again with what was in it", q.Namespace)
	said.again = true
	return &said, nil
}

// lacksNamespace says that an operation has not succeeded, and that the cluster said of a namespace that it is gone or going.
func (o *operation) lacksNamespace(name string) bool {
	if o == nil || o.Phase == opSucceeded {
		return false
	}
	said := why(o)
	return strings.Contains(said, "in namespace "+name+" because it is being terminated") || strings.Contains(said, fmt.Sprintf("namespaces %q not found", name))
}
