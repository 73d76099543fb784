package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// nodeName is the one node of a control plane.
const nodeName = "node"

// ingressAddress is where every Ingress is said to be reached. It is one for documentation: nobody answers there.
const ingressAddress = "192.0.2.1"

// thing is what the node looks at: one pod, Ingress or volume claim.
type thing struct{ kind, namespace, name string }

// node plays the scheduler, the kubelet, the ingress controller and the storage of a cluster: it says of pods and others
// what those would say, and does nothing.
type node struct {
	client    kubernetes.Interface
	informers informers.SharedInformerFactory
	queue     workqueue.TypedRateLimitingInterface[thing]
	cancel    context.CancelFunc
	running   sync.WaitGroup

	mu         sync.Mutex
	behaviours behaviours
}

// startNode makes the node in a cluster, and has it play until it is stopped. The context bounds the start alone.
func startNode(ctx context.Context, client kubernetes.Interface) (*node, error) {
	if err := registerNode(ctx, client); err != nil {
		return nil, err
	}
	// The API server may be away for a while, which must not become a long one.
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[thing](glance/10, 20*glance)
	n := &node{client: client, informers: informers.NewSharedInformerFactory(client, 0), behaviours: behaviours{}, queue: workqueue.NewTypedRateLimitingQueue(limiter)}
	playing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.cancel = cancel
	err := errors.Join(
		n.follow("pod", n.informers.Core().V1().Pods().Informer()),
		n.follow("ingress", n.informers.Networking().V1().Ingresses().Informer()),
		n.follow("claim", n.informers.Core().V1().PersistentVolumeClaims().Informer()))
	n.informers.StartWithContext(playing)
	for range 4 {
		n.running.Go(func() { n.play(playing) })
	}
	synced := n.informers.WaitForCacheSyncWithContext(ctx)
	if err = errors.Join(err, synced.AsError()); err != nil {
		n.stop()
		return nil, fmt.Errorf("starting the node: %w", err)
	}
	return n, nil
}

// registerNode makes the object of the node, which pods are bound to.
func registerNode(ctx context.Context, client kubernetes.Interface) error {
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods: resource.MustParse("10000")}
	made, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("registering the node: %w", err)
	}
	made.Status = corev1.NodeStatus{Capacity: room, Allocatable: room, Conditions: []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}}}
	if _, err := client.CoreV1().Nodes().UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("registering the node: %w", err)
	}
	return nil
}

// follow has the node look at each thing of a kind when it is new or another.
func (n *node) follow(kind string, informer cache.SharedIndexInformer) error {
	add := func(object any) {
		if meta, ok := object.(metav1.Object); ok {
			n.queue.Add(thing{kind, meta.GetNamespace(), meta.GetName()})
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, object any) { add(object) }})
	return err
}

// stop ends the node, and returns once it does nothing any more.
func (n *node) stop() {
	n.cancel()
	n.queue.ShutDown()
	n.running.Wait()
	n.informers.Shutdown()
}

// behave says how an image behaves from now on, and looks at all pods again.
func (n *node) behave(image string, b Behaviour) {
	n.mu.Lock()
	n.behaviours[image] = b
	n.mu.Unlock()
	for _, key := range n.informers.Core().V1().Pods().Informer().GetStore().ListKeys() {
		if namespace, name, err := cache.SplitMetaNamespaceKey(key); err == nil {
			n.queue.Add(thing{"pod", namespace, name})
		}
	}
}

// now returns how images behave at the moment.
func (n *node) now() behaviours {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.behaviours)
}

// play looks at things until the queue is shut down. What fails is tried again: the API server may be away, or have a newer
// version.
func (n *node) play(ctx context.Context) {
	for {
		next, over := n.queue.Get()
		if over {
			return
		}
		if err := n.look(ctx, next); err != nil && !apierrors.IsNotFound(err) {
			n.queue.AddRateLimited(next)
		} else {
			n.queue.Forget(next)
		}
		n.queue.Done(next)
	}
}

func (n *node) look(ctx context.Context, next thing) error {
	switch next.kind {
	case "pod":
		pod, err := n.informers.Core().V1().Pods().Lister().Pods(next.namespace).Get(next.name)
		if err != nil {
			return err
		}
		return n.lookAtPod(ctx, pod.DeepCopy())
	case "ingress":
		ingress, err := n.informers.Networking().V1().Ingresses().Lister().Ingresses(next.namespace).Get(next.name)
		if err != nil || len(ingress.Status.LoadBalancer.Ingress) > 0 {
			return err
		}
		ingress = ingress.DeepCopy()
		ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: ingressAddress}}
		_, err = n.client.NetworkingV1().Ingresses(next.namespace).UpdateStatus(ctx, ingress, metav1.UpdateOptions{})
		return err
	default:
		claim, err := n.informers.Core().V1().PersistentVolumeClaims().Lister().PersistentVolumeClaims(next.namespace).Get(next.name)
		if err != nil || claim.Status.Phase == corev1.ClaimBound {
			return err
		}
		claim = claim.DeepCopy()
		claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, AccessModes: claim.Spec.AccessModes, Capacity: claim.Spec.Resources.Requests}
		_, err = n.client.CoreV1().PersistentVolumeClaims(next.namespace).UpdateStatus(ctx, claim, metav1.UpdateOptions{})
		return err
	}
}

// lookAtPod does the next thing that a pod needs: it goes away, gets a node, or another status.
func (n *node) lookAtPod(ctx context.Context, pod *corev1.Pod) error {
	pods := n.client.CoreV1().Pods(pod.Namespace)
	over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	switch behaviours := n.now(); {
	case pod.DeletionTimestamp != nil && pod.Spec.NodeName == nodeName:
		return pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	case over || pod.DeletionTimestamp != nil:
		return nil
	case pod.Spec.NodeName == "" && !fits(pod, behaviours):
		return n.write(ctx, pod, unscheduled(pod))
	case pod.Spec.NodeName == "":
		return pods.Bind(ctx, &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
			Target: corev1.ObjectReference{Kind: "Node", Name: nodeName}}, metav1.CreateOptions{})
	case pod.Spec.NodeName == nodeName:
		return n.write(ctx, pod, scheduled(pod, behaviours))
	}
	return nil
}

// write writes the status of a pod unless it has it.
func (n *node) write(ctx context.Context, pod *corev1.Pod, status corev1.PodStatus) error {
	if equality.Semantic.DeepEqual(pod.Status, status) {
		return nil
	}
	pod.Status = status
	_, err := n.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}
