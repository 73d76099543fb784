//go:build e2e

package direct_test

import (
	"fmt"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/plateform/plateform/reconciler"
)

// Where an autoscaler says how many pods there are it is left to say so: by releases, and by what puts back other edits.
func TestDirectLeavesScaleToAnAutoscaler(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	ns := n.namespace("ws-1")
	scaler := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "shop"}, MinReplicas: new(int32(2)), MaxReplicas: 3,
	}}
	if _, err := n.set.AutoscalingV2().HorizontalPodAutoscalers(ns).Create(t.Context(), scaler, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deployments := n.set.AppsV1().Deployments(ns)
	two := func() error {
		d, err := deployments.Get(t.Context(), "shop", metav1.GetOptions{})
		if err == nil && *d.Spec.Replicas != 2 {
			err = fmt.Errorf("there are %d", *d.Spec.Replicas)
		}
		return err
	}
	n.eventually("the autoscaler to have two", two)

	patch := []byte(`{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":5}}}}`)
	if _, err := deployments.Patch(t.Context(), "shop", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	r := n.await("the edit to be told", func(r reconciler.Rollout) bool {
		return strings.Contains(r.Drift, "terminationGracePeriodSeconds by somebody")
	})
	if err := two(); err != nil || strings.Contains(r.Drift, "replicas") {
		t.Errorf("the autoscaler is fought with: %v, %s", err, r.Drift)
	}
	n.want(n.target(shop, "v1.0.1", nil))
	n.await("v1.0.1", func(r reconciler.Rollout) bool { return r.Release == "v1.0.1" && healthy(r) })
	if err := two(); err != nil {
		t.Errorf("a release fights with the autoscaler: %v", err)
	}
}

// What somebody else set is taken over by a release that says something else, and it is told whose it was.
func TestDirectNamesWhoHadAField(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	n.stop()
	n.start()
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"ANSWER","value":"mine"}]}]}}}}`)
	if _, err := n.set.AppsV1().Deployments(n.namespace("ws-1")).Patch(t.Context(), "shop", types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	n.want(n.target(shop, "v1.0.1", nil))
	n.await("whose it was", func(r reconciler.Rollout) bool {
		return r.Release == "v1.0.1" && strings.Contains(r.Drift, `Deployment shop had another spec.template.spec.containers[name="app"].env[name="ANSWER"].value by somebody`)
	})
	n.eventually("the new answer", func() error {
		if got := n.answer(t, shop); got != "v1.0.1" {
			return fmt.Errorf("it answers %q", got)
		}
		return nil
	})
}
