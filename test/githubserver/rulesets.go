package githubserver

import (
	"encoding/json"
	"slices"

	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func (c *call) rulesetJSON(s *model.Ruleset, whole bool) wire.Object {
	link := c.world.API("/repos/%s/rulesets/%d", c.repo.FullName(), s.ID)
	o := wire.Object{
		"id": s.ID, "name": s.Name, "target": s.Target, "source_type": "Repository", "source": c.repo.FullName(), "enforcement": s.Enforcement,
		"node_id": wire.NodeID("RepositoryRuleset", s.ID), "_links": wire.Object{"self": wire.Object{"href": link}, "html": wire.Object{"href": c.world.Web("/%s/rules/%d", c.repo.FullName(), s.ID)}},
		"created_at": wire.Stamp(s.Created), "updated_at": wire.Stamp(s.Updated),
	}
	if whole {
		o["conditions"] = s.Conditions
		o["rules"] = s.Rules
		o["current_user_can_bypass"] = map[bool]string{true: "always", false: "never"}[s.Lets(c.repo, c.who)]
		// Only those who may change a ruleset see who need not follow it.
		if c.who.Installed() == nil && c.repo.Role(c.who.User) == model.Admin || c.who.Installed() != nil && c.who.Permitted(c.repo, "administration:write") {
			o["bypass_actors"] = s.Bypass
		}
	}
	return o
}

func (c *call) ruleset() *model.Ruleset {
	id, _ := c.number("ruleset_id")
	for _, s := range c.repo.Rules.Sets {
		if s.ID == id {
			return s
		}
	}
	return nil
}

func listRulesets(c *call) answer {
	return paged(c, c.repo.Rules.Sets, func(s *model.Ruleset) any { return c.rulesetJSON(s, false) })
}

func getRuleset(c *call) answer {
	if s := c.ruleset(); s != nil {
		return ok(c.rulesetJSON(s, true))
	}
	return notFound()
}

func createRuleset(c *call) answer {
	s := &model.Ruleset{ID: c.world.ID(), Target: "branch", Created: c.world.Now(), Updated: c.world.Now()}
	if refused, fits := c.readRuleset(s); !fits {
		return refused
	}
	c.repo.Rules.Sets = append(c.repo.Rules.Sets, s)
	return created(c.rulesetJSON(s, true))
}

// readRuleset takes in what a ruleset is made or changed with.
func (c *call) readRuleset(s *model.Ruleset) (answer, bool) {
	if err := c.decode(s); err != nil {
		return unprocessable(err.Error()), false
	}
	for _, r := range s.Rules {
		if !model.Enforced(r.Type) {
			return unprocessable("Invalid rule '" + r.Type + "': this server does not enforce it"), false
		}
		if r.Type == "required_status_checks" && json.Unmarshal(r.Parameters, &model.StatusRule{}) != nil {
			return unprocessable("Invalid parameters of required_status_checks"), false
		}
	}
	for i := range s.Bypass {
		if s.Bypass[i].Mode == "" {
			s.Bypass[i].Mode = "always"
		}
	}
	if s.Rules == nil {
		s.Rules = []model.Rule{}
	}
	if s.Bypass == nil {
		s.Bypass = []model.BypassActor{}
	}
	for _, list := range []*[]string{&s.Conditions.RefName.Include, &s.Conditions.RefName.Exclude} {
		if *list == nil {
			*list = []string{}
		}
	}
	return answer{}, true
}

func updateRuleset(c *call) answer {
	s := c.ruleset()
	if s == nil {
		return notFound()
	}
	changed := *s
	if refused, fits := c.readRuleset(&changed); !fits {
		return refused
	}
	changed.Updated = c.world.Now()
	*s = changed
	return ok(c.rulesetJSON(s, true))
}

func deleteRuleset(c *call) answer {
	s := c.ruleset()
	if s == nil {
		return notFound()
	}
	c.repo.Rules.Sets = slices.DeleteFunc(c.repo.Rules.Sets, func(other *model.Ruleset) bool { return other == s })
	return noContent()
}

func listBranchRules(c *call) answer {
	shown := []any{}
	for _, s := range c.repo.Rules.Sets {
		if !s.Applies("refs/heads/" + c.vars["branch"]) {
			continue
		}
		for _, r := range s.Rules {
			o := wire.Object{"type": r.Type, "ruleset_source_type": "Repository", "ruleset_source": c.repo.FullName(), "ruleset_id": s.ID}
			if r.Parameters != nil {
				o["parameters"] = r.Parameters
			}
			shown = append(shown, o)
		}
	}
	return paged(c, shown, func(o any) any { return o })
}
