//go:build e2e

package argocdserver_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/argocdserver"
	"github.com/plateform/plateform/test/kube"
)

func shop() manifest.Key { return manifest.Key{Workspace: "ws-1", Project: "shop"} }

// hand has GitOps show a release of shop and hands it over.
func (w *world) hand(release string, b kube.Behaviour) {
	w.Helper()
	if err := w.Want(w.Context(), release, []reconciler.Target{w.target(shop(), release, b)}); err != nil {
		w.Fatal(err)
	}
}

// says waits until what is said of shop has a phase, and a cause with some words.
func (w *world) says(phase reconciler.Phase, words string) reconciler.Rollout {
	w.Helper()
	var last reconciler.Rollout
	kube.Await(w, string(phase)+" with "+words, func(ctx context.Context) error {
		all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if err != nil {
			return err
		}
		if last = all[shop()]; last.Phase != phase || !strings.Contains(last.Cause, words) {
			return fmt.Errorf("it says %+v", last)
		}
		return nil
	})
	return last
}

func (w *world) healthy(release string) {
	w.Helper()
	if r := w.says(reconciler.PhaseHealthy, ""); r.Release != release {
		w.Fatalf("%s is healthy and not %s", r.Release, release)
	}
	if got := w.answer(w.T, shop()); got != release {
		w.Errorf("%q answers and not %s", got, release)
	}
}

// application is that of shop; nil when there is none.
func (w *world) application() *unstructured.Unstructured {
	w.Helper()
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind("Application"))
	err := w.admin.Get(w.Context(), client.ObjectKey{Namespace: w.namespace("argocd"), Name: manifest.ApplicationName(shop())}, o)
	if client.IgnoreNotFound(err) != nil {
		w.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return o
}

// patch changes the Application of shop, as somebody does by hand.
func (w *world) patch(change string) {
	w.Helper()
	if err := w.admin.Patch(w.Context(), w.application(), client.RawPatch(types.MergePatchType, []byte(change))); err != nil {
		w.Fatal(err)
	}
}

// Without Argo CD, and while its controller does not run, that is said; as soon as it is there, things go on.
func TestArgoCDIsNotThere(t *testing.T) {
	cluster := kube.Start(t)
	w := newWorld(t, cluster)
	w.needsFaults()
	argocdserver.Uninstall(t, cluster.Config())
	w.start()
	w.hand("v1.0.0", kube.Runs)
	kube.Await(t, "the engine to say that there is no Argo CD", func(ctx context.Context) error {
		_, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if err == nil || !strings.Contains(err.Error(), "the cluster has no Argo CD") || !strings.Contains(err.Error(), "install Argo CD") {
			return fmt.Errorf("it says %w", err)
		}
		return nil
	})
	w.argo.Away(true)
	argocdserver.Install(t, cluster.Config())
	w.says(reconciler.PhaseProgressing, "its controller does not run")
	w.argo.Away(false)
	w.healthy("v1.0.0")
}

// What keeps Argo CD from applying is told in its words; it goes on by itself when that is over.
func TestArgoCDCannot(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.needsFaults()
	w.start()
	w.argo.FailEarly("error getting app project: it has no revision yet")
	w.hand("v1.0.0", kube.Runs)
	w.says(reconciler.PhaseFailed, "error getting app project")
	w.argo.FailEarly("")
	w.hand("v1.0.0", kube.Runs) // as a retry does
	w.healthy("v1.0.0")
	w.argo.FailEarly("error getting app project: it is gone")
	w.hand("v0.9.0", kube.Runs)
	w.says(reconciler.PhaseFailed, "it is gone")
	w.argo.FailEarly("")
	w.hand("v1.0.0", kube.Runs) // another release
	w.healthy("v1.0.0")

	w.argo.Unreadable("rpc error: code = Unavailable desc = connection error: dial tcp 10.0.0.1:8081: connection refused")
	w.hand("v1.0.1", kube.Runs)
	w.says(reconciler.PhaseProgressing, "Argo CD cannot read "+w.url())
	if got := w.answer(t, shop()); got != "v1.0.0" {
		t.Errorf("meanwhile %q answers", got)
	}
	w.argo.Unreadable("")
	w.healthy("v1.0.1")

	w.argo.Hold(true)
	w.hand("v1.0.2", kube.Runs)
	w.says(reconciler.PhaseProgressing, "Argo CD applies it")
	held, _, _ := unstructured.NestedString(w.application().Object, "status", "operationState", "operation", "sync", "revision")
	w.hand("v1.0.3", kube.Runs) // the newest word ends the wait
	w.argo.Hold(false)
	w.healthy("v1.0.3")
	if op, _, _ := unstructured.NestedString(w.application().Object, "status", "operationState", "operation", "sync", "revision"); op == held {
		t.Error("the last operation is still the one that was held")
	}
}

// Whoever pauses Argo CD decides when it goes on: a release does not override it, and is told to wait for it.
func TestArgoCDIsPaused(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	w.patch(`{"spec":{"syncPolicy":{"automated":null}}}`)
	w.hand("v1.0.1", kube.Runs)
	w.says(reconciler.PhaseProgressing, "automated sync is off")
	if got := w.answer(t, shop()); got != "v1.0.0" {
		t.Errorf("while it is paused %q answers", got)
	}
	w.patch(`{"spec":{"syncPolicy":{"automated":{"prune":true,"selfHeal":true}}}}`)
	w.healthy("v1.0.1")

	w.patch(`{"metadata":{"annotations":{"argocd.argoproj.io/skip-reconcile":"true"}}}`)
	w.hand("v1.0.2", kube.Runs)
	w.says(reconciler.PhaseProgressing, "told to leave it alone")
	w.patch(`{"metadata":{"annotations":{"argocd.argoproj.io/skip-reconcile":null}}}`)
	w.healthy("v1.0.2")
}

// What somebody changes of an Application is put back, and what somebody deletes is made again.
func TestAnApplicationIsPutBack(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	w.patch(`{"spec":{"source":{"targetRevision":"theirs"}}}`)
	kube.Await(t, "the branch to be put back", func(context.Context) error {
		if got, _, _ := unstructured.NestedString(w.application().Object, "spec", "source", "targetRevision"); got != "main" {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
	w.healthy("v1.0.0")
	all, err := w.engine.Rollouts(t.Context(), []manifest.Key{shop()})
	if err != nil || !strings.Contains(all[shop()].Drift, "Application ws-1.shop had another spec.source.targetRevision") {
		t.Errorf("of the drift it says %q, %v", all[shop()].Drift, err)
	}
	before := w.application().GetUID()
	if err := w.admin.Delete(t.Context(), w.application()); err != nil {
		t.Fatal(err)
	}
	kube.Await(t, "another Application", func(context.Context) error {
		if o := w.application(); o == nil || o.GetUID() == before {
			return fmt.Errorf("it is %v", o != nil)
		}
		return nil
	})
	w.healthy("v1.0.0")
}

// An Application of others by the same name is left alone, and so is a namespace of others.
func TestWhatIsAnothersIsLeftAlone(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.needsFaults()
	theirs := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"project": "default", "destination": map[string]any{"server": "https://kubernetes.default.svc"}, "source": map[string]any{"repoURL": "https://example.com/x"},
	}}}
	theirs.SetGroupVersionKind(kind("Application"))
	theirs.SetNamespace(w.namespace("argocd"))
	theirs.SetName(manifest.ApplicationName(shop()))
	w.argo.Away(true)
	if err := w.admin.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.says(reconciler.PhaseFailed, "is not Plateform's")
	if got, _, _ := unstructured.NestedString(w.application().Object, "spec", "project"); got != "default" {
		t.Errorf("its project is %s now", got)
	}

	foreign := newWorld(t, kube.Shared(t))
	if err := foreign.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: foreign.namespace("ws-1")}}); err != nil {
		t.Fatal(err)
	}
	foreign.start()
	foreign.hand("v1.0.0", kube.Runs)
	foreign.says(reconciler.PhaseFailed, "is not of workspace ws-1")
	if foreign.application() != nil {
		t.Error("it has an Application for a namespace of others")
	}
}

// The next process has nothing compared that is as it should be, and knows what was handed over.
func TestTheNextProcessAsksForNothing(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	w.stop()
	before := w.application().GetResourceVersion()
	w.start()
	w.hand("v1.0.0", kube.Runs) // of another commit, which shows the same
	w.healthy("v1.0.0")
	if after := w.application().GetResourceVersion(); after != before {
		t.Errorf("its Application was written: %s, %s before", after, before)
	}
}

// working says how many goroutines of projects there are.
func working() int {
	stacks := make([]byte, 16<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "argocd.(*project).Run(")
}

// Data is kept when a project goes, and with it nothing else.
func TestDataIsKept(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.needsFaults()
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
		Namespace: w.namespace("ws-1"), Name: "data", Labels: map[string]string{"plateform.dev/workspace": "ws-1", "plateform.dev/project": "shop"},
		Annotations: map[string]string{"argocd.argoproj.io/tracking-id": fmt.Sprintf("ws-1.shop:/PersistentVolumeClaim:%s/data", w.namespace("ws-1"))},
	}}
	claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	if n := working(); n != 1 {
		t.Fatalf("%d goroutines work on one project", n)
	}
	w.argo.Away(true) // it would prune what no chart has
	if err := w.admin.Create(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	if err := w.Want(t.Context(), "gone", []reconciler.Target{{Key: shop(), Namespace: w.namespace("ws-1"), Remove: true, KeepData: true}}); err != nil {
		t.Fatal(err)
	}
	kube.Await(t, "Argo CD to be asked to delete", func(context.Context) error {
		if o := w.application(); o != nil && o.GetDeletionTimestamp() == nil {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	w.argo.Away(false)
	kube.Await(t, "nothing to be left", func(ctx context.Context) error {
		all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if err != nil || len(all) > 0 {
			return fmt.Errorf("it says %+v, %w", all, err)
		}
		return nil
	})
	kube.Await(t, "nobody to work on it any more", func(context.Context) error {
		if n := working(); n != 0 {
			return fmt.Errorf("%d goroutines do", n)
		}
		return nil
	})
	if err := w.admin.Get(t.Context(), client.ObjectKeyFromObject(claim), claim); err != nil || claim.DeletionTimestamp != nil {
		t.Errorf("the data is gone: %v", err)
	}
	var services corev1.ServiceList
	if err := w.admin.List(t.Context(), &services, client.InNamespace(w.namespace("ws-1"))); err != nil || len(services.Items) > 0 {
		t.Errorf("%d services are left, %v", len(services.Items), err)
	}
}
