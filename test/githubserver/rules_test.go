package githubserver_test

import (
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/test/githubserver/forge"
)

// ruleset makes a ruleset for main that an App need not follow.
func (w *world) ruleset(bypass int64, rules ...*github.RepositoryRule) int64 {
	w.t.Helper()
	target := "branch"
	set := &github.Ruleset{Name: "main", Target: &target, Enforcement: "active", Rules: rules,
		Conditions: &github.RulesetConditions{RefName: &github.RulesetRefConditionParameters{Include: []string{"~DEFAULT_BRANCH"}, Exclude: []string{}}}}
	if bypass != 0 {
		kind, mode := "Integration", "always"
		set.BypassActors = []*github.BypassActor{{ActorID: &bypass, ActorType: &kind, BypassMode: &mode}}
	}
	made, _, err := w.user(ann).Repositories.CreateRuleset(w.t.Context(), "acme", "config", set)
	w.must(err)
	return made.GetID()
}

func TestRulesetsRefusePushes(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	id := w.install(config)
	check := github.NewRequiredStatusChecksRule(&github.RequiredStatusChecksRuleParameters{StrictRequiredStatusChecksPolicy: true,
		RequiredStatusChecks: []github.RuleRequiredStatusChecks{{Context: "plateform/plan"}}})
	set := w.ruleset(appID, github.NewPullRequestRule(&github.PullRequestRuleParameters{}), check, github.NewNonFastForwardRule())

	token, err := w.Token(ben, "repo")
	w.must(err)
	dir := w.clone(config, token)
	mustGit(t, dir, "commit", "-q", "--allow-empty", "-m", "Straight to main")
	out, err := git(t, dir, "push", "origin", "HEAD:main")
	for _, want := range []string{"remote: error: GH013: Repository rule violations found for refs/heads/main.", "remote: - Changes must be made through a pull request.",
		`remote: - Required status check "plateform/plan" is expected.`, "! [remote rejected] HEAD -> main (push declined due to repository rule violations)"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("the push says, without %q:\n%s", want, out)
		}
	}
	mustGit(t, dir, "push", "-q", "origin", "HEAD:other") // a branch of no interest
	c := w.user(ben)
	_, r, err := c.Repositories.CreateFile(ctx, "acme", "config", "x", &github.RepositoryContentFileOptions{Message: github.String("m"), Content: []byte("x")})
	if status(r) != 409 || !strings.Contains(err.Error(), "Repository rule violations found") {
		t.Errorf("a file by the API: %d, %v", status(r), err)
	}
	rules, _, err := c.Repositories.GetRulesForBranch(ctx, "acme", "config", "main")
	if err != nil || len(rules) != 3 {
		t.Errorf("the rules of main: %v, %v", rules, err)
	}
	if shown, _, err := c.Repositories.GetRuleset(ctx, "acme", "config", set, false); err != nil || len(shown.BypassActors) > 0 {
		t.Errorf("who need not follow it is shown to everybody: %v, %v", shown, err)
	}
	if shown, _, err := w.user(ann).Repositories.GetRuleset(ctx, "acme", "config", set, false); err != nil || len(shown.BypassActors) != 1 {
		t.Errorf("an admin does not see who need not follow it: %v, %v", shown, err)
	}

	// The App need not follow it.
	mine := w.clone(config, w.token(id, nil))
	mustGit(t, mine, "commit", "-q", "--allow-empty", "-m", "By the App")
	mustGit(t, mine, "push", "-q", "origin", "HEAD:main")

	// A pull request is merged when the check is green and the branch is up to date.
	number := w.open("other")
	merge := func() error { return w.Merge(ctx, config, number, ben, forge.MergeCommit) }
	if err := merge(); err == nil || !strings.Contains(err.Error(), "plateform/plan") {
		t.Errorf("without the check: %v", err)
	}
	green := func() {
		pull, _, err := c.PullRequests.Get(ctx, "acme", "config", number)
		w.must(err)
		_, _, err = c.Repositories.CreateStatus(ctx, "acme", "config", pull.GetHead().GetSHA(), &github.RepoStatus{State: github.String("success"), Context: github.String("plateform/plan")})
		w.must(err)
	}
	green()
	if err := merge(); err == nil || !strings.Contains(err.Error(), "out of date") {
		t.Errorf("behind the base: %v", err)
	}
	mustGit(t, dir, "pull", "-q", "--no-rebase", "--no-edit", "origin", "main")
	mustGit(t, dir, "push", "-q", "origin", "HEAD:other")
	green()
	w.must(merge())

	if r, err := c.Repositories.DeleteRuleset(ctx, "acme", "config", set); status(r) != 403 {
		t.Errorf("a writer takes the ruleset away: %d, %v", status(r), err)
	}
	_, err = w.user(ann).Repositories.DeleteRuleset(ctx, "acme", "config", set)
	w.must(err)
	mustGit(t, dir, "fetch", "-q")
	mustGit(t, dir, "reset", "-q", "--hard", "origin/main")
	mustGit(t, dir, "commit", "-q", "--allow-empty", "-m", "Free again")
	mustGit(t, dir, "push", "-q", "origin", "HEAD:main")
}

func TestRulesOneByOne(t *testing.T) {
	w := start(t, nil)
	token, err := w.Token(ben, "repo")
	w.must(err)
	dir := w.clone(config, token)
	mustGit(t, dir, "commit", "-q", "--allow-empty", "-m", "One")
	mustGit(t, dir, "push", "-q", "origin", "HEAD:main")
	for _, tt := range []struct {
		name  string
		rule  *github.RepositoryRule
		setup []string
		push  []string
		want  string
	}{
		{"forced", github.NewNonFastForwardRule(), []string{"commit", "-q", "--amend", "--allow-empty", "-m", "Another"}, []string{"push", "--force", "origin", "HEAD:main"}, "Cannot force-push to this branch"},
		{"deleted", github.NewDeletionRule(), nil, []string{"push", "origin", ":main"}, "Cannot delete this branch"},
		{"unsigned", github.NewRequiredSignaturesRule(), []string{"commit", "-q", "--allow-empty", "-m", "Two"}, []string{"push", "origin", "HEAD:main"}, "Commits must have verified signatures."},
		{"merges", github.NewRequiredLinearHistoryRule(), []string{"merge", "-q", "--no-ff", "-s", "ours", "-m", "Merge", "side"}, []string{"push", "origin", "HEAD:main"}, "This branch must not contain merge commits."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mustGit(t, dir, "fetch", "-q")
			mustGit(t, dir, "reset", "-q", "--hard", "origin/main")
			mustGit(t, dir, "checkout", "-q", "-B", "side")
			mustGit(t, dir, "commit", "-q", "--allow-empty", "-m", "Aside")
			mustGit(t, dir, "checkout", "-q", "-B", "work", "origin/main")
			if tt.setup != nil {
				mustGit(t, dir, tt.setup...)
			}
			set := w.ruleset(0, tt.rule)
			out, err := git(t, dir, tt.push...)
			if err == nil || !strings.Contains(out, tt.want) {
				t.Errorf("it is pushed: %v\n%s", err, out)
			}
			_, err = w.user(ann).Repositories.DeleteRuleset(t.Context(), "acme", "config", set)
			w.must(err)
		})
	}
}

func TestProtectedBranches(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	admin := w.user(ann)
	if _, r, err := admin.Repositories.GetBranchProtection(ctx, "acme", "config", "main"); status(r) != 404 {
		t.Errorf("a branch that is not protected: %d, %v", status(r), err)
	}
	_, _, err := admin.Repositories.UpdateBranchProtection(ctx, "acme", "config", "main", &github.ProtectionRequest{EnforceAdmins: true,
		RequiredStatusChecks:       &github.RequiredStatusChecks{Strict: true, Contexts: &[]string{"ci"}},
		RequiredPullRequestReviews: &github.PullRequestReviewsEnforcementRequest{RequiredApprovingReviewCount: 1},
		Restrictions:               &github.BranchRestrictionsRequest{Users: []string{"ann"}, Teams: []string{}, Apps: []string{"plateform"}}})
	w.must(err)
	token, err := w.Token(ben, "repo")
	w.must(err)
	dir := w.clone(config, token)
	mustGit(t, dir, "commit", "-q", "--allow-empty", "-m", "Straight to main")
	out, err := git(t, dir, "push", "origin", "HEAD:main")
	for _, want := range []string{"remote: error: GH006: Protected branch update failed for refs/heads/main.", "remote: error: Changes must be made through a pull request.",
		"remote: error: You're not authorized to push to this branch.", "(protected branch hook declined)"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("the push says, without %q:\n%s", want, out)
		}
	}
	got, _, err := admin.Repositories.GetBranchProtection(ctx, "acme", "config", "main")
	if err != nil || !got.GetRequiredStatusChecks().Strict || len(got.GetRestrictions().Apps) != 1 || !got.GetEnforceAdmins().Enabled {
		t.Errorf("the protection is %v, %v", got, err)
	}
	branch, _, err := w.user(ben).Repositories.GetBranch(ctx, "acme", "config", "main", 1)
	if err != nil || !branch.GetProtected() {
		t.Errorf("the branch is %v, %v", branch, err)
	}
	_, err = admin.Repositories.RemoveBranchProtection(ctx, "acme", "config", "main")
	w.must(err)
	mustGit(t, dir, "push", "-q", "origin", "HEAD:main")
}
