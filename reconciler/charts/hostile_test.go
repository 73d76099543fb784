package charts_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/plateform/plateform/manifest"
)

// hostile are values that YAML, Go templates, Kubernetes or a shell would like to read as something else.
func hostile() []string {
	return []string{
		"", " ", "012", "0o14", "0x1F", "1e3", "1_000", "12:30:45", "yes", "no", "on", "y", "null", "~", "true", ".inf",
		"2001-01-01", "<<", "=", "!!int 3", "&anchor", "*alias", "- item", "a: b", "# comment", "a #b", "%YAML", "@at", "`tick`",
		`"`, `'`, `\`, `\n`, `a"b'c\d`, "line\nbreak", "trailing\n", "\n", "tab\there", "cr\r\nlf", "---", "...", "{a: b}", "[1, 2]",
		"{{ .Values.port }}", "{{", "}}", "{{/* x */}}", "$(PORT)", "$$(PORT)", "$", "$$", "$$$", "${HOME}", "$(id)", "`id`",
		"ünïcödé ✓ 🚀", "\u2028\u2029\u0085\ufeff", "\x07\x1b[31m", strings.Repeat("long ", 1000),
	}
}

// kubernetes reads the value of a variable as the kubelet does: $$ is $, and $(NAME) is the value of NAME.
func kubernetes(value string, vars map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '$' || i+1 == len(value) {
			b.WriteByte(value[i])
			continue
		}
		switch end := strings.IndexByte(value[i:], ')'); {
		case value[i+1] == '$':
			b.WriteByte('$')
			i++
		case value[i+1] == '(' && end > 0:
			name := value[i+2 : i+end]
			if v, ok := vars[name]; ok {
				b.WriteString(v)
			} else {
				b.WriteString(value[i : i+end+1])
			}
			i += end
		default:
			b.WriteByte('$')
		}
	}
	return b.String()
}

func TestHostileEnvSurvives(t *testing.T) {
	for _, projectType := range []manifest.ProjectType{manifest.Monolithic, manifest.SpringMicroservice} {
		spec := manifest.ProjectSpec{Type: projectType}
		for _, value := range hostile() {
			spec.Env = append(spec.Env, manifest.EnvVar{Name: "V" + string(rune('A'+len(spec.Env)/26)) + string(rune('A'+len(spec.Env)%26)), Value: new(value)})
		}
		if projectType == manifest.SpringMicroservice {
			spec.Services = []manifest.Service{{Name: "app"}}
		}
		deployment := pick[*appsv1.Deployment](objectsOf(t, input(spec, "app")))[0]
		env := map[string]corev1.EnvVar{}
		for _, e := range deployment.Spec.Template.Spec.Containers[0].Env {
			env[e.Name] = e
		}
		for _, want := range spec.Env {
			got := kubernetes(env[want.Name].Value, map[string]string{"PORT": "expanded", "id": "expanded"})
			if got != *want.Value {
				t.Errorf("%s %q became %q", projectType, *want.Value, got)
			}
		}
		if got := env["PORT"].Value; got != "8080" {
			t.Errorf("%s: PORT is %q", projectType, got)
		}
	}
}

func TestAuthoredEnvGoesFirst(t *testing.T) {
	own := []manifest.EnvVar{{Name: "PORT", Value: new("1234")}, {Name: "SERVER_PORT", Value: new("1234")}}
	for _, in := range []manifest.ValuesInput{
		input(manifest.ProjectSpec{Type: manifest.Monolithic, AppSpec: manifest.AppSpec{Env: own}}, "app"),
		input(manifest.ProjectSpec{
			Type: manifest.SpringMicroservice, AppSpec: manifest.AppSpec{Env: own},
			SpringSpec: manifest.SpringSpec{Services: []manifest.Service{{Name: "a"}}},
		}, "a"),
	} {
		container := pick[*appsv1.Deployment](objectsOf(t, in))[0].Spec.Template.Spec.Containers[0]
		seen := map[string]int{}
		for _, e := range container.Env {
			seen[e.Name]++
			if strings.HasSuffix(e.Name, "PORT") && e.Value != "1234" {
				t.Errorf("%s: %s is %q", in.Project.Type, e.Name, e.Value)
			}
		}
		if seen["PORT"] != 1 || seen["SERVER_PORT"] != 1 {
			t.Errorf("%s: not once each: %v", in.Project.Type, seen)
		}
	}
}

func TestARestartNeedsAReason(t *testing.T) {
	in := inputs()["monolithic-most"]
	before := pick[*appsv1.Deployment](objectsOf(t, in))[0]
	in.Release = in.Release.Next()
	in.Project.Replicas = new(5)
	after := pick[*appsv1.Deployment](objectsOf(t, in))[0]
	if before.Labels["app.kubernetes.io/version"] == after.Labels["app.kubernetes.io/version"] {
		t.Error("the Deployment does not name its release")
	}
	if before.Spec.Template.String() != after.Spec.Template.String() {
		t.Error("more replicas of the same restart the pods")
	}
}

func TestNothingPublicWithoutAHost(t *testing.T) {
	for name, in := range inputs() {
		ingresses := pick[*networkingv1.Ingress](objectsOf(t, in))
		public := name == "spring-most" || in.Project.Type == manifest.Monolithic
		if (len(ingresses) > 0) != public {
			t.Errorf("%s: %d ingresses", name, len(ingresses))
		}
	}
}

func TestDataOutlivesTheProject(t *testing.T) {
	for name, in := range inputs() {
		for _, claim := range pick[*corev1.PersistentVolumeClaim](objectsOf(t, in)) {
			kept := claim.Annotations["helm.sh/resource-policy"] == "keep"
			if want := in.Project.DeletionPolicy != "delete"; kept != want {
				t.Errorf("%s: claim %s kept: %v, want %v", name, claim.Name, kept, want)
			}
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	good, err := manifest.BuildValues(inputs()["monolithic-most"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"an unknown key", "port: 3000", "port: 3000\nextra: 1", "extra"},
		{"a port out of range", "port: 3000", "port: 70000", "port"},
		{"an image without a digest", "digest: sha256:", "digest: ", "digest"},
		{"a number for a text", `value: "info"`, "value: 1", "value"},
		{"a quantity that is none", "cpu: 500m", "cpu: lots", "cpu"},
		{"a host that is none", "host: shop.example.com\nport", "host: \"a b\"\nport", "host"},
		{"nothing to set a variable to", "    value: \"info\"\n", "", "env"},
	} {
		bad := strings.Replace(string(good), c.old, c.new, 1)
		if bad == string(good) {
			t.Fatalf("%s: nothing to replace", c.name)
		}
		if _, err := render(t, manifest.Monolithic, manifest.Document(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s is accepted, or for another reason: %v", c.name, err)
		}
	}
}
