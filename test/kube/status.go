package kube

import (
	"hash/fnv"
	"net"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fits says that there is room for a pod.
func fits(pod *corev1.Pod, bs behaviours) bool {
	return !slices.ContainsFunc(slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers), func(c corev1.Container) bool {
		return bs.of(c.Image) == Unschedulable
	})
}

// unscheduled is the status of a pod that no node has room for, in the words of the scheduler.
func unscheduled(pod *corev1.Pod) corev1.PodStatus {
	status := *pod.Status.DeepCopy()
	status.Conditions = []corev1.PodCondition{condition(pod, corev1.PodScheduled, false, corev1.PodReasonUnschedulable,
		"0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.")}
	return status
}

// scheduled is the status of a pod on the node, as a kubelet writes it. It is the same whenever it is asked for, as long
// as images behave the same.
func scheduled(pod *corev1.Pod, bs behaviours) corev1.PodStatus {
	status := *pod.Status.DeepCopy()
	if status.StartTime == nil {
		now := metav1.Now().Rfc3339Copy() // as precise as the API keeps it
		status.StartTime = &now
	}
	status.HostIP, status.PodIP = "192.0.2.2", podAddress(pod)
	status.HostIPs, status.PodIPs = []corev1.HostIP{{IP: status.HostIP}}, []corev1.PodIP{{IP: status.PodIP}}

	initialized := true
	status.InitContainerStatuses = nil
	for _, c := range pod.Spec.InitContainers {
		sidecar := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		s := waiting(c, "PodInitializing", "")
		if initialized {
			s = containerStatus(c, bs.of(c.Image), restarts(pod, !sidecar), *status.StartTime)
			initialized = s.Ready || s.State.Terminated != nil && s.State.Terminated.ExitCode == 0
		}
		status.InitContainerStatuses = append(status.InitContainerStatuses, s)
	}
	ready := initialized
	status.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		s := waiting(c, "PodInitializing", "")
		if initialized {
			s = containerStatus(c, bs.of(c.Image), restarts(pod, false), *status.StartTime)
		}
		ready = ready && s.Ready
		status.ContainerStatuses = append(status.ContainerStatuses, s)
	}
	status.Phase = phase(pod, status, initialized)
	reason, message := "", ""
	if !ready {
		reason, message = "ContainersNotReady", "containers with unready status"
	}
	if status.Phase == corev1.PodSucceeded {
		reason, message = "PodCompleted", ""
	}
	status.Conditions = []corev1.PodCondition{
		condition(pod, corev1.PodInitialized, initialized, "", ""),
		condition(pod, corev1.PodReady, ready, reason, message),
		condition(pod, corev1.ContainersReady, ready, reason, message),
		condition(pod, corev1.PodScheduled, true, "", ""),
	}
	return status
}

// phase of a pod whose containers have these statuses.
func phase(pod *corev1.Pod, status corev1.PodStatus, initialized bool) corev1.PodPhase {
	failed := slices.ContainsFunc(slices.Concat(status.InitContainerStatuses, status.ContainerStatuses), func(s corev1.ContainerStatus) bool {
		return s.State.Terminated != nil && s.State.Terminated.ExitCode != 0
	})
	ended := !slices.ContainsFunc(status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.State.Terminated == nil })
	neverRan := slices.ContainsFunc(status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
		return s.State.Waiting != nil && s.LastTerminationState.Terminated == nil
	})
	switch {
	case failed && (ended || !initialized) && pod.Spec.RestartPolicy == corev1.RestartPolicyNever:
		return corev1.PodFailed
	case ended && pod.Spec.RestartPolicy != corev1.RestartPolicyAlways:
		return corev1.PodSucceeded
	case !initialized || neverRan:
		return corev1.PodPending
	}
	return corev1.PodRunning
}

// restart says what becomes of a container that ends.
type restart int

const (
	always restart = iota
	onFailure
	never
)

// restarts says what becomes of containers of a pod. One that has to end before others start is not restarted once it
// ended well.
func restarts(pod *corev1.Pod, first bool) restart {
	switch {
	case pod.Spec.RestartPolicy == corev1.RestartPolicyNever:
		return never
	case first || pod.Spec.RestartPolicy == corev1.RestartPolicyOnFailure:
		return onFailure
	}
	return always
}

// containerStatus is that of a container whose image behaves in a way, in a pod that started at a time.
func containerStatus(c corev1.Container, b Behaviour, r restart, since metav1.Time) corev1.ContainerStatus {
	started := true
	s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: "test://" + c.Name, Started: &started}
	switch b {
	case PullFails:
		return waiting(c, "ImagePullBackOff", `Back-off pulling image "`+c.Image+`": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "`+c.Image+`": not found`)
	case ConfigFails:
		return waiting(c, "CreateContainerConfigError", `secret "missing" not found`)
	case Ends:
		return exits(s, 0, "Completed", r, since)
	case CrashLoop:
		return exits(s, 1, "Error", r, since)
	case OutOfMemory:
		return exits(s, 137, "OOMKilled", r, since)
	case NeverReady:
		s.State.Running = &corev1.ContainerStateRunning{StartedAt: since}
	default:
		if r != always {
			return exits(s, 0, "Completed", r, since)
		}
		s.State.Running, s.Ready = &corev1.ContainerStateRunning{StartedAt: since}, true
	}
	return s
}

// waiting is the status of a container that has never run.
func waiting(c corev1.Container, reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: c.Name, Image: c.Image, Started: new(bool),
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

// exits makes a status that of a container that ended: for good, or to be started again later as so often before.
func exits(s corev1.ContainerStatus, code int32, reason string, r restart, since metav1.Time) corev1.ContainerStatus {
	s.Started = new(bool)
	ended := &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, StartedAt: since, FinishedAt: since, ContainerID: s.ContainerID}
	if r == never || r == onFailure && code == 0 {
		s.State.Terminated = ended
		return s
	}
	s.LastTerminationState.Terminated, s.RestartCount = ended, 5
	s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff",
		Message: "back-off 2m40s restarting failed container=" + s.Name}
	return s
}

// condition is one of a pod. Its time is that when it became so.
func condition(pod *corev1.Pod, kind corev1.PodConditionType, so bool, reason, message string) corev1.PodCondition {
	c := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: metav1.Now().Rfc3339Copy()}
	if so {
		c.Status = corev1.ConditionTrue
	}
	for _, before := range pod.Status.Conditions {
		if before.Type == kind {
			c.ObservedGeneration = before.ObservedGeneration
			if before.Status == c.Status {
				c.LastTransitionTime = before.LastTransitionTime
			}
		}
	}
	return c
}

// podAddress is an address that hardly another pod has. Nothing answers there.
func podAddress(pod *corev1.Pod) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(pod.UID)) // never fails
	n := sum.Sum32()
	return net.IPv4(10, 244, byte(n>>8), byte(n)).String()
}
