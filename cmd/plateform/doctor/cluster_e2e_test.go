//go:build e2e

package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/argocdserver"
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

	wants(look(asNobody(t, cluster.Kubeconfig())), "serve may not ", "impersonate serviceaccounts plateform-deployer", "create namespaces", "docs/kubernetes.md")

	gone := changed(t, cluster.Kubeconfig(), func(c *clientcmdapi.Config) {
		for _, cluster := range c.Clusters {
			cluster.Server = "https://127.0.0.1:1"
		}
	})
	wants(look(gone), "https://127.0.0.1:1 does not answer", "start the cluster")
}

// Argo CD is looked at, too: whether it is there, alive, and may read the repository, and what serve may do with it.
func TestDoctorLooksAtArgoCD(t *testing.T) {
	cluster := kube.Start(t)
	settings := &installation.Settings{}
	settings.Engine.Kind, settings.Engine.Kubeconfig, settings.Engine.Namespace = installation.EngineArgoCD, cluster.Kubeconfig(), cluster.Namespace(t)
	settings.GitOps.URL = "https://git.example.com/acme/plateform-gitops.git"
	wants := func(all ...string) {
		t.Helper()
		var lines []string
		for _, d := range (inCluster{&examination{settings: settings, timeout: time.Minute}}).check(t.Context()) {
			lines = append(lines, string(d.Status)+" "+d.What+": "+d.Detail+" → "+d.Fix)
		}
		for _, want := range all {
			if found := strings.Join(lines, "\n"); !strings.Contains(found, want) {
				t.Errorf("it lacks %q:\n%s", want, found)
			}
		}
	}
	wants("Argo CD is not installed", "install Argo CD 3.0 or newer in namespace "+settings.Engine.Namespace)
	argocdserver.Install(t, cluster.Config())
	wants("the cluster knows the kind Application", "has no pod of argocd-application-controller", "set engine.namespace",
		"has no pod of argocd-repo-server", "Argo CD has no credentials for https://git.example.com/acme/plateform-gitops.git", "argocd repo add",
		"serve may make namespaces, and Applications in namespace "+settings.Engine.Namespace)

	image := cluster.Image(t, kube.Runs)
	for _, part := range []string{"argocd-application-controller", "argocd-repo-server"} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: part, Labels: map[string]string{"app.kubernetes.io/name": part}}}
		pod.Spec.Containers = []corev1.Container{{Name: "app", Image: image}}
		if _, err := cluster.Client().CoreV1().Pods(settings.Engine.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		kube.Await(t, part, func(ctx context.Context) error {
			found, err := cluster.Client().CoreV1().Pods(settings.Engine.Namespace).Get(ctx, part, metav1.GetOptions{})
			if err == nil && !slices.ContainsFunc(found.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }) {
				err = errors.New("it is not ready")
			}
			return err
		})
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "gitops", Labels: map[string]string{"argocd.argoproj.io/secret-type": "repo-creds"}}, StringData: map[string]string{"url": "https://git.example.com/acme"}}
	if _, err := cluster.Client().CoreV1().Secrets(settings.Engine.Namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
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
	settings.Engine.Kubeconfig = weak
	wants("create secrets, patch secrets, delete secrets", "list namespaces", "docs/kubernetes.md")
	settings.Engine.Kubeconfig = cluster.Kubeconfig()
	wants("argocd-application-controller runs", "argocd-repo-server runs", "Argo CD has credentials for https://git.example.com/acme/plateform-gitops.git")
	settings.Engine.Repository = "http://127.0.0.1:3000/plateform-gitops"
	wants("which Argo CD does not reach from inside the cluster", "set engine.repository")
}

// Who leads is told, and why nobody does.
func TestDoctorLooksAtTheElection(t *testing.T) {
	cluster := kube.Shared(t)
	namespace := cluster.Namespace(t)
	now := time.Now()
	look := func(kubeconfig string) string {
		settings := &installation.Settings{Election: &installation.ElectionSettings{Lease: "plateform", Namespace: namespace}}
		settings.Engine.Kubeconfig = kubeconfig
		d := (&examination{settings: settings, timeout: time.Minute, now: func() time.Time { return now }}).checkElection(t.Context())
		if len(d) != 1 {
			t.Fatalf("it says %+v", d)
		}
		return string(d[0].Status) + " " + d[0].Detail
	}
	wants := func(found, want string) {
		t.Helper()
		if !strings.HasPrefix(found, want) {
			t.Errorf("it says %q, want %q", found, want)
		}
	}
	wants(look(cluster.Kubeconfig()), "ok there is no Lease "+namespace+"/plateform yet")

	holder, seconds := "10.0.0.5:8080,10.0.0.5:8081,ABCDEFGH", int32(8)
	leases := cluster.Client().CoordinationV1().Leases(namespace)
	made, err := leases.Create(t.Context(), &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "plateform"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &metav1.MicroTime{Time: now.Add(-time.Second)}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wants(look(cluster.Kubeconfig()), "ok 10.0.0.5:8080 leads")
	now = now.Add(time.Minute)
	wants(look(cluster.Kubeconfig()), "warn 10.0.0.5:8080 has the Lease "+namespace+"/plateform, and renewed it 1m1s ago: nobody leads")
	nobody := ""
	made.Spec.HolderIdentity = &nobody
	if _, err := leases.Update(t.Context(), made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	wants(look(cluster.Kubeconfig()), "warn nobody has the Lease")

	wants(look(asNobody(t, cluster.Kubeconfig())), "fail serve may not create leases, get leases plateform, update leases plateform in namespace "+namespace)
}

// asNobody is a kubeconfig for the same cluster as somebody who may do nothing there.
func asNobody(t *testing.T, kubeconfig string) string {
	t.Helper()
	return changed(t, kubeconfig, func(c *clientcmdapi.Config) {
		for _, user := range c.AuthInfos {
			user.Impersonate = "nobody"
		}
	})
}

// changed is a copy of a kubeconfig with a change.
func changed(t *testing.T, kubeconfig string, change func(*clientcmdapi.Config)) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	change(config)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}
