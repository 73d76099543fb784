package tenant

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/plateform/plateform/reconciler/health"
)

// Refusal is an error that does not go away by itself: what is wanted cannot be, as it is.
type Refusal struct{ error }

// Unwrap returns what was refused.
func (r Refusal) Unwrap() error { return r.error }

// Refused makes a Refusal.
func Refused(format string, args ...any) error { return Refusal{fmt.Errorf(format, args...)} }

// ending is an error that goes away once a namespace is gone.
type ending struct{ error }

// IsEnding says of an error that a namespace is being deleted. It ends by itself, and nobody tells when: so it is looked at often.
func IsEnding(err error) bool {
	var e ending
	return errors.As(err, &e) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// Passing is an error that says nothing of what is wanted: that was applied before.
type Passing struct{ error }

// Unwrap returns what has failed.
func (p Passing) Unwrap() error { return p.error }

// Passes makes a Passing error.
func Passes(err error) error { return Passing{err} }

// IsFinal says that an error is one that trying again does not mend.
func IsFinal(err error) bool {
	var refusal Refusal
	var passing Passing
	switch {
	case errors.As(err, &passing):
		return false
	case errors.As(err, &refusal):
		return true
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return false
	}
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsMethodNotSupported(err)
}

// Unapplied says of an error that an object could not be applied, and what to do where a field of it cannot be changed.
func Unapplied(o *unstructured.Unstructured, err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil &&
		slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool { return strings.Contains(c.Message, "immutable") }) {
		return fmt.Errorf("applying %s: %w (somebody made it otherwise, or what is wanted cannot be had by a change: delete it, and it is made anew)", health.Name(o), err)
	}
	return fmt.Errorf("applying %s: %w", health.Name(o), err)
}
