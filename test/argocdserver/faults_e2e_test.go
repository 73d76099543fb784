//go:build e2e

package argocdserver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/kube"
)

// What the cluster does not take of a release is told with its words while what ran before goes on, and the way back is no failure.
func TestTheClusterRefuses(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "small", Namespace: w.namespace("ws-1")}}
	quota.Spec.Hard = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}
	if err := w.admin.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	w.hand("v1.0.1", kube.Runs)
	w.says(reconciler.PhaseFailed, "exceeded quota: small")
	if got := w.answer(t, shop()); got != "v1.0.0" {
		t.Errorf("meanwhile %q answers", got)
	}
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	if err := w.admin.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}

	w.refuse("object.metadata.labels['app.kubernetes.io/version'] == 'v1.0.2'", "this release is known to be bad")
	w.hand("v1.0.2", kube.Runs)
	w.says(reconciler.PhaseFailed, "this release is known to be bad")
	if got := w.answer(t, shop()); got != "v1.0.0" {
		t.Errorf("meanwhile %q answers", got)
	}
	w.hand("v1.0.3", kube.Runs)
	w.healthy("v1.0.3")
}

// refuse adds a rule to the cluster, for Deployments of the first workspace, and waits until it is obeyed.
func (w *world) refuse(expression, words string) {
	w.Helper()
	name := "test-" + w.suffix
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
			Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
		}}}},
		Validations: []admissionv1.Validation{{Expression: "!(has(object.metadata.labels) && 'app.kubernetes.io/version' in object.metadata.labels && " + expression + ")", Message: words}},
	}}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.namespace("ws-1")}}},
	}}
	for _, o := range []client.Object{policy, binding} {
		if err := w.admin.Create(w.Context(), o); err != nil {
			w.Fatal(err)
		}
		w.Cleanup(func() { _ = w.admin.Delete(context.Background(), o) })
	}
	labels := map[string]string{"app.kubernetes.io/version": "v1.0.2"}
	kube.Await(w, "the rule to be obeyed", func(ctx context.Context) error {
		canary := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "canary", Namespace: w.namespace("ws-1"), Labels: labels}, Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "images.test/other"}}}},
		}}
		if err := w.admin.Create(ctx, canary, client.DryRunAll); err == nil {
			return errors.New("it is not")
		}
		return nil
	})
}

// An API server that goes away in the middle is waited for, and a removal that a finalizer holds up goes on once that is gone.
func TestTheClusterGoesAway(t *testing.T) {
	cluster := kube.Start(t)
	w := newWorld(t, cluster)
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	cluster.Interrupt(t)
	w.hand("v1.0.1", kube.Runs)
	cluster.Resume(t)
	w.healthy("v1.0.1")

	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: w.namespace("ws-1")}}
	finalizers := func(patch string) {
		t.Helper()
		if err := w.admin.Patch(t.Context(), service, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":`+patch+`}}`))); err != nil {
			t.Fatal(err)
		}
	}
	finalizers(`["example.com/hold"]`)
	if err := w.Want(t.Context(), "gone", []reconciler.Target{{Key: shop(), Owner: w.owner, Namespace: w.namespace("ws-1"), Remove: true}}); err != nil {
		t.Fatal(err)
	}
	kube.Await(t, "the service to wait for its finalizer", func(ctx context.Context) error {
		if err := w.admin.Get(ctx, client.ObjectKeyFromObject(service), service); err != nil || service.DeletionTimestamp == nil {
			return fmt.Errorf("it does not: %w", err)
		}
		return nil
	})
	all, err := w.engine.Rollouts(t.Context(), []manifest.Key{shop()})
	if err != nil || len(all) == 0 {
		t.Errorf("while it is held up it is said: %v, %v", all, err)
	}
	finalizers("null")
	kube.Await(t, "nothing to be left", func(ctx context.Context) error {
		all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if err != nil || len(all) > 0 {
			return fmt.Errorf("it says %+v, %w", all, err)
		}
		return nil
	})
}

// A process that ends at any moment of a release is followed by one that ends it.
func TestTheEngineIsEnded(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	for n := range 6 {
		release := fmt.Sprintf("v1.0.%d", n)
		w.hand(release, kube.Runs)
		for range n { // a look later each time
			if all, err := w.engine.Rollouts(t.Context(), []manifest.Key{shop()}); err == nil && strings.Contains(all[shop()].Cause, "applies") {
				break
			}
		}
		w.stop()
		w.start()
		w.hand(release, kube.Runs)
		w.healthy(release)
	}
}
