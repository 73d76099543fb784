package argocd

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
	"github.com/plateform/plateform/reconciler/rollout"
	"github.com/plateform/plateform/reconciler/tenant"
)

// annotationRan of an Application is the highest release whose command has run in its namespace, and valueRan what the chart calls it:
// it leaves the command out of releases up to that. As it is a release that is named, and not whether to run a command, it does not
// matter which of Git and the Application Argo CD sees first.
const (
	annotationRan = "plateform.dev/command-ran-for"
	valueRan      = "commandRanFor"
)

// ranFor is the highest release whose command has run where a project is to run, by what is there of its Application; empty when none has.
func ranFor(w wanted, live *unstructured.Unstructured) string {
	if live == nil {
		return ""
	}
	if namespace, _, _ := unstructured.NestedString(live.Object, "spec", "destination", "namespace"); namespace != w.Namespace {
		return ""
	}
	return live.GetAnnotations()[annotationRan]
}

// isDue says that the command of a release is to run: it has one, and none has run for it or a newer one.
func isDue(w wanted, ran string) bool {
	return manifest.RunsCommand(manifest.Document(w.Values)) && !rollout.IsBehind(w.Release, ran)
}

// document is the Application of a project, as GitOps has it at the commit, with the release that a command has run for.
func (p *project) document(w wanted, ran string) (*unstructured.Unstructured, error) {
	o, err := p.engine.document(w)
	if err != nil {
		return nil, err
	}
	if ran != "" {
		annotate(o, map[string]string{annotationRan: ran})
	}
	if !manifest.RunsCommand(manifest.Document(w.Values)) { // its chart may be one that does not know what that is
		return o, nil
	}
	if err := unstructured.SetNestedField(o.Object, ran, "spec", "source", "helm", "valuesObject", valueRan); err != nil {
		return nil, tenant.Refused("%s: %w", manifest.ApplicationFile(w.Key), err)
	}
	return o, nil
}

// noteCommand has the Application say that the command of what is wanted has run, once that is so: no later sync runs it again.
func (p *project) noteCommand(ctx context.Context, w wanted, live *unstructured.Unstructured, a *application, q question) error {
	op := a.Status.OperationState
	if a.asked() || a.Metadata.DeletionTimestamp != nil || a.Metadata.Annotations[annotationCommit] != p.hand.commit || !isDue(w, ranFor(w, live)) || !op.hookRan() {
		return nil
	}
	if ours, err := q.isOurs(op); err != nil || !ours {
		return nil //nolint:nilerr // it is told of what is asked next
	}
	want, err := p.document(w, w.Release)
	if err != nil {
		return err
	}
	o := dressed(want, a, map[string]string{annotationCommit: p.hand.commit, annotationRelease: w.Release, annotationBefore: p.hand.before})
	ctx, cancel := context.WithTimeout(ctx, p.engine.options.Times.Call)
	defer cancel()
	if err := tenant.Apply(ctx, p.engine.cluster.admin, o); err != nil {
		return tenant.Passes(fmt.Errorf("noting in Application %s that the release command has run: %w", o.GetName(), err))
	}
	return nil
}

// lookAtCommand says how the release command does that Argo CD tells of.
func (p *project) lookAtCommand(ctx context.Context, w wanted, said answer) (answer, error) {
	name := said.command.Name
	job, err := find(ctx, p.engine.cluster.seen, batchv1.SchemeGroupVersion.WithKind("Job"), client.ObjectKey{Namespace: w.Namespace, Name: name})
	if err != nil {
		return said, err
	}
	if job != nil && (job.GetLabels()[labelVersion] != w.Release || said.Phase == reconciler.PhaseProgressing && health.JobIs(job, batchv1.JobFailed)) {
		job = nil // it is one that was deleted, or Argo CD says soon what became of it
	}
	v, err := p.looks.Command(ctx, w.Namespace, name, job)
	if err != nil {
		return said, err
	}
	if said.Phase == reconciler.PhaseFailed && v.Phase != reconciler.PhaseFailed { // its Job is gone, or the watch has not told of its end
		v = health.CommandFailed(said.command.Message, "")
	}
	said.Verdict = v
	return said, nil
}

// hook is the release command that an operation runs, or ran; nil when it has none.
func (o *operation) hook() *applied {
	if o == nil || o.SyncResult == nil {
		return nil
	}
	i := slices.IndexFunc(o.SyncResult.Resources, func(r applied) bool { return r.HookType == preSync && r.Kind == "Job" })
	if i < 0 {
		return nil
	}
	return &o.SyncResult.Resources[i]
}

// hookRan says that the release command has come to a good end. Argo CD says so, too, of one that it has deleted because the operation was
// ended: then nothing came after it.
func (o *operation) hookRan() bool {
	hook := o.hook()
	if hook == nil || hook.HookPhase != opSucceeded {
		return false
	}
	return o.Phase == opSucceeded || slices.ContainsFunc(o.SyncResult.Resources, func(r applied) bool { return r.SyncPhase == "Sync" })
}

// hookFailed says that it is the release command that an operation has failed by.
func (o *operation) hookFailed() bool {
	hook := o.hook()
	return o.failed() && hook != nil && hook.Status != syncFailed && (hook.HookPhase == opFailed || hook.HookPhase == opError)
}
