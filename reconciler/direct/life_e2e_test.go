//go:build e2e

package direct_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

var shop = manifest.Key{Workspace: "ws-1", Project: "shop"}

// want hands the engine targets.
func (n *node) want(targets ...reconciler.Target) {
	n.t.Helper()
	if err := n.engine.Want(n.t.Context(), "c0ffee", targets); err != nil {
		n.t.Fatal(err)
	}
}

// await waits until the rollout of the shop is as it should be, and returns it.
func (n *node) await(what string, is func(reconciler.Rollout) bool) reconciler.Rollout {
	n.t.Helper()
	var rollout reconciler.Rollout
	n.eventually(what, func() error {
		rollouts, err := n.engine.Rollouts(n.t.Context(), []manifest.Key{shop})
		if rollout = rollouts[shop]; err == nil && !is(rollout) {
			err = fmt.Errorf("it is %+v", rollout)
		}
		return err
	})
	return rollout
}

// answers waits until the shop answers with a release: an ingress controller learns a moment later than the engine that pods are ready.
func (n *node) answers(release string) {
	n.t.Helper()
	n.eventually("the answer "+release, func() error {
		if got := n.answer(n.t, shop); got != release {
			return fmt.Errorf("it answers %q", got)
		}
		return nil
	})
}

// eventually waits until there is no error any more.
func (n *node) eventually(what string, check func() error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 2*time.Minute)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			n.t.Fatalf("waited for %s: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func healthy(r reconciler.Rollout) bool { return r.Phase == reconciler.PhaseHealthy }

// What somebody edits or deletes by hand is put back, and said with what it was and who it was.
func TestDirectMendsDrift(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	ns := n.namespace("ws-1")

	deployments := n.set.AppsV1().Deployments(ns)
	if _, err := deployments.Patch(t.Context(), "shop", types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	n.await("the edit to be told", func(r reconciler.Rollout) bool {
		return strings.Contains(r.Drift, "Deployment shop has another spec.replicas by somebody")
	})
	n.eventually("one replica", func() error {
		d, err := deployments.Get(t.Context(), "shop", metav1.GetOptions{})
		if err == nil && *d.Spec.Replicas != 1 {
			err = fmt.Errorf("there are %d", *d.Spec.Replicas)
		}
		return err
	})

	before, err := n.set.CoreV1().Services(ns).Get(t.Context(), "shop", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.set.CoreV1().Services(ns).Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.await("the deletion to be told", func(r reconciler.Rollout) bool { return strings.Contains(r.Drift, "Service shop was deleted") })
	after, err := n.set.CoreV1().Services(ns).Get(t.Context(), "shop", metav1.GetOptions{})
	if err != nil || after.UID == before.UID {
		t.Errorf("the service is %v (%v)", after, err)
	}
	n.await("all to be well", healthy)
	n.eventually("an answer", func() error {
		if got := n.answer(t, shop); got != "v1.0.0" {
			return fmt.Errorf("it answers %q", got)
		}
		return nil
	})
}

// The whole namespace is brought back with all that is in it.
func TestDirectBringsBackANamespace(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	before, err := n.set.CoreV1().Namespaces().Get(t.Context(), n.namespace("ws-1"), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.set.CoreV1().Namespaces().Delete(t.Context(), before.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.eventually("another namespace that answers", func() error {
		now, err := n.set.CoreV1().Namespaces().Get(t.Context(), before.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if now.UID == before.UID || now.Labels["plateform.dev/owner-id"] != strconv.FormatInt(n.owner, 10) {
			return fmt.Errorf("it is the old one, or nobody's: %v", now.Labels)
		}
		if got := n.answer(t, shop); got != "v1.0.0" {
			return fmt.Errorf("it answers %q", got)
		}
		return nil
	})
	n.await("all to be well", healthy)
}

// A namespace that is there and not of the workspace is refused, and left as it is.
func TestDirectRefusesANamespaceOfSomebody(t *testing.T) {
	n := newNode(t)
	name := n.namespace("ws-1")
	if _, err := n.set.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	r := n.await("a refusal", func(r reconciler.Rollout) bool { return r.Phase == reconciler.PhaseFailed })
	if !strings.Contains(r.Cause, "namespace "+name+" is there and is not of workspace ws-1") || !strings.Contains(r.Cause, "spec.namespace") {
		t.Errorf("the cause is %s", r.Cause)
	}
	there, err := n.set.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil || there.Labels["plateform.dev/workspace"] != "" {
		t.Errorf("the namespace is %v (%v)", there.Labels, err)
	}
}

// The account that the projects of a workspace are applied as can do nothing in another's namespace, and nothing but what charts need in
// its own.
func TestDirectTenantsAreApart(t *testing.T) {
	n := newNode(t)
	n.start()
	blog := manifest.Key{Workspace: "ws-2", Project: "blog"}
	n.want(n.target(shop, "v1.0.0", nil), n.target(blog, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	config := rest.CopyConfig(n.config)
	config.Impersonate.UserName = "system:serviceaccount:" + n.namespace("ws-1") + ":plateform-deployer"
	tenant, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := tenant.AppsV1().Deployments(n.namespace("ws-1")).List(ctx, metav1.ListOptions{}); err != nil {
		t.Errorf("in its own namespace: %v", err)
	}
	for what, try := range map[string]func() error{
		"another's deployments": func() error {
			_, err := tenant.AppsV1().Deployments(n.namespace("ws-2")).List(ctx, metav1.ListOptions{})
			return err
		},
		"another's secrets": func() error {
			_, err := tenant.CoreV1().Secrets(n.namespace("ws-2")).List(ctx, metav1.ListOptions{})
			return err
		},
		"its own role": func() error {
			return tenant.RbacV1().Roles(n.namespace("ws-1")).Delete(ctx, "plateform-deployer", metav1.DeleteOptions{})
		},
		"its own quota": func() error {
			return tenant.CoreV1().ResourceQuotas(n.namespace("ws-1")).Delete(ctx, "workspace", metav1.DeleteOptions{})
		},
		"its namespace": func() error {
			return tenant.CoreV1().Namespaces().Delete(ctx, n.namespace("ws-1"), metav1.DeleteOptions{})
		},
	} {
		if err := try(); !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a release does not have any more is deleted.
func TestDirectPrunes(t *testing.T) {
	n := newNode(t)
	n.start()
	budgets := n.set.PolicyV1().PodDisruptionBudgets(n.namespace("ws-1"))
	n.replicas = 2
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	if _, err := budgets.Get(t.Context(), "shop", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	n.replicas = 1
	n.want(n.target(shop, "v1.0.1", nil))
	n.await("v1.0.1", func(r reconciler.Rollout) bool { return r.Release == "v1.0.1" && healthy(r) })
	if _, err := budgets.Get(t.Context(), "shop", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the disruption budget: %v", err)
	}
}

// An image that is not there is told as what it is, and what ran before goes on.
func TestDirectNamesAMissingImage(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	n.answers("v1.0.0")
	n.image.Digest = "sha256:" + strings.Repeat("0", 64)
	n.want(n.target(shop, "v1.0.1", nil))
	r := n.await("the failure", func(r reconciler.Rollout) bool { return r.Phase == reconciler.PhaseFailed })
	if !r.Gone || !strings.Contains(r.Cause, "cannot be pulled") {
		t.Errorf("it is %+v", r)
	}
	if got := n.answer(t, shop); got != "v1.0.0" {
		t.Errorf("it answers %q", got)
	}
}

// A workspace that gets another namespace takes its projects along: what ran in the old one ends.
func TestDirectMovesToAnotherNamespace(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	before := n.namespace("ws-1")
	if err := n.set.RbacV1().Roles(before).Delete(t.Context(), "plateform-deployer", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.suffix += "b"
	n.workspace("ws-1")
	n.want(n.target(shop, "v1.0.1", nil))
	n.await("v1.0.1", func(r reconciler.Rollout) bool { return r.Release == "v1.0.1" && healthy(r) })
	n.eventually("nothing to be left in "+before, func() error {
		found, err := n.set.AppsV1().Deployments(before).List(t.Context(), metav1.ListOptions{})
		if err == nil && len(found.Items) > 0 {
			err = fmt.Errorf("%s is still there", found.Items[0].Name)
		}
		return err
	})
	n.answers("v1.0.1")
}

// A namespace that is being deleted and does not come to its end holds nothing up that is elsewhere by now.
func TestDirectLeavesANamespaceThatEnds(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	before := n.namespace("ws-1")
	// The inventory is what the namespace is left by, and what an unwilling finalizer keeps here.
	inventories := n.set.CoreV1().ConfigMaps(before)
	keep := func(finalizers string) error {
		patch := fmt.Sprintf(`{"metadata":{"finalizers":%s}}`, finalizers)
		_, err := inventories.Patch(context.Background(), "plateform-inventory-shop", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
	if err := keep(`["plateform.dev/test"]`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keep("[]") })
	n.stop()
	if err := n.set.CoreV1().Namespaces().Delete(t.Context(), before, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.eventually("the role of "+before+" to be gone", func() error {
		if _, err := n.set.RbacV1().Roles(before).Get(t.Context(), "plateform-deployer", metav1.GetOptions{}); err == nil {
			return errors.New("it is there")
		}
		return nil
	})
	n.suffix += "b"
	n.workspace("ws-1")
	n.start()
	n.want(n.target(shop, "v1.0.1", nil))
	n.await("v1.0.1", func(r reconciler.Rollout) bool {
		if r.Phase == reconciler.PhaseFailed {
			t.Fatalf("it failed: %s", r.Cause)
		}
		return r.Release == "v1.0.1" && healthy(r)
	})
}

// Somebody who changes the same thing again and again is not fought with at their pace.
func TestDirectDoesNotFight(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	deployments := n.set.AppsV1().Deployments(n.namespace("ws-1"))
	first, err := deployments.Get(t.Context(), "shop", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const times = 200
	for i := range times {
		patch := fmt.Sprintf(`{"spec":{"minReadySeconds":%d}}`, i%2+1)
		if _, err := deployments.Patch(t.Context(), "shop", types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
			t.Fatal(err)
		}
	}
	now, err := deployments.Get(t.Context(), "shop", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if ours := now.Generation - first.Generation - times; ours > times/4 {
		t.Errorf("of %d changes %d were put back at once", times, ours)
	}
}

// Each release is live once its own pods answer at its URL; one that wants no pod has nothing to wait for.
func TestDirectAsksEachReleaseAtItsURL(t *testing.T) {
	n := newNode(t)
	n.start()
	target := func(release string, env map[string]string) reconciler.Target {
		made := n.target(shop, release, env)
		made.URL = "http://" + n.host(shop)
		return made
	}
	n.want(target("v1.0.0", nil))
	n.await("v1.0.0 to be live", func(r reconciler.Rollout) bool { return healthy(r) && r.Reach.Live })
	n.want(target("v1.0.1", map[string]string{"STATUS": "500"}))
	n.await("v1.0.1 to be told not to answer", func(r reconciler.Rollout) bool {
		if r.Release == "v1.0.1" && healthy(r) {
			t.Fatalf("it is well: %+v", r.Reach)
		}
		return r.Release == "v1.0.1" && strings.Contains(r.Cause, "it answers 500")
	})
	n.replicas = 0
	n.want(target("v1.0.2", nil))
	r := n.await("v1.0.2", func(r reconciler.Rollout) bool { return r.Release == "v1.0.2" && healthy(r) })
	if r.Reach.Live || !strings.Contains(r.Reach.String(), "replicas is 0") {
		t.Errorf("of a release without pods it is said: %q", r.Reach)
	}
}

// What somebody adds by hand is taken out again, also where only another process had applied the object; that pods were started again
// stays.
func TestDirectTakesOutWhatIsAdded(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	n.stop()
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0 again", healthy)
	deployments := n.set.AppsV1().Deployments(n.namespace("ws-1"))
	const restarted = `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-11-28T12:00:00Z"}}}}}`
	const added = `{"metadata":{"labels":{"theirs":"1"}},"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"MORE","value":"1"}]}]}}}}`
	for manager, patch := range map[string]string{"kubectl-rollout": restarted, "kubectl-set": added} {
		if _, err := deployments.Patch(t.Context(), "shop", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}); err != nil {
			t.Fatal(err)
		}
	}
	n.await("the edit to be told", func(r reconciler.Rollout) bool {
		return strings.Contains(r.Drift, "Deployment shop has another ") && strings.Contains(r.Drift, "by kubectl-set")
	})
	n.eventually("what was added to be gone", func() error {
		d, err := deployments.Get(t.Context(), "shop", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, v := range d.Spec.Template.Spec.Containers[0].Env {
			if v.Name == "MORE" {
				return errors.New("the variable is still there")
			}
		}
		if d.Labels["theirs"] != "" || d.Labels["plateform.dev/project"] != "shop" {
			return fmt.Errorf("its labels are %v", d.Labels)
		}
		if d.Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"] == "" {
			t.Fatal("that its pods were started again was taken back")
		}
		return nil
	})
	n.await("all to be well", healthy)

	n.stop()
	if _, err := deployments.Patch(t.Context(), "shop", types.StrategicMergePatchType, []byte(added), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("what was edited while nobody looked to be told", func(r reconciler.Rollout) bool { return strings.Contains(r.Drift, "by kubectl-edit") })
}
