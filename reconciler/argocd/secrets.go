package argocd

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/secrets"
	"github.com/plateform/plateform/reconciler/tenant"
)

// sealed is what is known of the Secrets of a project. They are never in Git, and Argo CD does not know them: nothing of them says that
// they are part of an Application, so it neither compares nor deletes them. They are not watched, which would take all that is in the
// Secrets of the cluster to this process.
type sealed struct {
	// looked is when they were looked at last.
	looked time.Time
	// stale are those of releases before, which go once this one is healthy: what ran before may be started again with them until then.
	stale []metav1.PartialObjectMetadata
}

// bringSecrets applies the Secrets of what is wanted, and says what somebody else changed of them. A Secret that somebody else made is
// left alone.
func (p *project) bringSecrets(ctx context.Context, w wanted) (drift string, err error) {
	objects, err := secrets.Objects(w.Target, p.engine.options.Secrets)
	if err != nil {
		return "", tenant.Refused("the secrets of %s: %w", w.Release, err)
	}
	there, err := p.engine.secrets(ctx, w)
	if err != nil {
		return "", err
	}
	admin := p.engine.cluster.admin
	var changes []string
	for _, o := range objects {
		at := client.ObjectKeyFromObject(o)
		before, had := there[at]
		delete(there, at)
		if others, err := tenant.IsOthers(ctx, admin, o); err != nil || others {
			if err != nil {
				return "", err
			}
			continue
		}
		if err := tenant.Apply(ctx, admin, o); err != nil {
			return "", tenant.Unapplied(o, err)
		}
		switch {
		case !had:
			changes = append(changes, "Secret "+o.GetName()+" was deleted")
		case before.ResourceVersion != o.GetResourceVersion():
			changes = append(changes, "Secret "+o.GetName()+" had something else in it")
		}
	}
	p.stale = nil
	for at, one := range there {
		if at.Namespace != w.Namespace || !secrets.IsNeeded(w.Target, at.Name) {
			p.stale = append(p.stale, one)
		}
	}
	p.looked = p.engine.options.Clock()
	return strings.Join(changes, "; "), nil
}

// secrets are the Secrets of a project that Plateform made, without what is in them. Who may not read any has made none.
func (e *Engine) secrets(ctx context.Context, w wanted) (map[client.ObjectKey]metav1.PartialObjectMetadata, error) {
	all, err := e.namespaces.Secrets(ctx, w.Target)
	if err != nil && (!apierrors.IsForbidden(err) || len(w.Secrets) > 0) {
		return nil, err
	}
	there := map[client.ObjectKey]metav1.PartialObjectMetadata{}
	for _, one := range all {
		there[client.ObjectKeyFromObject(&one)] = one
	}
	return there, nil
}

// watchOverSecrets puts back what somebody else changed of the Secrets of what was handed over, from time to time.
func (p *project) watchOverSecrets(ctx context.Context, w wanted) error {
	times := p.engine.options.Times
	if p.engine.options.Clock().Sub(p.looked) < times.Look {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 4*times.Call)
	defer cancel()
	drift, err := p.bringSecrets(ctx, w)
	if err != nil {
		p.hand.again = apierrors.IsNotFound(err) // the namespace is gone, and all else comes with it
		return tenant.Passes(err)
	}
	if drift != "" {
		p.state.Conclude(w, func(r *reconciler.Rollout) { r.Drift = line(drift) })
	}
	return nil
}

// retire deletes the Secrets of releases before, now that nothing runs any more that would be started with them.
func (p *project) retire(ctx context.Context) error {
	if len(p.stale) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*p.engine.options.Times.Call)
	defer cancel()
	if err := p.engine.cluster.discard(ctx, p.stale); err != nil {
		return err
	}
	p.stale = nil
	return nil
}

// deleteSecrets deletes all Secrets of a project that is removed.
func (p *project) deleteSecrets(ctx context.Context, w wanted) error {
	there, err := p.engine.secrets(ctx, w)
	if err != nil {
		return err
	}
	var all []metav1.PartialObjectMetadata
	for _, one := range there {
		all = append(all, one)
	}
	p.sealed = sealed{}
	return p.engine.cluster.discard(ctx, all)
}

// discard deletes Secrets, unless somebody has made others of their names meanwhile.
func (c *cluster) discard(ctx context.Context, all []metav1.PartialObjectMetadata) error {
	for i := range all {
		uid := all[i].UID
		err := c.admin.Delete(ctx, &all[i], client.Preconditions{UID: &uid})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("deleting Secret %s: %w", all[i].Name, err)
		}
	}
	return nil
}
