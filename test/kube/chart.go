package kube

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// Render renders the chart in a folder as helm template does for a cluster of tests, and returns its files by their names; values are
// YAML. What the schema of the chart refuses is an error.
func Render(dir, release, namespace, values string) (map[string]string, error) {
	chart, err := loader.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	read, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return nil, err
	}
	speaks := chartutil.DefaultCapabilities.Copy()
	speaks.KubeVersion = chartutil.KubeVersion{Version: "v1.35.4", Major: "1", Minor: "35"}
	ready, err := chartutil.ToRenderValues(chart, read, chartutil.ReleaseOptions{Name: release, Namespace: namespace}, speaks)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, ready)
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", dir, err)
	}
	maps.DeleteFunc(files, func(name, text string) bool { return strings.HasSuffix(name, ".tpl") || strings.TrimSpace(text) == "" })
	return files, nil
}

// Documents are the files of a chart as one stream of YAML documents.
func Documents(files map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all = append(all, files[name])
	}
	return strings.Join(all, "\n---\n")
}
