package direct

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
	"github.com/plateform/plateform/reconciler/secrets"
	"github.com/plateform/plateform/reconciler/tenant"
)

// renderer makes objects of charts and values.
type renderer struct {
	charts  reconciler.Charts
	secrets secret.Opener
	cluster *cluster

	mu     sync.Mutex
	loaded map[manifest.Chart]*chart.Chart
	// speaks is what the cluster speaks; nil until it was asked, which was last at asked. It counts for keep.
	speaks *chartutil.Capabilities
	asked  time.Time
	keep   time.Duration
	clock  func() time.Time
}

func newRenderer(o Options, c *cluster) *renderer {
	return &renderer{charts: o.Charts, secrets: o.Secrets, cluster: c, loaded: map[manifest.Chart]*chart.Chart{}, keep: o.Times.Drift, clock: o.Clock}
}

// render returns the objects of a target, its Secrets among them.
func (r *renderer) render(ctx context.Context, t reconciler.Target) ([]*unstructured.Unstructured, error) {
	speaks, err := r.capabilities(ctx)
	if err != nil {
		return nil, err
	}
	loaded, err := r.chart(t.Chart)
	if err != nil {
		return nil, tenant.Refused("the chart %s %s: %w", t.Chart.Name, t.Chart.Version, err)
	}
	values, err := chartutil.ReadValues(t.Values)
	if err != nil {
		return nil, tenant.Refused("the values of %s: %w", t.Release, err)
	}
	ready, err := chartutil.ToRenderValues(loaded, values, chartutil.ReleaseOptions{Name: t.Key.Project, Namespace: t.Namespace}, speaks)
	if err != nil {
		return nil, tenant.Refused("the values of %s: %w", t.Release, err)
	}
	files, err := engine.Engine{Strict: true}.Render(loaded, ready)
	if err != nil {
		return nil, tenant.Refused("rendering %s: %w", t.Release, err)
	}
	var objects []*unstructured.Unstructured
	for name, text := range files {
		more, err := tenant.Decode(text)
		if err != nil {
			return nil, tenant.Refused("rendering %s: %s: %w", t.Release, name, err)
		}
		objects = append(objects, more...)
	}
	sealed, err := secrets.Objects(t, r.secrets)
	if err != nil {
		return nil, tenant.Refused("the secrets of %s: %w", t.Release, err)
	}
	objects = append(objects, sealed...)
	for _, o := range objects {
		if o.GetNamespace() != t.Namespace || keyOf(o) != t.Key {
			return nil, tenant.Refused("%s of %s is in namespace %q and belongs to %s", name(o), t.Release, o.GetNamespace(), keyOf(o))
		}
	}
	if len(objects) == 0 {
		return nil, tenant.Refused("%s renders nothing", t.Release)
	}
	return objects, nil
}

// chart loads a chart once.
func (r *renderer) chart(which manifest.Chart) (*chart.Chart, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if loaded := r.loaded[which]; loaded != nil {
		return loaded, nil
	}
	files, err := r.charts.Files(which)
	if err != nil {
		return nil, err
	}
	var buffered []*loader.BufferedFile
	for name, content := range files {
		buffered = append(buffered, &loader.BufferedFile{Name: name, Data: content})
	}
	loaded, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, err
	}
	r.loaded[which] = loaded
	return loaded, nil
}

// capabilities are what the cluster speaks, asked anew once in a while and after outdated: kinds may be added to it and taken away.
// Without them Helm takes it for a very old one. What is still the same is the same pointer.
func (r *renderer) capabilities(ctx context.Context) (*chartutil.Capabilities, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.speaks != nil && r.clock().Sub(r.asked) < r.keep {
		return r.speaks, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now, err := ask(r.cluster.set.Discovery())
	if err != nil {
		return nil, err
	}
	r.asked = r.clock()
	if !reflect.DeepEqual(now, r.speaks) {
		r.speaks = now
	}
	return r.speaks, nil
}

// outdated has the cluster asked anew what it speaks.
func (r *renderer) outdated() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = time.Time{}
}

// ask asks a cluster what it speaks.
func ask(discovery discovery.DiscoveryInterface) (*chartutil.Capabilities, error) {
	version, err := discovery.ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("asking the cluster for its version: %w", err)
	}
	groups, err := discovery.ServerGroups()
	if err != nil {
		return nil, fmt.Errorf("asking the cluster for its APIs: %w", err)
	}
	speaks := &chartutil.Capabilities{
		KubeVersion: chartutil.KubeVersion{Version: version.GitVersion, Major: version.Major, Minor: version.Minor},
	}
	for _, group := range groups.Groups {
		for _, v := range group.Versions {
			speaks.APIVersions = append(speaks.APIVersions, v.GroupVersion)
		}
	}
	slices.Sort(speaks.APIVersions)
	return speaks, nil
}

// name is how people call an object.
func name(o *unstructured.Unstructured) string { return health.Name(o) }
