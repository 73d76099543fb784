package pods

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
)

// Reader reads pods. It is a reconciler.AppLogs.
type Reader struct {
	Cluster kubernetes.Interface
	// Namespace says where a project runs, empty when it does not; nil looks everywhere.
	Namespace func(k manifest.Key) string
	// Call bounds a question; 15 s. A log that is followed is not bounded.
	Call time.Duration
	// Every is how often it is looked for new pods while a log is followed; 2 s.
	Every time.Duration
}

var _ reconciler.AppLogs = Reader{}

// Open returns what reads the pods of a cluster, wherever projects run in it.
func Open(config *rest.Config) (Reader, error) {
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return Reader{}, fmt.Errorf("reaching the cluster: %w", err)
	}
	return Reader{Cluster: set}, nil
}

// maxPods is how many pods are looked at.
const maxPods = 64

// list returns the pods of a project, the oldest first.
func (r Reader) list(ctx context.Context, k manifest.Key) ([]corev1.Pod, error) {
	namespace := metav1.NamespaceAll
	if r.Namespace != nil {
		if namespace = r.Namespace(k); namespace == "" {
			return nil, fmt.Errorf("%s runs nowhere: %w", k, fs.ErrNotExist)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Call, 15*time.Second))
	defer cancel()
	list, err := r.Cluster.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: labels.Set(health.Of(k)).String(), Limit: 4 * maxPods})
	if err != nil {
		return nil, fmt.Errorf("reading the pods of %s: %w", k, err)
	}
	found := list.Items
	for _, pod := range found {
		if pod.Namespace != found[0].Namespace {
			return nil, fmt.Errorf("there are pods of %s in namespaces %s and %s: they may be of two installations (ask serve: set api.listen, or --server)", k, found[0].Namespace, pod.Namespace)
		}
	}
	slices.SortStableFunc(found, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return found[max(0, len(found)-maxPods):], nil
}

// Pods are the pods of a project and how they do, the oldest first.
func (r Reader) Pods(ctx context.Context, k manifest.Key) ([]reconciler.Pod, error) {
	found, err := r.list(ctx, k)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []reconciler.Pod
	for i := range found {
		all = append(all, Of(&found[i]))
	}
	return all, err
}

// Of says how one pod does.
func Of(pod *corev1.Pod) reconciler.Pod {
	p := reconciler.Pod{Name: pod.Name, Since: pod.CreationTimestamp.UTC(), State: strings.ToLower(string(pod.Status.Phase))}
	for _, c := range pod.Status.Conditions {
		p.Ready = p.Ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		p.Restarts += int(c.RestartCount)
		if c.State.Waiting != nil && c.State.Waiting.Reason != "" {
			p.State = c.State.Waiting.Reason
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		p.Images = append(p.Images, cmp.Or(strings.TrimPrefix(c.ImageID, "docker-pullable://"), c.Image))
	}
	switch {
	case pod.DeletionTimestamp != nil:
		p.State = "ending"
	case p.Ready:
		p.State = "ready"
	case p.State == "running":
		p.State = "not ready"
	}
	return p
}
