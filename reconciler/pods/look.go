package pods

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
)

// Look says of what runs in a namespace which pods there are, how many are wanted, and how many of those are ready, as watches tell.
func Look(ctx context.Context, seen client.Reader, k manifest.Key, running *reconciler.Running) error {
	for _, kind := range []string{"Deployment", "StatefulSet"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind(kind))
		if err := seen.List(ctx, list, health.Of(k), client.InNamespace(running.Namespace)); err != nil {
			return fmt.Errorf("reading what runs of %s: %w", k, err)
		}
		for _, o := range list.Items {
			wanted, said, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
			if !said {
				wanted = 1
			}
			ready, _, _ := unstructured.NestedInt64(o.Object, "status", "readyReplicas")
			running.Wanted, running.Ready = running.Wanted+int(wanted), running.Ready+int(ready)
		}
	}
	var found corev1.PodList
	if err := seen.List(ctx, &found, health.Of(k), client.InNamespace(running.Namespace)); err != nil {
		return fmt.Errorf("reading the pods of %s: %w", k, err)
	}
	for i := range found.Items {
		running.Pods = append(running.Pods, Of(&found.Items[i]))
	}
	slices.SortFunc(running.Pods, func(a, b reconciler.Pod) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Name, b.Name))
	})
	return nil
}
