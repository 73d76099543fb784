package health

import (
	"cmp"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/plateform/plateform/manifest"
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
	again := ended
	again.RestartCount = 2
	secret := func(name, from, key string) corev1.EnvVar {
		ref := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: from}, Key: key}
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: ref}}
	}
	sick := corev1.ContainerStatus{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	killed := sick
	killed.RestartCount, killed.LastTerminationState.Terminated = 2, &corev1.ContainerStateTerminated{ExitCode: 0, Reason: "Completed"}
	well := sick
	well.Ready = true
	probed := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz"}}}}}}
	tests := map[string]struct {
		status corev1.ContainerStatus
		want   Verdict
	}{
		"well":              {well, Verdict{}},
		"not begun":         {corev1.ContainerStatus{}, Verdict{}},
		"no image":          {waiting("ImagePullBackOff", "manifest unknown"), Verdict{Phase: reconciler.PhaseFailed, Cause: "the image birds/wren cannot be pulled: manifest unknown", Gone: true, Field: "spec.image"}},
		"no registry":       {waiting("ErrImagePull", "connection refused"), Verdict{Phase: reconciler.PhaseFailed, Cause: "the image birds/wren cannot be pulled: connection refused", Field: "spec.image"}},
		"a missing secret":  {waiting("CreateContainerConfigError", `secret "x" not found`), Verdict{Phase: reconciler.PhaseFailed, Cause: `it cannot be started: secret "x" not found`, Field: "spec.env[X]"}},
		"another secret":    {waiting("CreateContainerConfigError", `secret "z" not found`), Verdict{Phase: reconciler.PhaseFailed, Cause: `it cannot be started: secret "z" not found`}},
		"a missing key":     {waiting("CreateContainerConfigError", `couldn't find key b in Secret ws-1/y`), Verdict{Phase: reconciler.PhaseFailed, Cause: `it cannot be started: couldn't find key b in Secret ws-1/y`, Field: "spec.env[B]"}},
		"out of memory":     {again, Verdict{Phase: reconciler.PhaseFailed, Cause: "it ended with exit code 137 (OOMKilled), 2 times", Field: "spec.resources.memory"}},
		"ended once":        {ended, Verdict{Phase: reconciler.PhaseProgressing, Cause: "it ended with exit code 137 (OOMKilled), and is started again"}},
		"does not answer":   {sick, Verdict{Phase: reconciler.PhaseProgressing, Cause: "it runs, and does not answer at /healthz", Field: "spec.health.path"}},
		"started again":     {killed, Verdict{Phase: reconciler.PhaseProgressing, Cause: "it runs, and does not answer at /healthz", Field: "spec.health.path"}},
		"creates container": {waiting("ContainerCreating", ""), Verdict{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: *probed.DeepCopy(), Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{tt.status}}}
			for n := range pod.Spec.Containers {
				pod.Spec.Containers[n].Env = []corev1.EnvVar{secret("X", "x", "x"), secret("A", "y", "a"), secret("B", "y", "b")}
			}
			project := &Project{lastTail: "gone"} // it printed that
			pod.Status.ContainerStatuses[0].Name = cmp.Or(pod.Status.ContainerStatuses[0].Name, "app")
			project.tailOf = "/" + pod.Status.ContainerStatuses[0].Name + "/2"
			got := project.why(t.Context(), pod)
			if (got.Fix == "") != (got.Field == "") {
				t.Errorf("%s is mended by %q", got.Field, got.Fix)
			}
			if got.Fix, got.Log = "", ""; got != tt.want {
				t.Errorf("it is %+v, want %+v", got, tt.want)
			}
		})
	}
}

// What keeps pods from being made or placed is mended on the field that asks for too much.
func TestFields(t *testing.T) {
	t.Parallel()
	if at, _ := tooMuch(`pods "shop" is forbidden: exceeded quota: plateform, requested: limits.cpu=2`); at != "spec.resources" {
		t.Errorf("a quota is mended at %q", at)
	}
	if at, _ := tooMuch(`pods "shop" is forbidden: violates PodSecurity`); at != "" {
		t.Errorf("an admission rule is mended at %q", at)
	}
	for message, want := range map[string]string{
		"0/1 nodes are available: 1 Insufficient memory": "spec.resources.memory", "0/1 nodes are available: 1 Insufficient cpu": "spec.resources.cpu",
		"0/1 nodes are available: 1 node(s) had untolerated taint": "",
	} {
		if at, _ := noRoom(nil, message); at != want {
			t.Errorf("%s is mended at %q", message, at)
		}
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}}
	pod.Labels = map[string]string{labelComponent: "server"}
	if v := silent(pod, "app"); v.Field != "spec.services[server].port" {
		t.Errorf("a service that does not answer is mended at %q", v.Field)
	}
	worker := map[string]string{labelComponent: "worker", labelName: "shop-mail", LabelProject: "shop"}
	if at := resource(worker, "memory"); at != "spec.workers[mail].resources.memory" {
		t.Errorf("the memory of a worker is mended at %q", at)
	}
	if at := field(worker, "env[TOKEN]"); at != "spec.env[TOKEN]" {
		t.Errorf("a variable of a worker is mended at %q", at)
	}
	service := map[string]string{labelComponent: "worker", labelName: "shop", LabelProject: "shop"}
	if at := field(service, "port"); at != "spec.services[worker].port" {
		t.Errorf("a service called worker is mended at %q", at)
	}
	unbound := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
	}}}}
	if v := new(Project).why(t.Context(), unbound); !strings.HasPrefix(v.Cause, "its volume is not there") {
		t.Errorf("of a pod without its volume it is said: %q", v.Cause)
	}
}

// What was wrong with an object before it was changed is not held against what it is now.
func TestLookWaitsForTheController(t *testing.T) {
	t.Parallel()
	deployment := func(observed int64) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{"name": "shop", "namespace": "ws-1", "generation": int64(2), "annotations": map[string]any{revision: "1"}},
			"spec":     map[string]any{"replicas": int64(1)},
			"status": map[string]any{"observedGeneration": observed, "conditions": []any{
				map[string]any{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"},
			}},
		}}
	}
	p := &Project{Seen: fake.NewClientBuilder().Build()}
	for observed, want := range map[int64]reconciler.Phase{1: reconciler.PhaseProgressing, 2: reconciler.PhaseFailed} {
		v, err := p.Look(t.Context(), deployment(observed))
		if err != nil {
			t.Fatal(err)
		}
		if v.Phase != want || strings.Contains(v.Cause, "quota") != (want == reconciler.PhaseFailed) {
			t.Errorf("of generation 2, of which %d was seen, it says %+v, want %s", observed, v, want)
		}
	}
}

// Going back from a release that never got ready is no failure, although the Deployment has the words about that one for a while.
func TestLookTellsWhatWasFromWhatIs(t *testing.T) {
	t.Parallel()
	const applied = "2026-11-28T12:00:00Z"
	labels := map[string]any{LabelWorkspace: "ws-1", LabelProject: "shop"}
	set := func(name, of string, conditions ...appsv1.ReplicaSetCondition) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Namespace: "ws-1", Labels: map[string]string{LabelWorkspace: "ws-1", LabelProject: "shop"},
				Annotations: map[string]string{revision: of}, OwnerReferences: []metav1.OwnerReference{{UID: "1"}},
			},
			Status: appsv1.ReplicaSetStatus{Conditions: conditions},
		}
	}
	full := appsv1.ReplicaSetCondition{Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota: small"}
	deadline := func(at string) map[string]any {
		return map[string]any{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": at}
	}
	quota := map[string]any{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}
	for name, tt := range map[string]struct {
		condition map[string]any
		sets      []client.Object
		want      reconciler.Phase
	}{
		"it took too long before":       {deadline("2026-11-28T11:55:00Z"), nil, reconciler.PhaseProgressing},
		"it takes too long":             {deadline("2026-11-28T12:05:00Z"), nil, reconciler.PhaseFailed},
		"the quota kept the one before": {quota, []client.Object{set("one", "3"), set("two", "2", full)}, reconciler.PhaseProgressing},
		"the quota keeps it":            {quota, []client.Object{set("one", "3", full), set("two", "2")}, reconciler.PhaseFailed},
	} {
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{
				"name": "shop", "namespace": "ws-1", "uid": "1", "labels": labels, "generation": int64(3), "annotations": map[string]any{revision: "3"},
				"managedFields": []any{
					map[string]any{"manager": "plateform", "operation": "Apply", "time": applied},
					map[string]any{"manager": "kube-controller-manager", "operation": "Update", "time": "2026-11-28T12:10:00Z", "subresource": "status"},
				},
			},
			"spec":   map[string]any{"replicas": int64(1), "progressDeadlineSeconds": int64(300)},
			"status": map[string]any{"observedGeneration": int64(3), "replicas": int64(2), "updatedReplicas": int64(1), "conditions": []any{tt.condition}},
		}}
		p := &Project{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Seen: fake.NewClientBuilder().WithObjects(tt.sets...).Build()}
		if _, err := Lean(o); err != nil { // as engines see it
			t.Fatal(err)
		}
		v, err := p.Look(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if v.Phase != tt.want {
			t.Errorf("%s: it is %+v, want %s", name, v, tt.want)
		}
	}
}

// A pod that is being deleted, with its namespace say, has ended as it was asked to: that is no reason.
func TestLookAtPodsThatStay(t *testing.T) {
	t.Parallel()
	labels := map[string]string{LabelWorkspace: "ws-1", LabelProject: "shop", "batch.kubernetes.io/job-name": "shop"}
	job := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": "shop", "namespace": "ws-1"}, "spec": map[string]any{}, "status": map[string]any{},
	}}
	for _, leaves := range []bool{false, true} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "shop-1", Namespace: "ws-1", Labels: labels, Finalizers: []string{"example.com/hold"}}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}}}}
		if leaves {
			pod.DeletionTimestamp = &metav1.Time{Time: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
		}
		p := &Project{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Seen: fake.NewClientBuilder().WithObjects(pod).Build()}
		v, err := p.Look(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(v.Cause, "exit code 3") == leaves {
			t.Errorf("of a pod that leaves (%t) it says %q", leaves, v.Cause)
		}
	}
}
