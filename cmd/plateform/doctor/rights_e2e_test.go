//go:build e2e

package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/kube"
)

// rulesOf are rules of a role that give rights, but for one.
func rulesOf(rights []right, without right) (rules []rbacv1.PolicyRule) {
	for _, r := range rights {
		if r.verb == without.verb && r.group == without.group && r.resource == without.resource && r.name == without.name {
			continue
		}
		rule := rbacv1.PolicyRule{Verbs: []string{r.verb}, APIGroups: []string{r.group}, Resources: []string{r.resource}}
		if r.name != "" {
			rule.ResourceNames = []string{r.name}
		}
		rules = append(rules, rule)
	}
	return rules
}

// finds waits until a look at the cluster finds something: the cluster takes a moment until a role counts.
func finds(t *testing.T, d inCluster, want string) {
	t.Helper()
	kube.Await(t, want, func(ctx context.Context) error {
		var lines []string
		for _, found := range d.check(ctx) {
			lines = append(lines, string(found.Status)+" "+found.What+": "+found.Detail+" ("+found.Fix+")")
		}
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want) }) {
			return fmt.Errorf("it finds\n%s", strings.Join(lines, "\n"))
		}
		return nil
	})
}

// Each right that serve lacks is named, and no other.
func TestDoctorNamesEachRightThatServeLacks(t *testing.T) {
	cluster := kube.Start(t)
	settings := &installation.Settings{}
	settings.Engine.Kind, settings.Engine.Pull = installation.EngineDirect, &installation.PullSettings{Registry: "registry.example.com"}
	settings.Engine.Kubeconfig = changed(t, cluster.Kubeconfig(), func(c *clientcmdapi.Config) {
		for _, user := range c.AuthInfos {
			user.Impersonate = "serve"
		}
	})
	platform := &manifest.Platform{}
	platform.Spec.Ingress.TLSIssuer = "letsencrypt"
	d := inCluster{&examination{settings: settings, platform: platform, timeout: time.Minute}}
	all := append(rightsOfDirect(), d.more()...)

	roles := cluster.Client().RbacV1().ClusterRoles()
	role, err := roles.Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "serve"}, Rules: rulesOf(all, right{})}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "serve"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "serve"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "serve"}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	finds(t, d, "ok cluster rights: ")
	const rbac = rbacv1.GroupName
	for _, r := range []right{
		{verb: "impersonate", resource: "serviceaccounts", name: "plateform-deployer"}, {verb: "create", resource: "serviceaccounts"},
		{verb: "create", resource: "secrets"}, {verb: "patch", resource: "secrets", name: "plateform-pull"}, {verb: "patch", resource: "serviceaccounts", name: "default"},
		{verb: "list", group: "batch", resource: "jobs"}, {verb: "watch", group: "batch", resource: "jobs"}, {verb: "list", group: "batch", resource: "cronjobs"},
		{verb: "watch", group: "batch", resource: "cronjobs"}, {verb: "get", resource: "pods/log"}, {verb: "escalate", group: rbac, resource: "roles"},
		{verb: "bind", group: rbac, resource: "roles"}, {verb: "delete", resource: "configmaps"}, {verb: "get", group: "cert-manager.io", resource: "certificates"},
	} {
		role.Rules = rulesOf(all, r)
		if role, err = roles.Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		finds(t, d, "fail cluster rights: serve may not "+strings.TrimSpace(r.verb+" "+r.resource+" "+r.name)+" (give the account")
	}
}

// What the deployer of a namespace may not do of what charts need is named, with the namespace.
func TestDoctorNamesEachRightThatADeployerLacks(t *testing.T) {
	cluster := kube.Start(t)
	settings := &installation.Settings{}
	settings.Engine.Kind, settings.Engine.Kubeconfig = installation.EngineDirect, cluster.Kubeconfig()
	d := inCluster{&examination{settings: settings, timeout: time.Minute}}
	finds(t, d, "ok cluster deployers: no project is in the cluster yet")

	namespace := cluster.Namespace(t)
	inventory := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "plateform-inventory-shop", Labels: map[string]string{"plateform.dev/inventory": "true"}}}
	if _, err := cluster.Client().CoreV1().ConfigMaps(namespace).Create(t.Context(), inventory, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	begins := fmt.Sprintf("fail cluster deployers: the account plateform-deployer of namespace %s may not ", namespace)
	finds(t, d, begins+"get services, create services")
	roles := cluster.Client().RbacV1().Roles(namespace)
	all := rightsOfDeployer(namespace)
	role, err := roles.Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "plateform-deployer"}, Rules: rulesOf(all, right{})}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Client().RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "plateform-deployer"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "plateform-deployer"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "plateform-deployer", Namespace: namespace}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	finds(t, d, "ok cluster deployers: the deployers of 1 namespace may handle what charts make")
	for _, r := range []right{
		{verb: "create", group: "apps", resource: "deployments"}, {verb: "patch", group: "apps", resource: "statefulsets"}, {verb: "create", group: "batch", resource: "jobs"},
		{verb: "delete", group: "batch", resource: "jobs"}, {verb: "patch", group: "batch", resource: "cronjobs"}, {verb: "delete", group: "batch", resource: "cronjobs"},
		{verb: "create", resource: "secrets"}, {verb: "get", resource: "secrets"}, {verb: "create", resource: "services"}, {verb: "patch", resource: "configmaps"},
		{verb: "create", resource: "persistentvolumeclaims"}, {verb: "create", group: "networking.k8s.io", resource: "ingresses"},
		{verb: "patch", group: "networking.k8s.io", resource: "networkpolicies"}, {verb: "delete", group: "policy", resource: "poddisruptionbudgets"},
	} {
		role.Rules = rulesOf(all, r)
		if role, err = roles.Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		finds(t, d, begins+r.verb+" "+r.resource+" (serve gives it back")
	}
}
