package health

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/plateform/plateform/reconciler"
)

// Why a pod does not run.
func TestWhy(t *testing.T) {
	t.Parallel()
	waiting := func(reason, message string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Image: "birds/wren", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
	}
	ended := corev1.ContainerStatus{RestartCount: 1}
	ended.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	sick := corev1.ContainerStatus{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	well := sick
	well.Ready = true
	probed := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz"}}}}}}
	tests := map[string]struct {
		status corev1.ContainerStatus
		want   Verdict
	}{
		"well":              {well, Verdict{}},
		"not begun":         {corev1.ContainerStatus{}, Verdict{}},
		"no image":          {waiting("ImagePullBackOff", "manifest unknown"), Verdict{Phase: reconciler.PhaseFailed, Cause: "the image birds/wren cannot be pulled: manifest unknown", Gone: true}},
		"no registry":       {waiting("ErrImagePull", "connection refused"), Verdict{Phase: reconciler.PhaseFailed, Cause: "the image birds/wren cannot be pulled: connection refused"}},
		"a missing secret":  {waiting("CreateContainerConfigError", `secret "x" not found`), Verdict{Phase: reconciler.PhaseFailed, Cause: `it cannot be started: secret "x" not found`}},
		"ended once":        {ended, Verdict{Phase: reconciler.PhaseProgressing, Cause: "it ended with exit code 137 (OOMKilled), and is started again"}},
		"does not answer":   {sick, Verdict{Phase: reconciler.PhaseProgressing, Cause: "it runs, and does not answer at /healthz"}},
		"creates container": {waiting("ContainerCreating", ""), Verdict{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: probed, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{tt.status}}}
			if got := (&Project{}).why(t.Context(), pod); got != tt.want {
				t.Errorf("it is %+v, want %+v", got, tt.want)
			}
		})
	}
}
