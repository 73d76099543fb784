package direct

import (
	"errors"
	"reflect"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Who else set a field is read from what the API server says of a conflict.
func TestConflicts(t *testing.T) {
	t.Parallel()
	err := apierrors.NewApplyConflict([]metav1.StatusCause{
		{Type: metav1.CauseTypeFieldManagerConflict, Message: `conflict with "kubectl-edit" using apps/v1`, Field: ".spec.replicas"},
		{Type: metav1.CauseTypeFieldManagerConflict, Message: `conflict with "helm" with subresource "scale" using apps/v1`, Field: ".spec.paused"},
		{Type: metav1.CauseTypeFieldManagerConflict, Message: `conflict with "helm" using apps/v1`, Field: ".spec.template"},
	}, "Apply failed with 3 conflicts")
	got := conflicts(err)
	if want := []conflict{{"spec.replicas", "kubectl-edit"}, {"spec.paused", "helm"}, {"spec.template", "helm"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if who := managers(got); who != "helm, kubectl-edit" {
		t.Errorf("they are %s", who)
	}
	for _, other := range []error{nil, errors.New("no route"), apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "shop", errors.New("changed meanwhile"))} {
		if got := conflicts(other); len(got) > 0 {
			t.Errorf("%v tells of %v", other, got)
		}
	}
}

// How many pods there are is somebody else's when their entry says so.
func TestScaledByOthers(t *testing.T) {
	t.Parallel()
	entry := func(manager, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	ours := entry(fieldOwner, `{"f:spec":{"f:replicas":{}}}`)
	if scaledByOthers([]metav1.ManagedFieldsEntry{ours, entry("kubectl", `{"f:spec":{"f:paused":{}}}`), {Manager: "nobody"}}) {
		t.Error("somebody else is said to say how many pods there are")
	}
	if !scaledByOthers([]metav1.ManagedFieldsEntry{ours, entry("kube-controller-manager", `{"f:spec":{"f:replicas":{}}}`)}) {
		t.Error("an autoscaler is not seen")
	}
}
