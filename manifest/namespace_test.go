package manifest

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

func TestNamespaceGolden(t *testing.T) {
	least := tenant()
	most := tenant()
	most.Spec.Namespace = "tenant-one"
	most.Spec.Quota = Quota{Projects: 10, CPU: "1500m", Memory: "8Gi", Storage: "20Gi"}
	most.Spec.Members = []Member{
		{User{"bob", 42}, Developer}, {User{"carol", 43}, Viewer}, {User{"dave", 44}, Developer}, {User{"alice", 7}, Admin},
	}
	traefik := acme()
	traefik.Spec.Ingress = IngressSpec{Class: "traefik", Namespace: "edge"}
	for _, test := range []struct {
		name string
		p    *Platform
		w    *Workspace
	}{{"namespace-least", acme(), least}, {"namespace-most", traefik, most}} {
		document, err := NamespaceDocument(test.p, test.w)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, test.name+".yaml", string(document))
		for part := range strings.SplitSeq(string(document), "---\n") {
			strictly(t, part)
		}
	}
}

// strictly reads an object into its Kubernetes type, without unknown fields.
func strictly(t *testing.T, object string) {
	t.Helper()
	var kind struct{ Kind string }
	if err := yaml.Unmarshal([]byte(object), &kind); err != nil {
		t.Fatal(err)
	}
	into := map[string]any{
		"Namespace": &corev1.Namespace{}, "ResourceQuota": &corev1.ResourceQuota{}, "LimitRange": &corev1.LimitRange{},
		"NetworkPolicy": &networkingv1.NetworkPolicy{}, "Role": &rbacv1.Role{}, "RoleBinding": &rbacv1.RoleBinding{},
	}[kind.Kind]
	if into == nil {
		t.Fatalf("unexpected %q in\n%s", kind.Kind, object)
	}
	if err := yaml.UnmarshalStrict([]byte(object), into); err != nil {
		t.Errorf("%v in\n%s", err, object)
	}
}

func TestNamespaceOfABrokenQuota(t *testing.T) {
	w := tenant()
	w.Spec.Quota.Memory = "lots"
	if _, err := NamespaceDocument(acme(), w); err == nil || !strings.Contains(err.Error(), "spec.quota.memory") {
		t.Errorf("%v", err)
	}
}

func TestNobodyReadsSecrets(t *testing.T) {
	for _, role := range Roles() {
		text, err := Encode(rules(role))
		if err != nil {
			t.Fatal(err)
		}
		for _, forbidden := range []string{"secrets", "'*'", "\"*\"", "update", "patch"} {
			if strings.Contains(string(text), forbidden) {
				t.Errorf("a %s may: %s", role, forbidden)
			}
		}
		if got, want := strings.Contains(string(text), "pods/exec"), role == Admin; got != want {
			t.Errorf("a %s gets a shell: %v", role, got)
		}
		if got, want := strings.Contains(string(text), "pods/log"), role != Viewer; got != want {
			t.Errorf("a %s reads logs: %v", role, got)
		}
	}
}
