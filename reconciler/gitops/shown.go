package gitops

import (
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/secrets"
)

// Shown is what GitOps shows of a project that is left as it is, for an engine that a new process tells what has to run. The chart
// is that of the release with these values, if it is among the known ones. Else its file has gone, and the newest chart of the
// kind that is in GitOps renders them. It is false when GitOps shows nothing of the project.
func (t *Tree) Shown(k manifest.Key, known []*manifest.Release) (reconciler.Target, bool) {
	p := t.Project(k)
	if p.actual == "" || p.version.IsZero() {
		return reconciler.Target{}, false
	}
	target := reconciler.Target{Key: k, Namespace: valueOf(p.actual, "namespace"), Release: p.version.String(), Values: []byte(p.actual)}
	at := slices.IndexFunc(known, func(r *manifest.Release) bool { return r != nil && string(r.Spec.Values) == p.actual })
	if at >= 0 {
		target.Chart = known[at].Spec.Chart
		return secrets.Complete(target, known[at]), true
	}
	target.Chart = t.newestChart(typeOf(p.actual))
	return target, target.Chart != manifest.Chart{}
}

// newestChart is the newest chart in GitOps of a type of project; empty when there is none.
func (t *Tree) newestChart(of manifest.ProjectType) (newest manifest.Chart) {
	var highest *semver.Version
	for _, chart := range t.chartsThere() {
		version, err := semver.NewVersion(chart.Version)
		if err == nil && chart.Name == string(of) && (highest == nil || version.GreaterThan(highest)) {
			newest, highest = chart, version
		}
	}
	return newest
}

// typeOf is the type of project that values are of.
func typeOf(values string) manifest.ProjectType {
	for line := range strings.Lines(values) {
		switch {
		case strings.HasPrefix(line, "services:"):
			return manifest.SpringMicroservice
		case strings.HasPrefix(line, "engine: "):
			return manifest.Database
		}
	}
	return manifest.Monolithic
}

// valueOf reads a word at the top of values. Plateform wrote them: the line is there as it stands here.
func valueOf(values, name string) string {
	for line := range strings.Lines(values) {
		if text, found := strings.CutPrefix(line, name+": "); found {
			return strings.Trim(strings.TrimSpace(text), `"`)
		}
	}
	return ""
}
