//go:build e2e

package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/kube"
)

func TestMain(m *testing.M) { os.Exit(kube.Main(m)) }

// The cluster is looked at as serve uses it: whether it answers, what may be done in it, and who serves ingresses.
func TestDoctorLooksAtTheCluster(t *testing.T) {
	cluster := kube.Shared(t)
	look := func(kubeconfig string) string {
		settings := &installation.Settings{}
		settings.Engine.Kind, settings.Engine.Kubeconfig = installation.EngineDirect, kubeconfig
		platform := &manifest.Platform{}
		platform.Spec.Ingress.Class = "doctors"
		var lines []string
		for _, d := range (inCluster{&examination{settings: settings, platform: platform, timeout: time.Minute}}).check(t.Context()) {
			lines = append(lines, string(d.Status)+" "+d.What+": "+d.Detail+" → "+d.Fix)
		}
		return strings.Join(lines, "\n")
	}
	wants := func(found string, all ...string) {
		t.Helper()
		for _, want := range all {
			if !strings.Contains(found, want) {
				t.Errorf("it lacks %q:\n%s", want, found)
			}
		}
	}
	wants(look(cluster.Kubeconfig()), "answers, Kubernetes v1.", "serve may make namespaces", "the cluster has no IngressClass doctors")

	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "doctors"}, Spec: networkingv1.IngressClassSpec{Controller: "example.com/none"}}
	if _, err := cluster.Client().NetworkingV1().IngressClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	wants(look(cluster.Kubeconfig()), "the cluster has the IngressClass doctors")

	weak := filepath.Join(t.TempDir(), "weak")
	file, err := clientcmd.LoadFromFile(cluster.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range file.AuthInfos {
		user.Impersonate = "nobody"
	}
	if err := clientcmd.WriteToFile(*file, weak); err != nil {
		t.Fatal(err)
	}
	wants(look(weak), "serve may not impersonate serviceaccounts", "create namespaces", "docs/kubernetes.md")

	for _, c := range file.Clusters {
		c.Server = "https://127.0.0.1:1"
	}
	if err := clientcmd.WriteToFile(*file, weak); err != nil {
		t.Fatal(err)
	}
	wants(look(weak), "https://127.0.0.1:1 does not answer", "start the cluster")
}
