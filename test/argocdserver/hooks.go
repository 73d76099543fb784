package argocdserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What it goes by for hooks: the annotations of Helm, and its own finalizer of those that run.
const (
	annotationHook       = "helm.sh/hook"
	annotationHookPolicy = "helm.sh/hook-delete-policy"
	hookFinalizer        = "argocd.argoproj.io/hook-finalizer"
)

// isHook says of an object that it is no part of what is compared, but runs before a sync. Helm's other hooks are in no chart.
func isHook(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(strings.Split(o.GetAnnotations()[annotationHook], ","), func(of string) bool {
		return of == "pre-install" || of == "pre-upgrade"
	})
}

// hookRun are the hooks of one operation. What became of them so far is in the status of the Application.
type hookRun struct {
	*app
	of *desired
}

// results are those of the hooks, as they are written.
func (h hookRun) results() []any {
	all, _, _ := unstructured.NestedSlice(h.live.Object, "status", "operationState", "syncResult", "resources")
	return all
}

// precede does the next thing of the hooks, one at a time, and says whether the objects may be applied. When one has failed, it ends the
// operation.
func (h hookRun) precede(ctx context.Context) (done bool, err error) {
	results := h.results()
	for i, hook := range h.of.hooks {
		if i >= len(results) {
			return false, h.begin(ctx, results, hook)
		}
		result, _ := results[i].(map[string]any)
		if result["hookPhase"] != "Running" {
			continue
		}
		live, err := h.find(ctx, hook)
		if err != nil || live == nil {
			return false, err
		}
		result["hookPhase"], result["message"] = becomeOf(live)
		switch {
		case result["hookPhase"] == "Running":
			return false, h.tell(ctx, results, "waiting for completion of hook batch/Job/"+hook.GetName())
		case result["hookPhase"] == "Failed":
			if err := h.release(ctx, live); err != nil {
				return false, err
			}
			if err := h.clear(ctx, "hook-failed"); err != nil {
				return false, err
			}
			return false, h.end(ctx, "Failed", "one or more synchronization tasks completed unsuccessfully", h.of.result(results))
		}
		if err := h.release(ctx, live); err != nil {
			return false, err
		}
		return false, h.tell(ctx, results, "one or more tasks are running")
	}
	return true, nil
}

// begin makes a hook, after one of its name that is there is gone, if that is its policy. Before the first, all is tried without effect:
// what the API server refuses has no hook run.
func (h hookRun) begin(ctx context.Context, results []any, hook *unstructured.Unstructured) error {
	live, err := h.find(ctx, hook)
	if err != nil {
		return err
	}
	if live != nil && hasPolicy(hook, "before-hook-creation") {
		if err := h.release(ctx, live); err != nil {
			return err
		}
		if err := h.remove(ctx, live); err != nil {
			return err
		}
		return h.tell(ctx, results, "one or more tasks are running")
	}
	if len(results) == 0 {
		for _, o := range slices.Concat(h.of.hooks, h.of.objects) {
			err := h.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner(manager), client.ForceOwnership, client.DryRunAll)
			if err != nil {
				refused := hookResult(o, "SyncFailed", "", err.Error())
				return h.end(ctx, "Failed", "one or more objects failed to apply (dry run)", h.of.result([]any{refused}))
			}
		}
	}
	made := hook.DeepCopy()
	made.SetFinalizers(append(made.GetFinalizers(), hookFinalizer))
	if err := h.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(made), client.FieldOwner(manager), client.ForceOwnership); err != nil {
		refused := hookResult(hook, "SyncFailed", "Failed", err.Error())
		return h.end(ctx, "Failed", "one or more objects failed to apply, reason: "+err.Error(), h.of.result(append(results, refused)))
	}
	results = append(results, hookResult(hook, "Synced", "Running", "job.batch/"+hook.GetName()+" serverside-applied"))
	return h.tell(ctx, results, "waiting for completion of hook batch/Job/"+hook.GetName())
}

// hookResult is how one object fared before the sync.
func hookResult(o *unstructured.Unstructured, status, phase, message string) map[string]any {
	kind := o.GroupVersionKind()
	result := map[string]any{
		"group": kind.Group, "version": kind.Version, "kind": kind.Kind, "namespace": o.GetNamespace(), "name": o.GetName(),
		"status": status, "message": message, "syncPhase": "PreSync",
	}
	if isHook(o) {
		result["hookType"] = "PreSync"
	}
	if phase != "" {
		result["hookPhase"] = phase
	}
	return result
}

// becomeOf is what became of the Job of a hook.
func becomeOf(o *unstructured.Unstructured) (phase, message string) {
	var job batchv1.Job
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &job); err != nil {
		return "Error", err.Error()
	}
	phase = "Running"
	for _, c := range job.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobFailed:
			return "Failed", c.Message
		case c.Type == batchv1.JobComplete:
			phase, message = "Succeeded", c.Message
		}
	}
	return phase, message
}

// tell writes how an operation goes that is not over.
func (h hookRun) tell(ctx context.Context, results []any, message string) error {
	if results == nil {
		results = []any{}
	}
	state := map[string]any{"phase": "Running", "message": message, "syncResult": h.of.result(results)}
	was, _, _ := unstructured.NestedMap(h.live.Object, "status", "operationState")
	if was["message"] == message && sameJSON(was["syncResult"], state["syncResult"]) {
		return nil
	}
	return h.patch(ctx, map[string]any{"status": map[string]any{"operationState": state}})
}

// clear deletes the hooks that have a policy.
func (h hookRun) clear(ctx context.Context, policy string) error {
	for _, hook := range h.of.hooks {
		if !hasPolicy(hook, policy) {
			continue
		}
		if err := h.remove(ctx, hook); err != nil {
			return err
		}
	}
	return nil
}

func hasPolicy(hook *unstructured.Unstructured, policy string) bool {
	return slices.Contains(strings.Split(hook.GetAnnotations()[annotationHookPolicy], ","), policy)
}

// terminate ends an operation that somebody has ended: a hook that runs is deleted, and that counts as its success.
func (a *app) terminate(ctx context.Context) error {
	results, begun, _ := unstructured.NestedSlice(a.live.Object, "status", "operationState", "syncResult", "resources")
	for _, r := range results {
		result, _ := r.(map[string]any)
		if result["hookPhase"] != "Running" {
			continue
		}
		hook := &unstructured.Unstructured{}
		hook.SetGroupVersionKind(batchv1.SchemeGroupVersion.WithKind("Job"))
		hook.SetNamespace(fmt.Sprint(result["namespace"]))
		hook.SetName(fmt.Sprint(result["name"]))
		live, err := a.find(ctx, hook)
		if err != nil {
			return err
		}
		if live != nil {
			if err := a.release(ctx, live); err != nil {
				return err
			}
			if result["hookPhase"], result["message"] = becomeOf(live); result["hookPhase"] != "Running" {
				continue
			}
			if err := a.remove(ctx, live); err != nil {
				return err
			}
		}
		result["hookPhase"], result["message"] = "Succeeded", "Deleted"
	}
	if !begun {
		return a.end(ctx, "Failed", "Operation terminated", nil)
	}
	return a.end(ctx, "Failed", "Operation terminated", map[string]any{"resources": results})
}

// find returns what is there of an object; nil when nothing is.
func (a *app) find(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(o.GroupVersionKind())
	if err := a.client.Get(ctx, client.ObjectKeyFromObject(o), live); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return live, nil
}

// release takes its finalizer from a hook.
func (a *app) release(ctx context.Context, live *unstructured.Unstructured) error {
	if !slices.Contains(live.GetFinalizers(), hookFinalizer) {
		return nil
	}
	live.SetFinalizers(slices.DeleteFunc(live.GetFinalizers(), func(f string) bool { return f == hookFinalizer }))
	return a.client.Update(ctx, live)
}

// remove deletes a hook.
func (a *app) remove(ctx context.Context, hook *unstructured.Unstructured) error {
	return client.IgnoreNotFound(a.client.Delete(ctx, hook, client.PropagationPolicy("Foreground")))
}
