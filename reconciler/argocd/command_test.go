package argocd

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/plateform/plateform/reconciler"
)

// Only a command that has come to its end by itself has run: Argo CD calls one a success, too, that it has deleted.
func TestWhetherACommandHasRun(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"{phase: Succeeded, syncResult: {resources: [{kind: Deployment, syncPhase: Sync, hookPhase: Running}]}}":                                                 false,
		"{phase: Running, syncResult: {resources: [{kind: Job, hookType: PreSync, syncPhase: PreSync, hookPhase: Running}]}}":                                    false,
		"{phase: Failed, syncResult: {resources: [{kind: Job, hookType: PreSync, syncPhase: PreSync, hookPhase: Failed}]}}":                                      false,
		"{phase: Failed, message: Operation terminated, syncResult: {resources: [{kind: Job, hookType: PreSync, hookPhase: Succeeded, message: Deleted}]}}":      false,
		"{phase: Succeeded, syncResult: {resources: [{kind: Job, hookType: PreSync, syncPhase: PreSync, hookPhase: Succeeded}]}}":                                true,
		"{phase: Failed, syncResult: {resources: [{kind: Job, hookType: PreSync, hookPhase: Succeeded}, {kind: Service, status: SyncFailed, syncPhase: Sync}]}}": true,
	} {
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte("status: {operationState: "+text+"}"), &o.Object); err != nil {
			t.Fatal(err)
		}
		a, err := parse(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Status.OperationState.hookRan(); got != want {
			t.Errorf("of %s it has run: %v", text, got)
		}
	}
	if (*operation)(nil).hookRan() {
		t.Error("it has run without an operation")
	}
}

// What an Application remembers is about one namespace: in another one no command has run.
func TestACommandHasRunInANamespace(t *testing.T) {
	t.Parallel()
	live := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"destination": map[string]any{"namespace": "ws-1"}}}}
	live.SetAnnotations(map[string]string{annotationRan: "v1.0.1"})
	for namespace, want := range map[string]string{"ws-1": "v1.0.1", "ws-2": ""} {
		if got := ranFor(wanted{Target: reconciler.Target{Namespace: namespace}}, live); got != want {
			t.Errorf("in %s it is %q", namespace, got)
		}
	}
	for release, want := range map[string]bool{"v1.0.0": false, "v1.0.1": false, "v1.0.2": true} {
		w := wanted{Target: reconciler.Target{Release: release, Values: []byte("replicas: 1\nreleaseCommand:\n  command: [x]\n")}}
		if got := isDue(w, "v1.0.1"); got != want {
			t.Errorf("%s is due: %v", release, got)
		}
		if w.Values = []byte("replicas: 1\n"); isDue(w, "") {
			t.Errorf("%s has no command, and it is due", release)
		}
	}
}
