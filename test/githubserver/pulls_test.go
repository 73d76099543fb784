package githubserver_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

func TestWaysToMerge(t *testing.T) {
	for _, tt := range []struct {
		how     forge.Method
		commits int // that the base gets
		parents int // of its tip
	}{{forge.MergeCommit, 3, 2}, {forge.Squash, 1, 1}, {forge.Rebase, 2, 1}} {
		t.Run(string(tt.how), func(t *testing.T) {
			w := start(t, nil)
			ctx := t.Context()
			before := w.commit("main", map[string]string{"b": "1"})
			w.commit("x", map[string]string{"a": "1"})
			head := w.commit("x", map[string]string{"c": "1"})
			w.commit("main", map[string]string{"d": "1"})
			number := w.open("x")
			c := w.user(ben)
			commits, _, err := c.PullRequests.ListCommits(ctx, "acme", "config", number, nil)
			if err != nil || len(commits) != 2 || commits[1].GetSHA() != head {
				t.Errorf("the pull request has %d commits, %v", len(commits), err)
			}
			wrong := &github.PullRequestOptions{MergeMethod: string(tt.how), SHA: before}
			if _, r, err := c.PullRequests.Merge(ctx, "acme", "config", number, "", wrong); status(r) != 409 {
				t.Errorf("a head that is not the one that was looked at: %d, %v", status(r), err)
			}
			tip, _, err := c.Git.GetRef(ctx, "acme", "config", "heads/main")
			w.must(err)
			result, _, err := c.PullRequests.Merge(ctx, "acme", "config", number, "", &github.PullRequestOptions{MergeMethod: string(tt.how), SHA: head})
			w.must(err)
			compared, _, err := c.Repositories.CompareCommits(ctx, "acme", "config", tip.GetObject().GetSHA(), "main", nil)
			if err != nil || compared.GetAheadBy() != tt.commits || compared.GetBehindBy() != 0 || len(compared.Files) != 2 {
				t.Errorf("the base is %d ahead with %d files, %v", compared.GetAheadBy(), len(compared.Files), err)
			}
			made, _, err := c.Git.GetCommit(ctx, "acme", "config", result.GetSHA())
			if err != nil || len(made.Parents) != tt.parents {
				t.Errorf("the commit is %v, %v", made, err)
			}
			of, _, err := c.PullRequests.ListPullRequestsWithCommit(ctx, "acme", "config", result.GetSHA(), nil)
			if err != nil || len(of) != 1 || of[0].GetMergeCommitSHA() != result.GetSHA() {
				t.Errorf("the commit belongs to %v, %v", of, err)
			}
			if merged, _, err := c.PullRequests.IsMerged(ctx, "acme", "config", number); err != nil || !merged {
				t.Errorf("merged: %v, %v", merged, err)
			}
			if _, r, err := c.PullRequests.Merge(ctx, "acme", "config", number, "", nil); status(r) != 405 {
				t.Errorf("merged a second time: %d, %v", status(r), err)
			}
		})
	}
}

func TestAConflictIsNotMerged(t *testing.T) {
	w := start(t, nil)
	w.commit("x", map[string]string{"README.md": "one\n"})
	w.commit("main", map[string]string{"README.md": "two\n"})
	number := w.open("x")
	c := w.user(ben)
	pull, _, err := c.PullRequests.Get(t.Context(), "acme", "config", number)
	if err != nil || pull.GetMergeable() || pull.GetMergeableState() != "dirty" {
		t.Errorf("mergeable: %v %s, %v", pull.GetMergeable(), pull.GetMergeableState(), err)
	}
	for _, how := range []forge.Method{forge.MergeCommit, forge.Squash, forge.Rebase} {
		if err := w.Merge(t.Context(), config, number, ben, how); err == nil {
			t.Errorf("merged by %s", how)
		}
	}
}

// A pull request from a fork follows the fork's branch.
func TestForks(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	id := w.install(config)
	w.must(w.SetRole(config, eve, model.Read))
	w.repository(forge.NewRepository{Name: "eve/config", Private: true, ForkOf: config})
	in := func(files map[string]string) string {
		hash, err := w.Commit(ctx, forge.NewCommit{Repo: "eve/config", Branch: "mine", Author: eve, Message: "Mine", Files: files})
		w.must(err)
		return hash
	}
	in(map[string]string{"a": "1"})
	w.deliver()
	c := w.user(eve)
	pull, _, err := c.PullRequests.Create(ctx, "acme", "config", &github.NewPullRequest{Title: github.String("Mine"), Head: github.String("eve:mine"), Base: github.String("main")})
	w.must(err)
	if pull.GetHead().GetRepo().GetFullName() != "eve/config" || pull.GetHead().GetLabel() != "eve:mine" {
		t.Errorf("the head is %v", pull.GetHead())
	}
	if _, r, err := c.PullRequests.Create(ctx, "acme", "config", &github.NewPullRequest{Title: github.String("Mine"), Head: github.String("eve:mine"), Base: github.String("main")}); status(r) != 422 {
		t.Errorf("a second one: %d, %v", status(r), err)
	}
	next := in(map[string]string{"a": "2"})
	got := w.deliver()
	if diff := cmp.Diff([]string{"pull_request opened", "pull_request synchronize"}, names(got)); diff != "" {
		t.Fatalf("told (-want +got):\n%s", diff)
	}
	if e := got[1].body.(*github.PullRequestEvent); e.GetAfter() != next || e.GetPullRequest().GetHead().GetSHA() != next {
		t.Errorf("the head is told to be %s", e.GetPullRequest().GetHead().GetSHA())
	}
	dir := w.clone(config, w.token(id, nil))
	mustGit(t, dir, "fetch", "-q", "origin", "refs/pull/1/head")
	if out := mustGit(t, dir, "rev-parse", "FETCH_HEAD"); out != next {
		t.Errorf("the head in the repository is %s", out)
	}
	if out, err := git(t, dir, "push", "--force", "origin", "HEAD:refs/pull/1/head"); err == nil || !strings.Contains(out, "deny updating a hidden ref") {
		t.Errorf("a pull request's ref is pushed: %v\n%s", err, out)
	}
	compared, _, err := c.Repositories.CompareCommits(ctx, "acme", "config", "main", "eve:mine", nil)
	if err != nil || compared.GetAheadBy() != 2 {
		t.Errorf("compared: %v, %v", compared, err)
	}
}

func TestPullRequestsAreEdited(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	w.install(config)
	w.commit("x", map[string]string{"a": "1"})
	w.commit("y", map[string]string{"b": "1"})
	number := w.open("x")
	second := w.open("y")
	w.deliver()
	c := w.user(ben)
	_, _, err := c.PullRequests.Edit(ctx, "acme", "config", number, &github.PullRequest{Title: github.String("Other"), Base: &github.PullRequestBranch{Ref: github.String("y")}})
	w.must(err)
	w.must(w.ClosePull(ctx, config, number, ben))
	w.must(w.ReopenPull(ctx, config, number, ben))
	if _, r, err := c.PullRequests.Edit(ctx, "acme", "config", number, &github.PullRequest{Base: &github.PullRequestBranch{Ref: github.String("gone")}}); status(r) != 422 {
		t.Errorf("a base that is not there: %d, %v", status(r), err)
	}
	if diff := cmp.Diff([]string{"pull_request edited", "pull_request closed", "pull_request reopened"}, names(w.deliver())); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	list, _, err := c.PullRequests.List(ctx, "acme", "config", &github.PullRequestListOptions{State: "open", Base: "main", Head: "acme:y"})
	if err != nil || len(list) != 1 || list[0].GetNumber() != second {
		t.Errorf("listed: %v, %v", list, err)
	}
	list, _, err = c.PullRequests.List(ctx, "acme", "config", nil)
	if err != nil || len(list) != 2 || list[0].GetNumber() != second {
		t.Errorf("listed: %v, %v", list, err)
	}
	_, err = c.Git.DeleteRef(ctx, "acme", "config", "heads/x")
	w.must(err)
	if closed, _, err := c.PullRequests.Get(ctx, "acme", "config", number); err != nil || closed.GetState() != "closed" || closed.GetMerged() {
		t.Errorf("without its branch it is %s, %v", closed.GetState(), err)
	}
	if _, err := w.OpenPull(ctx, forge.NewPull{Repo: config, Head: "main", Title: "Nothing", Author: ben}); err == nil {
		t.Error("a pull request without a change is opened")
	}
}

func TestComments(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	w.commit("x", map[string]string{"a": "1"})
	number := w.open("x")
	id, err := w.Comment(config, number, ben, "/plateform plan")
	w.must(err)
	c := w.user(ann)
	w.must(w.EditComment(config, id, ben, "/plateform rollback"))
	got, _, err := c.Issues.GetComment(ctx, "acme", "config", id)
	if err != nil || got.GetBody() != "/plateform rollback" || got.GetUser().GetID() != ben || got.GetAuthorAssociation() != "COLLABORATOR" {
		t.Errorf("the comment is %v, %v", got, err)
	}
	for range 2 {
		_, _, err = c.Reactions.CreateIssueCommentReaction(ctx, "acme", "config", id, "eyes")
		w.must(err)
	}
	reactions, _, err := c.Reactions.ListIssueCommentReactions(ctx, "acme", "config", id, nil)
	if err != nil || len(reactions) != 1 {
		t.Errorf("reactions: %v, %v", reactions, err)
	}
	list, _, err := c.Issues.ListComments(ctx, "acme", "config", number, nil)
	if err != nil || len(list) != 1 {
		t.Errorf("comments: %v, %v", list, err)
	}
	w.must(w.SetRole(config, eve, model.Read))
	if _, r, err := w.user(eve).Issues.EditComment(ctx, "acme", "config", id, &github.IssueComment{Body: github.String("mine")}); status(r) != 403 {
		t.Errorf("somebody else's comment is edited: %d, %v", status(r), err)
	}
	_, err = c.Issues.DeleteComment(ctx, "acme", "config", id)
	w.must(err)
	if _, r, err := c.Issues.GetComment(ctx, "acme", "config", id); status(r) != 404 {
		t.Errorf("a comment that is gone: %d, %v", status(r), err)
	}
}

func TestDeployments(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	head := w.commit("main", map[string]string{"a": "1"})
	c := w.user(ben)
	_, _, err := c.Repositories.CreateStatus(ctx, "acme", "config", head, &github.RepoStatus{State: github.String("pending")})
	w.must(err)
	if _, r, err := c.Repositories.CreateDeployment(ctx, "acme", "config", &github.DeploymentRequest{Ref: &head}); status(r) != 409 {
		t.Errorf("while a status is pending: %d, %v", status(r), err)
	}
	deploy := func() int64 {
		d, _, err := c.Repositories.CreateDeployment(ctx, "acme", "config", &github.DeploymentRequest{Ref: github.String("main"), Environment: github.String("shop"),
			AutoMerge: github.Bool(false), RequiredContexts: &[]string{}, Payload: map[string]string{"release": "v1"}})
		w.must(err)
		_, _, err = c.Repositories.CreateDeploymentStatus(ctx, "acme", "config", d.GetID(), &github.DeploymentStatusRequest{State: github.String("success")})
		w.must(err)
		return d.GetID()
	}
	first, second := deploy(), deploy()
	states, _, err := c.Repositories.ListDeploymentStatuses(ctx, "acme", "config", first, nil)
	if err != nil || len(states) != 2 || states[0].GetState() != "inactive" {
		t.Errorf("the first is %v, %v", states, err)
	}
	if r, err := c.Repositories.DeleteDeployment(ctx, "acme", "config", second); status(r) != 422 {
		t.Errorf("an active deployment is deleted: %d, %v", status(r), err)
	}
	_, err = c.Repositories.DeleteDeployment(ctx, "acme", "config", first)
	w.must(err)
	list, _, err := c.Repositories.ListDeployments(ctx, "acme", "config", &github.DeploymentsListOptions{Environment: "shop", SHA: head})
	if err != nil || len(list) != 1 || list[0].GetID() != second {
		t.Errorf("deployments: %v, %v", list, err)
	}
	if one, _, err := c.Repositories.GetDeployment(ctx, "acme", "config", second); err != nil || string(one.Payload) != `{"release":"v1"}` {
		t.Errorf("the deployment: %v, %v", one, err)
	}
}
