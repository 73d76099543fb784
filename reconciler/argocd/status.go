package argocd

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// The annotations of an Application.
const (
	// annotationRefresh asks Argo CD to compare; it is taken away once that is done.
	annotationRefresh = "argocd.argoproj.io/refresh"
	// annotationSkip has Argo CD leave an Application alone.
	annotationSkip = "argocd.argoproj.io/skip-reconcile"
	// annotationCommit and annotationRelease say what it was applied for.
	annotationCommit  = "plateform.dev/commit"
	annotationRelease = "plateform.dev/release"
	// annotationBefore says which operation there was then.
	annotationBefore = "plateform.dev/operation-before"
)

// What Argo CD calls things.
const (
	synced    = "Synced"
	outOfSync = "OutOfSync"

	opRunning     = "Running"
	opTerminating = "Terminating"
	opSucceeded   = "Succeeded"
	opFailed      = "Failed"
	opError       = "Error"

	// syncFailed is an object that could not be applied, and preSync a hook that runs before others are.
	syncFailed = "SyncFailed"
	preSync    = "PreSync"

	healthy     = "Healthy"
	degraded    = "Degraded"
	suspended   = "Suspended"
	progressing = "Progressing"

	invalidSpec     = "InvalidSpecError"
	comparisonError = "ComparisonError"
	deletionError   = "DeletionError"
	unknownError    = "UnknownError"
)

// application is what is read of an Application.
type application struct {
	Metadata struct {
		Name              string            `json:"name"`
		Annotations       map[string]string `json:"annotations"`
		Labels            map[string]string `json:"labels"`
		DeletionTimestamp *metav1.Time      `json:"deletionTimestamp"`
	} `json:"metadata"`
	// Operation is one that was asked for and is not over.
	Operation *struct{} `json:"operation"`
	Spec      struct {
		Source     source `json:"source"`
		SyncPolicy struct {
			Automated *struct {
				Enabled *bool `json:"enabled"`
			} `json:"automated"`
		} `json:"syncPolicy"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
		Health     struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"health"`
		OperationState *operation   `json:"operationState"`
		ReconciledAt   *metav1.Time `json:"reconciledAt"`
		Resources      []resource   `json:"resources"`
		Sync           struct {
			Status   string `json:"status"`
			Revision string `json:"revision"`
		} `json:"sync"`
	} `json:"status"`
}

type source struct {
	RepoURL        string `json:"repoURL"`
	TargetRevision string `json:"targetRevision"`
	Path           string `json:"path"`
}

type condition struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// operation is the last attempt of Argo CD to apply.
type operation struct {
	Phase      string       `json:"phase"`
	Message    string       `json:"message"`
	StartedAt  metav1.Time  `json:"startedAt"`
	FinishedAt *metav1.Time `json:"finishedAt"`
	Operation  struct {
		Sync struct {
			Revision string `json:"revision"`
		} `json:"sync"`
	} `json:"operation"`
	SyncResult *struct {
		Revision  string    `json:"revision"`
		Source    source    `json:"source"`
		Resources []applied `json:"resources"`
	} `json:"syncResult"`
}

// applied is how one object fared in an operation.
type applied struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	SyncPhase string `json:"syncPhase"`
	HookType  string `json:"hookType"`
	HookPhase string `json:"hookPhase"`
	Message   string `json:"message"`
}

// resource is one object that an Application is made of.
type resource struct {
	Group           string `json:"group"`
	Version         string `json:"version"`
	Kind            string `json:"kind"`
	Namespace       string `json:"namespace"`
	Name            string `json:"name"`
	RequiresPruning bool   `json:"requiresPruning"`
}

// parse reads an Application.
func parse(o *unstructured.Unstructured) (*application, error) {
	a := &application{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, a); err != nil {
		return nil, fmt.Errorf("the Application %s: %w", o.GetName(), err)
	}
	return a, nil
}

// paused says that somebody has Argo CD apply nothing by itself.
func (a *application) paused() bool {
	automated := a.Spec.SyncPolicy.Automated
	return automated == nil || automated.Enabled != nil && !*automated.Enabled
}

// skipped says that somebody has Argo CD leave it alone altogether.
func (a *application) skipped() bool { return a.Metadata.Annotations[annotationSkip] == "true" }

// condition is what a condition of one of the types says, the first of them that there is.
func (a *application) condition(types ...string) *condition {
	for _, t := range types {
		if i := slices.IndexFunc(a.Status.Conditions, func(c condition) bool { return c.Type == t }); i >= 0 {
			return &a.Status.Conditions[i]
		}
	}
	return nil
}

// asked says that Argo CD was asked to compare, and has not done so yet.
func (a *application) asked() bool {
	_, asked := a.Metadata.Annotations[annotationRefresh]
	return asked
}

// begun tells an operation from the one before: when it began, which has no fractions of a second, and for which revision, if it was
// asked for one. It is empty when there was none.
func (o *operation) begun() string {
	if o == nil {
		return ""
	}
	return strings.TrimSpace(o.StartedAt.UTC().Format(time.RFC3339) + " " + o.Operation.Sync.Revision)
}

// revision that an operation applies; empty when it does not say.
func (o *operation) revision() string {
	if o.SyncResult != nil && o.SyncResult.Revision != "" {
		return o.SyncResult.Revision
	}
	return o.Operation.Sync.Revision
}

// failed says that an operation has come to an end that is none of success.
func (o *operation) failed() bool { return o != nil && (o.Phase == opFailed || o.Phase == opError) }

// running says that an operation is under way.
func (o *operation) running() bool {
	return o != nil && (o.Phase == opRunning || o.Phase == opTerminating)
}
