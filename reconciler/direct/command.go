package direct

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/object"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
	"github.com/plateform/plateform/reconciler/rollout"
	"github.com/plateform/plateform/reconciler/tenant"
)

// annotationHook says of a Job of a chart that it runs to its end before all else of a release is sent. Helm and Argo CD go by it, too.
const annotationHook = "helm.sh/hook"

// isCommand says that an object is the release command of a release.
func isCommand(o client.Object) bool {
	return o.GetObjectKind().GroupVersionKind().Kind == "Job" && strings.Contains(o.GetAnnotations()[annotationHook], "pre-upgrade")
}

// secretsOf are the Secrets among objects.
func secretsOf(objects []*unstructured.Unstructured) (secrets []*unstructured.Unstructured) {
	for _, o := range objects {
		if isSecret(o.GroupVersionKind().GroupKind()) {
			secrets = append(secrets, o)
		}
	}
	return secrets
}

// withoutCommand takes the release command out of the objects of a release; it is nil when there is none.
func withoutCommand(objects []*unstructured.Unstructured) (rest []*unstructured.Unstructured, command *unstructured.Unstructured) {
	for _, o := range objects {
		if isCommand(o) {
			command = o
			continue
		}
		rest = append(rest, o)
	}
	return rest, command
}

// precede runs the command of a release, where it has one that has not run, before all else of it is sent. before is the inventory, nil
// when there is none, and after what it is then; done is false as long as the command runs.
func (p *project) precede(ctx context.Context, w wanted, before *inventory, objects []*unstructured.Unstructured, command *unstructured.Unstructured) (after *inventory, done bool, err error) {
	p.command = nil
	if command == nil || before != nil && rollout.IsBehind(w.Release, before.Highest) {
		return before, true, nil
	}
	if before == nil {
		before = &inventory{Namespace: w.Namespace, Objects: map[object.ObjMetadata]string{}}
	}
	if done, err = p.runCommand(ctx, before, secretsOf(objects), command); err != nil || !done {
		id := object.UnstructuredToObjMetadata(command)
		p.command = &id
		return before, false, err
	}
	after, err = p.engine.cluster.inventory(ctx, p.key, w.Namespace)
	return after, true, err
}

// runCommand runs the command of a release before anything else of it is sent but the Secrets that its env is taken from, and says
// whether it has ended well. before is the inventory; it is told of what is sent before that is.
func (p *project) runCommand(ctx context.Context, before *inventory, secrets []*unstructured.Unstructured, command *unstructured.Unstructured) (done bool, err error) {
	as, err := p.engine.cluster.as(before.Namespace)
	if err != nil {
		return false, err
	}
	id := object.UnstructuredToObjMetadata(command)
	job, err := p.engine.cluster.find(ctx, as, id)
	if err != nil {
		return false, err
	}
	if job != nil && keyOf(job) != p.key {
		return false, tenant.Refused("%s is there and not of this project", name(job))
	}
	if job == nil {
		if ended, err := p.endOthers(ctx, as, before, id); err != nil || !ended {
			return false, err
		}
		job = command.DeepCopy()
		if err := p.sendCommand(ctx, as, before, append(slices.Clone(secrets), job)); err != nil {
			return false, err
		}
	}
	return health.JobIs(job, batchv1.JobComplete), nil
}

// sendCommand applies a command and what it needs.
func (p *project) sendCommand(ctx context.Context, as client.Client, before *inventory, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		id := object.UnstructuredToObjMetadata(o)
		if _, there := before.Objects[id]; !there {
			before.Objects[id] = "" // until all of the release is sent
		}
	}
	if err := p.engine.cluster.remember(ctx, p.key, before); err != nil {
		return err
	}
	for _, o := range objects {
		if others, err := isOthers(ctx, as, o); err != nil || others {
			if err != nil {
				return err
			}
			continue
		}
		if _, err := apply(ctx, as, o); err != nil {
			return tenant.Unapplied(o, err)
		}
	}
	return nil
}

// endOthers ends the commands of other releases, which are not to run beside this one, and says whether that is done.
func (p *project) endOthers(ctx context.Context, as client.Client, before *inventory, own object.ObjMetadata) (ended bool, err error) {
	for id := range before.Objects {
		if id.GroupKind == own.GroupKind && id != own {
			if err := p.remove(ctx, as, id); err != nil {
				return false, err
			}
		}
	}
	pods, err := p.looks.Pods(ctx, before.Namespace)
	return !slices.ContainsFunc(pods, func(pod corev1.Pod) bool {
		return pod.Labels[labelComponent] == componentRelease && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
	}), err
}

// The label of pods of release commands.
const (
	labelComponent   = "app.kubernetes.io/component"
	componentRelease = "release"
)

// isOver says that the release command that is waited for has ended, or is not there any more.
func (p *project) isOver(ctx context.Context) bool {
	o, err := p.seen(ctx, *p.command)
	return err == nil && (o == nil || health.JobIs(o, batchv1.JobComplete))
}

// observeCommand says how the release command does. Until it has ended well, what ran before goes on.
func (p *project) observeCommand(ctx context.Context, w wanted) (again time.Duration) {
	job, err := p.seen(ctx, *p.command)
	if err != nil {
		return p.trouble(w, err)
	}
	v, err := p.looks.Command(ctx, w.Namespace, p.command.Name, job)
	if err != nil {
		return p.trouble(w, err)
	}
	p.state.Conclude(w, func(r *reconciler.Rollout) {
		r.Phase, r.Cause, r.Gone, r.Log, r.Lapsed, r.Problems = v.Phase, line(v.Cause), v.Gone, v.Log, false, v.Problems()
	})
	return settling
}
