package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
)

// Question is what is asked about a project.
type Question struct {
	Key       manifest.Key
	Namespace string
	// URL where people find it.
	URL string
	// Release is the version that is to answer there: each is asked anew.
	Release string
}

// Options say how it is found out.
type Options struct {
	// Seen has the Ingresses, Deployments and pods of projects, and Cluster what else the cluster has.
	Seen, Cluster client.Reader
	// Resolve and Dial are those of this machine when they are nil.
	Resolve func(ctx context.Context, host string) (addresses []string, err error)
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	// Address is where the ingress controller is asked, as host or host:port, in place of what Ingresses say; usually empty.
	Address string
	// Timeout bounds one question; 5 s.
	Timeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Resolve == nil {
		o.Resolve = net.DefaultResolver.LookupHost
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	return o
}

// Ask finds out whether a project answers at its URL. What is missing is told in the order in which it has to be there: an ingress
// controller, an address, DNS, a certificate, and an app that answers.
func (o Options) Ask(ctx context.Context, q Question) reconciler.Reach {
	o = o.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, 4*o.Timeout) // the app, a host that nobody has, and names
	defer cancel()
	target, err := url.Parse(q.URL)
	if err != nil || target.Hostname() == "" {
		return reconciler.Reach{Missing: fmt.Sprintf("its URL %q is none", q.URL)}
	}
	ingress, missing := o.ingress(ctx, q, target.Hostname())
	if missing != "" {
		return reconciler.Reach{Missing: missing}
	}
	if o.asleep(ctx, ingress) {
		return reconciler.Reach{Asleep: true, Missing: "nothing answers at its URL: replicas is 0"}
	}
	if missing = o.class(ctx, ingress); missing != "" {
		return reconciler.Reach{Missing: missing}
	}
	at := o.Address
	if at == "" {
		at = addressOf(ingress)
	}
	if at == "" {
		return reconciler.Reach{Missing: fmt.Sprintf("the Ingress %s has no address yet: the ingress controller has not taken it (one that never tells its address: name it in engine.ingress of serve.yaml)", ingress.Name)}
	}
	answer := o.get(ctx, target, at)
	reach := answer.reach
	if reach.Unasked { // what it would need besides is not worth telling
		return reach
	}
	notes := []string{o.dns(ctx, target.Hostname(), at), o.certificate(ctx, ingress, target, answer.untrusted), reach.Missing}
	reach.Missing = strings.Join(slices.DeleteFunc(notes, func(note string) bool { return note == "" }), "; ")
	return reach
}

// ingress is the one that leads to a host.
func (o Options) ingress(ctx context.Context, q Question, host string) (found *networkingv1.Ingress, missing string) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("IngressList"))
	if err := o.Seen.List(ctx, list, health.Of(q.Key), client.InNamespace(q.Namespace)); err != nil {
		return nil, "reading its Ingress: " + err.Error()
	}
	for _, item := range list.Items {
		ingress, err := decode(item)
		if err != nil {
			return nil, "reading its Ingress: " + err.Error()
		}
		if slices.ContainsFunc(ingress.Spec.Rules, func(r networkingv1.IngressRule) bool { return r.Host == host }) {
			return ingress, ""
		}
	}
	return nil, "no Ingress of it leads to " + host
}

// leaving says that a pod of the project is being deleted.
func (o Options) leaving(ctx context.Context, q Question) bool {
	var pods corev1.PodList
	if err := o.Seen.List(ctx, &pods, health.Of(q.Key), client.InNamespace(q.Namespace)); err != nil {
		return true
	}
	return slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// asleep says that an Ingress leads to a Deployment of which no pod is wanted. The charts name a Deployment as its Service.
func (o Options) asleep(ctx context.Context, ingress *networkingv1.Ingress) bool {
	for _, rule := range ingress.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			if path.Backend.Service == nil {
				continue
			}
			deployment := &unstructured.Unstructured{}
			deployment.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("Deployment"))
			if err := o.Seen.Get(ctx, client.ObjectKey{Namespace: ingress.Namespace, Name: path.Backend.Service.Name}, deployment); err != nil {
				continue
			}
			if wanted, told, err := unstructured.NestedInt64(deployment.Object, "spec", "replicas"); err == nil && told && wanted == 0 {
				return true
			}
		}
	}
	return false
}

// class says what is missing of the class of an Ingress. What may not be read is taken to be there.
func (o Options) class(ctx context.Context, ingress *networkingv1.Ingress) (missing string) {
	name := ingress.Annotations["kubernetes.io/ingress.class"]
	if ingress.Spec.IngressClassName != nil {
		name = *ingress.Spec.IngressClassName
	}
	if name == "" || addressOf(ingress) != "" { // a controller has taken it
		return ""
	}
	class := &networkingv1.IngressClass{}
	if err := o.Cluster.Get(ctx, client.ObjectKey{Name: name}, class); isMissing(err) {
		return fmt.Sprintf("the cluster has no ingress controller of class %s (install one, or name another class in ingress.class of platform.yaml)", name)
	}
	return ""
}

func isMissing(err error) bool { return client.IgnoreNotFound(err) == nil && err != nil }

// addressOf is where an ingress controller says that it answers for an Ingress; empty when it does not say.
func addressOf(ingress *networkingv1.Ingress) string {
	for _, at := range ingress.Status.LoadBalancer.Ingress {
		if address := cmp.Or(at.IP, at.Hostname); address != "" {
			return address
		}
	}
	return ""
}

// dns says what is missing of the name of a project: it has to lead to where the ingress controller is.
func (o Options) dns(ctx context.Context, host, at string) (missing string) {
	if net.ParseIP(host) != nil || host == "localhost" || strings.HasSuffix(host, ".localhost") { // leads to whoever asks
		return ""
	}
	if only, _, err := net.SplitHostPort(at); err == nil {
		at = only
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	points, err := o.Resolve(ctx, host)
	var failed *net.DNSError
	switch {
	case errors.As(err, &failed) && failed.IsNotFound, err == nil && len(points) == 0:
		return fmt.Sprintf("DNS does not know %s (have it point to %s)", host, at)
	case err != nil:
		return fmt.Sprintf("DNS does not answer for %s: %v", host, err)
	}
	wanted := []string{at}
	if net.ParseIP(at) == nil {
		if wanted, err = o.Resolve(ctx, at); err != nil {
			return fmt.Sprintf("DNS does not answer for %s, where the ingress is: %v", at, err)
		}
	}
	if slices.ContainsFunc(points, func(p string) bool { return slices.ContainsFunc(wanted, sameAddress(p)) }) {
		return ""
	}
	return fmt.Sprintf("DNS has %s point to %s, and the ingress is at %s (fine where a proxy in between leads there)", host, strings.Join(points, ", "), at)
}

func sameAddress(a string) func(b string) bool {
	return func(b string) bool {
		left, right := net.ParseIP(a), net.ParseIP(b)
		return left != nil && left.Equal(right)
	}
}

// certificate says what is missing of the certificate of a project that browsers do not trust.
func (o Options) certificate(ctx context.Context, ingress *networkingv1.Ingress, target *url.URL, untrusted error) (missing string) {
	if untrusted == nil {
		return ""
	}
	for _, tls := range ingress.Spec.TLS {
		if !slices.Contains(tls.Hosts, target.Hostname()) {
			continue
		}
		made := &unstructured.Unstructured{}
		made.SetGroupVersionKind(schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"})
		err := o.Cluster.Get(ctx, client.ObjectKey{Namespace: ingress.Namespace, Name: tls.SecretName}, made)
		switch {
		case meta.IsNoMatchError(err):
			return "the certificate is not ready: the cluster has no cert-manager, which makes it for ingress.tlsIssuer of platform.yaml"
		case err == nil:
			if why := notReady(made); why != "" {
				return "the certificate is not ready: " + why
			}
		}
	}
	return "the certificate is not one that can be trusted: " + untrusted.Error()
}

// notReady says why a Certificate is not ready; empty when it is.
func notReady(made *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(made.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] != "Ready" {
			continue
		}
		if condition["status"] == "True" {
			return ""
		}
		return strings.Join(strings.Fields(fmt.Sprint(condition["message"])), " ")
	}
	return "cert-manager has not begun"
}

// wrong says why an answer is not that of an app which is well; empty when it may be.
func wrong(status int) string {
	if status < http.StatusInternalServerError {
		return ""
	}
	return fmt.Sprintf("it answers %d %s through the ingress", status, http.StatusText(status))
}
