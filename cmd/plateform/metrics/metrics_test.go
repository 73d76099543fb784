package metrics

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/backlog"
	"github.com/plateform/plateform/reconciler/loop"
)

// scrape is what Prometheus gets to see.
func scrape(m *Metrics) string {
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	return answer.Body.String()
}

// figures are the samples of a scrape by name and labels.
func figures(text string) map[string]string {
	samples := map[string]string{}
	for sample := range strings.Lines(text) {
		if i := strings.LastIndex(sample, " "); i > 0 && !strings.HasPrefix(sample, "#") {
			samples[sample[:i]] = strings.TrimSpace(sample[i:])
		}
	}
	return samples
}

// Every event counts where it belongs, and nowhere else.
func TestMetricsCount(t *testing.T) {
	moved := fmt.Errorf("pushing: %w", manifest.ErrMoved)
	source, image := reconciler.BuildRequest{ID: "1"}, reconciler.BuildRequest{ID: "2", Reference: "nginx:1"}
	done := func(failure *reconciler.BuildFailure) reconciler.BuildStatus {
		return reconciler.BuildStatus{Done: true, Failure: failure}
	}
	started := time.Unix(1000, 0)
	end := func(cause manifest.CauseKind, stage reconciler.Stage, outcome reconciler.Outcome) reconciler.Event {
		return reconciler.Event{
			Kind: reconciler.EventReported, At: started.Add(2 * time.Second), Runs: []*reconciler.Run{{StartedAt: started}},
			Report: &reconciler.Report{Subject: reconciler.Subject{Cause: cause}, State: reconciler.StateSuccess, Stage: stage, Outcome: outcome},
		}
	}
	ended := func(request reconciler.BuildRequest, status reconciler.BuildStatus) reconciler.Event {
		return reconciler.Event{Kind: reconciler.EventBuildEnded, Build: &request, Status: &status}
	}
	tests := []struct {
		name  string
		event func(m *Metrics)
		want  map[string]string
	}{
		{"a push lands", func(m *Metrics) { m.Pushed("config", nil) },
			map[string]string{`plateform_pushes_total{repository="config",result="landed"}`: "1"}},
		{"a push is refused", func(m *Metrics) { m.Pushed("gitops", moved) },
			map[string]string{`plateform_pushes_total{repository="gitops",result="refused"}`: "1"}},
		{"a push fails", func(m *Metrics) { m.Pushed("gitops", errors.New("no network")) },
			map[string]string{`plateform_pushes_total{repository="gitops",result="failed"}`: "1"}},
		{"a build starts", func(m *Metrics) { m.Observe(reconciler.Event{Kind: reconciler.EventBuildStarted, Build: &source}) },
			map[string]string{`plateform_builds_started_total{kind="source"}`: "1"}},
		{"an image is looked up", func(m *Metrics) { m.Observe(ended(image, done(nil))) },
			map[string]string{`plateform_builds_ended_total{kind="image",result="succeeded"}`: "1"}},
		{"a build fails", func(m *Metrics) {
			m.Observe(ended(source, done(&reconciler.BuildFailure{Summary: "it does not compile"})))
		},
			map[string]string{`plateform_builds_ended_total{kind="source",result="failed"}`: "1"}},
		{"a build is superseded", func(m *Metrics) { m.Observe(ended(source, done(&reconciler.BuildFailure{Canceled: true}))) },
			map[string]string{`plateform_builds_ended_total{kind="source",result="canceled"}`: "1"}},
		{"a rollback is through", func(m *Metrics) {
			m.Observe(end(manifest.CauseRollback, reconciler.StageUpdatingGitOps, reconciler.OutcomeRuns))
		}, map[string]string{
			`plateform_runs_ended_total{cause="rollback",stage="updating GitOps"}`:  "1",
			`plateform_commit_to_gitops_seconds_sum{cause="rollback"}`:              "2",
			`plateform_commit_to_gitops_seconds_bucket{cause="rollback",le="1"}`:    "0",
			`plateform_commit_to_gitops_seconds_bucket{cause="rollback",le="2.5"}`:  "1",
			`plateform_commit_to_gitops_seconds_count{cause="rollback"}`:            "1",
			`plateform_commit_to_gitops_seconds_bucket{cause="rollback",le="+Inf"}`: "1",
		}},
		{"a run is held", func(m *Metrics) { m.Observe(end(manifest.CauseSource, reconciler.StageHeld, reconciler.OutcomeHeld)) },
			map[string]string{`plateform_runs_ended_total{cause="source",stage="held"}`: "1"}},
		{"a turn of the loop", func(m *Metrics) { m.Passed(backlog.Pass{Took: time.Second, Reports: 3}) },
			map[string]string{`plateform_pass_seconds_count{result="ok"}`: "1", `plateform_reports_sent_total`: "3"}},
		{"a turn that lost a race", func(m *Metrics) { m.Passed(backlog.Pass{Took: time.Second, Err: moved}) },
			map[string]string{`plateform_pass_seconds_count{result="moved"}`: "1"}},
	}
	ours := regexp.MustCompile(`^plateform_`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := New()
			before := figures(scrape(m))
			tt.event(m)
			got := figures(scrape(m))
			for sample, want := range tt.want {
				if got[sample] != want {
					t.Errorf("%s is %q, want %q", sample, got[sample], want)
				}
			}
			for sample, value := range got {
				base := regexp.MustCompile(`(_bucket|_sum|_count)\{`).FindString(sample)
				if _, wanted := tt.want[sample]; ours.MatchString(sample) && !wanted && base == "" && before[sample] != value {
					t.Errorf("%s went from %q to %q", sample, before[sample], value)
				}
			}
		})
	}
}

// docs/metrics.md names every figure of ours, and none that is not there.
func TestMetricsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	m := New()
	m.Watch(&loop.Reconciler{}, nil, time.Now)
	m.Webhooks()
	m.LogReaders(func() int { return 0 })
	m.runEnded(reconciler.Report{Subject: reconciler.Subject{Cause: manifest.CauseConfig}}, 0) // has no series before
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`plateform_[a-z_]+`)
	var want []string
	for _, family := range families {
		if names.MatchString(family.GetName()) {
			want = append(want, family.GetName())
		}
	}
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(plateform_[a-z_]+)").FindAllStringSubmatch(string(text), -1) {
		got = append(got, row[1])
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the figures in docs/metrics.md (-there +documented):\n%s", diff)
	}
}
