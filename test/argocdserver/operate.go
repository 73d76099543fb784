package argocdserver

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// autoSync asks for an operation when one is due, and says why none is although all is not as it should be.
func (a *app) autoSync(ctx context.Context, d *desired, status string, resources []any) (problem string, err error) {
	automated, found, _ := unstructured.NestedMap(a.live.Object, "spec", "syncPolicy", "automated")
	if !found || automated["enabled"] == false || status != "OutOfSync" || a.live.Object["operation"] != nil {
		return "", nil
	}
	attempted, last := a.attempted(ctx, d)
	if attempted && a.text("status", "operationState", "phase") != "Succeeded" {
		return fmt.Sprintf("Failed last sync attempt to [%s]: %s", last, a.text("status", "operationState", "message")), nil
	}
	if attempted && automated["selfHeal"] != true {
		return "", nil
	}
	options, _, _ := unstructured.NestedSlice(a.live.Object, "spec", "syncPolicy", "syncOptions")
	sync := map[string]any{"revision": d.revision, "prune": automated["prune"] == true, "syncOptions": options}
	if attempted { // it heals what differs alone, and such a sync runs no hooks
		sync["resources"] = differing(resources)
	}
	retry, said, _ := unstructured.NestedMap(a.live.Object, "spec", "syncPolicy", "retry")
	if !said {
		retry = map[string]any{"limit": int64(5)}
	}
	return "", a.patch(ctx, map[string]any{"operation": map[string]any{"initiatedBy": map[string]any{"automated": true}, "sync": sync, "retry": retry}})
}

// attempted says that the operation before was about the same, and at which revision it was: Argo CD does not try that again by itself, nor
// one that ended without a result. A revision is another only in the comparison that comes upon it, and only if it changes one of the paths
// that the Application names: one that was compared while an operation went on is not told from that of the operation any more.
func (a *app) attempted(ctx context.Context, d *desired) (attempted bool, revision string) {
	state, found, _ := unstructured.NestedMap(a.live.Object, "status", "operationState")
	if !found {
		return false, ""
	}
	result, found := state["syncResult"].(map[string]any)
	if !found {
		return state["finishedAt"] != nil, ""
	}
	revision, _ = result["revision"].(string)
	if revision != d.revision && a.changes(ctx, d.revision) {
		return false, revision
	}
	return reflect.DeepEqual(result["source"], any(d.source)), revision
}

// changes says that a revision may be about other files of an Application than the one that was compared before.
func (a *app) changes(ctx context.Context, revision string) bool {
	before, paths := a.text("status", "sync", "revision"), a.live.GetAnnotations()[annotationPaths]
	if before == "" || paths == "" {
		return true
	}
	if before == revision {
		return false
	}
	args := []string{"-C", a.git.dir, "diff", "--name-only", before, revision, "--"}
	for _, path := range strings.Split(paths, ";") {
		args = append(args, strings.TrimPrefix(path, "/"))
	}
	files, err := run(ctx, args...)
	return err != nil || len(files) > 0 // of history that is gone nothing is known
}

// differing are the objects that are not as they should be, as an operation names them.
func differing(resources []any) (named []any) {
	for _, r := range resources {
		if of, _ := r.(map[string]any); of["status"] == "OutOfSync" {
			named = append(named, map[string]any{"group": of["group"], "kind": of["kind"], "name": of["name"]})
		}
	}
	return named
}

// operate carries out the operation that was asked for.
func (a *app) operate(ctx context.Context) error {
	operation, found, _ := unstructured.NestedMap(a.live.Object, "operation")
	if !found {
		return nil
	}
	phase := a.text("status", "operationState", "phase")
	if phase != "Running" && phase != "Terminating" {
		err := a.patch(ctx, map[string]any{"status": map[string]any{"operationState": map[string]any{
			"operation": operation, "phase": "Running", "startedAt": stamp(), "message": nil, "finishedAt": nil, "syncResult": nil, "retryCount": nil,
		}}})
		if err != nil {
			return err
		}
	}
	if phase == "Running" && a.text("status", "operationState", "finishedAt") != "" {
		message := fmt.Sprintf("Retrying operation. Attempt #%d", number(a.live, "status", "operationState", "retryCount"))
		if err := a.patch(ctx, map[string]any{"status": map[string]any{"operationState": map[string]any{"message": message, "finishedAt": nil, "syncResult": nil}}}); err != nil {
			return err
		}
	}
	if a.text("status", "operationState", "phase") == "Terminating" {
		return a.terminate(ctx)
	}
	switch f := a.now(); {
	case f.held:
		return nil
	case f.early != "":
		return a.end(ctx, "Error", f.early, nil)
	}
	d, err := a.aim(ctx, operation)
	if err != nil {
		return a.end(ctx, "Error", "ComparisonError: "+err.Error(), nil)
	}
	hooks := hookRun{app: a, of: d}
	if _, partial, _ := unstructured.NestedSlice(operation, "sync", "resources"); !partial {
		if done, err := hooks.precede(ctx); err != nil || !done {
			return err
		}
	}
	prune, _, _ := unstructured.NestedBool(operation, "sync", "prune")
	results, failed := a.apply(ctx, d, prune)
	result := d.result(append(hooks.results(), results...))
	if failed > 0 {
		return a.end(ctx, "Failed", "one or more objects failed to apply, reason: "+why(results), result)
	}
	if err := hooks.clear(ctx, "hook-succeeded"); err != nil {
		return err
	}
	return a.end(ctx, "Succeeded", "successfully synced (all tasks run)", result)
}

// aim is what an operation brings about. One that has begun stays with the source that it began with.
func (a *app) aim(ctx context.Context, operation map[string]any) (*desired, error) {
	revision, _, _ := unstructured.NestedString(operation, "sync", "revision")
	if _, err := a.git.resolve(ctx, a.text("spec", "source", "repoURL"), a.text("spec", "source", "targetRevision")); err != nil {
		return nil, err
	}
	source, begun, _ := unstructured.NestedMap(a.live.Object, "status", "operationState", "syncResult", "source")
	if !begun {
		source, _, _ = unstructured.NestedMap(a.live.Object, "spec", "source")
	}
	all, err := a.render(ctx, revision, source)
	if err != nil {
		return nil, err
	}
	return a.desire(revision, source, all), nil
}

// result is what is written of an operation that brings this about.
func (d *desired) result(resources []any) map[string]any {
	return map[string]any{"revision": d.revision, "source": d.source, "resources": resources}
}

func why(results []any) string {
	for _, r := range results {
		if o, _ := r.(map[string]any); o["status"] == "SyncFailed" {
			return fmt.Sprint(o["message"])
		}
	}
	return ""
}

// end writes how an operation ended, or that it is tried again.
func (a *app) end(ctx context.Context, phase, message string, result map[string]any) error {
	state := map[string]any{"phase": phase, "message": message, "finishedAt": stamp()}
	if result != nil {
		state["syncResult"] = result
	}
	tried, limit := number(a.live, "status", "operationState", "retryCount"), number(a.live, "status", "operationState", "operation", "retry", "limit")
	switch {
	case phase == "Succeeded":
	case a.text("status", "operationState", "phase") != "Terminating" && tried < limit: // of the real one there is a while between
		state["phase"], state["retryCount"] = "Running", tried+1
		state["message"] = fmt.Sprintf("%s. Retrying attempt #%d at %s.", message, tried+1, time.Now().Format(time.Kitchen))
		return a.patch(ctx, map[string]any{"status": map[string]any{"operationState": state}})
	case tried > 0:
		state["message"] = fmt.Sprintf("%s (retried %d times).", message, tried)
	}
	a.finished[a.name] = true // it compares again then
	return a.patch(ctx, map[string]any{"operation": nil, "status": map[string]any{"operationState": state}})
}

// apply applies what is wanted, and deletes what is not any more.
func (a *app) apply(ctx context.Context, d *desired, prune bool) (results []any, failed int) {
	for _, o := range d.objects {
		kind := o.GroupVersionKind()
		result := map[string]any{"group": kind.Group, "version": kind.Version, "kind": kind.Kind, "namespace": o.GetNamespace(), "name": o.GetName(), "status": "Synced", "syncPhase": "Sync"}
		err := error(nil)
		if !a.mayHave(ctx, kind) {
			err = fmt.Errorf("resource %s:%s is not permitted in project %s", kind.Group, kind.Kind, a.text("spec", "project"))
		} else {
			err = a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner(manager), client.ForceOwnership)
		}
		result["message"] = strings.ToLower(kind.Kind) + "/" + o.GetName() + " serverside-applied"
		if err != nil {
			result["status"], result["message"] = "SyncFailed", err.Error()
			failed++
		}
		results = append(results, result)
	}
	if !prune || failed > 0 {
		return results, failed
	}
	extra, err := a.extra(ctx, d)
	if err != nil {
		return results, failed + 1
	}
	for _, o := range extra {
		if !isHook(o) && !has(o, "Prune=false") {
			_ = a.client.Delete(ctx, o, client.PropagationPolicy("Background")) // it is looked for again
		}
	}
	return results, failed
}

// has says that an object has an option of Argo CD.
func has(o *unstructured.Unstructured, option string) bool {
	return slices.Contains(strings.Split(o.GetAnnotations()[annotationOptions], ","), option)
}

// finish deletes what an Application made before that goes, if it has the finalizer.
func (a *app) finish(ctx context.Context) error {
	finalizers := a.live.GetFinalizers()
	if !slices.Contains(finalizers, finalizer) {
		return nil
	}
	all, err := a.objects(ctx)
	if err != nil {
		return err
	}
	left := 0
	for _, o := range all {
		if has(o, "Delete=false") {
			continue
		}
		left++
		if o.GetDeletionTimestamp() == nil {
			if err := client.IgnoreNotFound(a.client.Delete(ctx, o, client.PropagationPolicy("Foreground"))); err != nil {
				return err
			}
		}
	}
	if left > 0 {
		return nil
	}
	delete(a.known, a.name)
	rest := slices.DeleteFunc(finalizers, func(f string) bool { return f == finalizer })
	return a.patch(ctx, map[string]any{"metadata": map[string]any{"finalizers": rest}})
}

func sameJSON(x, y any) bool {
	a, errA := json.Marshal(x)
	b, errB := json.Marshal(y)
	return errA == nil && errB == nil && string(a) == string(b)
}
