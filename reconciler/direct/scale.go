package direct

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watchScalers has the HorizontalPodAutoscalers of all namespaces followed: whoever adds one gives it no label of ours. It waits until
// they are known; where they may not be read, there are none.
func (c *cluster) watchScalers(ctx context.Context) error {
	informer, err := c.seen.GetInformer(ctx, &autoscalingv2.HorizontalPodAutoscaler{}, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	c.scalers = informer
	return nil
}

// leaveScale takes out of an object how many pods it makes, where a HorizontalPodAutoscaler says that.
func (c *cluster) leaveScale(ctx context.Context, as client.Reader, o *unstructured.Unstructured) error {
	if _, scales, _ := unstructured.NestedInt64(o.Object, "spec", "replicas"); !scales || c.scalers == nil || !c.scalers.HasSynced() {
		return nil
	}
	var all autoscalingv2.HorizontalPodAutoscalerList
	if err := c.seen.List(ctx, &all, client.InNamespace(o.GetNamespace())); err != nil {
		return fmt.Errorf("reading the autoscalers: %w", err)
	}
	scaled := false
	for _, scaler := range all.Items {
		at := scaler.Spec.ScaleTargetRef
		group, _, _ := strings.Cut(at.APIVersion, "/")
		scaled = scaled || at.Kind == o.GetKind() && at.Name == o.GetName() && group == o.GroupVersionKind().Group
	}
	if !scaled {
		return nil
	}
	there := &unstructured.Unstructured{}
	there.SetGroupVersionKind(o.GroupVersionKind())
	switch err := as.Get(ctx, client.ObjectKeyFromObject(o), there); {
	case apierrors.IsNotFound(err): // it begins with what is wanted
		return nil
	case err != nil:
		return fmt.Errorf("reading %s: %w", name(o), err)
	}
	replicas, is, _ := unstructured.NestedInt64(there.Object, "spec", "replicas")
	if is && !scaledByOthers(there.GetManagedFields()) { // left out, it would go back to one pod
		return unstructured.SetNestedField(o.Object, replicas, "spec", "replicas")
	}
	unstructured.RemoveNestedField(o.Object, "spec", "replicas")
	return nil
}

// scaledByOthers says that somebody else has set how many pods there are, so that it stays as it is when we do not say.
func scaledByOthers(entries []metav1.ManagedFieldsEntry) bool {
	for _, e := range entries {
		if e.Manager == fieldOwner || e.FieldsV1 == nil {
			continue
		}
		var owned struct {
			Spec map[string]json.RawMessage `json:"f:spec"`
		}
		if err := json.Unmarshal(e.FieldsV1.GetRawBytes(), &owned); err == nil && owned.Spec["f:replicas"] != nil {
			return true
		}
	}
	return false
}
