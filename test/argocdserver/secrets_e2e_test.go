//go:build e2e

package argocdserver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/kube"
)

// have hands a target over.
func (w *world) have(target reconciler.Target) {
	w.Helper()
	if err := w.Want(w.Context(), target.Release, []reconciler.Target{target}); err != nil {
		w.Fatal(err)
	}
}

// rolledOut waits until a release of shop is healthy.
func (w *world) rolledOut(release string) {
	w.Helper()
	kube.Await(w, release+" to be healthy", func(ctx context.Context) error {
		all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if r := all[shop()]; err == nil && (r.Release != release || r.Phase != reconciler.PhaseHealthy) {
			err = fmt.Errorf("it says %+v", r)
		}
		return err
	})
}

// secret is one of shop; nil when there is none of the name.
func (w *world) secret(name string) *corev1.Secret {
	w.Helper()
	var s corev1.Secret
	err := w.admin.Get(w.Context(), client.ObjectKey{Namespace: w.namespace("ws-1"), Name: name}, &s)
	if client.IgnoreNotFound(err) != nil {
		w.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return &s
}

// gone waits until a Secret is not there.
func (w *world) gone(name string) {
	w.Helper()
	kube.Await(w, "Secret "+name+" to be gone", func(context.Context) error {
		if w.secret(name) != nil {
			return errors.New("it is there")
		}
		return nil
	})
}

// Each value is a Secret of its own, which Git has nothing of and Argo CD does not know. The one before stays until a release that does
// not have it any more is healthy, and what is left goes with the project.
func TestArgoCDGetsSecrets(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	first, second := w.sealed(shop(), "v1.0.0", "hunter-1"), w.sealed(shop(), "v1.0.1", "hunter-2")
	one, two := first.Secrets[0].Secret, second.Secrets[0].Secret
	w.have(first)
	w.rolledOut("v1.0.0")
	s := w.secret(one)
	if s == nil || string(s.Data["ANSWER"]) != "hunter-1" || s.Immutable == nil || !*s.Immutable {
		t.Fatalf("the Secret is %+v", s)
	}
	for name := range s.Annotations {
		if strings.Contains(name, "argocd") {
			t.Errorf("it has the annotation %s", name)
		}
	}
	if _, there := s.Labels["app.kubernetes.io/instance"]; there {
		t.Error("it has the label that an Argo CD may know its objects by")
	}
	for _, entry := range s.ManagedFields {
		if entry.Manager != "plateform" {
			t.Errorf("it was written by %s", entry.Manager)
		}
	}
	status, _, _ := unstructured.NestedMap(w.application().Object, "status")
	if text := fmt.Sprint(status); strings.Contains(text, one) || strings.Contains(text, "status:OutOfSync") {
		t.Errorf("its Application knows of it, or is not as it should be: %s", text)
	}

	sick := w.targetOf(shop(), "v1.0.1", kube.CrashLoop, answering(manifest.EnvVar{Name: "ANSWER", Secret: second.Secrets[0].Ciphertext}))
	w.have(sick)
	w.says(reconciler.PhaseFailed, "")
	if w.secret(one) == nil || w.secret(two) == nil || one == two {
		t.Errorf("while the next release fails, %s and %s are not both there", one, two)
	}
	w.have(w.targetOf(shop(), "v1.0.2", kube.Runs, answering(manifest.EnvVar{Name: "ANSWER", Secret: second.Secrets[0].Ciphertext})))
	w.rolledOut("v1.0.2")
	w.gone(one)

	theirs := w.theirs("theirs", nil)
	for _, keep := range []bool{true, false} {
		w.have(second)
		w.rolledOut("v1.0.1")
		w.have(reconciler.Target{Key: shop(), Owner: w.owner, Remove: true, KeepData: keep})
		w.gone(two)
		kube.Await(t, "nothing to be left", func(ctx context.Context) error {
			all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
			if err == nil && len(all) > 0 {
				err = fmt.Errorf("it says %+v", all)
			}
			return err
		})
	}
	if w.secret(theirs) == nil {
		t.Error("a Secret of others went with the project")
	}
}

// theirs makes a Secret of somebody else.
func (w *world) theirs(name string, labels map[string]string) string {
	w.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace("ws-1"), Name: name, Labels: labels}, StringData: map[string]string{"ANSWER": "theirs"}}
	if err := w.admin.Create(w.Context(), s); err != nil {
		w.Fatal(err)
	}
	return name
}

// A Secret that somebody deletes or changes is put back, and that is told; one that somebody else made of that name is left alone.
func TestASecretIsPutBack(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.times.Look = 200 * time.Millisecond
	w.start()
	target := w.sealed(shop(), "v1.0.0", "hunter-1")
	name := target.Secrets[0].Secret
	w.have(target)
	w.rolledOut("v1.0.0")
	if err := w.admin.Delete(t.Context(), w.secret(name)); err != nil {
		t.Fatal(err)
	}
	kube.Await(t, "the Secret to be there", func(context.Context) error {
		if s := w.secret(name); s == nil || string(s.Data["ANSWER"]) != "hunter-1" {
			return errors.New("it is not")
		}
		return nil
	})
	w.drifts("Secret " + name + " was deleted")
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"plateform.dev/sealed":"other"}}}`))
	if err := w.admin.Patch(t.Context(), w.secret(name), patch); err != nil {
		t.Fatal(err)
	}
	w.drifts("Secret " + name + " had something else in it")

	w.stop()
	if err := w.admin.Delete(t.Context(), w.secret(name)); err != nil {
		t.Fatal(err)
	}
	w.theirs(name, map[string]string{"plateform.dev/workspace": "ws-1", "plateform.dev/project": "another"})
	w.start()
	w.have(target)
	w.rolledOut("v1.0.0")
	if s := w.secret(name); string(s.Data["ANSWER"]) != "theirs" {
		t.Errorf("what others made has %q now", s.Data["ANSWER"])
	}
	w.have(reconciler.Target{Key: shop(), Owner: w.owner, Remove: true})
	kube.Await(t, "nothing to be left", func(ctx context.Context) error {
		all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if err == nil && len(all) > 0 {
			err = fmt.Errorf("it says %+v", all)
		}
		return err
	})
	if s := w.secret(name); s == nil {
		t.Error("what others made is gone")
	}
}

// drifts waits until it is told what somebody else changed.
func (w *world) drifts(words string) {
	w.Helper()
	kube.Await(w, "the drift: "+words, func(ctx context.Context) error {
		all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if err == nil && !strings.Contains(all[shop()].Drift, words) {
			err = fmt.Errorf("it says %q", all[shop()].Drift)
		}
		return err
	})
}

// Without a key it is said which setting names one.
func TestArgoCDHasNoKey(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.opener = nil
	w.start()
	w.have(w.sealed(shop(), "v1.0.0", "hunter-1"))
	w.says(reconciler.PhaseFailed, "keys.identityFile")
	if w.application() != nil {
		t.Error("it is handed over all the same")
	}
}
