package direct

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/ssa"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler/rollout"
	"github.com/plateform/plateform/reconciler/secrets"
)

// apply sends one object. taken are the fields that somebody else had set to something else, and who that was: they are ours now.
func apply(ctx context.Context, as client.Client, o *unstructured.Unstructured) (taken []conflict, err error) {
	applied := client.ApplyConfigurationFromUnstructured(o)
	err = as.Apply(ctx, applied, client.FieldOwner(fieldOwner))
	if taken = conflicts(err); len(taken) == 0 {
		return nil, err
	}
	return taken, as.Apply(ctx, applied, client.FieldOwner(fieldOwner), client.ForceOwnership)
}

// conflict is a field that somebody else had set, by the name that the cluster knows them by.
type conflict struct{ field, manager string }

// conflicts are those that an error tells of.
func conflicts(err error) (all []conflict) {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := "somebody"
		if parts := strings.SplitN(cause.Message, `"`, 3); len(parts) == 3 { // conflict with "kubectl-edit" using apps/v1
			manager = parts[1]
		}
		all = append(all, conflict{strings.TrimPrefix(cause.Field, "."), manager})
	}
	return all
}

// managers are those of conflicts, each once.
func managers(all []conflict) string {
	var names []string
	for _, c := range all {
		names = append(names, c.manager)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// keepsData says of a kind that what it holds is people's data, which is never deleted because it is not rendered any more.
func keepsData(kind schema.GroupKind) bool { return kind.Kind == "PersistentVolumeClaim" }

// difference is what has to be done to a project.
type difference struct {
	// send is what is new or other than before, in the order in which it is sent.
	send []*unstructured.Unstructured
	// prune is what is not rendered any more.
	prune []object.ObjMetadata
	// stale are Secrets that are not rendered any more: what ran before may be started again with them until what is new runs.
	stale []object.ObjMetadata
	// next is the inventory then, and union that and what there was before.
	next, union *inventory
}

// compare says what has to be done so that the cluster has objects. lost are those of the inventory that are not there.
func compare(before *inventory, t wanted, objects []*unstructured.Unstructured, lost map[object.ObjMetadata]bool) (difference, error) {
	d := difference{
		next:  &inventory{Namespace: t.Namespace, Release: t.Release, Objects: map[object.ObjMetadata]string{}},
		union: &inventory{Namespace: t.Namespace, Objects: map[object.ObjMetadata]string{}},
	}
	highest := t.Release
	if before != nil {
		highest = rollout.Later(t.Release, before.Highest)
	}
	d.next.Highest, d.union.Highest = highest, highest
	for _, o := range objects {
		hash, err := hashOf(o)
		if err != nil {
			return d, err
		}
		id := object.UnstructuredToObjMetadata(o)
		d.next.Objects[id] = hash
		if before == nil || before.Objects[id] != hash || lost[id] {
			d.send = append(d.send, o)
			hash = "" // until it was sent
		}
		d.union.Objects[id] = hash
	}
	sort.Sort(ssa.SortableUnstructureds(d.send))
	if before == nil {
		return d, nil
	}
	for id, hash := range before.Objects {
		if _, stays := d.next.Objects[id]; stays {
			continue
		}
		if keepsData(id.GroupKind) { // it stays, and is still this project's
			d.next.Objects[id] = hash
			d.union.Objects[id] = hash
			continue
		}
		if isSecret(id.GroupKind) {
			d.next.Objects[id] = hash
			d.union.Objects[id] = hash
			if !secrets.IsNeeded(t.Target, id.Name) {
				d.stale = append(d.stale, id)
			}
			continue
		}
		d.prune = append(d.prune, id)
		d.union.Objects[id] = hash
	}
	return d, nil
}

// find returns an object of the inventory as a cluster has it; nil when it is not there.
func (c *cluster) find(ctx context.Context, from client.Reader, id object.ObjMetadata) (*unstructured.Unstructured, error) {
	mapping, err := c.mapper.RESTMapping(id.GroupKind)
	if err != nil {
		return nil, fmt.Errorf("the cluster does not know the kind %s: %w", id.GroupKind, err)
	}
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(mapping.GroupVersionKind)
	err = from.Get(ctx, client.ObjectKey{Namespace: id.Namespace, Name: id.Name}, o)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return o, err
}

// remove deletes an object of a project. One that is another project's by now is left alone.
func (p *project) remove(ctx context.Context, as client.Client, id object.ObjMetadata) error {
	c := p.engine.cluster
	o, err := c.find(ctx, as, id)
	if err != nil || o == nil {
		return err
	}
	if keyOf(o) != p.key {
		return nil
	}
	policy := metav1.DeletePropagationBackground
	err = as.Delete(ctx, o, &client.DeleteOptions{PropagationPolicy: &policy})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %s: %w", name(o), err)
	}
	return nil
}
