package direct

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/ssa"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler"
)

// maxNamed is how many fields are named that somebody changed.
const maxNamed = 5

// edited says that somebody changed what was applied since this process did: each change of what is wanted of an object counts its
// generation up.
func (p *project) edited(ctx context.Context) bool {
	for id, applied := range p.generations {
		if o, err := p.seen(ctx, id); err == nil && o != nil && applied > 0 && o.GetGeneration() > applied {
			return true
		}
	}
	return false
}

// isCalm says that it was long enough ago that something was put back.
func (p *project) isCalm() bool { return !p.engine.options.Clock().Before(p.calm) }

// due says that it is time to look for what somebody else changed, whether the cluster told of it or not.
func (p *project) due() bool {
	return p.engine.options.Clock().Sub(p.checked) >= p.engine.options.Times.Drift
}

// mend puts back what somebody else changed, and says what that was; empty when it was nothing.
func (p *project) mend(ctx context.Context, w wanted) (drift string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*p.engine.options.Times.Call)
	defer cancel()
	objects, err := p.engine.renderer.render(ctx, w.Target)
	if err != nil {
		return "", err
	}
	objects, _ = withoutCommand(objects) // it has ended
	as, err := p.engine.cluster.as(w.Namespace)
	if err != nil {
		return "", err
	}
	manager := ssa.NewResourceManager(as, nil, ssa.Owner{Field: fieldOwner, Group: "plateform.dev"})
	var changes []string
	for _, o := range objects {
		if others, err := isOthers(ctx, as, o); err != nil || others {
			if err != nil {
				return "", err
			}
			continue
		}
		who, err := p.reclaim(ctx, as, o)
		if err == nil {
			err = p.engine.cluster.leaveScale(ctx, as, o)
		}
		if err != nil {
			return "", err
		}
		change, there, want, err := manager.Diff(ctx, o.DeepCopy(), ssa.DefaultDiffOptions())
		if err != nil {
			return "", fmt.Errorf("looking for what changed of %s: %w", name(o), err)
		}
		other := ""
		if change.Action == ssa.ConfiguredAction {
			other = fields(there, want)
		}
		switch {
		case change.Action == ssa.CreatedAction:
			changes = append(changes, name(o)+" was deleted")
		case other != "":
			changes = append(changes, fmt.Sprintf("%s has another %s", name(o), other))
		case who != "": // labels or annotations, which are no difference as long as they are none of ours
			changes = append(changes, name(o)+" has more labels or annotations")
		default:
			continue
		}
		sent := o.DeepCopy()
		who = cmp.Or(who, lastManager(ctx, as, o))
		taken, err := apply(ctx, as, sent)
		if err != nil {
			return "", fmt.Errorf("putting back %s: %w", name(o), err)
		}
		if who = cmp.Or(managers(taken), who); who != "" && change.Action != ssa.CreatedAction {
			changes[len(changes)-1] += " by " + who
		}
		p.generations[object.UnstructuredToObjMetadata(o)] = sent.GetGeneration()
	}
	p.checked = p.engine.options.Clock()
	slices.Sort(changes)
	return strings.Join(changes, "; "), nil
}

// lastManager is who else changed an object last, as the cluster knows them: kubectl-edit, say.
func lastManager(ctx context.Context, as client.Client, o *unstructured.Unstructured) (who string) {
	there := &unstructured.Unstructured{}
	there.SetGroupVersionKind(o.GroupVersionKind())
	if err := as.Get(ctx, client.ObjectKeyFromObject(o), there); err != nil {
		return ""
	}
	entries := there.GetManagedFields()
	for n := len(entries) - 1; n >= 0; n-- {
		e := entries[n]
		if e.Manager == fieldOwner || e.Subresource == "status" || strings.HasPrefix(e.Manager, "kube-controller") {
			continue
		}
		return e.Manager
	}
	return ""
}

// fields names the fields of labels, annotations and what is wanted that differ, the first few.
func fields(there, want *unstructured.Unstructured) string {
	var names []string
	for _, at := range [][]string{{"metadata", "labels"}, {"metadata", "annotations"}, {"spec"}, {"data"}} {
		a, _, _ := unstructured.NestedFieldNoCopy(there.Object, at...)
		b, _, _ := unstructured.NestedFieldNoCopy(want.Object, at...)
		names = append(names, differing(strings.Join(at, "."), a, b)...)
	}
	if len(names) > maxNamed {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", len(names)-maxNamed))
	}
	return strings.Join(names, ", ")
}

// differing are the deepest fields below a path that are not the same.
func differing(at string, a, b any) (names []string) {
	if reflect.DeepEqual(a, b) || strings.HasPrefix(at, "metadata.annotations.deployment.kubernetes.io/") { // a controller's, at any time
		return nil
	}
	as, aIsMap := a.(map[string]any)
	bs, bIsMap := b.(map[string]any)
	if (aIsMap || a == nil) && (bIsMap || b == nil) {
		all := map[string]any{}
		maps.Copy(all, as)
		maps.Copy(all, bs)
		for _, field := range slices.Sorted(maps.Keys(all)) {
			names = append(names, differing(at+"."+field, as[field], bs[field])...)
		}
		return names
	}
	al, aIsList := a.([]any)
	bl, bIsList := b.([]any)
	if aIsList && bIsList && len(al) == len(bl) {
		for n := range al {
			names = append(names, differing(fmt.Sprintf("%s[%d]", at, n), al[n], bl[n])...)
		}
		return names
	}
	return []string{at}
}

// watchOver puts back what somebody changed, and says so with the rollout.
func (p *project) watchOver(ctx context.Context, w wanted) error {
	drift, err := p.mend(ctx, w)
	if err != nil {
		return err
	}
	if drift == "" {
		p.mends = 0
		return nil
	}
	times := p.engine.options.Times
	p.calm = p.engine.options.Clock().Add(min(times.Retry<<min(p.mends, 16), times.MaxRetry))
	p.mends++
	p.state.Conclude(w, func(r *reconciler.Rollout) { r.Drift = line(drift) })
	return nil
}
