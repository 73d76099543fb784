package model

import (
	"context"
	"slices"

	"github.com/plateform/plateform/test/githubserver/bare"
)

// Protection is that of a branch, in the way that came before rulesets.
type Protection struct {
	Checks  *protectedChecks  `json:"required_status_checks"`
	Admins  *bool             `json:"enforce_admins"`
	Reviews *protectedReviews `json:"required_pull_request_reviews"`
	Only    *ProtectedActors  `json:"restrictions"`
	Linear  *bool             `json:"required_linear_history"`
	Force   *bool             `json:"allow_force_pushes"`
	Delete  *bool             `json:"allow_deletions"`
	// Signed says that commits have to be signed by a key that GitHub knows, which no commit of this server is. It is set by itself.
	Signed bool `json:"-"`
}

type protectedChecks struct {
	Strict   bool     `json:"strict"`
	Contexts []string `json:"contexts"`
	Checks   []struct {
		Context string `json:"context"`
	} `json:"checks"`
}

type protectedReviews struct {
	Count  int             `json:"required_approving_review_count"`
	Bypass ProtectedActors `json:"bypass_pull_request_allowances"`
}

// ProtectedActors are logins of users and slugs of Apps.
type ProtectedActors struct {
	Users []string `json:"users"`
	Apps  []string `json:"apps"`
}

func (a ProtectedActors) has(who Principal) bool {
	if i := who.Installed(); i != nil {
		return slices.Contains(a.Apps, i.App.Slug)
	}
	return who.User != nil && slices.Contains(a.Users, who.User.Login)
}

// All are the contexts that are required, in either of the two ways to say it.
func (c protectedChecks) All() []string {
	all := slices.Clone(c.Contexts)
	for _, check := range c.Checks {
		if !slices.Contains(all, check.Context) {
			all = append(all, check.Context)
		}
	}
	return all
}

// rule is the same, as a ruleset says it.
func (c protectedChecks) rule() StatusRule {
	s := StatusRule{Strict: c.Strict}
	for _, context := range c.All() {
		s.Checks = append(s.Checks, struct {
			Context string `json:"context"`
			App     int64  `json:"integration_id"`
		}{Context: context})
	}
	return s
}

// IsSet says that something is there and true.
func IsSet(b *bool) bool { return b != nil && *b }

// broken says what a move of the branch is refused for.
func (p *Protection) broken(ctx context.Context, r *Repository, m Move, who Principal) []string {
	if who.Installed() == nil && r.Role(who.User) == Admin && !IsSet(p.Admins) {
		return nil
	}
	var why []string
	if p.Only != nil && !p.Only.has(who) {
		why = append(why, "You're not authorized to push to this branch.")
	}
	if m.To == bare.Zero {
		if !IsSet(p.Delete) {
			why = append(why, "Cannot delete a protected branch")
		}
		return why
	}
	if m.Old != bare.Zero && !IsSet(p.Force) && !r.Git.Contains(ctx, m.To, m.Old) {
		why = append(why, "Cannot force-push to a protected branch")
	}
	if m.Old != bare.Zero && p.Reviews != nil && !p.Reviews.Bypass.has(who) {
		why = append(why, "Changes must be made through a pull request.")
	}
	if m.Old != bare.Zero && p.Signed {
		why = append(why, "Commits must have verified signatures.")
	}
	if IsSet(p.Linear) {
		if text := (Rule{Type: "required_linear_history"}).broken(ctx, r, m); text != "" {
			why = append(why, text)
		}
	}
	if p.Checks != nil {
		if text := r.missing(p.Checks.rule(), m.To); text != "" {
			why = append(why, text)
		}
	}
	return why
}
