//go:build e2e

package argocdserver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/kube"
)

// gated has engines that start from now on reach their API server through a gate. Argo CD does not.
func (w *world) gated() *kube.Gate {
	w.Helper()
	g := kube.NewGate(w, w.cluster.Config())
	w.reached = g.Config()
	return g
}

// never waits until what is said of shop is so, and is told of no failure before.
func (w *world) never(failed string, so func(reconciler.Rollout) bool) {
	w.Helper()
	kube.Await(w, "no "+failed, func(ctx context.Context) error {
		all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if err != nil {
			return err
		}
		r := all[shop()]
		if r.Phase == reconciler.PhaseFailed {
			w.Fatalf("%s: it failed: %s", failed, r.Cause)
		}
		if !so(r) {
			return fmt.Errorf("it says %+v", r)
		}
		return nil
	})
}

// A server that has too much to do is asked again when it says, and nothing is said to have failed.
func TestTheEngineObeysThrottling(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	refused := w.gated().ThrottleFirst()
	w.start()
	w.have(w.sealed(shop(), "v1.0.0", "hush"))
	w.never("failure by throttling", func(r reconciler.Rollout) bool { return r.Phase == reconciler.PhaseHealthy })
	if n := refused(); n < 4 {
		t.Errorf("only %d calls were refused", n)
	}
	gone := reconciler.Target{Key: shop(), Owner: w.owner, Namespace: w.namespace("ws-1"), Remove: true}
	w.have(gone)
	kube.Await(t, "nothing to be left", func(ctx context.Context) error { return w.broughtAbout(ctx, gone) })
}

// some counts the objects of a kind that shop has.
func (w *world) some(list client.ObjectList) (n int) {
	w.Helper()
	if err := w.admin.List(w.Context(), list, client.InNamespace(w.namespace("ws-1")), client.MatchingLabels{"plateform.dev/project": shop().Project}); err != nil {
		w.Fatal(err)
	}
	return meta.LenList(list)
}

// A namespace that is being deleted is said, and what was in it comes back once it is gone; so does a release that was wanted meanwhile.
func TestANamespaceEnds(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	for _, release := range []string{"v1.0.0", "v1.0.1"} {
		held := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace("ws-1"), Name: "held", Finalizers: []string{"example.com/hold"}}}
		if err := w.admin.Create(t.Context(), held); err != nil {
			t.Fatal(err)
		}
		if err := w.admin.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace("ws-1")}}); err != nil {
			t.Fatal(err)
		}
		w.never("failure as it ends", func(r reconciler.Rollout) bool { return strings.Contains(r.Cause, "is being deleted") })
		if release != "v1.0.0" {
			w.hand(release, kube.Runs)
			w.never("failure of what is wanted then", func(r reconciler.Rollout) bool {
				return r.Release == release && strings.Contains(r.Cause, "is being deleted")
			})
		}
		if err := w.admin.Patch(t.Context(), held, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
			t.Fatal(err)
		}
		w.healthy(release)
	}
}

// What cannot be changed is said with the object; once it is deleted, a release goes on.
func TestAFieldIsImmutable(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	w.hand("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	w.patch(`{"spec":{"syncPolicy":{"automated":null}}}`) // else it would be made again at once
	labels := map[string]string{"made-by": "hand"}
	theirs := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: w.namespace("ws-1")}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "images.test/other"}}}},
	}}
	if err := w.admin.Delete(t.Context(), theirs.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	kube.Await(t, "somebody's Deployment of that name", func(ctx context.Context) error { return w.admin.Create(ctx, theirs.DeepCopy()) })
	w.patch(`{"spec":{"syncPolicy":{"automated":{"prune":true,"selfHeal":true}}}}`)
	w.hand("v1.0.1", kube.Runs)
	r := w.says(reconciler.PhaseFailed, "immutable")
	for _, want := range []string{"Deployment", "shop", "delete it"} {
		if !strings.Contains(r.Cause, want) {
			t.Errorf("it does not say %q: %s", want, r.Cause)
		}
	}
	if err := w.admin.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	w.hand("v1.0.1", kube.Runs) // as a retry does
	w.healthy("v1.0.1")
}

// The process may be ended, and its calls may be lost, at any write of a release, of the next one and of a removal: the process after it
// brings about the same, runs no release command twice, and leaves nothing behind.
func TestTheEngineIsEndedAtEveryWrite(t *testing.T) {
	step, reached := 1, true
	for ; reached && !t.Failed(); step++ {
		is := kube.Lost
		if step%2 == 0 { // in turns, as both at each write take twice as long
			is = kube.Unheard
		}
		t.Run(fmt.Sprint("write ", step), func(t *testing.T) { reached = endAt(t, step, is) })
	}
	if !t.Failed() && step < 16 {
		t.Errorf("all took less than %d calls that write: the test sees too few", step)
	}
}

// endAt ends a process at its write of a number, and has the next one go on. It says whether there are so many writes.
func endAt(t *testing.T, step int, is kube.Fate) (ended bool) {
	w := newWorld(t, kube.Shared(t))
	g, ran := w.gated(), w.count()
	reached := g.EndAt(step, is)
	first := w.sealed(shop(), "v1.0.0", "hunter-1")
	spec := answering(w.variable(shop(), "hunter-2"))
	spec.Release = &manifest.ReleaseCommand{Command: []string{"/app", "migrate"}}
	second := w.targetOf(shop(), "v1.0.1", kube.Runs, spec)
	w.start()
	for _, target := range []reconciler.Target{first, second, {Key: shop(), Owner: w.owner, Namespace: w.namespace("ws-1"), Remove: true}} {
		done := func(ctx context.Context) error { return w.broughtAbout(ctx, target) }
		w.have(target)
		kube.Await(t, "a call that is lost, or all to be as it should be", func(ctx context.Context) error {
			select {
			case <-reached:
				ended = true
				return nil
			default:
				return done(ctx)
			}
		})
		if ended {
			w.stop()
			g.Set(nil)
			w.start()
			w.have(target)
			kube.Await(t, "the next process to bring it about", done)
		}
		if !target.Remove {
			want := map[string]string{"v1.0.0": "hunter-1", "v1.0.1": "hunter-2"}[target.Release]
			if got := w.answer(t, shop()); got != want {
				t.Errorf("%q answers and not %s", got, want)
			}
		}
		if target.Release == "v1.0.1" {
			w.were(ran, map[string]int{"v1.0.0": 0, "v1.0.1": 1})
		}
		if ended {
			return true
		}
	}
	return false
}

// broughtAbout says why a target of shop is not brought about, the Secrets of what was before being gone too.
func (w *world) broughtAbout(ctx context.Context, target reconciler.Target) error {
	all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
	r, there := all[shop()]
	switch {
	case err != nil:
		return err
	case target.Remove && (there || w.application() != nil), !target.Remove && (r.Release != target.Release || r.Phase != reconciler.PhaseHealthy):
		return fmt.Errorf("it says %+v", all)
	}
	for list, want := range map[client.ObjectList]int{
		&corev1.SecretList{}: len(target.Secrets), &appsv1.DeploymentList{}: len(target.Secrets), &corev1.ServiceList{}: len(target.Secrets),
	} {
		if n := w.some(list); n != want {
			return fmt.Errorf("of %T there are %d, and not %d", list, n, want)
		}
	}
	return nil
}
