//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/plateform/plateform/test/argocdserver"
	"github.com/plateform/plateform/test/kube"
)

// serve has Argo CD bring releases to a cluster: a push, one that does not get on, a rollback, and a project that goes.
func TestWithArgoCD(t *testing.T) {
	cluster := kube.Start(t)
	argocdserver.Install(t, cluster.Config())
	argo := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "argocd"}}
	if _, err := cluster.Client().CoreV1().Namespaces().Create(t.Context(), argo, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	controller := argocdserver.Start(t, argocdserver.Options{Config: cluster.Config(), Namespace: argo.Name})
	ingress := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // nothing runs on the nodes of this cluster
	t.Cleanup(ingress.Close)

	w := newWorld(t)
	repository := "file://" + w.gitops.url
	w.engine = fmt.Sprintf("{kind: argocd, kubeconfig: %s, repository: %q, ingress: %s}", cluster.Kubeconfig(), repository, strings.TrimPrefix(ingress.URL, "http://"))
	w.open()
	shop := w.goProject("ws-1", "shop")
	shop.app.commit("Serve", files{"main.go": webServer("one")})
	added := w.add(shop)
	shop.runs("v1.0.0")
	shop.wantVerdict(added, "success")
	first := shop.values()

	client, err := dynamic.NewForConfig(cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	applications := client.Resource(schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}).Namespace("argocd")
	image := func() string {
		d, err := cluster.Client().AppsV1().Deployments("ws-1").Get(t.Context(), "shop", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return d.Spec.Template.Spec.Containers[0].Image
	}
	if o, err := applications.Get(t.Context(), "ws-1.shop", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	} else if got, _, _ := unstructured.NestedString(o.Object, "spec", "source", "repoURL"); got != repository {
		t.Errorf("its repository is %s", got)
	}
	if w.gitops.read("root.yaml") == "" || w.gitops.read("workspaces/ws-1/shop/application.yaml") == "" {
		t.Error("GitOps lacks what Argo CD needs")
	}
	before := image()

	controller.FailEarly("error getting cluster: there is none")
	broken := shop.app.commit("Two", files{"main.go": webServer("two")})
	shop.runs("v1.0.1")
	shop.wantSourceVerdict(broken, "failure")
	if image() != before {
		t.Error("what ran before was changed")
	}
	controller.FailEarly("")
	third := shop.app.commit("Three", files{"main.go": webServer("three")})
	shop.runs("v1.0.2")
	shop.wantSourceVerdict(third, "success")
	if image() == before {
		t.Error("the image is still the first")
	}

	shop.revert("v1.0.2")
	shop.runs("v1.0.1")
	back := shop.revert("v1.0.1")
	shop.runs("v1.0.0")
	shop.wantVerdict(back, "success")
	w.await("the first image to run again", func() error {
		if image() != before {
			return errors.New("it does not")
		}
		return nil
	})
	if first.text != shop.values().text {
		t.Error("the values of the rollback are not those of the first release")
	}

	w.config.commit("Remove the project", files{shop.file(): ""})
	shop.gone()
	w.await("nothing to be left of it", func() error {
		all, err := applications.List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(all.Items) > 1 { // the root application stays
			return fmt.Errorf("there are %d Applications", len(all.Items))
		}
		d, err := cluster.Client().AppsV1().Deployments("ws-1").List(t.Context(), metav1.ListOptions{})
		if err != nil || len(d.Items) > 0 {
			return fmt.Errorf("there are %d Deployments, %w", len(d.Items), err)
		}
		return nil
	})
}
