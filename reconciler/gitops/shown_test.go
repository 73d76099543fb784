package gitops

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// anyChart knows every chart.
type anyChart struct{}

func (anyChart) Chart(t manifest.ProjectType, version string) (manifest.Chart, error) {
	return manifest.Chart{Name: string(t), Version: version}, nil
}

func (anyChart) Files(manifest.Chart) (map[string][]byte, error) { return nil, nil }

// What GitOps shows can be handed to an engine when its release file has gone with a history that was rewritten.
func TestWhatGitOpsShowsRunsWithoutItsReleaseFile(t *testing.T) {
	const mono = "workspace: ws\nproject: app\nrelease: v1.0.1\nnamespace: ws\nhost: app.test\n"
	charts := []string{"charts/monolithic/1.0.0/Chart.yaml", "charts/monolithic/1.10.0/Chart.yaml", "charts/monolithic/1.9.0/Chart.yaml", "charts/database/1.0.0/Chart.yaml"}
	older := &manifest.Release{Spec: manifest.ReleaseSpec{Chart: manifest.Chart{Name: "monolithic", Version: "1.9.0"}, Values: mono}}
	for _, tt := range []struct {
		name, values string
		known        []*manifest.Release
		want         reconciler.Target
		runs         bool
	}{
		{"the release is known", mono, []*manifest.Release{nil, older}, reconciler.Target{Chart: older.Spec.Chart, Namespace: "ws", Release: "v1.0.1"}, true},
		{"the newest chart there", mono, nil, reconciler.Target{Chart: manifest.Chart{Name: "monolithic", Version: "1.10.0"}, Namespace: "ws", Release: "v1.0.1"}, true},
		{"a database", "release: v2.0.0\nnamespace: \"123\"\nengine: postgres\n", nil,
			reconciler.Target{Chart: manifest.Chart{Name: "database", Version: "1.0.0"}, Namespace: "123", Release: "v2.0.0"}, true},
		{"no such chart", "release: v2.0.0\nnamespace: ws\nservices:\n  - name: a\n", nil, reconciler.Target{Namespace: "ws", Release: "v2.0.0"}, false},
		{"nothing", "", []*manifest.Release{older}, reconciler.Target{}, false},
	} {
		tree, k := New(nil, anyChart{}), manifest.Key{Workspace: "ws", Project: "app"}
		for _, file := range charts {
			tree.take(File{path: file, there: true, content: "x"})
		}
		tree.take(File{path: manifest.ValuesFile(k), there: tt.values != "", content: tt.values})
		if tt.want.Release != "" {
			tt.want.Key, tt.want.Values = k, []byte(tt.values)
		}
		target, runs := tree.Shown(k, tt.known)
		if diff := cmp.Diff(tt.want, target); diff != "" || runs != tt.runs {
			t.Errorf("%s: it runs: %v (-want +got):\n%s", tt.name, runs, diff)
		}
	}
}
