package githubserver_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
)

// What the server has not is known, so that nobody takes a 404 for an answer.
func TestMissing(t *testing.T) {
	w := start(t, nil)
	want := []string{
		"DELETE /applications/{client_id}/token",
		"DELETE /orgs/{org}/memberships/{username}",
		"DELETE /orgs/{org}/teams/{team_slug}/memberships/{username}",
		"DELETE /repos/{owner}/{repo}",
		"DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels",
		"GET /orgs/{org}/memberships/{username}",
		"GET /orgs/{org}/teams/{team_slug}/memberships/{username}",
		"GET /repos/{owner}/{repo}/commits/{commit_sha}/comments",
		"GET /repos/{owner}/{repo}/issues/{issue_number}/labels",
		"GET /repos/{owner}/{repo}/languages",
		"GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
		"PATCH /applications/{client_id}/token",
		"PATCH /repos/{owner}/{repo}",
		"PATCH /user",
		"POST /repos/{owner}/{repo}/commits/{commit_sha}/comments",
		"POST /repos/{owner}/{repo}/git/commits",
		"POST /repos/{owner}/{repo}/git/trees",
		"POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
		"POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
		"PUT /orgs/{org}/memberships/{username}",
		"PUT /orgs/{org}/teams/{team_slug}/memberships/{username}",
		"PUT /repos/{owner}/{repo}/issues/{issue_number}/labels",
	}
	if diff := cmp.Diff(want, w.Missing()); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if _, r, err := w.user(ann).Repositories.ListLanguages(t.Context(), "acme", "config"); status(r) != 404 {
		t.Errorf("one of them: %d, %v", status(r), err)
	}
	got := w.TakeViolations()
	if len(got) != 1 || !got[0].Server || got[0].Operation != "GET /repos/{owner}/{repo}/languages" {
		t.Errorf("violations: %v", got)
	}
}

// The API is below /api/v3, and at the root.
func TestPlain(t *testing.T) {
	w := start(t, nil)
	for _, prefix := range []string{"", "/api/v3"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL()+prefix+"/users/ann", nil)
		w.must(err)
		answer, err := http.DefaultClient.Do(request)
		w.must(err)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("below %q it answers %d", prefix, answer.StatusCode)
		}
	}
}

func TestChecksAreAskedForAgain(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	app := w.client(w.token(w.install(config), nil))
	head := w.commit("x", map[string]string{"a": "1"})
	run, _, err := app.Checks.CreateCheckRun(ctx, "acme", "config", github.CreateCheckRunOptions{Name: "plan", HeadSHA: head, Conclusion: github.String("failure")})
	w.must(err)
	w.deliver()
	c := w.user(ben)
	_, err = c.Checks.ReRequestCheckRun(ctx, "acme", "config", run.GetID())
	w.must(err)
	_, err = c.Checks.ReRequestCheckSuite(ctx, "acme", "config", run.GetCheckSuite().GetID())
	w.must(err)
	if diff := cmp.Diff([]string{"check_run rerequested", "check_suite rerequested"}, names(w.deliver())); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	again, _, err := app.Checks.GetCheckRun(ctx, "acme", "config", run.GetID())
	if err != nil || again.GetStatus() != "queued" || again.GetConclusion() != "" {
		t.Errorf("the run is %s %s, %v", again.GetStatus(), again.GetConclusion(), err)
	}
	if _, r, err := c.Checks.UpdateCheckRun(ctx, "acme", "config", run.GetID(), github.UpdateCheckRunOptions{Name: "plan"}); status(r) != 403 {
		t.Errorf("a person changes it: %d, %v", status(r), err)
	}
}

// Pushes, requests and people's edits may come at once; nothing gets lost.
func TestManyAtOnce(t *testing.T) {
	w := start(t, unlimited())
	ctx := t.Context()
	token := w.token(w.install(config), nil)
	app := w.client(token)
	w.commit("x", map[string]string{"a": "1"})
	number := w.open("x")
	w.deliver()
	const each = 5
	var all sync.WaitGroup
	problems := make(chan error, 4*each)
	for n := range each {
		dir := w.clone(config, token)
		all.Go(func() {
			_, err := git(t, dir, "push", "-q", "origin", fmt.Sprintf("HEAD:refs/heads/pushed-%d", n))
			problems <- err
		})
		all.Go(func() {
			_, _, err := app.Issues.CreateComment(ctx, "acme", "config", number, &github.IssueComment{Body: github.String("x")})
			problems <- err
		})
		all.Go(func() {
			_, err := w.Commit(ctx, forge.NewCommit{Repo: config, Branch: "x", Author: ben, Message: "x", Files: map[string]string{fmt.Sprint(n): "x"}})
			problems <- err
		})
		all.Go(func() {
			w.Calls()
			w.Violations()
			w.Inject(githubserver.Fault{Operation: "GET /user", Times: 1, Status: 500})
			problems <- w.Hooks().Idle(ctx)
		})
	}
	all.Wait()
	close(problems)
	for err := range problems {
		w.must(err)
	}
	told := map[string]int{}
	for _, name := range names(w.deliver()) {
		told[name]++
	}
	// The branches that were pushed are all at one commit, which the App is asked about once.
	want := map[string]int{"push": 2 * each, "check_suite requested": each + 1, "issue_comment created": each, "pull_request synchronize": each}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
