//go:build e2e

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/test/kube"
)

// apply makes a Deployment of an image, or changes its image, by server-side apply.
func apply(t *testing.T, client kubernetes.Interface, namespace, name, image string) {
	t.Helper()
	labels := map[string]string{"app": name}
	deployment := appsapply.Deployment(name, namespace).WithSpec(appsapply.DeploymentSpec().WithReplicas(2).
		WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(coreapply.PodTemplateSpec().WithLabels(labels).
			WithSpec(coreapply.PodSpec().WithContainers(coreapply.Container().WithName("app").WithImage(image)))))
	_, err := client.AppsV1().Deployments(namespace).Apply(t.Context(), deployment, metav1.ApplyOptions{FieldManager: "test"})
	if err != nil {
		t.Fatalf("applying %s: %v", name, err)
	}
}

// available returns whether the Deployment of the newest image is all there.
func available(client kubernetes.Interface, namespace, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		d, err := client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if s := d.Status; s.ObservedGeneration != d.Generation || s.UpdatedReplicas != 2 || s.AvailableReplicas != 2 || s.Replicas != 2 {
			return fmt.Errorf("status %+v", s)
		}
		for _, c := range d.Status.Conditions {
			if c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return errors.New("it has no condition Available")
	}
}

// somePod waits for a pod in the namespace of which something is so.
func somePod(t *testing.T, client kubernetes.Interface, namespace, what string, so func(corev1.Pod) bool) {
	t.Helper()
	kube.Await(t, "a pod that "+what, func(ctx context.Context) error {
		pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if so(pod) {
				return nil
			}
		}
		return fmt.Errorf("%d pods: %+v", len(pods.Items), pods.Items)
	})
}

// waits says that a pod has a container that waits for a reason.
func waits(phase corev1.PodPhase, reason string) func(corev1.Pod) bool {
	return func(pod corev1.Pod) bool {
		for _, s := range pod.Status.ContainerStatuses {
			if s.State.Waiting != nil && s.State.Waiting.Reason == reason {
				return pod.Status.Phase == phase
			}
		}
		return false
	}
}

func TestRollout(t *testing.T) {
	t.Parallel()
	cluster := kube.Shared(t)
	client, namespace := cluster.Client(), cluster.Namespace(t)
	good, bad := cluster.Image(t, kube.Runs), cluster.Image(t, kube.CrashLoop)
	apply(t, client, namespace, "app", good)
	kube.Await(t, "the first image", available(client, namespace, "app"))

	apply(t, client, namespace, "app", bad)
	somePod(t, client, namespace, "crashes", func(pod corev1.Pod) bool {
		return waits(corev1.PodRunning, "CrashLoopBackOff")(pod) && pod.Status.ContainerStatuses[0].LastTerminationState.Terminated.ExitCode == 1
	})
	somePod(t, client, namespace, "still runs the first image", func(pod corev1.Pod) bool {
		return pod.Spec.Containers[0].Image == good && pod.Status.ContainerStatuses[0].Ready
	})

	apply(t, client, namespace, "app", good)
	kube.Await(t, "the way back", available(client, namespace, "app"))
}

// An image is what its name says, however pods name it, and becomes another.
func TestBehave(t *testing.T) {
	t.Parallel()
	cluster := kube.Shared(t)
	client, namespace := cluster.Client(), cluster.Namespace(t)
	repository := "images.test:5000/" + namespace
	cluster.Behave(t, repository, kube.CrashLoop)
	cluster.Behave(t, repository+":good", kube.Runs)
	apply(t, client, namespace, "good", repository+":good")
	apply(t, client, namespace, "bad", repository+":bad@sha256:"+strings.Repeat("0", 64))
	kube.Await(t, "the tag that is good", available(client, namespace, "good"))
	somePod(t, client, namespace, "crashes", waits(corev1.PodRunning, "CrashLoopBackOff"))
	cluster.Behave(t, repository, kube.Runs)
	kube.Await(t, "the image that does not crash any more", available(client, namespace, "bad"))
}

// An init container that fails keeps the others from starting.
func TestInitContainer(t *testing.T) {
	t.Parallel()
	cluster := kube.Shared(t)
	client, namespace := cluster.Client(), cluster.Namespace(t)
	for _, first := range []kube.Behaviour{kube.Ends, kube.CrashLoop} {
		_, err := client.CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: first.String()}, Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "first", Image: cluster.Image(t, first)}},
			Containers:     []corev1.Container{{Name: "app", Image: cluster.Image(t, kube.Runs)}}}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	somePod(t, client, namespace, "runs after its init container", func(pod corev1.Pod) bool {
		return pod.Name == kube.Ends.String() && pod.Status.Phase == corev1.PodRunning && pod.Status.ContainerStatuses[0].Ready
	})
	somePod(t, client, namespace, "waits for its init container", func(pod corev1.Pod) bool {
		s := pod.Status
		return pod.Name == kube.CrashLoop.String() && len(s.InitContainerStatuses) == 1 && s.InitContainerStatuses[0].State.Waiting != nil &&
			s.InitContainerStatuses[0].State.Waiting.Reason == "CrashLoopBackOff" && waits(corev1.PodPending, "PodInitializing")(pod)
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	cluster := kube.Shared(t)
	client := cluster.Client()
	for behaviour, want := range map[kube.Behaviour]func(corev1.Pod) bool{
		kube.PullFails:   waits(corev1.PodPending, "ImagePullBackOff"),
		kube.ConfigFails: waits(corev1.PodPending, "CreateContainerConfigError"),
		kube.OutOfMemory: func(pod corev1.Pod) bool {
			return waits(corev1.PodRunning, "CrashLoopBackOff")(pod) && pod.Status.ContainerStatuses[0].LastTerminationState.Terminated.Reason == "OOMKilled"
		},
		kube.NeverReady: func(pod corev1.Pod) bool {
			return pod.Status.Phase == corev1.PodRunning && len(pod.Status.ContainerStatuses) == 1 && !pod.Status.ContainerStatuses[0].Ready
		},
		kube.Unschedulable: func(pod corev1.Pod) bool {
			return pod.Spec.NodeName == "" && len(pod.Status.Conditions) == 1 && pod.Status.Conditions[0].Reason == corev1.PodReasonUnschedulable
		},
	} {
		t.Run(behaviour.String(), func(t *testing.T) {
			namespace := cluster.Namespace(t)
			apply(t, client, namespace, "app", cluster.Image(t, behaviour))
			somePod(t, client, namespace, behaviour.String(), want)
			if err := available(client, namespace, "app")(t.Context()); err == nil {
				t.Error("the Deployment is available")
			}
		})
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	cluster := kube.Shared(t)
	namespace := cluster.Namespace(t)
	jobs := cluster.Client().BatchV1().Jobs(namespace)
	for behaviour, want := range map[kube.Behaviour]batchv1.JobConditionType{kube.Ends: batchv1.JobComplete, kube.CrashLoop: batchv1.JobFailed} {
		name := behaviour.String()
		_, err := jobs.Create(t.Context(), &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: batchv1.JobSpec{
			BackoffLimit: new(int32), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever,
				Containers: []corev1.Container{{Name: "job", Image: cluster.Image(t, behaviour)}}}}}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		kube.Await(t, string(want), func(ctx context.Context) error {
			job, err := jobs.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, c := range job.Status.Conditions {
				if c.Type == want && c.Status == corev1.ConditionTrue {
					return nil
				}
			}
			return fmt.Errorf("status %+v", job.Status)
		})
	}
}

// What has volumes, what is reached from outside, and what is behind a service come to be like on any cluster.
func TestWhatElseTheClusterDoes(t *testing.T) {
	t.Parallel()
	cluster := kube.Shared(t)
	namespace := cluster.Namespace(t)
	client := cluster.Client()
	labels := map[string]string{"app": "db"}
	_, err := client.AppsV1().StatefulSets(namespace).Create(t.Context(), &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: appsv1.StatefulSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels}, ServiceName: "db",
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "db", Image: cluster.Image(t, kube.Runs)}}}},
		VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}}}},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CoreV1().Services(namespace).Create(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "db"},
		Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 5432}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.NetworkingV1().Ingresses(namespace).Create(t.Context(), &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "db", Port: networkingv1.ServiceBackendPort{Number: 5432}}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kube.Await(t, "the set", func(ctx context.Context) error {
		set, err := client.AppsV1().StatefulSets(namespace).Get(ctx, "db", metav1.GetOptions{})
		return is(err, func() bool { return set.Status.ReadyReplicas == 1 }, set)
	})
	kube.Await(t, "its claim", func(ctx context.Context) error {
		claim, err := client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, "data-db-0", metav1.GetOptions{})
		return is(err, func() bool { return claim.Status.Phase == corev1.ClaimBound }, claim)
	})
	kube.Await(t, "what its service leads to", func(ctx context.Context) error {
		slices, err := client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=db"})
		return is(err, func() bool {
			return len(slices.Items) == 1 && len(slices.Items[0].Endpoints) == 1 && *slices.Items[0].Endpoints[0].Conditions.Ready
		}, slices)
	})
	kube.Await(t, "the address of its ingress", func(ctx context.Context) error {
		ingress, err := client.NetworkingV1().Ingresses(namespace).Get(ctx, "db", metav1.GetOptions{})
		return is(err, func() bool { return len(ingress.Status.LoadBalancer.Ingress) == 1 }, ingress)
	})
}

// is returns what is not yet as it has to be.
func is(err error, so func() bool, object any) error {
	if err == nil && !so() {
		err = fmt.Errorf("it is %+v", object)
	}
	return err
}

// A service account may do what it was given in its namespace, and nothing in another.
func TestRights(t *testing.T) {
	t.Parallel()
	cluster := kube.Shared(t)
	mine, other := cluster.Namespace(t), cluster.Namespace(t)
	admin := cluster.Client()
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: mine, Name: "default"}
	_, err := admin.RbacV1().RoleBindings(mine).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "edit"}, Subjects: []rbacv1.Subject{subject},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := cluster.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + mine + ":default"}
	account, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	kube.Await(t, "the rights", func(ctx context.Context) error { // which the API server learns of a moment later
		_, err := account.CoreV1().ConfigMaps(mine).List(ctx, metav1.ListOptions{})
		return err
	})
	if _, err := account.CoreV1().ConfigMaps(other).List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("in another namespace: %v, want that it is forbidden", err)
	}
}

// A namespace takes what is in it along when it goes.
func TestANamespaceGoes(t *testing.T) {
	t.Parallel()
	cluster := kube.Shared(t)
	var namespace string
	client := cluster.Client()
	t.Run("inside", func(t *testing.T) {
		namespace = cluster.Namespace(t)
		apply(t, client, namespace, "app", cluster.Image(t, kube.Runs))
		kube.Await(t, "the app", available(client, namespace, "app"))
	})
	kube.Await(t, "the end of the namespace", func(ctx context.Context) error {
		_, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is there"), err)
	})
}
