//go:build e2e

package direct_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// services is a release of two services: the gateway, which is public, asks the orders at a URL.
func (n *node) services(release, orders string) reconciler.Target {
	spec := manifest.ProjectSpec{Type: manifest.SpringMicroservice}
	spec.Domain, spec.Replicas, spec.Profiles = n.host(shop), new(1), []string{"prod"}
	spec.Services = []manifest.Service{
		{Name: "orders", Env: []manifest.EnvVar{{Name: "ANSWER", Value: new("three apples")}}},
		{Name: "gateway", Public: true, Env: []manifest.EnvVar{{Name: "OTHER_URL", Value: new(orders)}}},
	}
	return n.targetOf(shop, release, spec)
}

// Two services that are asked at the actuator's paths talk to each other through the Service of one, and to the world through the
// Ingress of the other. Clusters of tests may have no DNS, so the address of the Service stands for its name where it has none.
func TestDirectConnectsServices(t *testing.T) {
	n := newNode(t)
	n.start()
	n.want(n.services("v1.0.0", "http://shop-orders"))
	n.await("both services", healthy)
	service, err := n.set.CoreV1().Services(n.namespace("ws-1")).Get(t.Context(), "shop-orders", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if heard, err := n.ask(); err != nil || heard != "prod heard: three apples" {
		t.Logf("by its name the service is not found: %q (%v)", heard, err)
		n.want(n.services("v1.0.1", "http://"+service.Spec.ClusterIP))
		n.await("both services", func(r reconciler.Rollout) bool { return healthy(r) && r.Release == "v1.0.1" })
	}
	n.eventually("one service to hear the other", func() error {
		heard, err := n.ask()
		if err == nil && heard != "prod heard: three apples" {
			err = fmt.Errorf("it heard %q", heard)
		}
		return err
	})
}

// ask has the gateway ask the orders.
func (n *node) ask() (string, error) {
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, "http://"+os.Getenv("PLATEFORM_TEST_INGRESS")+"/ask", http.NoBody)
	if err != nil {
		return "", err
	}
	request.Host = n.host(shop)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
