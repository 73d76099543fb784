package model

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/test/githubserver/bare"
)

// rules are what a repository does not let everybody push.
type rules struct {
	Sets []*Ruleset
	// protected branches, in the way that came before rulesets.
	Protected map[string]*Protection
}

// Ruleset is a list of rules for some refs.
type Ruleset struct {
	ID          int64
	Name        string         `json:"name"`
	Target      string         `json:"target"`
	Enforcement string         `json:"enforcement"`
	Bypass      []BypassActor  `json:"bypass_actors"`
	Conditions  ruleConditions `json:"conditions"`
	Rules       []Rule         `json:"rules"`
	Created     time.Time
	Updated     time.Time
}

// BypassActor is somebody who need not follow a ruleset.
type BypassActor struct {
	ID   *int64 `json:"actor_id"`
	Type string `json:"actor_type"`
	Mode string `json:"bypass_mode"`
}

type ruleConditions struct {
	RefName struct {
		Include []string `json:"include"`
		Exclude []string `json:"exclude"`
	} `json:"ref_name"`
}

// Rule is one rule of a ruleset.
type Rule struct {
	Type       string          `json:"type"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
}

// Enforced says that this server enforces a kind of rule; others cannot be made here.
func Enforced(kind string) bool {
	return slices.Contains([]string{"creation", "update", "deletion", "required_linear_history", "required_signatures", "pull_request",
		"required_status_checks", "non_fast_forward"}, kind)
}

// StatusRule are the parameters of required_status_checks.
type StatusRule struct {
	Checks []struct {
		Context string `json:"context"`
		App     int64  `json:"integration_id"`
	} `json:"required_status_checks"`
	Strict bool `json:"strict_required_status_checks_policy"`
}

// Applies says that a ruleset is about a ref.
func (s *Ruleset) Applies(ref string) bool {
	kind := map[string]string{"branch": "refs/heads/", "tag": "refs/tags/"}[s.Target]
	return s.Enforcement == "active" && kind != "" && strings.HasPrefix(ref, kind) &&
		matchesRef(s.Conditions.RefName.Include, ref) && !matchesRef(s.Conditions.RefName.Exclude, ref)
}

func matchesRef(patterns []string, ref string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		switch pattern {
		case "~ALL":
			return true
		case "~DEFAULT_BRANCH":
			return ref == "refs/heads/"+DefaultBranch
		}
		if prefix, found := strings.CutSuffix(pattern, "/**/*"); found {
			return strings.HasPrefix(ref, prefix+"/")
		}
		matched, err := path.Match(pattern, ref)
		return err == nil && matched
	})
}

// Lets says that somebody need not follow a ruleset.
func (s *Ruleset) Lets(r *Repository, who Principal) bool {
	return slices.ContainsFunc(s.Bypass, func(a BypassActor) bool {
		if a.Mode == "pull_request" {
			return false
		}
		if i := who.Installed(); i != nil {
			return a.Type == "Integration" && a.ID != nil && *a.ID == i.App.ID
		}
		switch a.Type {
		case "User":
			return a.ID != nil && who.User != nil && *a.ID == who.User.ID
		case "OrganizationAdmin":
			return who.User == r.Owner
		case "RepositoryRole":
			needed := map[int64]Role{1: Read, 2: Maintain, 3: Triage, 4: Write, 5: Admin} // GitHub's numbers
			return a.ID != nil && needed[*a.ID] > None && r.Role(who.User) >= needed[*a.ID]
		}
		return false
	})
}

// Move is a ref that goes from one commit to another; bare.Zero stands for no ref.
type Move struct{ Ref, Old, To string }

// refusal is why a ref may not be moved.
type refusal struct {
	// classic is for a protected branch, and not for a ruleset.
	classic bool
	Why     []string
}

// Refuses says what forbids somebody to move a ref, if anything.
func (r *Repository) Refuses(ctx context.Context, m Move, who Principal) refusal {
	var out refusal
	for _, s := range r.Rules.Sets {
		if !s.Applies(m.Ref) || s.Lets(r, who) {
			continue
		}
		for _, one := range s.Rules {
			if why := one.broken(ctx, r, m); why != "" && !slices.Contains(out.Why, why) {
				out.Why = append(out.Why, why)
			}
		}
	}
	if len(out.Why) > 0 {
		return out
	}
	if p := r.Rules.Protected[strings.TrimPrefix(m.Ref, "refs/heads/")]; p != nil {
		return refusal{classic: true, Why: p.broken(ctx, r, m, who)}
	}
	return out
}

// broken says why a move breaks a rule, in GitHub's words; "" when it does not.
func (o Rule) broken(ctx context.Context, r *Repository, m Move) string {
	made, gone := m.Old == bare.Zero, m.To == bare.Zero
	switch o.Type {
	case "creation":
		if made {
			return "Cannot create ref due to creations being restricted."
		}
	case "deletion":
		if gone {
			return "Cannot delete this branch"
		}
	case "update":
		if !made && !gone {
			return "Cannot update this protected ref."
		}
	case "non_fast_forward":
		if !made && !gone && !r.Git.Contains(ctx, m.To, m.Old) {
			return "Cannot force-push to this branch"
		}
	case "pull_request":
		if !made && !gone {
			return "Changes must be made through a pull request."
		}
	case "required_linear_history":
		if !gone && r.some(ctx, m, func(c bare.Commit) bool { return len(c.Parents) > 1 }) {
			return "This branch must not contain merge commits."
		}
	case "required_signatures":
		if !gone && r.some(ctx, m, func(c bare.Commit) bool { return !r.signed(ctx, c.Hash) }) {
			return "Commits must have verified signatures."
		}
	case "required_status_checks":
		if !gone {
			return r.missing(o.checks(), m.To)
		}
	}
	return ""
}

// checks are those that a rule requires.
func (o Rule) checks() StatusRule {
	var s StatusRule
	_ = json.Unmarshal(o.Parameters, &s) // they were checked when the rule was made
	return s
}

// missing says which required check is not green on a commit.
func (r *Repository) missing(s StatusRule, sha string) string {
	for _, check := range s.Checks {
		if !r.Passed(sha, check.Context) {
			return `Required status check "` + check.Context + `" is expected.`
		}
	}
	return ""
}

// some says that one of the commits that a move brings is of a kind.
func (r *Repository) some(ctx context.Context, m Move, kind func(bare.Commit) bool) bool {
	base := m.Old
	if base == bare.Zero {
		base = DefaultBranch
		if _, err := r.Git.Ref(ctx, "refs/heads/"+base); err != nil {
			return false
		}
	}
	list, err := r.Git.Range(ctx, base, m.To, MostCommits)
	return err == nil && slices.ContainsFunc(list, kind)
}

// signed says that a commit carries a signature; those that GitHub makes itself count as signed.
func (r *Repository) signed(ctx context.Context, hash string) bool {
	c, err := r.Git.Read(ctx, hash)
	return err == nil && (c.Signed || c.Committer.Email == "noreply@github.com")
}

// RefusesMerge says why a pull request may not be merged, as far as rules have a say.
func (r *Repository) RefusesMerge(ctx context.Context, p *Pull, tip string) string {
	check := func(s StatusRule) string {
		if why := r.missing(s, p.Head.SHA); why != "" {
			return why
		}
		if s.Strict && !r.Git.Contains(ctx, p.Head.SHA, tip) {
			return "Head branch is out of date. Review and try the merge again."
		}
		return ""
	}
	for _, s := range r.Rules.Sets {
		for _, one := range s.Rules {
			if !s.Applies("refs/heads/"+p.Base.Ref) || one.Type != "required_status_checks" {
				continue
			}
			if why := check(one.checks()); why != "" {
				return why
			}
		}
	}
	if classic := r.Rules.Protected[p.Base.Ref]; classic != nil && classic.Checks != nil {
		return check(classic.Checks.rule())
	}
	return ""
}

// Bypassed says that somebody need not follow any of the rulesets of a ref.
func (r *Repository) Bypassed(who Principal, ref string) bool {
	return !slices.ContainsFunc(r.Rules.Sets, func(s *Ruleset) bool { return s.Applies(ref) && !s.Lets(r, who) }) &&
		r.Rules.Protected[strings.TrimPrefix(ref, "refs/heads/")] == nil
}
