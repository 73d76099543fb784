package githubserver_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
)

// commit makes a commit with files.
func (w *world) commit(branch string, files map[string]string) string {
	w.t.Helper()
	hash, err := w.Commit(w.t.Context(), forge.NewCommit{Repo: config, Branch: branch, Author: ben, Message: "A change", Files: files})
	w.must(err)
	return hash
}

func (w *world) open(branch string) int {
	w.t.Helper()
	n, err := w.OpenPull(w.t.Context(), forge.NewPull{Repo: config, Head: branch, Title: "Change " + branch, Author: ben})
	w.must(err)
	return n
}

// unlimited has no limits of requests, for tests of other limits.
func unlimited() *githubserver.Limits { return &githubserver.Limits{} }

func TestAThousandStatuses(t *testing.T) {
	w := start(t, unlimited())
	head := w.commit("x", map[string]string{"a": "1"})
	c := w.user(ben)
	say := func(context string) int {
		_, r, err := c.Repositories.CreateStatus(t.Context(), "acme", "config", head, &github.RepoStatus{State: github.String("pending"), Context: &context})
		if err == nil != (status(r) == http.StatusCreated) {
			t.Fatal(err)
		}
		return status(r)
	}
	for n := range 1000 {
		if got := say("plan"); got != http.StatusCreated {
			t.Fatalf("status %d is answered with %d", n+1, got)
		}
	}
	if got := say("plan"); got != http.StatusUnprocessableEntity {
		t.Errorf("the 1001st is answered with %d", got)
	}
	if got := say("owners"); got != http.StatusCreated {
		t.Errorf("one of another context is answered with %d", got)
	}
	combined, _, err := c.Repositories.GetCombinedStatus(t.Context(), "acme", "config", head, nil)
	if err != nil || combined.GetTotalCount() != 2 || combined.GetState() != "pending" {
		t.Errorf("combined: %v, %v", combined, err)
	}
	list, r, err := c.Repositories.ListStatuses(t.Context(), "acme", "config", head, nil)
	if err != nil || len(list) != 30 || r.LastPage != 34 || list[0].GetContext() != "owners" {
		t.Errorf("the first page has %d of %d pages, %v", len(list), r.LastPage, err)
	}
}

func TestPagesOfFiles(t *testing.T) {
	w := start(t, unlimited())
	files := map[string]string{}
	for n := range 3100 {
		files[fmt.Sprintf("many/%04d.yaml", n)] = "x\n"
	}
	head := w.commit("many", files)
	number := w.open("many")
	c := w.user(ben)
	seen := 0
	for page := 1; page != 0; {
		list, r, err := c.PullRequests.ListFiles(t.Context(), "acme", "config", number, &github.ListOptions{Page: page, PerPage: 100})
		w.must(err)
		seen += len(list)
		page = r.NextPage
	}
	if seen != 3000 {
		t.Errorf("the list of files ends at %d", seen)
	}
	first, r, err := c.PullRequests.ListFiles(t.Context(), "acme", "config", number, nil)
	if err != nil || len(first) != 30 || r.LastPage != 100 || first[0].GetPatch() != "@@ -0,0 +1 @@\n+x" {
		t.Errorf("the first page: %d of %d, %v", len(first), r.LastPage, err)
	}
	one, _, err := c.Repositories.GetCommit(t.Context(), "acme", "config", head, nil)
	if err != nil || len(one.Files) != 300 || one.GetStats().GetAdditions() != 3100 {
		t.Errorf("the commit shows %d files, %v", len(one.Files), err)
	}
	compared, _, err := c.Repositories.CompareCommits(t.Context(), "acme", "config", "main", "many", nil)
	if err != nil || len(compared.Files) != 300 || compared.GetStatus() != "ahead" || compared.GetAheadBy() != 1 {
		t.Errorf("compared: %s %d with %d files, %v", compared.GetStatus(), compared.GetAheadBy(), len(compared.Files), err)
	}
}

func TestLongTexts(t *testing.T) {
	w := start(t, nil)
	head := w.commit("x", map[string]string{"a": "1"})
	number := w.open("x")
	c := w.user(ben)
	longest := strings.Repeat("é", 65536)
	_, _, err := c.Issues.CreateComment(t.Context(), "acme", "config", number, &github.IssueComment{Body: &longest})
	w.must(err)
	longer := longest + "x"
	if _, r, err := c.Issues.CreateComment(t.Context(), "acme", "config", number, &github.IssueComment{Body: &longer}); status(r) != 422 {
		t.Errorf("a longer comment: %d, %v", status(r), err)
	}
	if _, r, err := c.Issues.CreateComment(t.Context(), "acme", "config", 99, &github.IssueComment{Body: github.String("x")}); status(r) != 404 {
		t.Errorf("a comment under nothing: %d, %v", status(r), err)
	}
	app := w.client(w.token(w.install(config), nil))
	check := func(summary string, annotations int) int {
		o := &github.CheckRunOutput{Title: github.String("t"), Summary: &summary}
		for range annotations {
			o.Annotations = append(o.Annotations, &github.CheckRunAnnotation{Path: github.String("a"), StartLine: github.Int(1), EndLine: github.Int(1),
				AnnotationLevel: github.String("failure"), Message: github.String("m")})
		}
		_, r, _ := app.Checks.CreateCheckRun(t.Context(), "acme", "config", github.CreateCheckRunOptions{Name: "plan", HeadSHA: head, Output: o})
		return status(r)
	}
	const operation = "POST /repos/{owner}/{repo}/check-runs"
	for _, tt := range []struct {
		length, annotations, want int
		problem                   string
	}{{65535, 50, 201, ""}, {65536, 0, 422, "maximum string length"}, {1, 51, 422, "maximum number of items"}} {
		if got := check(strings.Repeat("x", tt.length), tt.annotations); got != tt.want {
			t.Errorf("%d characters and %d annotations: %d", tt.length, tt.annotations, got)
		}
		w.expect(operation, tt.problem)
	}
	if _, r, err := c.Checks.CreateCheckRun(t.Context(), "acme", "config", github.CreateCheckRunOptions{Name: "plan", HeadSHA: head}); status(r) != 403 {
		t.Errorf("a check run by a person: %d, %v", status(r), err)
	}
	// Annotations of later requests are added to those that are there.
	runs, _, err := app.Checks.ListCheckRunsForRef(t.Context(), "acme", "config", head, nil)
	if err != nil || runs.GetTotal() != 1 {
		t.Fatalf("check runs: %v, %v", runs, err)
	}
	id := runs.CheckRuns[0].GetID()
	_, _, err = app.Checks.UpdateCheckRun(t.Context(), "acme", "config", id, github.UpdateCheckRunOptions{Name: "plan", Conclusion: github.String("failure"),
		Output: &github.CheckRunOutput{Title: github.String("t"), Summary: github.String("s"), Annotations: []*github.CheckRunAnnotation{{Path: github.String("b"),
			StartLine: github.Int(2), EndLine: github.Int(2), AnnotationLevel: github.String("warning"), Message: github.String("m")}}}})
	w.must(err)
	all, r, err := app.Checks.ListCheckRunAnnotations(t.Context(), "acme", "config", id, &github.ListOptions{PerPage: 100})
	if err != nil || len(all) != 51 || all[50].GetPath() != "b" {
		t.Errorf("%d annotations, %v, %v", len(all), r, err)
	}
	if suites, _, err := app.Checks.ListCheckSuitesForRef(t.Context(), "acme", "config", head, nil); err != nil || suites.GetTotal() != 1 {
		t.Errorf("suites: %v, %v", suites, err)
	}
}

func TestWhatDoesNotFitIsAViolation(t *testing.T) {
	w := start(t, nil)
	head := w.commit("x", map[string]string{"a": "1"})
	c := w.user(ben)
	_, r, err := c.Repositories.CreateStatus(t.Context(), "acme", "config", head, &github.RepoStatus{State: github.String("green")})
	var refused *github.ErrorResponse
	if !errors.As(err, &refused) || status(r) != 422 {
		t.Errorf("a state that there is not: %v", err)
	}
	w.expect("POST /repos/{owner}/{repo}/statuses/{sha}", "state")
	request, err := c.NewRequest(http.MethodGet, "repos/acme/config/nothing", nil)
	w.must(err)
	if r, _ := c.Do(t.Context(), request, nil); status(r) != 404 {
		t.Errorf("an operation that there is not: %d", status(r))
	}
	w.expect("GET /repos/acme/config/nothing", "no such operation")
	request, err = c.NewRequest(http.MethodPost, "repos/acme/config/labels", nil)
	w.must(err)
	if r, _ := c.Do(t.Context(), request, nil); status(r) != 404 || len(w.Violations()) != 1 {
		t.Errorf("an operation that may not be used: %d", status(r))
	}
	w.expect("POST /repos/acme/config/labels", "no such operation")
}
