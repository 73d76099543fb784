//go:build e2e

package argocdserver_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/kube"
)

// commanding hands over a release of shop with a release command, which does as its image behaves.
func (w *world) commanding(release string, b kube.Behaviour) {
	w.Helper()
	spec := answering(manifest.EnvVar{Name: "ANSWER", Value: new(release)})
	spec.Release = &manifest.ReleaseCommand{Command: []string{"/app", "migrate"}}
	if err := w.Want(w.Context(), release, []reconciler.Target{w.targetOf(shop(), release, b, spec)}); err != nil {
		w.Fatal(err)
	}
}

// runs counts how often the command of each release of shop was begun.
type runs struct {
	mu  sync.Mutex
	all map[string]int
}

// count counts from now on.
func (w *world) count() *runs {
	w.Helper()
	set, err := kubernetes.NewForConfig(w.cluster.Config())
	if err != nil {
		w.Fatal(err)
	}
	r := &runs{all: map[string]int{}}
	factory := informers.NewSharedInformerFactoryWithOptions(set, 0, informers.WithNamespace(w.namespace("ws-1")))
	if _, err := factory.Batch().V1().Jobs().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(o any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all[o.(*batchv1.Job).Labels["app.kubernetes.io/version"]]++
	}}); err != nil {
		w.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	w.Cleanup(func() { stop(); factory.Shutdown() })
	return r
}

// were says how often the commands of some releases were begun.
func (w *world) were(r *runs, want map[string]int) {
	w.Helper()
	kube.Await(w, "the commands of releases to have run", func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		for release, times := range want {
			if r.all[release] != times {
				return fmt.Errorf("they have run %v, and not %v", r.all, want)
			}
		}
		return nil
	})
}

// commands are the Jobs of release commands of shop that there are.
func (w *world) commands() (names []string) {
	w.Helper()
	var jobs batchv1.JobList
	if err := w.admin.List(w.Context(), &jobs, client.InNamespace(w.namespace("ws-1"))); err != nil {
		w.Fatal(err)
	}
	for _, job := range jobs.Items {
		names = append(names, job.Name)
	}
	return names
}

// holdCommand has the pod of the release command that runs not go away until it is let go.
func (w *world) holdCommand() (letGo func()) {
	w.Helper()
	patch := func(finalizers string) {
		w.Helper()
		var pods corev1.PodList
		if err := w.admin.List(w.Context(), &pods, client.InNamespace(w.namespace("ws-1")), client.MatchingLabels{"app.kubernetes.io/component": "release"}); err != nil {
			w.Fatal(err)
		}
		if len(pods.Items) != 1 {
			w.Fatalf("%d pods of release commands are there", len(pods.Items))
		}
		if err := w.admin.Patch(w.Context(), &pods.Items[0], client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":`+finalizers+`}}`))); err != nil {
			w.Fatal(err)
		}
	}
	patch(`["example.com/held","batch.kubernetes.io/job-tracking"]`)
	return func() { patch("null") }
}

// again starts the engine anew, which is told of a release once more.
func (w *world) again(release string, b kube.Behaviour) {
	w.Helper()
	w.stop()
	w.start()
	w.commanding(release, b)
}

// A release command runs before anything of its release is applied, once; when it fails, the version before goes on. A newer release ends
// one that is under way. A rollback runs none, and neither does going forward again, whichever process it is that knows.
func TestArgoCDRunsTheReleaseCommandFirst(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	count := w.count()
	w.start()
	w.commanding("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")

	const failed = "the release command failed (exit code 1, Error): nothing of the release is rolled out"
	w.commanding("v1.0.1", kube.CrashLoop)
	if r := w.says(reconciler.PhaseFailed, failed); len(r.Problems) != 1 || r.Problems[0].Field != "spec.release.command" || r.Lapsed {
		t.Errorf("it failed as %+v", r)
	}
	w.again("v1.0.1", kube.CrashLoop)
	w.says(reconciler.PhaseFailed, failed)
	if got := w.answer(t, shop()); got != "v1.0.0" {
		t.Errorf("once a command has failed %q answers", got)
	}

	w.commanding("v1.0.2", kube.NeverReady)
	w.says(reconciler.PhaseProgressing, "the release command runs; nothing of the release is rolled out before it has ended")
	w.again("v1.0.2", kube.NeverReady)
	w.says(reconciler.PhaseProgressing, "the release command runs")
	if got := w.answer(t, shop()); got != "v1.0.0" {
		t.Errorf("while a command runs %q answers", got)
	}
	letGo := w.holdCommand()
	w.commanding("v1.0.3", kube.Runs)
	w.says(reconciler.PhaseProgressing, "one or more tasks are running")
	// Argo CD does not try again what has failed, and a process that starts finds that it was. One that was ended is not begun again either:
	// when its operation has ended, what is wanted is a newer release.
	all := map[string]int{"v1.0.0": 1, "v1.0.1": 1, "v1.0.2": 1, "v1.0.3": 0}
	w.were(count, all)
	letGo()
	w.healthy("v1.0.3")
	all["v1.0.3"] = 1
	w.were(count, all)
	if left := w.commands(); len(left) > 0 {
		t.Errorf("Jobs of commands are left: %v", left)
	}

	w.again("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	w.again("v1.0.3", kube.Runs)
	w.healthy("v1.0.3")
	w.were(count, all)

	w.commanding("v1.0.4", kube.Runs)
	w.healthy("v1.0.4")
	all["v1.0.4"] = 1
	w.were(count, all)
}

// Argo CD syncs again by itself what somebody asks it to, or what it sees first. A command that has run is not run again then.
func TestASyncByHandRunsNoCommandAgain(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	count := w.count()
	w.start()
	w.commanding("v1.0.0", kube.Runs)
	w.healthy("v1.0.0")
	kube.Await(t, "it to be noted", func(context.Context) error {
		if got := w.application().GetAnnotations()["plateform.dev/command-ran-for"]; got != "v1.0.0" {
			return fmt.Errorf("it says %q", got)
		}
		return nil
	})
	w.stop()
	w.patch(`{"operation":{"initiatedBy":{"username":"alice"},"sync":{"prune":true,"revision":"` + w.repo.Head("main") + `"}}}`)
	kube.Await(t, "the sync to end", func(context.Context) error {
		if o := w.application(); o.Object["operation"] != nil {
			return fmt.Errorf("it goes on")
		}
		return nil
	})
	w.were(count, map[string]int{"v1.0.0": 1})
}

// A project is removed also while its release command runs, which may take an hour.
func TestAProjectIsRemovedWhileItsCommandRuns(t *testing.T) {
	w := newWorld(t, kube.Shared(t))
	w.start()
	w.commanding("v1.0.0", kube.NeverReady)
	w.says(reconciler.PhaseProgressing, "the release command runs")
	if err := w.Want(t.Context(), "gone", []reconciler.Target{{Key: shop(), Namespace: w.namespace("ws-1"), Remove: true}}); err != nil {
		t.Fatal(err)
	}
	kube.Await(t, "nothing to be left", func(ctx context.Context) error {
		all, err := w.engine.Rollouts(ctx, []manifest.Key{shop()})
		if err != nil || len(all) > 0 || w.application() != nil {
			return fmt.Errorf("it says %+v, %w", all, err)
		}
		return nil
	})
}
