package namespace

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/plateform/plateform/manifest"
)

var update = flag.Bool("update", false, "write the golden files again")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (go test -update writes it again):\n%s", path, cmp.Diff(string(want), got))
	}
}

func acme() *manifest.Platform {
	p := &manifest.Platform{}
	p.Spec.Ingress = manifest.IngressSpec{Class: "nginx", TLSIssuer: "letsencrypt"}
	p.Spec.Defaults.Resources = manifest.Resources{CPU: "250m", Memory: "256Mi"}
	return p
}

func tenant() *manifest.Workspace {
	w := &manifest.Workspace{Header: manifest.NewHeader(manifest.KindWorkspace, "ws-1")}
	w.Spec.Owner = manifest.User{GitHub: "alice", ID: 7}
	return w
}

func TestNamespaceGolden(t *testing.T) {
	least := tenant()
	most := tenant()
	most.Spec.Namespace = "tenant-one"
	most.Spec.Quota = manifest.Quota{Projects: 10, CPU: "1500m", Memory: "8Gi", Storage: "20Gi"}
	most.Spec.Members = []manifest.Member{
		{User: manifest.User{GitHub: "bob", ID: 42}, Role: manifest.Developer}, {User: manifest.User{GitHub: "carol", ID: 43}, Role: manifest.Viewer}, {User: manifest.User{GitHub: "dave", ID: 44}, Role: manifest.Developer}, {User: manifest.User{GitHub: "alice", ID: 7}, Role: manifest.Admin},
	}
	traefik := acme()
	traefik.Spec.Ingress = manifest.IngressSpec{Class: "traefik", Namespace: "edge"}
	for _, test := range []struct {
		name string
		p    *manifest.Platform
		w    *manifest.Workspace
	}{{"least", acme(), least}, {"most", traefik, most}} {
		document, err := Document(test.p, test.w)
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
	if _, err := Document(acme(), w); err == nil || !strings.Contains(err.Error(), "spec.quota.memory") {
		t.Errorf("%v", err)
	}
}

func TestNobodyReadsSecrets(t *testing.T) {
	for _, role := range manifest.Roles() {
		text, err := manifest.Encode(rules(role))
		if err != nil {
			t.Fatal(err)
		}
		for _, forbidden := range []string{"secrets", "'*'", "\"*\"", "update", "patch"} {
			if strings.Contains(string(text), forbidden) {
				t.Errorf("a %s may: %s", role, forbidden)
			}
		}
		if got, want := strings.Contains(string(text), "pods/exec"), role == manifest.Admin; got != want {
			t.Errorf("a %s gets a shell: %v", role, got)
		}
		if got, want := strings.Contains(string(text), "pods/log"), role != manifest.Viewer; got != want {
			t.Errorf("a %s reads logs: %v", role, got)
		}
	}
}
