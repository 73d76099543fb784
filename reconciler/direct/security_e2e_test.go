//go:build e2e

package direct_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/tenant"
)

// An image that starts as root is refused with what can be done about it, and runs in a workspace that is for such images.
func TestDirectRefusesRoot(t *testing.T) {
	n := newNode(t)
	n.image = n.publish("")
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	refused := n.await("a refusal", func(r reconciler.Rollout) bool { return r.Phase == reconciler.PhaseFailed })
	if !strings.Contains(refused.Cause, "run as root") || !strings.Contains(refused.Cause, "podSecurity: baseline") {
		t.Errorf("it is refused as %s", refused.Cause)
	}
	n.stop()

	n.podSecurity = manifest.Baseline
	n.workspace("ws-1")
	n.start()
	n.want(n.target(shop, "v1.0.1", nil))
	n.await("v1.0.1", healthy)
	n.answers("v1.0.1")
}

// The pods of a namespace have the login that serve.yaml names for their images, and no token of the cluster.
func TestDirectLetsPodsPull(t *testing.T) {
	n := newNode(t)
	n.pull = func() (tenant.PullLogin, error) {
		return tenant.PullLogin{Registry: "harbor.example.com", Username: "robot", Password: "it-is-secret"}, nil
	}
	n.start()
	n.want(n.target(shop, "v1.0.0", nil))
	n.await("v1.0.0", healthy)
	ns := n.namespace("ws-1")
	pods, err := n.set.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("there are %d pods (%v)", len(pods.Items), err)
	}
	spec := pods.Items[0].Spec
	if len(spec.ImagePullSecrets) != 1 || len(spec.Volumes) != 0 {
		t.Fatalf("the pod has the pull secrets %v and the volumes %v", spec.ImagePullSecrets, spec.Volumes)
	}
	secret, err := n.set.CoreV1().Secrets(ns).Get(t.Context(), spec.ImagePullSecrets[0].Name, metav1.GetOptions{})
	if err != nil || !strings.Contains(string(secret.Data[".dockerconfigjson"]), `"harbor.example.com":{"password":"it-is-secret","username":"robot"}`) {
		t.Errorf("the Secret has not the login (%v)", err)
	}
}
