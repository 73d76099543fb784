package examples

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/plateform/plateform/test/kube"
)

const deployDir = "../../examples/deploy/chart"

// deployValues are the least that the chart of Plateform itself needs.
const deployValues = `
image: {repository: registry.example.com/plateform, tag: v1}
settings:
  config: {url: "https://git.example.com/acme/platform-config", username: plateform, passwordFile: /secrets/plateform-git/password}
  gitops: {url: "https://git.example.com/acme/plateform-gitops", username: plateform, passwordFile: /secrets/plateform-git/password}
secrets: [plateform-git]
`

// deployed renders it, with more lines of values, and returns its objects.
func deployed(t *testing.T, more string) []*unstructured.Unstructured {
	t.Helper()
	files, err := kube.Render(deployDir, "plateform", "platform", deployValues+more)
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(kube.Documents(files)), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(o)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, kube.Documents(files))
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
}

// only is the one object of a kind, as a type.
func only[T any](t *testing.T, all []*unstructured.Unstructured, kind string) T {
	t.Helper()
	var typed T
	n := 0
	for _, o := range all {
		if o.GetKind() == kind {
			n++
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, &typed, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 1 {
		t.Fatalf("there are %d of kind %s", n, kind)
	}
	return typed
}

// The pods of Plateform itself are what restricted pod security asks for and more, and have all that the settings name.
func TestDeployIsHardened(t *testing.T) {
	d := only[appsv1.Deployment](t, deployed(t, ""), "Deployment")
	pod := d.Spec.Template.Spec
	if *d.Spec.Replicas != 2 || !*pod.SecurityContext.RunAsNonRoot || *pod.SecurityContext.RunAsUser == 0 || pod.SecurityContext.SeccompProfile == nil || len(pod.Containers) != 1 {
		t.Errorf("the pods are %+v", pod.SecurityContext)
	}
	c := pod.Containers[0]
	if s := c.SecurityContext; !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Contains(s.Capabilities.Drop, "ALL") {
		t.Errorf("the container is %+v", s)
	}
	if c.LivenessProbe == nil || c.ReadinessProbe == nil || c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
		t.Error("probes or resources are missing")
	}
	mounted := map[string]bool{}
	for _, m := range c.VolumeMounts {
		mounted[m.MountPath] = true
	}
	for _, path := range []string{"/secrets/plateform-git", "/var/lib/plateform", "/tmp", "/etc/plateform"} {
		if !mounted[path] {
			t.Errorf("nothing is mounted at %s", path)
		}
	}
	if !slices.Contains(c.Args, "--advertise=$(POD_IP)") {
		t.Errorf("the others do not reach it: %v", c.Args)
	}
}

// The account may do what the engine needs: nothing in the cluster without one, and with engine direct it acts as one account of each
// namespace, not as anybody else, and reads no Secret.
func TestDeployHasLeastRights(t *testing.T) {
	role := only[rbacv1.ClusterRole](t, deployed(t, ""), "ClusterRole")
	for _, rule := range role.Rules {
		for _, what := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs} {
			if slices.Contains(what, "*") {
				t.Errorf("a rule has a star: %+v", rule)
			}
		}
		if slices.Contains(rule.Resources, "secrets") || slices.Contains(rule.Resources, "clusterroles") || slices.Contains(rule.Resources, "groups") {
			t.Errorf("a rule is about more than it needs: %+v", rule)
		}
		if slices.Contains(rule.Verbs, "impersonate") && (len(rule.ResourceNames) != 1 || len(rule.Resources) != 1) {
			t.Errorf("it acts as anybody: %+v", rule)
		}
	}
	only[unstructuredKind](t, deployed(t, ""), "ValidatingAdmissionPolicy")
	pull := strings.Replace(deployValues, "settings:", "settings:\n  engine: {kind: direct, pull: {registry: r, usernameFile: u, passwordFile: p}}", 1)
	if files, err := kube.Render(deployDir, "plateform", "platform", pull); err != nil || !strings.Contains(kube.Documents(files), "resourceNames: [plateform-pull]") {
		t.Errorf("the login that nodes pull with cannot be written: %v", err)
	}
	none := strings.Replace(deployValues, "settings:", "settings:\n  engine: {kind: none}", 1)
	files, err := kube.Render(deployDir, "plateform", "platform", none)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		for _, kind := range []string{"ClusterRole", "ValidatingAdmissionPolicy"} {
			if strings.Contains(text, "kind: "+kind) {
				t.Errorf("engine none: %s has a %s", name, kind)
			}
		}
	}
}

// unstructuredKind is an object of any kind.
type unstructuredKind struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       map[string]any `json:"spec"`
}

// What the chart sets itself, what it does not know, and what cannot work is refused before anything is made.
func TestDeployRefuses(t *testing.T) {
	for name, values := range map[string]string{
		"no image":             "settings: {config: {url: https://g/c}, gitops: {url: https://g/g}}",
		"no repositories":      "image: {repository: r, tag: v1}",
		"a word with a typo":   deployValues + "replica: 3",
		"an address":           strings.Replace(deployValues, "settings:", "settings:\n  listen: 127.0.0.1:8080", 1),
		"a Lease":              strings.Replace(deployValues, "settings:", "settings:\n  election: {lease: x}", 1),
		"a builder without go": strings.Replace(deployValues, "settings:", "settings:\n  builder: {kind: local}", 1),
		"apps in the pod":      strings.Replace(deployValues, "settings:", "settings:\n  engine: {kind: local}", 1),
		"an Ingress for all":   deployValues + "ingress: {enabled: true}",
		"too short a Lease":    deployValues + "leaseDuration: 1s",
		"a folder":             strings.Replace(deployValues, "https://git.example.com/acme/plateform-gitops", "../gitops", 1),
	} {
		if _, err := kube.Render(deployDir, "plateform", "platform", values); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Everything that can be turned on is, and all of it is of the release's namespace.
func TestDeployWithAll(t *testing.T) {
	all := deployed(t, `
replicas: 3
imagePullSecrets: [registry]
env: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
hostAliases: [{ip: 10.0.0.1, hostnames: [git.example.com]}]
nodeSelector: {disk: fast}
tolerations: [{key: infra, operator: Exists}]
podLabels: {team: platform}
podAnnotations: {note: here}
log: {format: text, verbose: true}
ingress: {enabled: true, className: nginx, host: plateform.example.com, tlsSecret: tls, annotations: {a: b}, api: true}
networkPolicy: {enabled: true, api: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]}
`)
	kinds := map[string]int{}
	for _, o := range all {
		kinds[o.GetKind()]++
		if ns := o.GetNamespace(); ns != "platform" && ns != "" {
			t.Errorf("%s %s is in namespace %s", o.GetKind(), o.GetName(), ns)
		}
	}
	for _, kind := range []string{"Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount", "ConfigMap", "Role", "RoleBinding", "ClusterRoleBinding"} {
		if kinds[kind] != 1 {
			t.Errorf("there are %d of kind %s", kinds[kind], kind)
		}
	}
	argo := strings.Replace(deployValues, "settings:", "settings:\n  engine: {kind: argocd, namespace: argo}", 1)
	files, err := kube.Render(deployDir, "plateform", "platform", argo)
	if err != nil || !strings.Contains(kube.Documents(files), "namespace: argo\n") || strings.Contains(kube.Documents(files), "impersonate") {
		t.Errorf("engine argocd: %v\n%s", err, kube.Documents(files))
	}
}

// Who reaches which port is what the values say: port 8081 nobody but the pods themselves, unless somebody is named, and port 8080
// everybody, unless somebody is named. The pods always reach each other.
func TestDeployLetsInWhoIsNamed(t *testing.T) {
	const own = "app.kubernetes.io/instance=plateform,app.kubernetes.io/name=plateform"
	named := func(key, name string) string {
		return "\n  " + key + ": [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: " + name + "}}}]"
	}
	for _, test := range []struct {
		values string
		// http and api are who reaches the ports; nil for everybody.
		http, api []string
	}{
		{"", nil, []string{own}},
		{named("api", "monitoring"), nil, []string{own, "kubernetes.io/metadata.name=monitoring"}},
		{named("webhooks", "ingress-nginx"), []string{own, "kubernetes.io/metadata.name=ingress-nginx"}, []string{own}},
	} {
		values := ""
		if test.values != "" {
			values = "networkPolicy:" + test.values + "\n"
		}
		policy := only[networkingv1.NetworkPolicy](t, deployed(t, values), "NetworkPolicy")
		if !slices.Equal(policy.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}) {
			t.Errorf("it is about %v", policy.Spec.PolicyTypes)
		}
		if of := metav1.FormatLabelSelector(&policy.Spec.PodSelector); of != own {
			t.Errorf("it is about the pods %s", of)
		}
		got := map[string][]string{}
		for _, rule := range policy.Spec.Ingress {
			var from []string
			for _, peer := range rule.From {
				selector := peer.PodSelector
				if selector == nil {
					selector = peer.NamespaceSelector
				}
				from = append(from, metav1.FormatLabelSelector(selector))
			}
			for _, port := range rule.Ports {
				got[port.Port.String()] = from
			}
		}
		if want := map[string][]string{"http": test.http, "api": test.api}; !reflect.DeepEqual(got, want) {
			t.Errorf("with %q %v reach it, want %v", test.values, got, want)
		}
	}
	for _, o := range deployed(t, "networkPolicy: {enabled: false}\n") {
		if o.GetKind() == "NetworkPolicy" {
			t.Error("there is one although it is off")
		}
	}
}
