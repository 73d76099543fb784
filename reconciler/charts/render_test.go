package charts_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/charts"
)

var update = flag.Bool("update", false, "write the golden files again")

// render renders values with the newest chart of a type and returns the objects as YAML, ordered by template.
func render(t *testing.T, projectType manifest.ProjectType, values manifest.Document) ([]string, error) {
	t.Helper()
	embedded, err := charts.New()
	if err != nil {
		t.Fatal(err)
	}
	which, err := embedded.Chart(projectType, "")
	if err != nil {
		t.Fatal(err)
	}
	files, err := embedded.Files(which)
	if err != nil {
		t.Fatal(err)
	}
	var buffered []*loader.BufferedFile
	for name, content := range files {
		buffered = append(buffered, &loader.BufferedFile{Name: name, Data: content})
	}
	chart, err := loader.LoadFiles(buffered)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	capabilities := &chartutil.Capabilities{
		KubeVersion: chartutil.KubeVersion{Version: "v1.35.4", Major: "1", Minor: "35"},
		APIVersions: chartutil.VersionSet{"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "policy/v1"},
	}
	ready, err := chartutil.ToRenderValues(chart, parsed, chartutil.ReleaseOptions{}, capabilities)
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Engine{Strict: true}.Render(chart, ready)
	if err != nil {
		return nil, err
	}
	return split(rendered), nil
}

func split(rendered map[string]string) []string {
	var names, objects []string
	for name := range rendered {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, document := range strings.Split("\n"+rendered[name], "\n---\n") {
			var any map[string]any
			if err := yaml.Unmarshal([]byte(document), &any); err != nil || len(any) > 0 {
				objects = append(objects, strings.TrimSpace(document)+"\n")
			}
		}
	}
	return objects
}

// decode reads an object into its Kubernetes type; a field that Kubernetes does not know is a failure.
func decode(t *testing.T, object string) any {
	t.Helper()
	var kind struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(object), &kind); err != nil {
		t.Fatalf("%v in\n%s", err, object)
	}
	var into any
	switch kind.APIVersion + " " + kind.Kind {
	case "apps/v1 Deployment":
		into = &appsv1.Deployment{}
	case "apps/v1 StatefulSet":
		into = &appsv1.StatefulSet{}
	case "batch/v1 CronJob":
		into = &batchv1.CronJob{}
	case "batch/v1 Job":
		into = &batchv1.Job{}
	case "v1 Service":
		into = &corev1.Service{}
	case "v1 PersistentVolumeClaim":
		into = &corev1.PersistentVolumeClaim{}
	case "networking.k8s.io/v1 Ingress":
		into = &networkingv1.Ingress{}
	case "policy/v1 PodDisruptionBudget":
		into = &policyv1.PodDisruptionBudget{}
	default:
		t.Fatalf("unexpected %s %s", kind.APIVersion, kind.Kind)
	}
	if err := yaml.UnmarshalStrict([]byte(object), into); err != nil {
		t.Fatalf("%v in\n%s", err, object)
	}
	return into
}

func objectsOf(t *testing.T, in manifest.ValuesInput) []any {
	t.Helper()
	values, err := manifest.BuildValues(in)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := render(t, in.Project.Type, values)
	if err != nil {
		t.Fatal(err)
	}
	var objects []any
	for _, object := range rendered {
		objects = append(objects, decode(t, object))
	}
	return objects
}

// pick returns the objects of one type.
func pick[T any](objects []any) []T {
	var found []T
	for _, o := range objects {
		if match, ok := o.(T); ok {
			found = append(found, match)
		}
	}
	return found
}

func TestRenderGolden(t *testing.T) {
	for name, in := range inputs() {
		t.Run(name, func(t *testing.T) {
			values, err := manifest.BuildValues(in)
			if err != nil {
				t.Fatal(err)
			}
			rendered, err := render(t, in.Project.Type, values)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range rendered {
				decode(t, object)
			}
			got := "# values\n" + string(values) + "# rendered\n---\n" + strings.Join(rendered, "---\n")
			golden := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, []byte(got)) {
				t.Errorf("%s (go test -update writes it again):\n%s", golden, cmp.Diff(string(want), got))
			}
			again, err := render(t, in.Project.Type, values)
			if err != nil || !slices.Equal(rendered, again) {
				t.Errorf("a second render differs (%v)", err)
			}
		})
	}
}
