package examples

import (
	"os"
	"path/filepath"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"

	"github.com/plateform/plateform/manifest"
)

// TestGitOpsRenders renders each project from the files of plateform-gitops alone, as Argo CD does.
func TestGitOpsRenders(t *testing.T) {
	for k, project := range load(t).Projects {
		chart, err := loader.LoadDir(filepath.Join(gitopsDir, manifest.ChartDir(manifest.Chart{Name: string(project.Spec.Type), Version: "1.0.0"})))
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join(gitopsDir, manifest.ValuesFile(k)))
		if err != nil {
			t.Fatal(err)
		}
		values, err := chartutil.ReadValues(content)
		if err != nil {
			t.Fatal(err)
		}
		capabilities := chartutil.DefaultCapabilities.Copy()
		capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.35.4", Major: "1", Minor: "35"}
		ready, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{Name: k.Project}, capabilities)
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		rendered, err := engine.Render(chart, ready)
		if err != nil {
			t.Errorf("%s: %v", k, err)
		}
		found := false
		for name, text := range rendered {
			var object struct{ Kind string }
			if err := yaml.Unmarshal([]byte(text), &object); err != nil {
				t.Errorf("%s: %s: %v\n%s", k, name, err, text)
			}
			found = found || object.Kind == "Deployment" || object.Kind == "StatefulSet"
		}
		if !found {
			t.Errorf("%s: nothing runs", k)
		}
	}
}
