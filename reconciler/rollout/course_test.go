package rollout_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/rollout"
	"github.com/plateform/plateform/reconciler/tenant"
)

// What a namespace that is being deleted holds up is tried again soon, however often it was before: nobody tells when it is gone.
func TestANamespaceThatEndsIsLookedAtOften(t *testing.T) {
	leaves := &apierrors.StatusError{ErrStatus: metav1.Status{Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "NamespaceTerminating"}}}}}
	for _, test := range []struct {
		tries int
		err   error
		want  time.Duration
	}{
		{0, errors.New("no route to host"), 500 * time.Millisecond},
		{3, errors.New("no route to host"), 4 * time.Second},
		{40, errors.New("no route to host"), 30 * time.Second},
		{0, leaves, 500 * time.Millisecond},
		{40, fmt.Errorf("applying Service shop: %w", leaves), 2 * time.Second},
	} {
		c := rollout.NewCourse(newState(func() {}), 500*time.Millisecond, 30*time.Second)
		w := wants("v1", "c1")
		for range test.tries {
			c.Trouble(w, test.err)
		}
		if got := c.Trouble(w, test.err); got != test.want || !c.Refused() {
			t.Errorf("after %d tries, %v: %v, want %v", test.tries, test.err, got, test.want)
		}
	}
}

// What trying again does not mend is a failure, of what was well before when it was.
func TestWhatIsFinalFails(t *testing.T) {
	s := newState(func() {})
	c := rollout.NewCourse(s, time.Second, time.Minute)
	w := wants("v1", "c1")
	s.Want(w)
	s.Take()
	for _, lapsed := range []bool{false, true} {
		c.Trouble(w, tenant.Refused("its namespace is\nanother's"))
		if r, _ := s.Rollout(); r.Phase != reconciler.PhaseFailed || r.Cause != "its namespace is another's" || r.Lapsed != lapsed {
			t.Errorf("it is said %+v", r)
		}
		c.Prove(w)
	}
	if c.Taken(); c.Refused() {
		t.Error("what was taken is refused")
	}
	if c.Forget(); c.HasLapsed(w, reconciler.PhaseFailed) {
		t.Error("what nothing is left of was well")
	}
}
