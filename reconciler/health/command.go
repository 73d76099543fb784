package health

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/plateform/plateform/reconciler"
)

// Command says how the release command in a namespace does whose Job has a name. job is that Job as it is known; nil before that. Until
// the command has ended well nothing of its release is rolled out.
func (p *Project) Command(ctx context.Context, namespace, name string, job *unstructured.Unstructured) (Verdict, error) {
	pods, err := p.Pods(ctx, namespace)
	if err != nil {
		return Verdict{}, err
	}
	failed := job != nil && JobIs(job, batchv1.JobFailed)
	v := Verdict{Phase: reconciler.PhaseProgressing, Cause: "the release command waits for a pod"}
	for i := range pods {
		if pods[i].Labels[batchv1.JobNameLabel] != name || job != nil && !metav1.IsControlledBy(&pods[i], job) {
			continue
		}
		v.Cause = "the release command runs; nothing of the release is rolled out before it has ended"
		for _, c := range pods[i].Status.ContainerStatuses {
			if ended := c.State.Terminated; failed && ended != nil {
				return CommandFailed(fmt.Sprintf("exit code %d, %s", ended.ExitCode, ended.Reason), p.end(ctx, &pods[i], c)), nil
			}
		}
		if one := p.why(ctx, &pods[i]); !failed && one.Cause != "" && pods[i].Status.Phase == corev1.PodPending {
			one.Cause = "the release command: " + one.Cause
			return one, nil
		}
	}
	if failed {
		return CommandFailed(reasonOf(job), ""), nil
	}
	return v, nil
}

// CommandFailed is the verdict on a release command that has failed, which printed something last.
func CommandFailed(why, log string) Verdict {
	return Verdict{
		Phase: reconciler.PhaseFailed, Log: log, Cause: "the release command failed (" + why + "): nothing of the release is rolled out",
		Field: "spec.release.command", Fix: "mend what it runs, or take the release back",
	}
}

// JobIs says that a condition of a Job is true.
func JobIs(o *unstructured.Unstructured, which batchv1.JobConditionType) bool {
	var job batchv1.Job
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &job); err != nil {
		return false
	}
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == which && c.Status == corev1.ConditionTrue
	})
}

// reasonOf is why a Job failed.
func reasonOf(o *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, _ := c.(map[string]any); condition["type"] == string(batchv1.JobFailed) {
			return fmt.Sprint(condition["message"])
		}
	}
	return "no reason is said"
}
