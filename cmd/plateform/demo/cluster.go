package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
)

// cluster is the Kubernetes cluster of a story, as far as the story itself looks into it.
type cluster struct {
	set       kubernetes.Interface
	namespace string
}

// inCluster is an installation whose apps run in a cluster, under names that no other story there has.
func (o Options) inCluster() scaffold.Options {
	name := "demo-" + strings.ToLower(rand.Text()[:8])
	there := *o.Cluster
	there.Namespace = name
	return scaffold.Options{Name: "acme", Registry: o.Registry, Domain: cmp.Or(o.Domain, name+".localhost"), Cluster: &there}
}

// openCluster connects to the cluster that an installation names. Nothing is asked yet.
func openCluster(s installation.EngineSettings, namespace string) (*cluster, error) {
	config, err := s.Cluster()
	if err != nil {
		return nil, fmt.Errorf("the cluster of the demo (KUBECONFIG names the file that says how it is reached): %w", err)
	}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("the cluster of the demo: %w", err)
	}
	return &cluster{set, namespace}, nil
}

// ingress is where the ingress controller answers for the app, as its Ingress says; empty as long as it does not.
func (c *cluster) ingress(ctx context.Context) (string, error) {
	found, err := c.set.NetworkingV1().Ingresses(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", fmt.Errorf("looking for the Ingress of the app: %w", err)
	}
	for _, ingress := range found.Items {
		for _, at := range ingress.Status.LoadBalancer.Ingress {
			if host := cmp.Or(at.IP, at.Hostname); host != "" {
				return net.JoinHostPort(host, "80"), nil
			}
		}
	}
	return "", nil
}

// leave deletes the namespace of the story, also when that was stopped; of none there is nothing to delete.
func (c *cluster) leave() error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	err := c.set.CoreV1().Namespaces().Delete(ctx, c.namespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting namespace %s: %w", c.namespace, err)
	}
	return nil
}

// wantedAddress is what the story waits for after the first release.
const wantedAddress = "an address of the Ingress (where an ingress controller answers and does not say so, name it: --ingress HOST[:PORT])"

// finds has a visitor ask where the ingress controller answers, once the cluster says where that is.
func (c *cluster) finds(ctx context.Context, v *visitor) (found bool, err error) {
	v.address, err = c.ingress(ctx)
	return v.address != "", err
}
