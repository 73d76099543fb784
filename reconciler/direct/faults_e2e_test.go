//go:build e2e

package direct_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/direct"
	"github.com/plateform/plateform/test/kube"
)

func TestMain(m *testing.M) { os.Exit(kube.Main(m)) }

// onPlane uses a control plane without nodes that run anything: what pods do is played.
func onPlane(t *testing.T, c *kube.Cluster) *node {
	t.Helper()
	log.SetLogger(logr.Discard())
	config := c.Config()
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		t: t, config: config, set: set, suffix: strings.ToLower(rand.Text()[:8]), owner: 1 + mathrand.Int64N(1<<40), gitops: gitops{}, replicas: 2,
		image: manifest.Image{Name: manifest.AppImage, Repository: "registry.test/ws-1/app", Tag: "1", Digest: "sha256:" + strings.Repeat("1", 64)},
		times: direct.Times{Retry: 20 * time.Millisecond, MaxRetry: 200 * time.Millisecond},
	}
	n.workspace("ws-1")
	return n
}

// gated has engines of a node reach its API server through a gate.
func gated(n *node) *kube.Gate {
	n.t.Helper()
	g := kube.NewGate(n.t, n.config)
	n.config = g.Config()
	return g
}

// objects are those that a namespace has of a project, besides what the cluster makes of them.
func (n *node) objects(k manifest.Key) []string {
	n.t.Helper()
	ns, all, of := n.namespace(k.Workspace), []string{}, metav1.ListOptions{LabelSelector: "plateform.dev/project=" + k.Project}
	deployments, err := n.set.AppsV1().Deployments(ns).List(n.t.Context(), of)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, o := range deployments.Items {
		all = append(all, "Deployment "+o.Name+" "+o.Spec.Template.Spec.Containers[0].Image)
	}
	services, err := n.set.CoreV1().Services(ns).List(n.t.Context(), of)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, o := range services.Items {
		all = append(all, "Service "+o.Name)
	}
	budgets, err := n.set.PolicyV1().PodDisruptionBudgets(ns).List(n.t.Context(), of)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, o := range budgets.Items {
		all = append(all, "PodDisruptionBudget "+o.Name)
	}
	ingresses, err := n.set.NetworkingV1().Ingresses(ns).List(n.t.Context(), of)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, o := range ingresses.Items {
		all = append(all, "Ingress "+o.Name)
	}
	slices.Sort(all)
	return all
}

// released is a release with an image of its own; with one replica it has no disruption budget.
func (n *node) released(version string, replicas int) reconciler.Target {
	n.t.Helper()
	n.replicas = replicas
	n.image.Digest = "sha256:" + strings.Repeat(version[len(version)-1:], 64)
	return n.target(shop, version, nil)
}

// The engine may be killed and its calls may be lost at any step of a release: the next process brings about the same, and leaves
// nothing of before behind.
func TestDirectGoesOnAfterEveryStep(t *testing.T) {
	c := kube.Shared(t)
	for name, is := range map[string]kube.Fate{"a call that does not arrive": kube.Lost, "an answer that does not arrive": kube.Unheard} {
		t.Run(name, func(t *testing.T) {
			for step := 1; ; step++ {
				n := onPlane(t, c)
				g := gated(n)
				n.start()
				n.want(n.released("v1.0.1", 2))
				n.await("v1.0.1", healthy)
				reached := g.EndAt(step, is)
				n.want(n.released("v1.0.2", 1))
				n.await("v1.0.2 or a call that is lost", func(r reconciler.Rollout) bool {
					select {
					case <-reached:
						return true
					default:
						return r.Release == "v1.0.2" && healthy(r)
					}
				})
				n.stop()
				g.Set(nil)
				n.start()
				n.want(n.released("v1.0.2", 1))
				n.await("v1.0.2", healthy)
				want := []string{"Deployment shop " + n.image.Repository + "@" + n.image.Digest, "Ingress shop", "Service shop"}
				if got := n.objects(shop); !slices.Equal(got, want) {
					t.Errorf("lost at call %d: there is %q, and not %q", step, got, want)
				}
				n.stop()
				select {
				case <-reached:
				default:
					if step < 4 {
						t.Fatalf("a release took less than %d calls that write: the test sees too few", step)
					}
					return
				}
			}
		})
	}
}

// A server that has too much to do is asked again when it says, and nothing is said to have failed.
func TestDirectObeysThrottling(t *testing.T) {
	n := onPlane(t, kube.Shared(t))
	g := gated(n)
	refused := g.ThrottleFirst()
	n.start()
	n.want(n.released("v1.0.1", 1))
	n.await("v1.0.1", func(r reconciler.Rollout) bool {
		if r.Phase == reconciler.PhaseFailed {
			t.Fatalf("it failed: %s", r.Cause)
		}
		return healthy(r)
	})
	if n := refused(); n < 4 {
		t.Errorf("only %d calls were refused", n)
	}
}

// An API server that goes away in the middle and comes back finds the engine waiting, and what was changed meanwhile is seen.
func TestDirectOutlivesTheServer(t *testing.T) {
	c := kube.Start(t)
	n := onPlane(t, c)
	n.start()
	n.want(n.released("v1.0.1", 1))
	n.await("v1.0.1", healthy)
	c.Interrupt(t)
	n.want(n.released("v1.0.2", 1))
	n.await("words about the server", func(r reconciler.Rollout) bool {
		return r.Phase == reconciler.PhaseProgressing && strings.Contains(r.Cause, "refused")
	})
	c.Resume(t)
	n.await("v1.0.2", func(r reconciler.Rollout) bool { return r.Release == "v1.0.2" && healthy(r) })
	if err := n.set.CoreV1().Services(n.namespace("ws-1")).Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.eventually("the service to be back", func() error {
		_, err := n.set.CoreV1().Services(n.namespace("ws-1")).Get(t.Context(), "shop", metav1.GetOptions{})
		return err
	})
}

// A rule of the cluster that refuses a release is what is said of it, and what ran goes on.
func TestDirectNamesARuleThatRefuses(t *testing.T) {
	n := onPlane(t, kube.Shared(t))
	n.start()
	n.want(n.released("v1.0.1", 1))
	n.await("v1.0.1", healthy)
	n.refuseImages("sha256:" + strings.Repeat("2", 64))
	before := n.objects(shop)
	n.want(n.released("v1.0.2", 1))
	r := n.await("the refusal", func(r reconciler.Rollout) bool { return r.Release == "v1.0.2" && r.Phase == reconciler.PhaseFailed })
	if !strings.Contains(r.Cause, "this image is known to be bad") || !strings.Contains(r.Cause, "Deployment shop") {
		t.Errorf("it says %q", r.Cause)
	}
	if after := n.objects(shop); !slices.Equal(before, after) {
		t.Errorf("there is %q now, and was %q", after, before)
	}
}

// refuseImages adds a rule to the cluster, for the namespace of the test, and waits until it is obeyed.
func (n *node) refuseImages(digest string) {
	n.t.Helper()
	name := "test-" + n.suffix
	admission := n.set.AdmissionregistrationV1()
	ctx := context.Background()
	n.t.Cleanup(func() {
		_ = admission.ValidatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{})
		_ = admission.ValidatingAdmissionPolicies().Delete(ctx, name, metav1.DeleteOptions{})
	})
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
			Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
		}}}},
		Validations: []admissionv1.Validation{{
			Expression: fmt.Sprintf("!object.spec.template.spec.containers.exists(c, c.image.endsWith(%q))", digest), Message: "this image is known to be bad",
		}},
	}}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": n.namespace("ws-1")}}},
	}}
	if _, err := admission.ValidatingAdmissionPolicies().Create(ctx, policy, metav1.CreateOptions{}); err != nil {
		n.t.Fatal(err)
	}
	if _, err := admission.ValidatingAdmissionPolicyBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		n.t.Fatal(err)
	}
	n.eventually("the rule to be obeyed", func() error {
		_, err := n.set.AppsV1().Deployments(n.namespace("ws-1")).Create(ctx, deploymentOf("canary", digest), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			return errors.New("it is not")
		}
		return nil
	})
}

// deploymentOf is a Deployment that somebody else makes.
func deploymentOf(name, digest string) *appsv1.Deployment {
	labels := map[string]string{"made-by": "hand"}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.test/other@" + digest}}},
		},
	}}
}

// What cannot be changed is said with the object and what to do; it is not tried without end.
func TestDirectNamesAnImmutableField(t *testing.T) {
	n := onPlane(t, kube.Shared(t))
	n.start()
	n.want(n.released("v1.0.1", 1))
	n.await("v1.0.1", healthy)
	n.stop()
	deployments := n.set.AppsV1().Deployments(n.namespace("ws-1"))
	if err := deployments.Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.eventually("somebody's Deployment of that name", func() error {
		_, err := deployments.Create(t.Context(), deploymentOf("shop", n.image.Digest), metav1.CreateOptions{})
		return err
	})
	n.start()
	n.want(n.released("v1.0.2", 1))
	r := n.await("the refusal", func(r reconciler.Rollout) bool { return r.Phase == reconciler.PhaseFailed })
	for _, want := range []string{"Deployment shop", "immutable", "delete it"} {
		if !strings.Contains(r.Cause, want) {
			t.Errorf("it does not say %q: %s", want, r.Cause)
		}
	}
	if err := deployments.Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.await("v1.0.2", healthy)
}

// What does not let itself be deleted holds up no release, and of a removal it is said what it waits for.
func TestDirectWaitsForAFinalizer(t *testing.T) {
	n := onPlane(t, kube.Shared(t))
	n.start()
	n.want(n.released("v1.0.1", 2))
	n.await("v1.0.1", healthy)
	budgets, services := n.set.PolicyV1().PodDisruptionBudgets(n.namespace("ws-1")), n.set.CoreV1().Services(n.namespace("ws-1"))
	const hold, release = `{"metadata":{"finalizers":["example.com/hold"]}}`, `{"metadata":{"finalizers":null}}`
	if _, err := budgets.Patch(t.Context(), "shop", types.MergePatchType, []byte(hold), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := services.Patch(t.Context(), "shop", types.MergePatchType, []byte(hold), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	n.want(n.released("v1.0.2", 1))
	n.await("v1.0.2", func(r reconciler.Rollout) bool { return r.Release == "v1.0.2" && healthy(r) })
	n.want(reconciler.Target{Key: shop, Owner: n.owner, Remove: true})
	n.await("words about the finalizer", func(r reconciler.Rollout) bool {
		return strings.Contains(r.Cause, "Service shop") && strings.Contains(r.Cause, "example.com/hold")
	})
	if _, err := services.Patch(t.Context(), "shop", types.MergePatchType, []byte(release), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	n.eventually("nothing to be left", func() error {
		rollouts, err := n.engine.Rollouts(t.Context(), []manifest.Key{shop})
		if r, there := rollouts[shop]; err == nil && there {
			err = fmt.Errorf("it is %+v", r)
		}
		return err
	})
	if _, err := budgets.Patch(t.Context(), "shop", types.MergePatchType, []byte(release), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// A namespace that is being deleted is said, and what was in it comes back once it is gone.
func TestDirectWaitsForANamespaceThatEnds(t *testing.T) {
	n := onPlane(t, kube.Shared(t))
	n.start()
	n.want(n.released("v1.0.1", 1))
	n.await("v1.0.1", healthy)
	configs := n.set.CoreV1().ConfigMaps(n.namespace("ws-1"))
	held := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"example.com/hold"}}}
	if _, err := configs.Create(t.Context(), held, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := n.set.CoreV1().Namespaces().Delete(t.Context(), n.namespace("ws-1"), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.await("words about the namespace", func(r reconciler.Rollout) bool {
		if r.Phase == reconciler.PhaseFailed {
			t.Fatalf("it failed: %s", r.Cause)
		}
		return strings.Contains(r.Cause, "is being deleted")
	})
	if _, err := configs.Patch(t.Context(), "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	n.await("v1.0.1", healthy)
}

// A quota that is too small for a release is what is said of it.
func TestDirectNamesTheQuota(t *testing.T) {
	n := onPlane(t, kube.Shared(t))
	n.start()
	n.want(n.released("v1.0.1", 1))
	n.await("v1.0.1", healthy)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "small"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}}
	if _, err := n.set.CoreV1().ResourceQuotas(n.namespace("ws-1")).Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.want(n.released("v1.0.2", 1))
	n.await("words about the quota", func(r reconciler.Rollout) bool {
		return r.Release == "v1.0.2" && r.Phase == reconciler.PhaseFailed && strings.Contains(r.Cause, "exceeded quota: small")
	})
}
