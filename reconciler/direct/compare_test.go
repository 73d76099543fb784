package direct

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/plateform/plateform/reconciler"
)

// thing is an object of a project.
func thing(kind, name, says string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"says": says}}}
	o.SetAPIVersion(map[string]string{"Deployment": "apps/v1", "Ingress": "networking.k8s.io/v1"}[kind])
	if o.GetAPIVersion() == "" {
		o.SetAPIVersion("v1")
	}
	o.SetKind(kind)
	o.SetName(name)
	o.SetNamespace("ws-1")
	return o
}

func inventoryOf(t *testing.T, objects ...*unstructured.Unstructured) *inventory {
	t.Helper()
	inv := &inventory{Namespace: "ws-1", Release: "v1.0.0", Objects: map[object.ObjMetadata]string{}}
	for _, o := range objects {
		hash, err := hashOf(o)
		if err != nil {
			t.Fatal(err)
		}
		inv.Objects[object.UnstructuredToObjMetadata(o)] = hash
	}
	return inv
}

// Only what is new, other than before or lost is sent; only what is not rendered any more is deleted, and never people's data.
func TestCompare(t *testing.T) {
	t.Parallel()
	app, service, data := thing("Deployment", "shop", "one"), thing("Service", "shop", "one"), thing("PersistentVolumeClaim", "data", "one")
	changed := thing("Deployment", "shop", "two")
	unsent := inventoryOf(t, app, service)
	unsent.Objects[object.UnstructuredToObjMetadata(app)] = "" // its process ended before it was sent
	tests := map[string]struct {
		before      *inventory
		now         []*unstructured.Unstructured
		lost        *unstructured.Unstructured
		send, prune []string
		keeps       int
	}{
		"all is new":              {nil, []*unstructured.Unstructured{app, service}, nil, []string{"Service", "Deployment"}, nil, 2},
		"nothing changed":         {inventoryOf(t, app, service), []*unstructured.Unstructured{app, service}, nil, nil, nil, 2},
		"one changed":             {inventoryOf(t, app, service), []*unstructured.Unstructured{changed, service}, nil, []string{"Deployment"}, nil, 2},
		"one was lost":            {inventoryOf(t, app, service), []*unstructured.Unstructured{app, service}, service, []string{"Service"}, nil, 2},
		"one was never sent":      {unsent, []*unstructured.Unstructured{app, service}, nil, []string{"Deployment"}, nil, 2},
		"one is not wanted":       {inventoryOf(t, app, service), []*unstructured.Unstructured{app}, nil, nil, []string{"Service"}, 1},
		"data is not wanted":      {inventoryOf(t, app, data), []*unstructured.Unstructured{app}, nil, nil, nil, 2},
		"another in place of one": {inventoryOf(t, app), []*unstructured.Unstructured{thing("Deployment", "front", "one")}, nil, []string{"Deployment"}, []string{"Deployment"}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			lost := map[object.ObjMetadata]bool{}
			if tt.lost != nil {
				lost[object.UnstructuredToObjMetadata(tt.lost)] = true
			}
			w := wanted{Target: reconciler.Target{Namespace: "ws-1", Release: "v1.0.1"}}
			d, err := compare(tt.before, w, tt.now, lost)
			if err != nil {
				t.Fatal(err)
			}
			var send, prune []string
			for _, o := range d.send {
				send = append(send, o.GetKind())
			}
			for _, id := range d.prune {
				prune = append(prune, id.GroupKind.Kind)
			}
			if !slices.Equal(send, tt.send) || !slices.Equal(prune, tt.prune) || len(d.next.Objects) != tt.keeps {
				t.Errorf("it sends %v, deletes %v and keeps %d; want %v, %v and %d", send, prune, len(d.next.Objects), tt.send, tt.prune, tt.keeps)
			}
			for id := range d.next.Objects {
				if _, there := d.union.Objects[id]; !there {
					t.Errorf("%s is not in the inventory while it is sent", id)
				}
			}
			for _, id := range d.prune {
				if _, there := d.union.Objects[id]; !there {
					t.Errorf("%s is not in the inventory while it is deleted", id)
				}
			}
			for _, o := range d.send {
				if d.union.Objects[object.UnstructuredToObjMetadata(o)] != "" {
					t.Errorf("%s counts as sent before it was", name)
				}
			}
		})
	}
}

// An inventory of one namespace that names objects of another is not believed: whoever may edit it must not have others' things deleted.
func TestInventoryOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	there := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ws-1", Name: "plateform-inventory-shop"}}
	for text, fails := range map[string]string{
		`[{"id":"ws-1_shop_apps_Deployment","hash":"ab"}]`: "",
		`[{"id":"ws-2_shop_apps_Deployment","hash":"ab"}]`: "of another namespace",
		`[{"id":"_ws-2__Namespace","hash":"ab"}]`:          "of another namespace",
		`[{"id":"nonsense"}]`:                              "inventory",
		`{`:                                                "inventory",
	} {
		there.Data = map[string]string{keyRelease: "v1.0.0", keyObjects: text}
		_, err := parseInventory(there)
		if fails == "" && err != nil || fails != "" && (err == nil || !strings.Contains(err.Error(), fails)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The fields that somebody changed are named, and no more of them than a line can have.
func TestFields(t *testing.T) {
	t.Parallel()
	want := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"a": "1"}, "resourceVersion": "1"},
		"spec":     map[string]any{"replicas": int64(1), "template": map[string]any{"containers": []any{map[string]any{"image": "one", "name": "app"}}}},
	}}
	there := want.DeepCopy()
	there.SetResourceVersion("2")
	there.SetAnnotations(map[string]string{"deployment.kubernetes.io/revision": "2"}) // a controller counts
	if got := fields(there, want); got != "" {
		t.Errorf("nothing differs, and it names %s", got)
	}
	there.SetLabels(map[string]string{"a": "2"})
	there.Object["spec"] = map[string]any{"replicas": int64(3), "template": map[string]any{"containers": []any{map[string]any{"image": "two", "name": "app"}}}}
	if diff := cmp.Diff("metadata.labels.a, spec.replicas, spec.template.containers[0].image", fields(there, want)); diff != "" {
		t.Error(diff)
	}
	many := map[string]any{}
	for n := range 9 {
		many[fmt.Sprint("field", n)] = "x"
	}
	there.Object["spec"] = many
	if got := fields(there, want); !strings.HasSuffix(got, "more") || strings.Count(got, ",") != maxNamed {
		t.Errorf("it names %s", got)
	}
}
