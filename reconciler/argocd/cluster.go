package argocd

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/health"
	"github.com/plateform/plateform/reconciler/tenant"
)

// Calls a second that are made before the client holds itself back; the API server has its own limits, which say when to come again.
const (
	callsASecond = 200
	burst        = 400
)

// kindApplication is the kind that Argo CD works on.
func kindApplication() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}
}

// made are the kinds whose health is looked at, besides pods and what makes them.
func made() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		appsv1.SchemeGroupVersion.WithKind("Deployment"),
		appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
		batchv1.SchemeGroupVersion.WithKind("Job"),
		batchv1.SchemeGroupVersion.WithKind("CronJob"),
		corev1.SchemeGroupVersion.WithKind("Service"),
		corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"),
		networkingv1.SchemeGroupVersion.WithKind("Ingress"),
		policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"),
	}
}

// cluster is the Kubernetes cluster of an Argo CD: calls to it, and what watches tell of it.
type cluster struct {
	// namespace of Argo CD.
	namespace string
	// admin acts with the rights of this process, and asks the server each time.
	admin client.Client
	// seen is what the watches tell, and applications what that of Applications does; they answer without a call.
	seen, applications cache.Cache
	set                kubernetes.Interface
	// watched are the kinds that handlers were added for.
	watched map[string]bool
}

// newCluster reaches a cluster. Questions about which kinds it has take no context: call bounds each of them.
func newCluster(config *rest.Config, call time.Duration, namespace string) (*cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = callsASecond, burst
	config.UserAgent = tenant.Plateform
	config.WarningHandler = rest.NoWarnings{}
	there, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	bounded := rest.CopyConfig(config)
	bounded.Timeout = call
	asks, err := rest.HTTPClientFor(bounded)
	if err != nil {
		return nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(bounded, asks)
	if err != nil {
		return nil, err
	}
	c := &cluster{namespace: namespace, watched: map[string]bool{}}
	if c.admin, err = client.New(config, client.Options{HTTPClient: there, Mapper: mapper}); err != nil {
		return nil, err
	}
	if c.set, err = kubernetes.NewForConfigAndClient(bounded, asks); err != nil {
		return nil, err
	}
	ours, err := labels.NewRequirement(health.LabelProject, selection.Exists, nil)
	if err != nil {
		return nil, err
	}
	options := cache.Options{
		HTTPClient: there, Scheme: scheme.Scheme, Mapper: mapper,
		DefaultLabelSelector: labels.NewSelector().Add(*ours), DefaultTransform: health.Lean,
	}
	if c.seen, err = cache.New(config, options); err != nil {
		return nil, err
	}
	options.DefaultNamespaces = map[string]cache.Config{namespace: {}}
	c.applications, err = cache.New(config, options)
	return c, err
}

// object is an empty object of a kind.
func object(kind schema.GroupVersionKind) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	return o
}

// kinds are all that is watched besides Applications, as the cache wants to be asked.
func kinds() []client.Object {
	all := []client.Object{&corev1.Pod{}, &appsv1.ReplicaSet{}}
	for _, kind := range made() {
		all = append(all, object(kind))
	}
	return all
}

// Watch has the cluster followed, from Start on, and each project told of that something of it changed.
func (c *cluster) Watch(ctx context.Context, changed func(manifest.Key)) error {
	if err := c.watchKind(ctx, c.applications, object(kindApplication()), changed); err != nil {
		return err
	}
	for _, kind := range kinds() {
		if err := c.watchKind(ctx, c.seen, kind, changed); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) watchKind(ctx context.Context, in cache.Cache, kind client.Object, changed func(manifest.Key)) error {
	name := fmt.Sprintf("%T %s", kind, kind.GetObjectKind().GroupVersionKind())
	if c.watched[name] {
		return nil
	}
	tell := func(object any) {
		if last, gone := object.(toolscache.DeletedFinalStateUnknown); gone {
			object = last.Obj
		}
		if o, ok := object.(client.Object); ok {
			changed(keyOf(o))
		}
	}
	informer, err := in.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: tell, UpdateFunc: func(_, now any) { tell(now) }, DeleteFunc: tell,
	}); err != nil {
		return err
	}
	c.watched[name] = true
	return nil
}

// Start follows the cluster until the context ends.
func (c *cluster) Start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.applications.Start(ctx) })
	group.Go(func() error { return c.seen.Start(ctx) })
	return group.Wait()
}

// Synced waits until the watches have told of all that is there.
func (c *cluster) Synced(ctx context.Context) error {
	if _, err := c.applications.GetInformer(ctx, object(kindApplication())); err != nil {
		return fmt.Errorf("reading the Applications: %w", err)
	}
	for _, kind := range kinds() {
		if _, err := c.seen.GetInformer(ctx, kind); err != nil {
			return fmt.Errorf("reading what runs in the cluster: %w", err)
		}
	}
	return nil
}

// keyOf is the project that an object belongs to.
func keyOf(o client.Object) manifest.Key {
	l := o.GetLabels()
	return manifest.Key{Workspace: l[health.LabelWorkspace], Project: l[health.LabelProject]}
}

// application returns the Application of a project; nil when there is none.
func (c *cluster) application(ctx context.Context, from client.Reader, k manifest.Key) (*unstructured.Unstructured, error) {
	return find(ctx, from, kindApplication(), client.ObjectKey{Namespace: c.namespace, Name: manifest.ApplicationName(k)})
}

// find returns an object; nil when it is not there.
func find(ctx context.Context, from client.Reader, kind schema.GroupVersionKind, at client.ObjectKey) (*unstructured.Unstructured, error) {
	o := object(kind)
	err := from.Get(ctx, at, o)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for %s %s: %w", kind.Kind, at.Name, err)
	}
	return o, nil
}
