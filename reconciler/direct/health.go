package direct

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler"
)

// settling is the time between two looks at what does not run yet, should the watches not tell.
const settling = 2 * time.Second

// verdict is how one object, or all of a project, does.
type verdict struct {
	phase reconciler.Phase
	cause string
	gone  bool
	// log has the last lines of what does not run.
	log string
}

// worse says which of two verdicts counts.
func (v verdict) worse(o verdict) bool {
	rank := map[reconciler.Phase]int{reconciler.PhaseHealthy: 0, reconciler.PhaseProgressing: 1, reconciler.PhaseFailed: 2}
	return rank[v.phase] > rank[o.phase]
}

// observe says how what was applied does, and when to look again.
func (p *project) observe(ctx context.Context, w wanted) (again time.Duration) {
	v, err := p.judge(ctx)
	if err != nil {
		return p.trouble(w, err)
	}
	p.conclude(w, func(r *reconciler.Rollout) {
		r.Phase, r.Cause, r.Gone, r.Log = v.phase, v.cause, v.gone, v.log
		r.Lapsed = v.phase == reconciler.PhaseFailed && p.proven.same(w)
	})
	if v.phase == reconciler.PhaseHealthy {
		p.proven = w
		return p.engine.options.Times.Drift
	}
	return settling
}

// judge looks at all that a project is made of. The worst of it counts.
func (p *project) judge(ctx context.Context) (verdict, error) {
	v := verdict{phase: reconciler.PhaseHealthy}
	for id := range p.applied.Objects {
		o, err := p.seen(ctx, id)
		if err != nil {
			return v, err
		}
		if o == nil || o.GetGeneration() < p.generations[id] {
			one := verdict{phase: reconciler.PhaseProgressing, cause: "waiting for the cluster to have " + strings.ToLower(id.GroupKind.Kind) + " " + id.Name}
			if one.worse(v) {
				v = one
			}
			continue
		}
		one, err := p.look(ctx, o)
		if err != nil {
			return v, err
		}
		if one.worse(v) {
			v = one
		}
	}
	return v, nil
}

// look says how an object does; for what makes pods, why they do not run.
func (p *project) look(ctx context.Context, o *unstructured.Unstructured) (verdict, error) {
	result, err := status.Compute(o)
	if err != nil {
		return verdict{}, fmt.Errorf("%s: %w", name(o), err)
	}
	v := verdict{phase: reconciler.PhaseProgressing, cause: name(o) + ": " + result.Message}
	switch result.Status {
	case status.CurrentStatus:
		return verdict{phase: reconciler.PhaseHealthy}, nil
	case status.FailedStatus:
		v.phase = reconciler.PhaseFailed
	}
	if cause := stuck(o); cause != "" {
		v.phase, v.cause = reconciler.PhaseFailed, cause
	}
	pods, err := p.newest(ctx, o)
	if err != nil {
		return v, err
	}
	for _, pod := range pods {
		one := p.why(ctx, &pod)
		if one.cause == "" {
			continue
		}
		if v.phase == reconciler.PhaseFailed && one.phase != reconciler.PhaseFailed { // it took too long, and this is why
			one.phase = reconciler.PhaseFailed
		}
		return one, nil
	}
	return v, nil
}

// stuck says why a Deployment cannot make pods.
func stuck(o *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] == "ReplicaFailure" && condition["status"] == "True" {
			return fmt.Sprint("no pod can be made: ", condition["message"])
		}
	}
	return ""
}

// pods are the pods of the project.
func (p *project) pods(ctx context.Context, namespace string) ([]corev1.Pod, error) {
	var pods corev1.PodList
	if err := p.engine.cluster.seen.List(ctx, &pods, of(p.key), client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("reading the pods: %w", err)
	}
	return pods.Items, nil
}

// newest are the pods of what an object is now, and not of what it was before.
func (p *project) newest(ctx context.Context, o *unstructured.Unstructured) ([]corev1.Pod, error) {
	label, value := "", ""
	switch o.GetKind() {
	case "Deployment":
		var sets appsv1.ReplicaSetList
		if err := p.engine.cluster.seen.List(ctx, &sets, of(p.key), client.InNamespace(o.GetNamespace())); err != nil {
			return nil, fmt.Errorf("reading the replica sets: %w", err)
		}
		label = appsv1.DefaultDeploymentUniqueLabelKey
		for _, set := range sets.Items {
			if owned(&set, o) && set.Annotations[revision] == o.GetAnnotations()[revision] {
				value = set.Labels[label]
			}
		}
	case "StatefulSet":
		label = appsv1.ControllerRevisionHashLabelKey
		value, _, _ = unstructured.NestedString(o.Object, "status", "updateRevision")
	case "Job":
		label, value = "batch.kubernetes.io/job-name", o.GetName()
	}
	if value == "" {
		return nil, nil
	}
	pods, err := p.pods(ctx, o.GetNamespace())
	return slices.DeleteFunc(pods, func(pod corev1.Pod) bool { return pod.Labels[label] != value }), err
}

// revision is the annotation that says which replica set is a Deployment's newest.
const revision = "deployment.kubernetes.io/revision"

func owned(set *appsv1.ReplicaSet, by *unstructured.Unstructured) bool {
	for _, owner := range set.OwnerReferences {
		if owner.UID == by.GetUID() {
			return true
		}
	}
	return false
}

// ends is how often a container has to end until it counts as failed; it is started again all the same.
const ends = 2

// why says why a pod does not run; the cause is empty when there is nothing to say.
func (p *project) why(ctx context.Context, pod *corev1.Pod) verdict {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return verdict{phase: reconciler.PhaseProgressing, cause: "no node has room for it: " + c.Message}
		}
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if v := p.whyContainer(ctx, pod, c); v.cause != "" {
			return v
		}
	}
	return verdict{}
}

func (p *project) whyContainer(ctx context.Context, pod *corev1.Pod, c corev1.ContainerStatus) verdict {
	failed := verdict{phase: reconciler.PhaseFailed}
	if waiting := c.State.Waiting; waiting != nil {
		switch waiting.Reason {
		case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull":
			failed.cause = fmt.Sprintf("the image %s cannot be pulled: %s", c.Image, orElse(waiting.Message, waiting.Reason))
			failed.gone = strings.Contains(waiting.Message, "not found") || strings.Contains(waiting.Message, "manifest unknown")
			return failed
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			failed.cause = "it cannot be started: " + orElse(waiting.Message, waiting.Reason)
			return failed
		}
	}
	ended := c.LastTerminationState.Terminated
	if ended == nil {
		ended = c.State.Terminated
	}
	if ended != nil && c.RestartCount >= ends && !c.Ready {
		failed.cause = fmt.Sprintf("it ended with exit code %d (%s), %d times", ended.ExitCode, ended.Reason, c.RestartCount)
		failed.log = p.end(ctx, pod, c)
		return failed
	}
	switch {
	case ended != nil && !c.Ready:
		return verdict{phase: reconciler.PhaseProgressing, cause: fmt.Sprintf("it ended with exit code %d (%s), and is started again", ended.ExitCode, ended.Reason)}
	case c.State.Running != nil && !c.Ready:
		return verdict{phase: reconciler.PhaseProgressing, cause: "it runs, and does not answer " + asked(pod, c.Name)}
	}
	return verdict{}
}

// asked says what is asked of a container to find out whether it is ready.
func asked(pod *corev1.Pod, container string) string {
	for _, c := range pod.Spec.Containers {
		if c.Name == container && c.ReadinessProbe != nil && c.ReadinessProbe.HTTPGet != nil {
			return "at " + c.ReadinessProbe.HTTPGet.Path
		}
	}
	return "at its port"
}

// The last lines of a container that are kept.
const (
	lastLines = 20
	lastBytes = 16 << 10
)

// end is what a container printed before it ended last. It is asked for once for each end.
func (p *project) end(ctx context.Context, pod *corev1.Pod, c corev1.ContainerStatus) string {
	if of := fmt.Sprintf("%s/%s/%d", pod.UID, c.Name, c.RestartCount); of != p.tailOf {
		if p.lastTail, p.tailOf = p.tail(ctx, pod, c.Name), of; p.lastTail == "" { // not there yet
			p.tailOf = ""
		}
	}
	return p.lastTail
}

// tail are the last lines of what a container printed before it ended; empty when they cannot be had.
func (p *project) tail(ctx context.Context, pod *corev1.Pod, container string) string {
	ctx, cancel := context.WithTimeout(ctx, p.engine.options.Times.Call)
	defer cancel()
	lines, limit := int64(lastLines), int64(lastBytes)
	for _, previous := range []bool{false, true} {
		stream, err := p.engine.cluster.set.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
			Container: container, TailLines: &lines, LimitBytes: &limit, Previous: previous,
		}).Stream(ctx)
		if err != nil {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(stream, lastBytes))
		stream.Close()
		if err == nil && len(text) > 0 {
			return string(text)
		}
	}
	return ""
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
