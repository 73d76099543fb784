package health

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// The labels of what the charts make.
const (
	LabelWorkspace = "plateform.dev/workspace"
	LabelProject   = "plateform.dev/project"
)

// Of selects what belongs to a project.
func Of(k manifest.Key) client.MatchingLabels {
	return client.MatchingLabels{LabelWorkspace: k.Workspace, LabelProject: k.Project}
}

// Name is how people call an object.
func Name(o *unstructured.Unstructured) string { return o.GetKind() + " " + o.GetName() }

// Project is a project whose objects are looked at.
type Project struct {
	Key manifest.Key
	// Seen is what watches tell of the cluster.
	Seen client.Reader
	// Cluster is asked for what containers printed.
	Cluster kubernetes.Interface
	// Call bounds one such question.
	Call time.Duration

	// lastTail is what a container printed, and tailOf which one's end that was.
	lastTail, tailOf string
}

// Verdict is how one object, or all of a project, does.
type Verdict struct {
	Phase reconciler.Phase
	// Cause says in one line why it is not healthy.
	Cause string
	// Gone says that the registry does not have its image.
	Gone bool
	// Field of project.yaml that can mend it, with names in place of numbers (spec.env[TOKEN]), and Fix how; empty when none can.
	Field, Fix string
	// Log has the last lines of what does not run.
	Log string
}

// Problems are on the field that can mend it; none when no field can.
func (v Verdict) Problems() manifest.Problems {
	if v.Field == "" {
		return nil
	}
	return manifest.Problems{{Field: v.Field, What: v.Cause, Fix: v.Fix}}
}

// Worse says which of two verdicts counts.
func (v Verdict) Worse(o Verdict) bool {
	rank := map[reconciler.Phase]int{reconciler.PhaseHealthy: 0, reconciler.PhaseProgressing: 1, reconciler.PhaseFailed: 2}
	return rank[v.Phase] > rank[o.Phase]
}

// Look says how an object does; for what makes pods, why they do not run.
func (p *Project) Look(ctx context.Context, o *unstructured.Unstructured) (Verdict, error) {
	o = upToDate(o)
	result, err := status.Compute(o)
	if err != nil {
		return Verdict{}, fmt.Errorf("%s: %w", Name(o), err)
	}
	v := Verdict{Phase: reconciler.PhaseProgressing, Cause: Name(o) + ": " + result.Message}
	if unobserved(o) {
		return v, nil
	}
	switch result.Status {
	case status.CurrentStatus:
		return Verdict{Phase: reconciler.PhaseHealthy}, nil
	case status.FailedStatus:
		v.Phase = reconciler.PhaseFailed
	}
	set, err := p.newestSet(ctx, o)
	if err != nil {
		return v, err
	}
	if cause := stuck(o, set); cause != "" {
		v.Phase, v.Cause = reconciler.PhaseFailed, cause
		v.Field, v.Fix = tooMuch(cause)
	}
	pods, err := p.newest(ctx, o, set)
	if err != nil {
		return v, err
	}
	for _, pod := range pods {
		one := p.why(ctx, &pod)
		if one.Cause == "" {
			continue
		}
		if v.Phase == reconciler.PhaseFailed && one.Phase != reconciler.PhaseFailed { // it took too long, and this is why
			one.Phase = reconciler.PhaseFailed
		}
		return one, nil
	}
	return v, nil
}

// stuck says why a Deployment cannot make pods. What kept those of another replica set from being made is told of it, too, until that is
// scaled down: so its newest one is asked where it is there.
func stuck(o *unstructured.Unstructured, newest *appsv1.ReplicaSet) string {
	const cannot = "no pod can be made: "
	if newest != nil {
		for _, c := range newest.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
				return cannot + c.Message
			}
		}
		return ""
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] == string(appsv1.DeploymentReplicaFailure) && condition["status"] == "True" {
			return fmt.Sprint(cannot, condition["message"])
		}
	}
	return ""
}

// Pods are the pods of the project.
func (p *Project) Pods(ctx context.Context, namespace string) ([]corev1.Pod, error) {
	var pods corev1.PodList
	if err := p.Seen.List(ctx, &pods, Of(p.Key), client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("reading the pods: %w", err)
	}
	return pods.Items, nil
}

// unobserved says of an object that its controller has not seen it as it is now: what its status tells, and which of its pods are the
// newest, is about what it was before.
func unobserved(o *unstructured.Unstructured) bool {
	observed, told, err := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	return err == nil && told && observed < o.GetGeneration()
}

// upToDate is an object without what its status says of a Deployment as it was before: that a rollout got on for too long stays in its
// conditions until another one has ended, also when that goes back to pods which are there and well.
func upToDate(o *unstructured.Unstructured) *unstructured.Unstructured {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	current := slices.DeleteFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		if condition["type"] != string(appsv1.DeploymentProgressing) || condition["reason"] != "ProgressDeadlineExceeded" {
			return false
		}
		said, err := time.Parse(time.RFC3339, fmt.Sprint(condition["lastUpdateTime"]))
		return err == nil && !said.After(changed(o))
	})
	told, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	if o.GetKind() != "Deployment" || len(current) == len(told) {
		return o
	}
	o = o.DeepCopy()
	_ = unstructured.SetNestedSlice(o.Object, current, "status", "conditions") // it was one
	return o
}

// Lean is what is kept of an object that is watched: who set which field is most of many of them, and of that only the time is used.
func Lean(watched any) (any, error) {
	o, known := watched.(metav1.Object)
	if !known {
		return watched, nil
	}
	entries := slices.Clone(o.GetManagedFields())
	for i := range entries {
		entries[i].FieldsV1 = nil
	}
	o.SetManagedFields(entries)
	return watched, nil
}

// changed is when what is wanted of an object was changed last, by the clock of the cluster.
func changed(o *unstructured.Unstructured) (last time.Time) {
	for _, m := range o.GetManagedFields() {
		if m.Subresource == "" && m.Manager != "kube-controller-manager" && m.Time != nil && m.Time.After(last) {
			last = m.Time.Time
		}
	}
	return last
}

// newestSet is the replica set of what a Deployment is now; nil when there is none.
func (p *Project) newestSet(ctx context.Context, o *unstructured.Unstructured) (*appsv1.ReplicaSet, error) {
	if o.GetKind() != "Deployment" {
		return nil, nil
	}
	var sets appsv1.ReplicaSetList
	if err := p.Seen.List(ctx, &sets, Of(p.Key), client.InNamespace(o.GetNamespace())); err != nil {
		return nil, fmt.Errorf("reading the replica sets: %w", err)
	}
	for _, set := range sets.Items {
		if owned(&set, o) && set.Annotations[revision] == o.GetAnnotations()[revision] {
			return &set, nil
		}
	}
	return nil, nil
}

// newest are the pods of what an object is now, and not of what it was before, nor those that are being deleted. set is the newest of a Deployment.
func (p *Project) newest(ctx context.Context, o *unstructured.Unstructured, set *appsv1.ReplicaSet) ([]corev1.Pod, error) {
	label, value := "", ""
	switch o.GetKind() {
	case "Deployment":
		if label = appsv1.DefaultDeploymentUniqueLabelKey; set != nil {
			value = set.Labels[label]
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
	pods, err := p.Pods(ctx, o.GetNamespace())
	return slices.DeleteFunc(pods, func(pod corev1.Pod) bool { return pod.Labels[label] != value || pod.DeletionTimestamp != nil }), err
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
func (p *Project) why(ctx context.Context, pod *corev1.Pod) Verdict {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			if strings.Contains(c.Message, "PersistentVolumeClaim") {
				return Verdict{Phase: reconciler.PhaseProgressing, Cause: "its volume is not there: " + c.Message +
					" (have a default StorageClass make volumes in the cluster, or make a PersistentVolume)"}
			}
			v := Verdict{Phase: reconciler.PhaseProgressing, Cause: "no node has room for it: " + c.Message}
			v.Field, v.Fix = noRoom(pod.Labels, c.Message)
			return v
		}
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if v := p.whyContainer(ctx, pod, c); v.Cause != "" {
			return v
		}
	}
	return Verdict{}
}

func (p *Project) whyContainer(ctx context.Context, pod *corev1.Pod, c corev1.ContainerStatus) Verdict {
	failed := Verdict{Phase: reconciler.PhaseFailed}
	if waiting := c.State.Waiting; waiting != nil {
		switch waiting.Reason {
		case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull":
			failed.Cause = fmt.Sprintf("the image %s cannot be pulled: %s", c.Image, cmp.Or(waiting.Message, waiting.Reason))
			failed.Gone = strings.Contains(waiting.Message, "not found") || strings.Contains(waiting.Message, "manifest unknown")
			failed.Field, failed.Fix = "spec.image", "name an image that is there and that the cluster may pull"
			return failed
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			if v, known := lacksCredentials(p.Key, waiting); known {
				return v
			}
			failed.Cause = "it cannot be started: " + cmp.Or(waiting.Message, waiting.Reason)
			failed.Field, failed.Fix = lacking(pod, c.Name, waiting.Message)
			if strings.Contains(waiting.Message, "runAsNonRoot") {
				failed.Cause += notRoot
			}
			return failed
		}
	}
	ended := c.LastTerminationState.Terminated
	if ended == nil {
		ended = c.State.Terminated
	}
	if ended != nil && c.State.Running != nil && !c.Ready && asked(ended) {
		return silent(pod, c.Name)
	}
	if ended != nil && c.RestartCount >= ends && !c.Ready {
		failed.Cause = fmt.Sprintf("it ended with exit code %d (%s), %d times", ended.ExitCode, ended.Reason, c.RestartCount)
		if ended.Reason == outOfMemory {
			failed.Field, failed.Fix = resource(pod.Labels, "memory"), "give it more memory, or have it use less"
		}
		failed.Log = p.end(ctx, pod, c)
		return failed
	}
	switch {
	case ended != nil && !c.Ready:
		return Verdict{Phase: reconciler.PhaseProgressing, Cause: fmt.Sprintf("it ended with exit code %d (%s), and is started again", ended.ExitCode, ended.Reason)}
	case c.State.Running != nil && !c.Ready:
		return silent(pod, c.Name)
	}
	return Verdict{}
}

// asked says that a container that has ended may well have been asked to: what answers no probe is started again by the kubelet, and that
// it does not answer is why.
func asked(ended *corev1.ContainerStateTerminated) bool {
	killed := ended.ExitCode == 128+9 && ended.Reason != outOfMemory
	return ended.ExitCode == 0 || ended.ExitCode == 128+15 || killed
}

// notRoot is what can be done about an image that starts as root, or as a user of whom nobody knows whether that is root.
const notRoot = " (have its Dockerfile name a user by number, such as USER 1000, or ask a platform admin for podSecurity: baseline in workspace.yaml)"

// The last lines of a container that are kept.
const (
	lastLines = 20
	lastBytes = 16 << 10
)

// end is what a container printed before it ended last. It is asked for once for each end.
func (p *Project) end(ctx context.Context, pod *corev1.Pod, c corev1.ContainerStatus) string {
	if of := fmt.Sprintf("%s/%s/%d", pod.UID, c.Name, c.RestartCount); of != p.tailOf {
		if p.lastTail, p.tailOf = p.tail(ctx, pod, c.Name), of; p.lastTail == "" { // not there yet
			p.tailOf = ""
		}
	}
	return p.lastTail
}

// tail are the last lines of what a container printed before it ended; empty when they cannot be had.
func (p *Project) tail(ctx context.Context, pod *corev1.Pod, container string) string {
	ctx, cancel := context.WithTimeout(ctx, p.Call)
	defer cancel()
	lines, limit := int64(lastLines), int64(lastBytes)
	for _, previous := range []bool{false, true} {
		stream, err := p.Cluster.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
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
