package argocd

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
)

// labelVersion says which release an object was made of.
const labelVersion = "app.kubernetes.io/version"

// look looks at the objects of an Application whose revision was applied. What Argo CD says counts, and they say why; a failure is said
// as soon as they tell of it. What they tell may be older than what Argo CD says: then it is waited for.
func (p *project) look(ctx context.Context, w wanted, a *application, said answer) (answer, error) {
	worst := health.Verdict{Phase: reconciler.PhaseHealthy}
	for _, r := range a.Status.Resources {
		if r.RequiresPruning || r.Namespace != w.Namespace {
			continue
		}
		one, err := p.lookAt(ctx, w, r, said.Phase == reconciler.PhaseHealthy)
		if err != nil {
			return said, err
		}
		if one.Worse(worst) {
			worst = one
		}
	}
	switch {
	case worst.Phase == reconciler.PhaseHealthy:
	case said.Phase == reconciler.PhaseFailed && worst.Phase == reconciler.PhaseProgressing: // it is this that took too long
		said.Cause = worst.Cause
	default:
		said.Verdict = worst
	}
	return said, nil
}

// lookAt says how one object does. What well says of an address counts: people may have told Argo CD that there is none.
func (p *project) lookAt(ctx context.Context, w wanted, r resource, well bool) (health.Verdict, error) {
	fine := health.Verdict{Phase: reconciler.PhaseHealthy}
	kind := schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
	if !watched(kind) {
		return fine, nil
	}
	o, err := find(ctx, p.engine.cluster.seen, kind, client.ObjectKey{Namespace: r.Namespace, Name: r.Name})
	if err != nil {
		return fine, err
	}
	switch {
	case o == nil || o.GetLabels()[labelVersion] != w.Release && makesPods(r.Kind):
		return health.Verdict{Phase: reconciler.PhaseProgressing, Cause: fmt.Sprintf("waiting for the cluster to have %s %s", strings.ToLower(r.Kind), r.Name)}, nil
	case r.Kind == "Ingress" && !well && !hasAddress(o):
		class, _, _ := unstructured.NestedString(o.Object, "spec", "ingressClassName")
		return health.Verdict{Phase: reconciler.PhaseProgressing, Cause: fmt.Sprintf("Ingress %s has no address: no ingress controller serves class %s (install one, or name another in ingress.class of platform.yaml)", r.Name, class)}, nil
	}
	return p.looks.Look(ctx, o)
}

// watched says that watches tell of a kind.
func watched(kind schema.GroupVersionKind) bool {
	for _, k := range made() {
		if k == kind {
			return true
		}
	}
	return false
}

func makesPods(kind string) bool { return kind == "Deployment" || kind == "StatefulSet" }

// hasAddress says that an ingress controller serves an Ingress.
func hasAddress(ingress *unstructured.Unstructured) bool {
	addresses, _, _ := unstructured.NestedSlice(ingress.Object, "status", "loadBalancer", "ingress")
	return len(addresses) > 0
}
