package argocdserver

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// rank says which health counts when objects have several.
func rank(health string) int {
	return slices.Index([]string{"Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"}, health)
}

// healthOf is the health of an object, as Argo CD finds it.
func healthOf(o *unstructured.Unstructured) string {
	if o == nil {
		return "Missing"
	}
	if o.GetDeletionTimestamp() != nil {
		return "Progressing"
	}
	switch o.GetKind() {
	case "Deployment":
		return ofDeployment(o)
	case "StatefulSet":
		if observed(o) && number(o, "status", "readyReplicas") >= number(o, "spec", "replicas") && o.Object["status"] != nil &&
			number(o, "status", "updatedReplicas") >= number(o, "spec", "replicas") {
			return "Healthy"
		}
		return "Progressing"
	case "Ingress":
		if addresses, _, _ := unstructured.NestedSlice(o.Object, "status", "loadBalancer", "ingress"); len(addresses) == 0 {
			return "Progressing"
		}
	case "PersistentVolumeClaim":
		if phase, _, _ := unstructured.NestedString(o.Object, "status", "phase"); phase != "Bound" {
			return "Progressing"
		}
	case "CronJob":
		if suspend, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend"); suspend {
			return "Suspended"
		}
	}
	return "Healthy"
}

func ofDeployment(o *unstructured.Unstructured) string {
	if paused, _, _ := unstructured.NestedBool(o.Object, "spec", "paused"); paused {
		return "Suspended"
	}
	if !observed(o) {
		return "Progressing"
	}
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, _ := c.(map[string]any); condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded" {
			return "Degraded"
		}
	}
	updated := number(o, "status", "updatedReplicas")
	if updated < number(o, "spec", "replicas") || number(o, "status", "replicas") > updated || number(o, "status", "availableReplicas") < updated {
		return "Progressing"
	}
	return "Healthy"
}

// observed says that the status is about what is wanted now.
func observed(o *unstructured.Unstructured) bool {
	return o.GetGeneration() <= number(o, "status", "observedGeneration")
}

func number(o *unstructured.Unstructured, path ...string) int64 {
	n, _, _ := unstructured.NestedInt64(o.Object, path...)
	return n
}
