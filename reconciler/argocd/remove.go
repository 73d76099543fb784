package argocd

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler/health"
	"github.com/plateform/plateform/reconciler/tenant"
)

// finalizer has Argo CD delete what an Application made before it goes.
const finalizer = "resources-finalizer.argocd.argoproj.io"

// annotationOptions are options of Argo CD for one object, and keepObject those of one that it never deletes.
const (
	annotationOptions = "argocd.argoproj.io/sync-options"
	keepObject        = "Prune=false,Delete=false"
)

// takeAway has Argo CD delete what a project is made of, and says what is left; empty when nothing is.
func (p *project) takeAway(ctx context.Context, w wanted) (left string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*p.engine.options.Times.Call)
	defer cancel()
	c := p.engine.cluster
	live, err := c.application(ctx, c.admin, p.key)
	if err != nil {
		return "", err
	}
	if live == nil || live.GetLabels()[tenant.LabelManagedBy] != tenant.Plateform || keyOf(live) != p.key {
		return p.ending(ctx, w)
	}
	a, err := parse(live)
	if err == nil {
		err = p.makeWay(ctx, a) // Argo CD deletes nothing before, and a release command may take its time
	}
	if err != nil {
		return "", err
	}
	if live.GetDeletionTimestamp() == nil {
		if err := p.delete(ctx, live, w.KeepData); err != nil {
			return "", err
		}
		p.hand.unheard = p.engine.options.Clock()
		return "waiting for Argo CD to delete it", nil
	}
	if c := a.condition(deletionError); c != nil {
		return line("Argo CD cannot delete it: " + c.Message), nil
	}
	if p.hand.unheard.IsZero() {
		p.hand.unheard = p.engine.options.Clock()
	}
	if waited := p.engine.options.Clock().Sub(p.hand.unheard); waited >= p.engine.options.Times.Lag {
		return fmt.Sprintf("Argo CD has not deleted it for %v: an object of it has a finalizer that nobody takes away, or its controller does not run (kubectl -n %s get pods)", waited.Round(1e9), p.engine.options.Namespace), nil
	}
	return "waiting for Argo CD to delete it", nil
}

// ending says how many pods are left of a project whose Application is gone. Its Secrets go after them.
func (p *project) ending(ctx context.Context, w wanted) (left string, err error) {
	var pods corev1.PodList
	if err := p.engine.cluster.seen.List(ctx, &pods, health.Of(p.key)); err != nil {
		return "", fmt.Errorf("reading the pods: %w", err)
	}
	running := slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
	if len(running) == 0 {
		return "", p.deleteSecrets(ctx, w)
	}
	return fmt.Sprintf("waiting for its pods to end, %d are left", len(running)), nil
}

// delete deletes an Application and with it what it made, but for data that is to be kept: that is marked before.
func (p *project) delete(ctx context.Context, live *unstructured.Unstructured, keepData bool) error {
	c := p.engine.cluster
	if keepData {
		if err := p.keep(ctx); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(live.GetFinalizers(), func(f string) bool {
		return f == finalizer || f == finalizer+"/background" || f == finalizer+"/foreground"
	}) {
		changed := live.DeepCopy()
		changed.SetFinalizers(append(changed.GetFinalizers(), finalizer))
		patch := client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{})
		if err := c.admin.Patch(ctx, changed, patch, client.FieldOwner(tenant.Plateform)); err != nil {
			return fmt.Errorf("having Argo CD delete what Application %s made: %w", live.GetName(), err)
		}
	}
	if err := client.IgnoreNotFound(c.admin.Delete(ctx, live)); err != nil {
		return fmt.Errorf("deleting Application %s: %w", live.GetName(), err)
	}
	return nil
}

// keep marks the volume claims of a project as such that Argo CD does not delete, whatever their chart says.
func (p *project) keep(ctx context.Context) error {
	claims := &unstructured.UnstructuredList{}
	claims.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaimList"))
	if err := p.engine.cluster.admin.List(ctx, claims, health.Of(p.key)); err != nil {
		return fmt.Errorf("looking for volumes to keep: %w", err)
	}
	for i := range claims.Items {
		claim := &claims.Items[i]
		if claim.GetAnnotations()[annotationOptions] == keepObject {
			continue
		}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+annotationOptions+`":"`+keepObject+`"}}}`))
		if err := p.engine.cluster.admin.Patch(ctx, claim, patch, client.FieldOwner(tenant.Plateform)); err != nil {
			return fmt.Errorf("keeping volume claim %s: %w", claim.GetName(), err)
		}
	}
	return nil
}
