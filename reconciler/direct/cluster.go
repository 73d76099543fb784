package direct

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
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

// The labels of what the charts make.
const (
	labelWorkspace = health.LabelWorkspace
	labelProject   = health.LabelProject
	// labelInventory marks the ConfigMaps that remember what projects are made of.
	labelInventory = "plateform.dev/inventory"
)

// fieldOwner is the field manager of all that is applied.
const fieldOwner = tenant.Plateform

// Calls a second that are made before the client holds itself back; the API server has its own limits, which say when to come again.
const (
	callsASecond = 200
	burst        = 400
)

// scalersTimeout bounds the wait for who else says how many pods there are.
const scalersTimeout = 15 * time.Second

// made are the kinds that projects are made of, besides pods and what makes them.
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

// cluster is a Kubernetes cluster: calls to it, and what watches tell of it.
type cluster struct {
	config *rest.Config
	log    *slog.Logger
	http   *http.Client
	mapper meta.RESTMapper
	// admin acts with the rights of this process, and asks the server each time.
	admin client.Client
	// seen is what the watches tell; it answers without a call.
	seen cache.Cache
	set  kubernetes.Interface
	// watched are the kinds that handlers were added for.
	watched map[string]bool
	// scalers follows who else says how many pods there are.
	scalers cache.Informer

	mu      sync.Mutex
	tenants map[string]client.Client
}

// newCluster reaches a cluster. Questions about what it is and which kinds it has take no context: call bounds each of them.
func newCluster(config *rest.Config, call time.Duration, log *slog.Logger) (*cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = callsASecond, burst
	config.UserAgent = fieldOwner
	config.WarningHandler = rest.NoWarnings{} // they are about the charts, at each release of each project
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
	c := &cluster{config: config, log: log, http: there, mapper: mapper, watched: map[string]bool{}, tenants: map[string]client.Client{}}
	if c.admin, err = client.New(config, client.Options{HTTPClient: there, Mapper: mapper}); err != nil {
		return nil, err
	}
	if c.set, err = kubernetes.NewForConfigAndClient(bounded, asks); err != nil {
		return nil, err
	}
	ours, err := labels.NewRequirement(labelProject, selection.Exists, nil)
	if err != nil {
		return nil, err
	}
	// The cache wants to know this one at once, and a cluster that does not answer yet is no reason not to start.
	builtin := meta.NewDefaultRESTMapper([]schema.GroupVersion{autoscalingv2.SchemeGroupVersion})
	builtin.Add(autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"), meta.RESTScopeNamespace)
	c.seen, err = cache.New(config, cache.Options{
		HTTPClient: there, Scheme: scheme.Scheme, Mapper: meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{builtin, mapper}},
		DefaultLabelSelector: labels.NewSelector().Add(*ours), DefaultTransform: health.Lean,
		ByObject: map[client.Object]cache.ByObject{&autoscalingv2.HorizontalPodAutoscaler{}: {Label: labels.Everything()}},
	})
	return c, err
}

// deployer is the service account of a namespace that the objects of its projects are applied as.
const deployer = "plateform-deployer"

// as returns a client that acts as the deployer of a namespace.
func (c *cluster) as(namespace string) (client.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tenant := c.tenants[namespace]; tenant != nil {
		return tenant, nil
	}
	config := rest.CopyConfig(c.config)
	// Its groups the server knows: to name them would take the right to act as any group, that of the admins too.
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + deployer}
	there, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	tenant, err := client.New(config, client.Options{HTTPClient: there, Mapper: c.mapper})
	if err != nil {
		return nil, fmt.Errorf("acting as %s of namespace %s: %w", deployer, namespace, err)
	}
	c.tenants[namespace] = tenant
	return tenant, nil
}

// kinds are all that is watched, as the cache wants to be asked.
func kinds() []client.Object {
	all := []client.Object{&corev1.Pod{}, &appsv1.ReplicaSet{}, &corev1.ConfigMap{}} // ConfigMaps are the inventories
	for _, kind := range made() {
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(kind)
		all = append(all, o)
	}
	return all
}

// Watch has the cluster followed, from Start on, and each project told of that something of it changed.
func (c *cluster) Watch(ctx context.Context, changed func(manifest.Key)) error {
	tell := func(object any) {
		if last, gone := object.(toolscache.DeletedFinalStateUnknown); gone {
			object = last.Obj
		}
		if o, ok := object.(client.Object); ok {
			changed(keyOf(o))
		}
	}
	for _, kind := range kinds() {
		if c.watched[kindOf(kind)] {
			continue
		}
		informer, err := c.seen.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: tell, UpdateFunc: func(_, now any) { tell(now) }, DeleteFunc: tell,
		}); err != nil {
			return err
		}
		c.watched[kindOf(kind)] = true
	}
	return c.watchScalers(ctx)
}

func kindOf(o client.Object) string {
	return fmt.Sprintf("%T %s", o, o.GetObjectKind().GroupVersionKind())
}

// Start follows the cluster until the context ends.
func (c *cluster) Start(ctx context.Context) error { return c.seen.Start(ctx) }

// Synced waits until the watches have told of all that is there.
func (c *cluster) Synced(ctx context.Context) error {
	for _, kind := range kinds() {
		if _, err := c.seen.GetInformer(ctx, kind); err != nil {
			return fmt.Errorf("reading what runs in the cluster: %w", err)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, scalersTimeout)
	defer cancel()
	if !toolscache.WaitForCacheSync(waiting.Done(), c.scalers.HasSynced) && ctx.Err() == nil {
		c.log.Warn("HorizontalPodAutoscalers cannot be read: what they change is put back (give serve the right to list and watch them)")
	}
	return nil
}

// keyOf is the project that an object belongs to.
func keyOf(o client.Object) manifest.Key {
	l := o.GetLabels()
	return manifest.Key{Workspace: l[labelWorkspace], Project: l[labelProject]}
}

// of selects what belongs to a project.
func of(k manifest.Key) client.MatchingLabels { return health.Of(k) }
