// Package metrics has the figures of one installation, for Prometheus.
package metrics

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/plateform/plateform/cmd/plateform/standby"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/backlog"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/webhook"
)

// Metrics are the figures of one installation, for Prometheus. docs/metrics.md says what to make of them.
type Metrics struct {
	registry *prometheus.Registry

	passes  *prometheus.HistogramVec
	pushes  *prometheus.CounterVec
	started *prometheus.CounterVec
	built   *prometheus.CounterVec
	ended   *prometheus.CounterVec
	gitops  *prometheus.HistogramVec
	reports prometheus.Counter
}

var _ backlog.Meter = (*Metrics)(nil)

// The values of labels.
const (
	resultOK, resultMoved, resultFailed     = "ok", "moved", "failed"
	resultLanded, resultRefused             = "landed", "refused"
	resultSucceeded, resultCanceled         = "succeeded", "canceled"
	kindSource, kindImage                   = "source", "image"
	repositoryConfig, repositoryGitOps      = "config", "gitops"
	labelResult, labelKind, labelRepository = "result", "kind", "repository"
)

// New returns metrics of nothing yet.
func New() *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	in := promauto.With(registry)
	m := &Metrics{
		registry: registry,
		passes: in.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plateform_pass_seconds", Help: "How long the turns of the loop took.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60},
		}, []string{labelResult}),
		pushes: in.NewCounterVec(prometheus.CounterOpts{
			Name: "plateform_pushes_total", Help: "Pushes; those that were refused had a conflict with somebody else's.",
		}, []string{labelRepository, labelResult}),
		started: in.NewCounterVec(prometheus.CounterOpts{
			Name: "plateform_builds_started_total", Help: "Builds that were asked for; of kind image: authored images to look up.",
		}, []string{labelKind}),
		built: in.NewCounterVec(prometheus.CounterOpts{
			Name: "plateform_builds_ended_total", Help: "Builds that have ended.",
		}, []string{labelKind, labelResult}),
		ended: in.NewCounterVec(prometheus.CounterOpts{
			Name: "plateform_runs_ended_total", Help: "Runs that have ended, by what asked for them and the stage they ended at.",
		}, []string{"cause", "stage"}),
		gitops: in.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plateform_commit_to_gitops_seconds", Help: "Time from a commit being seen to the GitOps repository saying what it asks for.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800},
		}, []string{"cause"}),
		reports: in.NewCounter(prometheus.CounterOpts{
			Name: "plateform_reports_sent_total", Help: "Reports to people that were handed to the forge.",
		}),
	}
	m.begin()
	return m
}

// begin makes what has not happened yet show as 0, so that alerts can tell it from what is not measured.
func (m *Metrics) begin() {
	for _, result := range []string{resultOK, resultMoved, resultFailed} {
		m.passes.WithLabelValues(result)
	}
	for _, repository := range []string{repositoryConfig, repositoryGitOps} {
		for _, result := range []string{resultLanded, resultRefused, resultFailed} {
			m.pushes.WithLabelValues(repository, result)
		}
	}
	for _, kind := range []string{kindSource, kindImage} {
		m.started.WithLabelValues(kind)
		for _, result := range []string{resultSucceeded, resultFailed, resultCanceled} {
			m.built.WithLabelValues(kind, result)
		}
	}
	for _, cause := range []manifest.CauseKind{
		manifest.CauseSource, manifest.CauseConfig, manifest.CausePlatform, manifest.CauseRetry, manifest.CauseRollback,
	} {
		m.gitops.WithLabelValues(string(cause))
	}
}

// Watch adds what is read off a reconciler when somebody asks.
func (m *Metrics) Watch(r *loop.Reconciler, s *standby.Standby, now func() time.Time) {
	in := promauto.With(m.registry)
	gauge := func(name, help string, value func() float64) {
		in.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	flag := func(is bool) float64 {
		if is {
			return 1
		}
		return 0
	}
	gauge("plateform_leading", "1 while this process is the one that acts, 0 while it stands by.", func() float64 { return flag(s.Leading()) })
	gauge("plateform_ready", "1 while both repositories are read, every project was decided on, and what is to be written gets in, or while another process sees to that.", func() float64 {
		return flag(!s.Leading() || r.Ready())
	})
	gauge("plateform_queue_projects", "Projects that want a decision.", func() float64 {
		return float64(r.Backlog().Queue)
	})
	gauge("plateform_lost_source_projects", "Projects that cannot follow one of their sources.", func() float64 {
		return float64(r.Backlog().Lost)
	})
	gauge("plateform_builds_running", "Builds that were asked for and have not ended.", func() float64 {
		return float64(r.Backlog().Building)
	})
	gauge("plateform_oldest_change_age_seconds", "Time since the change was seen that waits the longest for its end; 0 when none does.", func() float64 {
		oldest := r.Backlog().Oldest
		if oldest.IsZero() {
			return 0
		}
		return now().Sub(oldest).Seconds()
	})
}

// LogReaders adds how many streams of runs there are.
func (m *Metrics) LogReaders(count func() int) {
	promauto.With(m.registry).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plateform_log_readers", Help: "Streams of runs and their logs that somebody reads.",
	}, func() float64 { return float64(count()) })
}

// Webhooks adds a figure of webhooks, and returns what counts them.
func (m *Metrics) Webhooks() func(event string, r webhook.Result) {
	deliveries := promauto.With(m.registry).NewCounterVec(prometheus.CounterOpts{
		Name: "plateform_webhook_deliveries_total", Help: "Webhooks that came, by event and what became of them.",
	}, []string{"event", labelResult})
	for _, event := range webhook.Events() {
		for _, result := range webhook.Results() {
			deliveries.WithLabelValues(event, string(result))
		}
	}
	return func(event string, r webhook.Result) { deliveries.WithLabelValues(event, string(r)).Inc() }
}

// Handler answers Prometheus at /metrics.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	return mux
}

// resultOf tells a conflict with somebody else from a failure.
func resultOf(err error, fine, moved string) string {
	switch {
	case err == nil:
		return fine
	case errors.Is(err, manifest.ErrMoved):
		return moved
	}
	return resultFailed
}

// Passed implements reconciler.Meter.
func (m *Metrics) Passed(p backlog.Pass) {
	m.passes.WithLabelValues(resultOf(p.Err, resultOK, resultMoved)).Observe(p.Took.Seconds())
	m.reports.Add(float64(p.Reports))
}

// Pushed implements reconciler.Meter.
func (m *Metrics) Pushed(repository string, err error) {
	m.pushes.WithLabelValues(repository, resultOf(err, resultLanded, resultRefused)).Inc()
}

// Observe implements reconciler.Observer: builds and the ends of runs are counted.
func (m *Metrics) Observe(e reconciler.Event) {
	switch e.Kind {
	case reconciler.EventBuildStarted:
		m.started.WithLabelValues(kindOf(*e.Build)).Inc()
	case reconciler.EventBuildEnded:
		m.buildEnded(kindOf(*e.Build), e.Status.Failure)
	case reconciler.EventReported:
		if e.Report.Terminal() && len(e.Runs) > 0 {
			m.runEnded(*e.Report, e.At.Sub(e.Runs[0].StartedAt))
		}
	}
}

func kindOf(request reconciler.BuildRequest) string {
	if request.Reference != "" {
		return kindImage
	}
	return kindSource
}

func (m *Metrics) buildEnded(kind string, failure *reconciler.BuildFailure) {
	switch {
	case failure == nil:
		m.built.WithLabelValues(kind, resultSucceeded).Inc()
	case failure.Canceled:
		m.built.WithLabelValues(kind, resultCanceled).Inc()
	default:
		m.built.WithLabelValues(kind, resultFailed).Inc()
	}
}

func (m *Metrics) runEnded(report reconciler.Report, took time.Duration) {
	m.ended.WithLabelValues(string(report.Cause), string(report.Stage)).Inc()
	if report.State == reconciler.StateSuccess && report.Outcome == reconciler.OutcomeRuns {
		m.gitops.WithLabelValues(string(report.Cause)).Observe(took.Seconds())
	}
}
