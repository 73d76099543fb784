package argocd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/tenant"
)

// handOver has the cluster have the namespace and the Application, as GitOps has them at the commit, and Argo CD compare it. What was
// handed over already, by this process or another, is left as it is; what somebody else changed of it is put back.
func (p *project) handOver(ctx context.Context, w wanted) error {
	drift := ""
	if p.hand.commit != "" && !p.hand.again {
		var err error
		if drift, err = p.drifted(ctx, w); err != nil {
			return err
		}
		if drift == "" {
			return p.watchOverSecrets(ctx, w)
		}
	}
	select {
	case p.engine.slots <- struct{}{}:
		defer func() { <-p.engine.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, 4*p.engine.options.Times.Call)
	defer cancel()
	if err := p.bring(ctx, w, drift != ""); err != nil || drift == "" {
		return err
	}
	times := p.engine.options.Times
	p.hand.calm = p.engine.options.Clock().Add(min(times.Retry<<min(p.hand.mends, 16), times.MaxRetry))
	p.hand.mends++
	p.state.Conclude(w, func(r *reconciler.Rollout) { r.Drift = line(drift) })
	return nil
}

// drifted says what somebody else changed of the Application that was handed over; empty when it is as it was, and for a while after
// something was put back: somebody may change it each time.
func (p *project) drifted(ctx context.Context, w wanted) (string, error) {
	if p.engine.options.Clock().Before(p.hand.calm) {
		return "", nil
	}
	live, err := p.engine.cluster.application(ctx, p.engine.cluster.applications, p.key)
	if err != nil {
		return "", err
	}
	if live == nil { // or the watch has not told of it yet
		if live, err = p.engine.cluster.application(ctx, p.engine.cluster.admin, p.key); err != nil || live != nil {
			return "", err
		}
		return "Application " + manifest.ApplicationName(p.key) + " was deleted", nil
	}
	want, err := p.document(w, ranFor(w, live))
	if err != nil || live.GetDeletionTimestamp() != nil || live.GetAnnotations()[annotationCommit] != p.hand.commit {
		return "", err
	}
	if field := differing(want, live); field != "" {
		return "Application " + live.GetName() + " had another " + field, nil
	}
	return "", nil
}

// bring applies what is not as it should be.
func (p *project) bring(ctx context.Context, w wanted, drifted bool) error {
	e := p.engine
	if _, err := e.document(w); err != nil {
		return err
	}
	if err := e.root.bring(ctx, e, w.Commit); err != nil {
		return err
	}
	if err := e.namespaces.Bring(ctx, w.Commit, w.Target); err != nil {
		return err
	}
	if _, err := p.bringSecrets(ctx, w); err != nil {
		return err
	}
	live, err := e.cluster.application(ctx, e.cluster.admin, p.key)
	if err != nil {
		return err
	}
	want, err := p.document(w, ranFor(w, live))
	if err != nil {
		return err
	}
	var a *application
	if live != nil {
		if a, err = p.mayTake(live); err != nil {
			return err
		}
		if !drifted && !p.hand.retry && !p.hand.again && p.isHanded(w, want, live, a) {
			return nil
		}
	}
	if p.hand.commit == "" && a != nil && !p.isBegun(w, a) {
		if err := p.makeWay(ctx, a); err != nil {
			return err
		}
	}
	return p.send(ctx, w, want, a)
}

// mayTake reads an Application that is there. One that is not Plateform's is refused, and one that is being deleted waited for.
func (p *project) mayTake(live *unstructured.Unstructured) (*application, error) {
	if live.GetLabels()[tenant.LabelManagedBy] != tenant.Plateform || keyOf(live) != p.key {
		return nil, tenant.Refused("Application %s is there in namespace %s and is not Plateform's (rename it, or delete it if nothing is to be left of it)", live.GetName(), live.GetNamespace())
	}
	if live.GetDeletionTimestamp() != nil {
		return nil, fmt.Errorf("its Application %s is being deleted, and is made again then", live.GetName())
	}
	return parse(live)
}

// isHanded says that an Application was applied before for a commit that shows the same, and is as it was then.
func (p *project) isHanded(w wanted, want, live *unstructured.Unstructured, a *application) bool {
	commit := a.Metadata.Annotations[annotationCommit]
	if commit == "" || differing(want, live) != "" {
		return false
	}
	if same, err := shows(p.engine.options.GitOps, w, commit); err != nil || !same { // of a commit that is not known nothing is known
		return false
	}
	now := p.engine.options.Clock()
	p.hand.commit, p.hand.before, p.hand.sent, p.hand.asked = commit, a.Metadata.Annotations[annotationBefore], now, now
	if a.asked() {
		p.hand.unheard = now
	}
	return true
}

// send applies an Application and has Argo CD compare it, in one call. a is what is there; nil when nothing is.
func (p *project) send(ctx context.Context, w wanted, want *unstructured.Unstructured, a *application) error {
	before := p.hand.before
	if a != nil && p.hand.commit == "" && !p.isBegun(w, a) {
		before = a.Status.OperationState.begun()
	}
	o := dressed(want, a, map[string]string{
		annotationRefresh: "normal", annotationCommit: w.Commit, annotationRelease: w.Release, annotationBefore: before,
	})
	now := p.engine.options.Clock()
	if err := tenant.Apply(ctx, p.engine.cluster.admin, o); err != nil {
		return fmt.Errorf("applying Application %s: %w", o.GetName(), p.engine.missing(err))
	}
	p.hand.before = before
	if a != nil {
		if err := p.askFor(ctx, w, a, o); err != nil {
			return err
		}
	}
	p.hand.commit, p.hand.asked, p.hand.again, p.hand.retry = w.Commit, now, false, false
	if p.hand.sent.IsZero() {
		p.hand.sent = now
	}
	if p.hand.unheard.IsZero() {
		p.hand.unheard = now
	}
	return nil
}

// dressed is the Application as it is applied: with annotations, and paused if it is. a is what is there; nil when nothing is.
func dressed(want *unstructured.Unstructured, a *application, annotations map[string]string) *unstructured.Unstructured {
	o := want.DeepCopy()
	if a != nil && a.Metadata.Annotations[annotationCommit] != "" && a.paused() { // whoever paused it decides when it goes on
		unstructured.RemoveNestedField(o.Object, "spec", "syncPolicy", "automated")
	}
	annotate(o, annotations)
	return o
}

// annotate adds annotations.
func annotate(o *unstructured.Unstructured, more map[string]string) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, more)
	o.SetAnnotations(annotations)
}

// isBegun says that Argo CD is at what is wanted already, as it follows the repository by itself.
func (p *project) isBegun(w wanted, a *application) bool {
	op := a.Status.OperationState
	return op != nil && op.Phase == opRunning && !p.hand.retry && p.isAt(w, op) &&
		(op.SyncResult == nil || op.SyncResult.Source.Path == manifest.ChartDir(w.Chart))
}

// makeWay ends an operation that is under way: Argo CD begins no other before.
func (p *project) makeWay(ctx context.Context, a *application) error {
	op := a.Status.OperationState
	if op == nil || op.Phase != opRunning {
		return nil
	}
	end := map[string]any{"status": map[string]any{"operationState": map[string]any{"phase": opTerminating}}}
	if err := p.patch(ctx, end); err != nil {
		return fmt.Errorf("ending what Argo CD does for Application %s: %w", a.Metadata.Name, err)
	}
	return nil
}

// askFor asks for an operation that Argo CD does not begin by itself: it failed at the same before, or without a result, whatever that was
// about. Neither does it begin what it compared while the one before went on: it takes a revision for another only as it comes upon it.
func (p *project) askFor(ctx context.Context, w wanted, a *application, o *unstructured.Unstructured) error {
	op := a.Status.OperationState
	if !op.failed() || a.Operation != nil || a.paused() || op.begun() != p.hand.before || op.SyncResult != nil && !p.isAt(w, op) && !isCompared(p.engine.options.GitOps, w, a) {
		return nil
	}
	sync := map[string]any{"revision": w.Commit, "prune": true}
	operation := map[string]any{"initiatedBy": map[string]any{"username": tenant.Plateform}, "sync": sync}
	if options, found, _ := unstructured.NestedFieldCopy(o.Object, "spec", "syncPolicy", "syncOptions"); found {
		sync["syncOptions"] = options
	}
	if retries, found, _ := unstructured.NestedFieldCopy(o.Object, "spec", "syncPolicy", "retry"); found {
		operation["retry"] = retries
	}
	if err := p.patch(ctx, map[string]any{"operation": operation}); err != nil {
		return fmt.Errorf("having Argo CD sync Application %s again: %w", a.Metadata.Name, err)
	}
	return nil
}

// isAt says that an operation is about what is wanted. What is not known here is something else.
func (p *project) isAt(w wanted, op *operation) bool {
	same, err := shows(p.engine.options.GitOps, w, op.revision())
	return err == nil && same
}

// isCompared says that Argo CD has compared what is wanted.
func isCompared(gitops reconciler.Reader, w wanted, a *application) bool {
	same, err := shows(gitops, w, a.Status.Sync.Revision)
	return err == nil && same && a.Status.Sync.Status == outOfSync
}

// patch changes the Application of the project.
func (p *project) patch(ctx context.Context, change map[string]any) error {
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	o := object(kindApplication())
	o.SetNamespace(p.engine.options.Namespace)
	o.SetName(manifest.ApplicationName(p.key))
	return p.engine.cluster.admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, text), client.FieldOwner(tenant.Plateform))
}

// document is the Application of a project, as GitOps has it at the commit.
func (e *Engine) document(w wanted) (*unstructured.Unstructured, error) {
	file := manifest.ApplicationFile(w.Key)
	text, err := e.options.GitOps.Read(w.Commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, tenant.Refused("plateform-gitops has no %s at %s", file, manifest.Short(w.Commit))
	}
	if err != nil {
		return nil, fmt.Errorf("reading plateform-gitops: %w", err)
	}
	objects, err := tenant.Decode(string(text))
	if err != nil {
		return nil, tenant.Refused("%s: %w", file, err)
	}
	if len(objects) != 1 || objects[0].GroupVersionKind() != kindApplication() || objects[0].GetName() != manifest.ApplicationName(w.Key) ||
		objects[0].GetNamespace() != e.options.Namespace || keyOf(objects[0]) != w.Key {
		return nil, tenant.Refused("%s is not the Application %s of namespace %s", file, manifest.ApplicationName(w.Key), e.options.Namespace)
	}
	return objects[0], nil
}

// differing is the first field of labels, annotations and spec that is wanted and is otherwise; empty when all are as wanted. Whether
// automated sync is on is for people to say, and what else there is belongs to others.
func differing(want, live *unstructured.Unstructured) string {
	for _, at := range [][]string{{"metadata", "labels"}, {"metadata", "annotations"}, {"spec"}} {
		a, _, _ := unstructured.NestedFieldNoCopy(want.Object, at...)
		b, _, _ := unstructured.NestedFieldNoCopy(live.Object, at...)
		if field := lacking(strings.Join(at, "."), a, b); field != "" {
			return field
		}
	}
	return ""
}

// lacking is the first field below a path whose wanted value is not the one that is there.
func lacking(at string, want, there any) string {
	if at == "spec.syncPolicy.automated" {
		return ""
	}
	wants, isMap := want.(map[string]any)
	if !isMap {
		if reflect.DeepEqual(want, there) {
			return ""
		}
		return at
	}
	has, _ := there.(map[string]any)
	for _, field := range slices.Sorted(maps.Keys(wants)) {
		if name := lacking(at+"."+field, wants[field], has[field]); name != "" {
			return name
		}
	}
	return ""
}

// hashAt is the hash of what is at a path of a commit: a folder, and a name in it. It is empty where nothing is.
func hashAt(gitops reconciler.Reader, commit string, file string) (string, error) {
	entries, err := gitops.List(commit, path.Dir(file))
	if err != nil {
		return "", fmt.Errorf("reading plateform-gitops at %s: %w", manifest.Short(commit), err)
	}
	for _, e := range entries {
		if e.Name == path.Base(file) {
			return e.Hash, nil
		}
	}
	return "", nil
}

// root is what was applied of root.yaml by this process.
type root struct {
	mu      sync.Mutex
	applied string
}

// bring applies root.yaml, as GitOps has it at a commit, when it is other than before.
func (r *root) bring(ctx context.Context, e *Engine, commit string) error {
	text, err := e.options.GitOps.Read(commit, manifest.RootFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading plateform-gitops: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.applied == string(text) {
		return nil
	}
	objects, err := tenant.Decode(string(text))
	if err != nil {
		return tenant.Refused("%s: %w", manifest.RootFile, err)
	}
	for _, o := range objects {
		if err := tenant.Apply(ctx, e.cluster.admin, o); err != nil {
			return fmt.Errorf("applying %s %s of %s: %w", o.GetKind(), o.GetName(), manifest.RootFile, e.missing(err))
		}
	}
	r.applied = string(text)
	return nil
}
