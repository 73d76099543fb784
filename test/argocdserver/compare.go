package argocdserver

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The annotations that it goes by.
const (
	annotationRefresh  = "argocd.argoproj.io/refresh"
	annotationPaths    = "argocd.argoproj.io/manifest-generate-paths"
	annotationSkip     = "argocd.argoproj.io/skip-reconcile"
	annotationTracking = "argocd.argoproj.io/tracking-id"
	annotationOptions  = "argocd.argoproj.io/sync-options"
	finalizer          = "resources-finalizer.argocd.argoproj.io"
)

// desired is what an Application has to be, as it was compared last. Hooks are no part of what is compared.
type desired struct {
	revision       string
	source         map[string]any
	objects, hooks []*unstructured.Unstructured
}

// desire tells hooks from the objects that are rendered, and says of each whose it is.
func (a *app) desire(revision string, source map[string]any, all []*unstructured.Unstructured) *desired {
	d := &desired{revision: revision, source: source}
	for _, o := range all {
		annotations := o.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[annotationTracking] = a.tracking(o)
		o.SetAnnotations(annotations)
		if isHook(o) {
			d.hooks = append(d.hooks, o)
			continue
		}
		d.objects = append(d.objects, o)
	}
	return d
}

// tracked are the kinds that it looks for its objects among.
func tracked() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Version: "v1", Kind: "ConfigMap"}, {Version: "v1", Kind: "Service"}, {Version: "v1", Kind: "PersistentVolumeClaim"}, {Version: "v1", Kind: "ServiceAccount"},
		{Version: "v1", Kind: "Secret"},
		{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "apps", Version: "v1", Kind: "StatefulSet"},
		{Group: "batch", Version: "v1", Kind: "Job"}, {Group: "batch", Version: "v1", Kind: "CronJob"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}, {Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
		{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	}
}

// refresh compares: anew when it was asked to, when the source is another, or after an operation; and otherwise with what it knows.
func (a *app) refresh(ctx context.Context) error {
	if a.live.GetAnnotations()[annotationSkip] == "true" {
		return nil
	}
	_, asked := a.live.GetAnnotations()[annotationRefresh]
	source, _, _ := unstructured.NestedMap(a.live.Object, "spec", "source")
	compared, _, _ := unstructured.NestedMap(a.live.Object, "status", "sync", "comparedTo", "source")
	known, finished := a.known[a.name], a.finished[a.name]
	anew := asked || known == nil || !reflect.DeepEqual(source, compared) || finished
	if anew {
		if problem := a.permitted(ctx); problem != "" {
			return a.persist(ctx, map[string]any{
				"conditions": conditions("InvalidSpecError", problem), "health": map[string]any{"status": "Unknown"}, "sync": map[string]any{"status": "Unknown"},
			})
		}
	}
	at := stamp()
	if anew {
		found, problem := a.want(ctx, source)
		if problem != "" {
			sync := map[string]any{"status": "Unknown", "comparedTo": map[string]any{"source": source, "destination": a.destination()}}
			return a.persist(ctx, map[string]any{
				"conditions": conditions("ComparisonError", problem), "health": map[string]any{"status": "Unknown"}, "sync": sync, "reconciledAt": at,
			})
		}
		a.known[a.name], known = found, found
		delete(a.finished, a.name)
	}
	resources, health, err := a.compare(ctx, known)
	if err != nil {
		return err
	}
	status := "Synced"
	if slices.ContainsFunc(resources, func(r any) bool { return r.(map[string]any)["status"] == "OutOfSync" }) {
		status = "OutOfSync"
	}
	conditions := []any{}
	if problem, err := a.autoSync(ctx, known, status, resources); err != nil {
		return err
	} else if problem != "" {
		conditions = append(conditions, map[string]any{"type": "SyncError", "message": problem})
	}
	change := map[string]any{
		"conditions": conditions, "health": map[string]any{"status": health}, "resources": resources,
		"sync": map[string]any{"status": status, "revision": known.revision, "comparedTo": map[string]any{"source": source, "destination": a.destination()}},
	}
	if anew {
		change["reconciledAt"] = at
	}
	return a.persist(ctx, change)
}

func (a *app) destination() map[string]any {
	destination, _, _ := unstructured.NestedMap(a.live.Object, "spec", "destination")
	return destination
}

func conditions(kind, message string) []any {
	return []any{map[string]any{"type": kind, "message": message, "lastTransitionTime": stamp()}}
}

// persist writes the status, and takes the annotation away that asked for it, in one patch.
func (a *app) persist(ctx context.Context, status map[string]any) error {
	was, _, _ := unstructured.NestedMap(a.live.Object, "status")
	_, asked := a.live.GetAnnotations()[annotationRefresh]
	same := !asked
	for field, value := range status {
		same = same && sameJSON(was[field], value)
	}
	if same {
		return nil
	}
	if sync, _ := status["sync"].(map[string]any); sync["comparedTo"] != nil {
		before, _, _ := unstructured.NestedMap(was, "sync", "comparedTo")
		sync["comparedTo"] = replacing(before, sync["comparedTo"].(map[string]any))
	}
	return a.patch(ctx, map[string]any{"status": status, "metadata": map[string]any{"annotations": map[string]any{annotationRefresh: nil}}})
}

// replacing is the merge patch that makes a map another one, also where that does not have a field any more.
func replacing(was, now map[string]any) map[string]any {
	patch := map[string]any{}
	for field := range was {
		patch[field] = nil
	}
	for field, value := range now {
		patch[field] = value
		before, had := was[field].(map[string]any)
		if after, has := value.(map[string]any); had && has {
			patch[field] = replacing(before, after)
		}
	}
	return patch
}

// want reads Git and renders what has to be.
func (a *app) want(ctx context.Context, source map[string]any) (found *desired, problem string) {
	const failed = "Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = "
	if message := a.now().unreadable; message != "" {
		return nil, message
	}
	revision, err := a.git.resolve(ctx, a.text("spec", "source", "repoURL"), a.text("spec", "source", "targetRevision"))
	if err != nil {
		return nil, failed + "failed to list refs: " + err.Error()
	}
	objects, err := a.render(ctx, revision, source)
	if err != nil {
		return nil, failed + err.Error()
	}
	return a.desire(revision, source, objects), ""
}

func (a *app) tracking(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s:%s/%s:%s/%s", a.name, o.GroupVersionKind().Group, o.GetKind(), o.GetNamespace(), o.GetName())
}

// permitted says why the AppProject does not let an Application be; empty when it does.
func (a *app) permitted(ctx context.Context) string {
	name := a.text("spec", "project")
	project := &unstructured.Unstructured{}
	project.SetGroupVersionKind(kindProject())
	if err := a.client.Get(ctx, client.ObjectKey{Namespace: a.options.Namespace, Name: name}, project); err != nil {
		return fmt.Sprintf("Application referencing project %s which does not exist", name)
	}
	repos, _, _ := unstructured.NestedStringSlice(project.Object, "spec", "sourceRepos")
	if repo := a.text("spec", "source", "repoURL"); !slices.Contains(repos, repo) {
		return fmt.Sprintf("application repo %s is not permitted in project '%s'", repo, name)
	}
	server, namespace := a.text("spec", "destination", "server"), a.text("spec", "destination", "namespace")
	destinations, _, _ := unstructured.NestedSlice(project.Object, "spec", "destinations")
	if !slices.ContainsFunc(destinations, func(d any) bool {
		to, _ := d.(map[string]any)
		return to["server"] == server && (to["namespace"] == namespace || to["namespace"] == "*")
	}) {
		return fmt.Sprintf("application destination server '%s' and namespace '%s' do not match any of the allowed destinations in project '%s'", server, namespace, name)
	}
	return ""
}

// mayHave says that the AppProject lets a kind in.
func (a *app) mayHave(ctx context.Context, kind schema.GroupVersionKind) bool {
	project := &unstructured.Unstructured{}
	project.SetGroupVersionKind(kindProject())
	if err := a.client.Get(ctx, client.ObjectKey{Namespace: a.options.Namespace, Name: a.text("spec", "project")}, project); err != nil {
		return false
	}
	kinds, _, _ := unstructured.NestedSlice(project.Object, "spec", "namespaceResourceWhitelist")
	return slices.ContainsFunc(kinds, func(k any) bool {
		let, _ := k.(map[string]any)
		return let["group"] == kind.Group && let["kind"] == kind.Kind
	})
}

// compare says how the objects stand, one by one and together.
func (a *app) compare(ctx context.Context, d *desired) (resources []any, health string, err error) {
	health = "Healthy"
	for _, o := range d.objects {
		live, differs, err := a.differs(ctx, o)
		if err != nil {
			return nil, "", err
		}
		status, one := "Synced", healthOf(live)
		if differs {
			status = "OutOfSync"
		}
		if rank(one) > rank(health) {
			health = one
		}
		resources = append(resources, entry(o, status, false))
	}
	extra, err := a.extra(ctx, d)
	for _, o := range extra {
		e := entry(o, "OutOfSync", true)
		if isHook(o) { // it is shown, and counts for nothing
			delete(e, "status")
			e["hook"] = true
		}
		resources = append(resources, e)
	}
	slices.SortFunc(resources, func(x, y any) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
	return resources, health, err
}

func entry(o *unstructured.Unstructured, status string, prune bool) map[string]any {
	kind := o.GroupVersionKind()
	e := map[string]any{"version": kind.Version, "kind": kind.Kind, "namespace": o.GetNamespace(), "name": o.GetName(), "status": status}
	if kind.Group != "" {
		e["group"] = kind.Group
	}
	if prune {
		e["requiresPruning"] = true
	}
	return e
}

// differs says whether applying an object would change it, and returns what is there; nil when nothing is.
func (a *app) differs(ctx context.Context, o *unstructured.Unstructured) (live *unstructured.Unstructured, differs bool, err error) {
	live = &unstructured.Unstructured{}
	live.SetGroupVersionKind(o.GroupVersionKind())
	if err := a.client.Get(ctx, client.ObjectKeyFromObject(o), live); err != nil {
		return nil, true, client.IgnoreNotFound(err)
	}
	would := o.DeepCopy()
	if err := a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(would), client.FieldOwner(manager), client.ForceOwnership, client.DryRunAll); err != nil {
		return live, true, nil //nolint:nilerr // it shows when it is applied
	}
	return live, !reflect.DeepEqual(content(live), content(would)), nil
}

// content is what of an object is compared.
func content(o *unstructured.Unstructured) map[string]any {
	c := o.DeepCopy().Object
	delete(c, "status")
	for _, field := range []string{"managedFields", "resourceVersion", "generation"} {
		unstructured.RemoveNestedField(c, "metadata", field)
	}
	return c
}

// extra are the objects of an Application that it does not have any more.
func (a *app) extra(ctx context.Context, d *desired) (extra []*unstructured.Unstructured, err error) {
	all, err := a.objects(ctx)
	for _, o := range all {
		if d == nil || !slices.ContainsFunc(d.objects, func(w *unstructured.Unstructured) bool { return a.tracking(w) == a.tracking(o) }) {
			extra = append(extra, o)
		}
	}
	return extra, err
}

// objects are those that were applied of an Application and are still there.
func (a *app) objects(ctx context.Context) (all []*unstructured.Unstructured, err error) {
	for _, kind := range tracked() {
		l := list(kind)
		if err := a.client.List(ctx, l, client.InNamespace(a.text("spec", "destination", "namespace"))); err != nil {
			return nil, err
		}
		for i := range l.Items {
			l.Items[i].SetGroupVersionKind(kind)
			if l.Items[i].GetAnnotations()[annotationTracking] == a.tracking(&l.Items[i]) {
				all = append(all, &l.Items[i])
			}
		}
	}
	return all, nil
}
