package live_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/live"
)

const host = "shop.example.com"

var shop = live.Question{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Namespace: "ws-1", URL: "http://" + host}

// world is what a project's URL needs.
type world struct {
	objects []client.Object
	// names are what DNS knows.
	names map[string][]string
	// says is how the ingress answers.
	says http.HandlerFunc
	tls  bool
	// closed says that nobody listens where the ingress should be.
	closed bool
}

// address of the ingress controller, as the cluster tells it. Who asks it is led to the server of the test.
const address = "192.0.2.7"

func ingress(at string) *networkingv1.Ingress {
	class := "nginx"
	in := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "ws-1", Labels: map[string]string{"plateform.dev/workspace": "ws-1", "plateform.dev/project": "shop"}},
		Spec:       networkingv1.IngressSpec{IngressClassName: &class, Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: rule()}}, TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: "shop-tls"}}},
	}
	if at != "" {
		in.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: at}}
	}
	return in
}

// rule leads to the Service of the shop.
func rule() networkingv1.IngressRuleValue {
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "shop"}}
	return networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: "/", Backend: backend}}}}
}

// deployment is what the Ingress leads to.
func deployment(replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "ws-1"}, Spec: appsv1.DeploymentSpec{Replicas: &replicas}}
}

func class() *networkingv1.IngressClass {
	return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "nginx"}}
}

func certificate(status, message string) client.Object {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": "shop-tls", "namespace": "ws-1"},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": status, "message": message}}},
	}}
}

// leads answers like an ingress controller that knows the shop alone.
func leads(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host {
			http.NotFound(w, r)
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func (w world) ask(t *testing.T) reconciler.Reach {
	t.Helper()
	server := httptest.NewUnstartedServer(w.says)
	q := shop
	port := ":80"
	if w.tls {
		server.StartTLS()
		q.URL, port = "https://"+host, ":443"
	} else {
		server.Start()
	}
	defer server.Close()
	if w.closed {
		server.Close()
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(w.objects...).Build()
	return live.Options{
		Seen: cluster, Cluster: cluster,
		Resolve: func(_ context.Context, name string) ([]string, error) {
			if points, known := w.names[name]; known {
				return points, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		},
		Dial: func(ctx context.Context, network, at string) (net.Conn, error) {
			if at != address+port {
				t.Errorf("%s is asked, and the ingress is at %s", at, address+port)
			}
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}.Ask(t.Context(), q)
}

func TestAsk(t *testing.T) {
	points := map[string][]string{host: {"192.0.2.1", address}}
	served := []client.Object{class(), ingress(address)}
	tests := []struct {
		name string
		world
		live, unasked bool
		// missing is what is said, in this order.
		missing []string
	}{
		{"all is there", world{objects: served, names: points, says: leads(200, "hello")}, true, false, nil},
		{"it wants a login", world{objects: served, names: points, says: leads(401, "who are you")}, true, false, nil},
		{"it has no page there", world{objects: served, names: points, says: leads(404, "no such page")}, true, false, nil},
		{"it leads elsewhere", world{objects: served, names: points, says: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example.com/", http.StatusFound)
		}}, true, false, nil},
		{"no Ingress", world{objects: []client.Object{class()}}, false, false, []string{"no Ingress of it leads to " + host}},
		{"no controller", world{objects: []client.Object{ingress("")}}, false, false, []string{"no ingress controller of class nginx"}},
		{"no address", world{objects: []client.Object{class(), ingress("")}}, false, false, []string{"the Ingress shop has no address yet"}},
		{"nobody listens", world{objects: served, closed: true}, false, true, []string{"the ingress at 192.0.2.7:80 cannot be reached from here"}},
		{"DNS does not know it", world{objects: served, says: leads(200, "hello")}, true, false, []string{"DNS does not know shop.example.com (have it point to 192.0.2.7)"}},
		{"DNS points elsewhere", world{objects: served, names: map[string][]string{host: {"203.0.113.9"}}, says: leads(200, "hello")}, true, false,
			[]string{"DNS has shop.example.com point to 203.0.113.9, and the ingress is at 192.0.2.7"}},
		{"no pod is wanted", world{objects: append(served, deployment(0)), names: points, says: leads(503, "")}, false, false, []string{"replicas is 0"}},
		{"pods are wanted", world{objects: append(served, deployment(1)), names: points, says: leads(503, "")}, false, false, []string{"it answers 503"}},
		{"502", world{objects: served, names: points, says: leads(502, "bad gateway")}, false, false, []string{"it answers 502 Bad Gateway"}},
		{"DNS and 503", world{objects: served, says: leads(503, "")}, false, false, []string{"DNS does not know", "it answers 503 Service Unavailable"}},
		{"the ingress does not know it", world{objects: served, names: points, says: http.NotFound}, false, false, []string{"the ingress does not lead to it yet"}},
		{"it says nothing", world{objects: served, names: points, says: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, false, false,
			[]string{"it does not answer through the ingress at 192.0.2.7:80: the connection was closed without an answer"}},
		{"a certificate that nobody trusts", world{objects: append(served, certificate("True", "")), names: points, says: leads(200, "hello"), tls: true}, true, false,
			[]string{"the certificate is not one that can be trusted: x509"}},
		{"a certificate is not ready", world{objects: append(served, certificate("False", "Issuing certificate as\nSecret does not exist")), names: points, says: leads(200, "hello"), tls: true}, true, false,
			[]string{"the certificate is not ready: Issuing certificate as Secret does not exist"}},
		{"nothing but the app", world{objects: append(served, certificate("False", "Issuing")), says: leads(200, "hello"), tls: true}, true, false,
			[]string{"DNS does not know", "the certificate is not ready: Issuing"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := test.ask(t)
			if got.Live != test.live || got.Unasked != test.unasked || (got.Missing == "") != (len(test.missing) == 0) {
				t.Fatalf("%+v", got)
			}
			rest := got.Missing
			for _, part := range test.missing {
				_, after, found := strings.Cut(rest, part)
				if !found {
					t.Fatalf("%q does not say %q in its place", got.Missing, part)
				}
				rest = after
			}
		})
	}
}

// The address that is named counts, and not what an Ingress says or does not say.
func TestAskAtTheAddressThatIsNamed(t *testing.T) {
	server := httptest.NewServer(leads(200, "hello"))
	defer server.Close()
	at := server.Listener.Addr().String()
	cluster := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(class(), ingress("")).Build()
	q := shop
	got := live.Options{
		Seen: cluster, Cluster: cluster, Address: at,
		Resolve: func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil },
	}.Ask(t.Context(), q)
	if !got.Live || got.Missing != "" {
		t.Errorf("%+v", got)
	}
}

// leadsTo answers with a status that may change.
func leadsTo(status *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { leads(int(status.Load()), "")(w, r) }
}
