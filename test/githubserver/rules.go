package githubserver

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
	sets []*ruleset
	// protected branches, in the way that came before rulesets.
	protected map[string]*protection
}

// ruleset is a list of rules for some refs.
type ruleset struct {
	id          int64
	Name        string         `json:"name"`
	Target      string         `json:"target"`
	Enforcement string         `json:"enforcement"`
	Bypass      []bypassActor  `json:"bypass_actors"`
	Conditions  ruleConditions `json:"conditions"`
	Rules       []rule         `json:"rules"`
	created     time.Time
	updated     time.Time
}

type bypassActor struct {
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

// rule is one rule of a ruleset.
type rule struct {
	Type       string          `json:"type"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
}

// enforced says that this server enforces a kind of rule; others cannot be made here.
func enforced(kind string) bool {
	return slices.Contains([]string{"creation", "update", "deletion", "required_linear_history", "required_signatures", "pull_request",
		"required_status_checks", "non_fast_forward"}, kind)
}

// statusRule are the parameters of required_status_checks.
type statusRule struct {
	Checks []struct {
		Context string `json:"context"`
		App     int64  `json:"integration_id"`
	} `json:"required_status_checks"`
	Strict bool `json:"strict_required_status_checks_policy"`
}

// applies says that a ruleset is about a ref.
func (s *ruleset) applies(ref string) bool {
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
			return ref == "refs/heads/"+defaultBranch
		}
		if prefix, found := strings.CutSuffix(pattern, "/**/*"); found {
			return strings.HasPrefix(ref, prefix+"/")
		}
		matched, err := path.Match(pattern, ref)
		return err == nil && matched
	})
}

// lets says that somebody need not follow a ruleset.
func (s *ruleset) lets(r *repository, who principal) bool {
	return slices.ContainsFunc(s.Bypass, func(a bypassActor) bool {
		if a.Mode == "pull_request" {
			return false
		}
		if i := who.installed(); i != nil {
			return a.Type == "Integration" && a.ID != nil && *a.ID == i.app.id
		}
		switch a.Type {
		case "User":
			return a.ID != nil && who.user != nil && *a.ID == who.user.id
		case "OrganizationAdmin":
			return who.user == r.owner
		case "RepositoryRole":
			needed := map[int64]Role{1: Read, 2: Maintain, 3: Triage, 4: Write, 5: Admin} // GitHub's numbers
			return a.ID != nil && needed[*a.ID] > None && r.role(who.user) >= needed[*a.ID]
		}
		return false
	})
}

// move is a ref that goes from one commit to another; bare.Zero stands for no ref.
type move struct{ ref, old, to string }

// refusal is why a ref may not be moved.
type refusal struct {
	// classic is for a protected branch, and not for a ruleset.
	classic bool
	why     []string
}

// refuses says what forbids somebody to move a ref, if anything.
func (r *repository) refuses(ctx context.Context, m move, who principal) refusal {
	var out refusal
	for _, s := range r.rules.sets {
		if !s.applies(m.ref) || s.lets(r, who) {
			continue
		}
		for _, one := range s.Rules {
			if why := one.broken(ctx, r, m); why != "" && !slices.Contains(out.why, why) {
				out.why = append(out.why, why)
			}
		}
	}
	if len(out.why) > 0 {
		return out
	}
	if p := r.rules.protected[strings.TrimPrefix(m.ref, "refs/heads/")]; p != nil {
		return refusal{classic: true, why: p.broken(ctx, r, m, who)}
	}
	return out
}

// broken says why a move breaks a rule, in GitHub's words; "" when it does not.
func (o rule) broken(ctx context.Context, r *repository, m move) string {
	made, gone := m.old == bare.Zero, m.to == bare.Zero
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
		if !made && !gone && !r.git.Contains(ctx, m.to, m.old) {
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
			return r.missing(o.checks(), m.to)
		}
	}
	return ""
}

// checks are those that a rule requires.
func (o rule) checks() statusRule {
	var s statusRule
	_ = json.Unmarshal(o.Parameters, &s) // they were checked when the rule was made
	return s
}

// missing says which required check is not green on a commit.
func (r *repository) missing(s statusRule, sha string) string {
	for _, check := range s.Checks {
		if !r.passed(sha, check.Context) {
			return `Required status check "` + check.Context + `" is expected.`
		}
	}
	return ""
}

// some says that one of the commits that a move brings is of a kind.
func (r *repository) some(ctx context.Context, m move, kind func(bare.Commit) bool) bool {
	base := m.old
	if base == bare.Zero {
		base = defaultBranch
		if _, err := r.git.Ref(ctx, "refs/heads/"+base); err != nil {
			return false
		}
	}
	list, err := r.git.Range(ctx, base, m.to, mostCommits)
	return err == nil && slices.ContainsFunc(list, kind)
}

// signed says that a commit carries a signature; those that GitHub makes itself count as signed.
func (r *repository) signed(ctx context.Context, hash string) bool {
	c, err := r.git.Read(ctx, hash)
	return err == nil && (c.Signed || c.Committer.Email == "noreply@github.com")
}

// refusesMerge says why a pull request may not be merged, as far as rules have a say.
func (r *repository) refusesMerge(ctx context.Context, p *pull, tip string) string {
	check := func(s statusRule) string {
		if why := r.missing(s, p.head.sha); why != "" {
			return why
		}
		if s.Strict && !r.git.Contains(ctx, p.head.sha, tip) {
			return "Head branch is out of date. Review and try the merge again."
		}
		return ""
	}
	for _, s := range r.rules.sets {
		for _, one := range s.Rules {
			if !s.applies("refs/heads/"+p.base.ref) || one.Type != "required_status_checks" {
				continue
			}
			if why := check(one.checks()); why != "" {
				return why
			}
		}
	}
	if classic := r.rules.protected[p.base.ref]; classic != nil && classic.Checks != nil {
		return check(classic.Checks.rule())
	}
	return ""
}

// bypassed says that somebody need not follow any of the rulesets of a ref.
func (r *repository) bypassed(who principal, ref string) bool {
	return !slices.ContainsFunc(r.rules.sets, func(s *ruleset) bool { return s.applies(ref) && !s.lets(r, who) }) &&
		r.rules.protected[strings.TrimPrefix(ref, "refs/heads/")] == nil
}
