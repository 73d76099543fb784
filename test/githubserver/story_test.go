package githubserver_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

// A pull request is opened from a branch that was pushed with git, checked and talked about by an App, merged by a push,
// and deployed; all of it is told by webhooks.
func TestStory(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	installation := w.install(config)
	w.deliver()

	token := w.token(installation, nil)
	dir := w.clone(config, token)
	mustGit(t, dir, "checkout", "-q", "-b", "add-shop")
	w.must(os.WriteFile(filepath.Join(dir, "shop.yaml"), []byte("kind: Project\n"), 0o600))
	mustGit(t, dir, "add", ".")
	mustGit(t, dir, "commit", "-q", "-m", "Add the shop")
	mustGit(t, dir, "push", "-q", "origin", "add-shop")
	head := mustGit(t, dir, "rev-parse", "HEAD")
	if diff := cmp.Diff([]string{"push", "check_suite requested"}, names(w.deliver())); diff != "" {
		t.Errorf("told of the branch (-want +got):\n%s", diff)
	}

	ben := w.user(ben)
	opened, _, err := ben.PullRequests.Create(ctx, "acme", "config", &github.NewPullRequest{Title: github.String("Add the shop"),
		Head: github.String("add-shop"), Base: github.String("main"), Body: github.String("please")})
	w.must(err)
	got := w.deliver()
	if diff := cmp.Diff([]string{"pull_request opened"}, names(got)); diff != "" {
		t.Fatalf("told of the pull request (-want +got):\n%s", diff)
	}
	event := got[0].body.(*github.PullRequestEvent)
	if event.GetInstallation().GetID() != installation || event.GetPullRequest().GetHead().GetSHA() != head || event.GetSender().GetID() != 2 {
		t.Errorf("the event is %v", event)
	}

	app := w.client(token)
	run, _, err := app.Checks.CreateCheckRun(ctx, "acme", "config", github.CreateCheckRunOptions{Name: "plateform/plan", HeadSHA: head,
		Status: github.String("completed"), Conclusion: github.String("success"), Output: &github.CheckRunOutput{Title: github.String("1 release"),
			Summary: github.String("It will be **live**."), Annotations: []*github.CheckRunAnnotation{{Path: github.String("shop.yaml"),
				StartLine: github.Int(1), EndLine: github.Int(1), AnnotationLevel: github.String("notice"), Message: github.String("inferred")}}}})
	w.must(err)
	_, _, err = app.Repositories.CreateStatus(ctx, "acme", "config", head, &github.RepoStatus{State: github.String("pending"),
		Context: github.String("plateform/ws/shop"), Description: github.String("queued"), TargetURL: github.String("https://example.com/run")})
	w.must(err)
	card, _, err := app.Issues.CreateComment(ctx, "acme", "config", opened.GetNumber(), &github.IssueComment{Body: github.String("<!-- card -->\nplan")})
	w.must(err)
	_, _, err = app.Issues.EditComment(ctx, "acme", "config", card.GetID(), &github.IssueComment{Body: github.String("<!-- card -->\nlive")})
	w.must(err)
	if card.GetUser().GetLogin() != "plateform[bot]" || run.GetApp().GetID() != appID {
		t.Errorf("said by %s, checked by %v", card.GetUser().GetLogin(), run.GetApp().GetID())
	}
	w.must(w.Rerequest(config, run.GetID(), 2))
	got = w.deliver()
	if diff := cmp.Diff([]string{"check_run created", "issue_comment created", "issue_comment edited", "check_run rerequested"}, names(got)); diff != "" {
		t.Errorf("told of what was said (-want +got):\n%s", diff)
	}

	if changes := got[2].raw["changes"]; !cmp.Equal(changes, any(map[string]any{"body": map[string]any{"from": "<!-- card -->\nplan"}})) {
		t.Errorf("the comment was edited: %v", changes)
	}

	// Whoever pushes the merge has merged it.
	mustGit(t, dir, "checkout", "-q", "main")
	mustGit(t, dir, "merge", "-q", "--no-ff", "-m", "Merge the shop", "add-shop")
	mustGit(t, dir, "push", "-q", "origin", "main")
	tip := mustGit(t, dir, "rev-parse", "HEAD")
	got = w.deliver()
	if diff := cmp.Diff([]string{"push", "check_suite requested", "pull_request closed"}, names(got)); diff != "" {
		t.Fatalf("told of the merge (-want +got):\n%s", diff)
	}
	push := got[0].body.(*github.PushEvent)
	if push.GetAfter() != tip || push.GetRef() != "refs/heads/main" || len(push.Commits) != 2 || !slices.Contains(push.Commits[0].Added, "shop.yaml") {
		t.Errorf("the push is %v", push)
	}
	if repo := got[0].raw["repository"].(map[string]any); repo["created_at"] != float64(w.clock.Now().Unix()) || repo["owner"].(map[string]any)["name"] != "acme" {
		t.Errorf("a push event has its own idea of a repository: %v", repo)
	}
	merged, _, err := ben.PullRequests.Get(ctx, "acme", "config", opened.GetNumber())
	w.must(err)
	if !merged.GetMerged() || merged.GetState() != "closed" || merged.GetMergeCommitSHA() != tip || merged.GetMergedBy().GetLogin() != "plateform[bot]" {
		t.Errorf("the pull request is %v", merged)
	}
	of, _, err := app.PullRequests.ListPullRequestsWithCommit(ctx, "acme", "config", tip, nil)
	if err != nil || len(of) != 1 || of[0].GetNumber() != opened.GetNumber() {
		t.Errorf("the merge belongs to %v, %v", of, err)
	}

	deployment, _, err := app.Repositories.CreateDeployment(ctx, "acme", "config", &github.DeploymentRequest{Ref: &tip, Environment: github.String("ws/shop"),
		AutoMerge: github.Bool(false), RequiredContexts: &[]string{}})
	w.must(err)
	_, _, err = app.Repositories.CreateDeploymentStatus(ctx, "acme", "config", deployment.GetID(), &github.DeploymentStatusRequest{State: github.String("success"),
		EnvironmentURL: github.String("https://shop.example.com"), LogURL: github.String("https://example.com/log")})
	w.must(err)
	states, _, err := ben.Repositories.ListDeploymentStatuses(ctx, "acme", "config", deployment.GetID(), nil)
	if err != nil || len(states) != 1 || states[0].GetEnvironmentURL() != "https://shop.example.com" {
		t.Errorf("the deployment is %v, %v", states, err)
	}
	if out := mustGit(t, dir, "ls-remote", "origin", "refs/pull/1/head"); out != head+"\trefs/pull/1/head" {
		t.Errorf("the head of the pull request is %q", out)
	}
}
