package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// A plan names what runs besides the app and which standard pods are kept to, without any command, and what the engine does not run.
func TestAlsoOfAPlan(t *testing.T) {
	const besides = `, release: {command: [./shop, canary]}, workers: [{name: mailer, command: [./shop, canary], replicas: 2}, {name: indexer, command: [./shop]}],` +
		` cron: [{name: report, schedule: "0 3 * * *", command: [./shop, canary]}]`
	w := newWorld(t)
	base := w.release(shop, "v1.0.0", commit1)
	plan := func(unrun func(manifest.ProjectSpec) string) []string {
		t.Helper()
		options := w.options(nil)
		options.Unrun = unrun
		p, err := options.Make(base, w.config.Head("main"))
		if err != nil {
			t.Fatal(err)
		}
		return p.Projects[0].Also
	}
	want := func(of string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", of, diff)
		}
	}
	none := func(manifest.ProjectSpec) string { return "" }

	w.edit(shop, ", replicas: 2")
	want("of the app alone", plan(none))
	w.edit(shop, besides)
	all := []string{
		"the release command runs once before v1.0.1 is rolled out; when it fails, nothing of it is rolled out",
		"2 workers beside the app: mailer (2 replicas), indexer (1 replica)",
		"1 cron job, in UTC: report (0 3 * * *)",
	}
	want("of an engine that nobody knows", plan(nil), all...)
	want("of an engine that runs everything", plan(none), all...)
	want("of one that does not", plan(func(spec manifest.ProjectSpec) string {
		return "no " + spec.Workers[0].Name
	}), append(all, "no mailer")...)
}

// Which standard pods are kept to is said when it changes.
func TestPodSecurityOfAPlan(t *testing.T) {
	view := func(standard string) *config.View {
		return &config.View{Present: true, Parsed: true, Spec: manifest.ProjectSpec{Type: manifest.Monolithic}, Inputs: manifest.PlatformInputs{PodSecurity: standard}}
	}
	for _, tt := range []struct {
		was, is string
		want    []string
	}{
		{"", "", nil},
		{manifest.Baseline, manifest.Baseline, nil},
		{"", manifest.Baseline, []string{"pods may start as root from now on (pod security baseline)"}},
		{manifest.Baseline, "", []string{
			"pods may not run as root any more (pod security restricted): an image that does is refused by the cluster, and what runs stays",
		}},
	} {
		p := Project{Action: Release}
		p.also(Options{}, config.Transition{Before: view(tt.was), After: view(tt.is)}, view(tt.is).Spec)
		if diff := cmp.Diff(tt.want, p.Also); diff != "" {
			t.Errorf("from %q to %q (-want +got):\n%s", tt.was, tt.is, diff)
		}
	}
}
