package tenant_test

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/plateform/plateform/reconciler/tenant"
)

// What trying again does not mend is a failure; what is the cluster's trouble is not.
func TestFinal(t *testing.T) {
	t.Parallel()
	kind, resource := schema.GroupKind{Kind: "Deployment"}, schema.GroupResource{Resource: "deployments"}
	terminating := apierrors.NewForbidden(resource, "shop", errors.New("the namespace is being terminated"))
	terminating.ErrStatus.Details.Causes = append(terminating.ErrStatus.Details.Causes, metav1.StatusCause{Type: corev1.NamespaceTerminatingCause})
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{tenant.Refused("no"), true},
		{tenant.Passes(apierrors.NewForbidden(resource, "shop", errors.New("no role"))), false},
		{apierrors.NewInvalid(kind, "shop", nil), true},
		{apierrors.NewForbidden(resource, "shop", errors.New("exceeded quota")), true},
		{terminating, false},
		{apierrors.NewServiceUnavailable("starting"), false},
		{apierrors.NewTooManyRequests("slow down", 1), false},
		{apierrors.NewInternalError(errors.New("etcd")), false},
		{apierrors.NewNotFound(resource, "shop"), false},
		{errors.New("connection refused"), false},
	} {
		if got := tenant.IsFinal(fmt.Errorf("applying: %w", tt.err)); got != tt.want {
			t.Errorf("%v: %v", tt.err, got)
		}
	}
}
