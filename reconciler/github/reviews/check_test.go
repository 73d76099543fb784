package reviews_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

const (
	createRun    = "POST /repos/{owner}/{repo}/check-runs"
	updateRun    = "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}"
	listRuns     = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs"
	createStatus = "POST /repos/{owner}/{repo}/statuses/{sha}"
)

func failing(commit string, problems int) reconciler.Check {
	c := reconciler.Check{Name: reconciler.PlanCheck, Commit: commit, State: reconciler.StateFailure, Title: fmt.Sprint(problems, " problems"), Summary: "a summary"}
	for i := range problems {
		c.Problems = append(c.Problems, manifest.Problem{File: fmt.Sprintf("workspaces/ws-%d/workspace.yaml", i%7), Line: i + 1, Column: i % 3,
			Field: "spec.env", What: fmt.Sprintf("problem %d.", i), Fix: "mend it"})
	}
	return c
}

// annotated holds the newest check run of a commit against its check: each problem is at its line once.
func (h *hub) annotated(c reconciler.Check) {
	h.t.Helper()
	run := h.newest(c.Commit, c.Name)
	if run == nil || len(run.Annotations) != len(c.Problems) || run.Conclusion != string(c.State) || run.Output.Title != c.Title {
		h.t.Fatalf("the check run is %+v", run)
	}
	for i, a := range run.Annotations {
		p := c.Problems[i]
		if a.Path != p.File || a.StartLine != p.Line || a.EndLine != p.Line || (p.Column > 0) != (a.StartColumn != nil) || a.Level != "failure" ||
			a.Message != p.What+"\n"+p.Fix || a.Title != p.Field {
			h.t.Errorf("problem %d is annotated as %+v", i, a)
		}
	}
}

func (h *hub) wrote(want ...string) {
	h.t.Helper()
	if got := h.writes(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		h.t.Errorf("writes were\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestProblemsGoInBatches(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	c := failing(head, 120)
	h.must(h.app().Publish(t.Context(), c))
	h.annotated(c)
	h.must(h.app().Publish(t.Context(), c))
	h.wrote(createRun, updateRun, updateRun)
	// The same problems with other words around stay where they are.
	c.Summary = "another summary"
	h.must(h.app().Publish(t.Context(), c))
	h.annotated(c)
	h.wrote(createRun, updateRun, updateRun, updateRun)
	// GitHub takes none back, so that other ones are shown by another check run.
	c.Problems[7].What = "problem of another kind."
	h.must(h.app().Publish(t.Context(), c))
	h.annotated(c)
	c = failing(head, 121)
	h.must(h.app().Publish(t.Context(), c))
	h.annotated(c)
}

// Two processes that add annotations to the same check run leave some twice; whoever comes next shows them once.
func TestAnnotatedTwice(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	c := failing(head, 3)
	h.must(h.app().Publish(t.Context(), c))
	h.look(func(r *model.Repository) {
		run := r.Commits.Runs[0]
		run.Annotations = append(run.Annotations, run.Annotations...)
	})
	for range 2 {
		h.must(h.app().Publish(t.Context(), c))
		h.annotated(c)
	}
	h.wrote(createRun, createRun)
}

// What breaks off in the middle is gone on with, also by another process, and whatever of it GitHub had taken.
func TestBatchesAreResumed(t *testing.T) {
	for name, fault := range map[string]githubserver.Fault{
		"refused":         {Status: http.StatusBadGateway},
		"connection lost": {Drop: true},
		"answer lost":     {DropAnswer: true},
		"left alone":      {Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "30"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			_, head := h.propose("main", "a change")
			c := failing(head, 120)
			fault.Operation, fault.Times = updateRun, 1
			h.Inject(fault)
			first := h.app()
			err := first.Publish(t.Context(), c)
			if err == nil || name == "left alone" && reconciler.RetryAfter(err) != 30*time.Second {
				t.Fatalf("it broke off, and the error is %v", err)
			}
			h.pass(time.Minute)
			h.must(h.app().Publish(t.Context(), c))
			h.annotated(c)
			h.must(first.Publish(t.Context(), c))
			runs := 0
			h.look(func(r *model.Repository) { runs = len(r.Commits.Runs) })
			if runs != 1 {
				t.Errorf("there are %d check runs, want one", runs)
			}
		})
	}
}

func TestTooManyProblems(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	c := failing(head, 6000)
	for i := range c.Problems {
		c.Problems[i].What += strings.Repeat(" ```", 3)
	}
	h.must(h.app().Publish(t.Context(), c))
	run := h.newest(head, c.Name)
	if len(run.Annotations) != 500 || !strings.Contains(run.Output.Summary, "problem 500.") || strings.Contains(run.Output.Summary, "problem 499.") ||
		!strings.HasPrefix(run.Output.Summary, "a summary\n\n````text\n") || !strings.Contains(run.Output.Summary, "\n````\n\nand ") {
		t.Errorf("%d annotations, and the summary is %.200q", len(run.Annotations), run.Output.Summary)
	}
}

// GitHub's description of its API checks the limits; there are no violations.
func TestHostileTexts(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	c := reconciler.Check{Name: reconciler.PlanCheck, Commit: head, State: reconciler.StateFailure, Title: strings.Repeat("\U0001F680 title\x00\n", 200),
		Summary: "```\n" + strings.Repeat("\U0001F680 @everybody \x1b[31m\n", 20000), URL: "javascript:alert(1)"}
	files := []string{"", ".", "..", "../../etc/passwd", "/etc/passwd", "a//b", "./a", "a\nb", "a\x00b", "a\xffb"}
	for _, file := range files {
		c.Problems = append(c.Problems, manifest.Problem{File: file, Line: 1, Column: 1, What: "what of " + file + "\n# no heading ````"})
	}
	c.Problems = append(c.Problems, manifest.Problem{File: "whole.yaml", What: "is not YAML"}, manifest.Problem{File: "minus.yaml", Line: -1, What: "is before its file"},
		manifest.Problem{File: "ok.yaml", Line: 1, Column: 1, Field: strings.Repeat("ö", 300), What: strings.Repeat("ö", 70000) + "\x00\xff", Fix: "mend it"})
	h.must(h.app().Publish(t.Context(), c))
	run := h.newest(head, c.Name)
	if run.Conclusion != "failure" || len(run.Annotations) != 1 || run.Annotations[0].Path != "ok.yaml" || run.Details != "" {
		t.Fatalf("the check run has %d annotations, %q", len(run.Annotations), run.Details)
	}
	a, out := run.Annotations[0], run.Output
	if n := utf8.RuneCountInString(a.Title); n > 255 {
		t.Errorf("the title of an annotation has %d characters", n)
	}
	if len(a.Message) > 64<<10 || !strings.HasSuffix(a.Message, "ö…") {
		t.Errorf("the message of an annotation has %d bytes", len(a.Message))
	}
	if strings.ContainsAny(out.Title, "\x00\n") || strings.ContainsAny(out.Summary+a.Message, "\x00\x1b") {
		t.Errorf("characters that nobody sees are sent: %q", out.Title)
	}
	fence := strings.LastIndex(out.Summary, "`````text\n")
	if fence < 0 || !strings.Contains(out.Summary[fence:], "whole.yaml: is not YAML") || !strings.Contains(out.Summary[fence:], "etc/passwd:1:1: what of") ||
		strings.Contains(out.Summary, "\n# no heading") || strings.Count(out.Summary[:fence], "```")%2 != 0 {
		t.Errorf("the summary ends with %q", out.Summary[max(0, len(out.Summary)-2000):])
	}
	h.must(h.app().Publish(t.Context(), c))
	h.wrote(createRun)
}

// A place at which GitHub takes no annotation does not keep the check from people.
func TestRefusedAnnotations(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	c := failing(head, 60)
	h.Inject(githubserver.Fault{Operation: updateRun, Times: 1, Status: http.StatusUnprocessableEntity, Body: `{"message":"Invalid request. path is too long"}`})
	var log bytes.Buffer
	port := h.start(true, slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		h.must(port.Publish(t.Context(), c))
		run := h.newest(head, c.Name)
		if run.Conclusion != "failure" || len(run.Annotations) != 0 || !strings.Contains(run.Output.Summary, "ws-3/workspace.yaml:60:2: problem 59. (mend it)") {
			t.Errorf("the check run is %+v", run)
		}
	}
	h.wrote(createRun, updateRun, createRun)
	if n := strings.Count(log.String(), "path is too long"); n != 1 {
		t.Errorf("it is logged %d times: %s", n, log.String())
	}
}

func TestOnlyTheAppsOwnCheckRun(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	key, err := appKey()
	h.must(err)
	h.must(h.AddApp(forge.NewApp{ID: 88, Slug: "other", Owner: "acme", Key: &key.PublicKey, Permissions: map[string]string{"checks": "write"}}))
	h.must(h.Locked(func(w *forge.World) error {
		r := w.RepoByName(config)
		r.Commits.Runs = append(r.Commits.Runs, &model.CheckRun{ID: w.ID(), Suite: w.Suite(r, w.Apps[88], head, ""), Name: reconciler.PlanCheck, Status: "queued"})
		return nil
	}))
	h.must(h.app().Publish(t.Context(), failing(head, 1)))
	h.wrote(createRun)
	h.look(func(r *model.Repository) {
		if run := r.Commits.Runs[0]; run.Status != "queued" {
			t.Errorf("the check run of another App is %+v", run)
		}
	})
}

// GitHub's lists may be a moment behind.
func TestListBehind(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	port := h.app()
	h.must(port.Publish(t.Context(), failing(head, 1)))
	h.Inject(githubserver.Fault{Operation: listRuns, Status: http.StatusOK, Body: `{"total_count":0,"check_runs":[]}`})
	h.must(port.Publish(t.Context(), failing(head, 1)))
	h.wrote(createRun)
}

// A check run that is gone, or that was ended behind Plateform's back, is made again.
func TestRunGone(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	pending := reconciler.Check{Name: reconciler.PlanCheck, Commit: head, State: reconciler.StatePending, Title: "looking", Summary: "a summary"}
	port := h.app()
	h.must(port.Publish(t.Context(), pending))
	h.Inject(githubserver.Fault{Operation: updateRun, Times: 1, Before: func() {
		h.look(func(r *model.Repository) { r.Commits.Runs = nil })
	}})
	h.must(port.Publish(t.Context(), failing(head, 1)))
	h.annotated(failing(head, 1))

	_, head = h.propose("main", "another change")
	pending.Commit = head
	h.must(port.Publish(t.Context(), pending))
	h.look(func(r *model.Repository) {
		run := r.Commits.Runs[len(r.Commits.Runs)-1]
		run.Status, run.Conclusion = "completed", "timed_out"
	})
	h.must(h.app().Publish(t.Context(), pending))
	if run := h.newest(head, pending.Name); run.Status != "in_progress" {
		t.Errorf("the check run is %+v", run)
	}
}

// flood gives a commit statuses of a context.
func (h *hub) flood(commit, context string, n int) {
	h.t.Helper()
	h.must(h.Locked(func(w *forge.World) error {
		r := w.RepoByName(config)
		for range n {
			r.Commits.Statuses = append(r.Commits.Statuses, &model.Status{ID: w.ID(), SHA: commit, State: "success", Context: context, Creator: w.Users[eve], Created: h.Now()})
		}
		return nil
	}))
}

func TestStatusInsteadOfCheckRun(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	c := failing(head, 3)
	c.Title = strings.Repeat("long \U0001F680 ", 40)
	h.must(h.token().Publish(t.Context(), c))
	got := h.shown(head)[c.Name]
	if got.State != reconciler.StateFailure || utf8.RuneCountInString(got.Title) > 140 || !strings.HasSuffix(got.Title, "…") {
		t.Errorf("the status is %+v", got)
	}
	// Statuses of others are between.
	h.flood(head, "ci", 250)
	h.must(h.token().Publish(t.Context(), c))
	h.wrote(createStatus)
}

func TestStatusesUsedUp(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	h.flood(head, reconciler.PlanCheck, 1000)
	var log bytes.Buffer
	port := h.start(false, slog.New(slog.NewTextHandler(&log, nil)))
	h.must(port.Publish(t.Context(), failing(head, 1)))
	h.must(port.Publish(t.Context(), failing(head, 1)))
	h.wrote(createStatus)
	if !strings.Contains(log.String(), "maximum number of statuses") {
		t.Errorf("nobody is told: %s", log.String())
	}
}

// What is left of the budget under pressure is for failures.
func TestFailuresFirst(t *testing.T) {
	h := newHub(t)
	_, head := h.propose("main", "a change")
	port := h.app()
	for i := range 60 {
		c := failing(head, 0)
		c.Summary = fmt.Sprint("a summary of ", i)
		h.must(port.Publish(t.Context(), c))
	}
	pending := failing(head, 0)
	pending.State = reconciler.StatePending
	if err := port.Publish(t.Context(), pending); reconciler.RetryAfter(err) == 0 {
		t.Errorf("what is under way is published, %v", err)
	}
	h.must(port.Publish(t.Context(), failing(head, 3)))
}
