package direct

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/ssa"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// byHand are the entries of those who edit by hand, as the cluster knows them: kubectl-edit, kubectl-patch, kubectl. What controllers of the
// cluster add to an object stays, and so does that somebody has pods started again.
func byHand(entries []metav1.ManagedFieldsEntry) (managers []ssa.FieldManager) {
	for _, e := range entries {
		if !strings.HasPrefix(e.Manager, "kubectl") || e.Manager == "kubectl-rollout" || e.Subresource != "" {
			continue
		}
		managers = append(managers, ssa.FieldManager{Name: e.Manager, ExactMatch: true, OperationType: e.Operation})
	}
	return managers
}

// reclaim makes the fields ours that somebody has added to an object by hand, so that applying it takes them out: by itself it leaves
// alone what it never had. who is whose they were, empty when there were none.
func (p *project) reclaim(ctx context.Context, as client.Client, o *unstructured.Unstructured) (who string, err error) {
	id := object.UnstructuredToObjMetadata(o)
	if isSecret(id.GroupKind) { // nobody watches them
		return "", nil
	}
	there, err := p.seen(ctx, id)
	if err != nil || there == nil || len(byHand(there.GetManagedFields())) == 0 {
		return "", err
	}
	if there, err = p.engine.cluster.find(ctx, as, id); err != nil || there == nil {
		return "", err
	}
	managers := byHand(there.GetManagedFields())
	patches, err := ssa.PatchReplaceFieldsManagers(there, managers, fieldOwner)
	if err != nil || len(patches) == 0 {
		return "", err
	}
	text, err := json.Marshal(patches)
	if err != nil {
		return "", err
	}
	if err := as.Patch(ctx, there, client.RawPatch(types.JSONPatchType, text), client.FieldOwner(fieldOwner)); err != nil {
		return "", fmt.Errorf("putting back %s: %w", name(o), err)
	}
	var names []string
	for _, m := range managers {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", "), nil
}

// takeAsIs takes the generations that objects have for those that they are applied in, where this process sent none: what is edited from
// now on is noticed at once. What was edited by hand before is looked for right away.
func (p *project) takeAsIs(ctx context.Context, all *inventory) {
	for id := range all.Objects {
		if p.generations[id] != 0 || isSecret(id.GroupKind) {
			continue
		}
		if there, err := p.seen(ctx, id); err == nil && there != nil {
			p.generations[id] = there.GetGeneration()
			if len(byHand(there.GetManagedFields())) > 0 {
				p.checked = time.Time{}
			}
		}
	}
}
