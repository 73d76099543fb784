//go:build e2e

package direct_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/kube"
)

// working says how many goroutines of projects there are.
func working() int {
	stacks := make([]byte, 16<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "direct.(*project).Run(")
}

// The goroutine of a project ends with it, and it may come back.
func TestDirectForgetsWhatIsGone(t *testing.T) {
	n := onPlane(t, kube.Shared(t))
	n.start()
	for range 2 {
		n.want(n.released("v1.0.1", 1))
		n.await("v1.0.1", healthy)
		if got := working(); got != 1 {
			t.Fatalf("%d goroutines work on one project", got)
		}
		n.want(reconciler.Target{Key: shop, Owner: n.owner, Remove: true})
		n.eventually("nothing to be left of it", func() error {
			rollouts, err := n.engine.Rollouts(t.Context(), []manifest.Key{shop})
			if len(rollouts) > 0 {
				return fmt.Errorf("it is %+v", rollouts)
			}
			return err
		})
		n.eventually("its goroutine to end", func() error {
			if got := working(); got != 0 {
				return fmt.Errorf("there are %d", got)
			}
			return nil
		})
	}
}

// speaking has one more object in each chart, where the cluster knows a group of kinds.
type speaking struct {
	chartFolders
	group string
}

func (s speaking) Files(c manifest.Chart) (map[string][]byte, error) {
	files, err := s.chartFolders.Files(c)
	if err != nil {
		return nil, err
	}
	files["templates/speaks.yaml"] = []byte(`{{- if .Capabilities.APIVersions.Has "` + s.group + `/v1" }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: speaks
  namespace: {{ .Values.namespace | quote }}
  labels:
    {{- include "labels" . | nindent 4 }}
{{- end }}
`)
	return files, nil
}

// Kinds that a cluster gets later are noticed without a restart: what charts make where it knows them is made, and goes with them.
func TestDirectNoticesNewKinds(t *testing.T) {
	n := onPlane(t, kube.Shared(t))
	group := n.suffix + ".example.com"
	n.charts, n.times.Drift = speaking{group: group}, 200*time.Millisecond
	n.start()
	n.want(n.released("v1.0.1", 1))
	n.await("v1.0.1", healthy)
	has := func() error {
		_, err := n.set.CoreV1().ConfigMaps(n.namespace("ws-1")).Get(t.Context(), "speaks", metav1.GetOptions{})
		return err
	}
	if err := has(); !apierrors.IsNotFound(err) {
		t.Fatalf("it is there, or: %v", err)
	}

	cluster, err := dynamic.NewForConfig(n.config)
	if err != nil {
		t.Fatal(err)
	}
	kinds := cluster.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	kind := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "things." + group},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced", "names": map[string]any{"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}}},
		},
	}}
	if _, err := kinds.Create(t.Context(), kind, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kinds.Delete(context.Background(), kind.GetName(), metav1.DeleteOptions{}) })
	n.eventually("what is made for the kind", has)
	if r := n.await("all to be well", healthy); r.Drift != "" {
		t.Errorf("it counts as a change of somebody: %s", r.Drift)
	}

	if err := kinds.Delete(t.Context(), kind.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.eventually("it to go with the kind", func() error {
		if err := has(); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("it is still there"), err)
		}
		return nil
	})
}
