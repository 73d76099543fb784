package direct

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/object"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/secrets"
	"github.com/plateform/plateform/reconciler/tenant"
)

// inventory is what the cluster remembers of a project: which objects it is made of.
type inventory struct {
	Namespace string
	// Release that they were rendered of, all of which was applied.
	Release string
	// Highest is the newest release that was brought here, whose command was run if it has one.
	Highest string
	// Objects, with a hash of each as it was rendered; empty for one that was not applied to its end.
	Objects map[object.ObjMetadata]string
}

// The keys of the ConfigMap.
const (
	keyRelease = "release"
	keyHighest = "highest"
	keyObjects = "objects"
)

// inventoryName is the name of the ConfigMap of a project.
func inventoryName(k manifest.Key) string { return "plateform-inventory-" + k.Project }

// entry is one object, as it is written.
type entry struct {
	ID   string `json:"id"`
	Hash string `json:"hash,omitempty"`
}

// inventory reads the inventory of a project in a namespace; nil when there is none.
func (c *cluster) inventory(ctx context.Context, k manifest.Key, namespace string) (*inventory, error) {
	var found corev1.ConfigMap
	err := c.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: inventoryName(k)}, &found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the inventory: %w", err)
	}
	return parseInventory(&found)
}

// inventories reads those of a project in all namespaces.
func (c *cluster) inventories(ctx context.Context, from client.Reader, k manifest.Key) (all []*inventory, err error) {
	var found corev1.ConfigMapList
	if err := from.List(ctx, &found, of(k), client.HasLabels{labelInventory}); err != nil {
		return nil, fmt.Errorf("looking for the inventory: %w", err)
	}
	for i := range found.Items {
		if found.Items[i].Name != inventoryName(k) {
			continue
		}
		inv, err := parseInventory(&found.Items[i])
		if err != nil {
			return nil, err
		}
		all = append(all, inv)
	}
	return all, nil
}

func parseInventory(m *corev1.ConfigMap) (*inventory, error) {
	inv := &inventory{Namespace: m.Namespace, Release: m.Data[keyRelease], Highest: cmp.Or(m.Data[keyHighest], m.Data[keyRelease]), Objects: map[object.ObjMetadata]string{}}
	var entries []entry
	if err := json.Unmarshal([]byte(m.Data[keyObjects]), &entries); err != nil {
		return nil, fmt.Errorf("the inventory %s/%s: %w", m.Namespace, m.Name, err)
	}
	for _, e := range entries {
		id, err := object.ParseObjMetadata(e.ID)
		if err != nil {
			return nil, fmt.Errorf("the inventory %s/%s: %w", m.Namespace, m.Name, err)
		}
		if id.Namespace != m.Namespace {
			return nil, fmt.Errorf("the inventory %s/%s names %s of another namespace: nothing is done", m.Namespace, m.Name, e.ID)
		}
		inv.Objects[id] = e.Hash
	}
	return inv, nil
}

// remember writes the inventory of a project.
func (c *cluster) remember(ctx context.Context, k manifest.Key, inv *inventory) error {
	var entries []entry
	for id, hash := range inv.Objects {
		entries = append(entries, entry{id.String(), hash})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.ID, b.ID) })
	text, err := json.Marshal(entries)
	if err != nil {
		return fmt.Errorf("writing the inventory: %w", err)
	}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{
			"name": inventoryName(k), "namespace": inv.Namespace,
			"labels": map[string]any{tenant.LabelManagedBy: tenant.Plateform, labelWorkspace: k.Workspace, labelProject: k.Project, labelInventory: "true"},
		},
		"data": map[string]any{keyRelease: inv.Release, keyHighest: inv.Highest, keyObjects: string(text)},
	}}
	if _, err := apply(ctx, c.admin, o); err != nil {
		return fmt.Errorf("writing the inventory: %w", err)
	}
	return nil
}

// hashOf is a hash of an object as it was rendered. Members of a workspace may read inventories: of a Secret it is one of what it was
// made of, as a short secret could be found by a hash of itself.
func hashOf(o *unstructured.Unstructured) (string, error) {
	text, err := secrets.WithoutData(o).MarshalJSON()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name(o), err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}
