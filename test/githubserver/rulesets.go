package githubserver

import (
	"encoding/json"
	"slices"
)

func (c *call) rulesetJSON(s *ruleset, whole bool) object {
	link := c.world.api("/repos/%s/rulesets/%d", c.repo.fullName(), s.id)
	o := object{
		"id": s.id, "name": s.Name, "target": s.Target, "source_type": "Repository", "source": c.repo.fullName(), "enforcement": s.Enforcement,
		"node_id": nodeID("RepositoryRuleset", s.id), "_links": object{"self": object{"href": link}, "html": object{"href": c.world.web("/%s/rules/%d", c.repo.fullName(), s.id)}},
		"created_at": stamp(s.created), "updated_at": stamp(s.updated),
	}
	if whole {
		o["conditions"] = s.Conditions
		o["rules"] = s.Rules
		o["current_user_can_bypass"] = map[bool]string{true: "always", false: "never"}[s.lets(c.repo, c.who)]
		// Only those who may change a ruleset see who need not follow it.
		if c.who.installed() == nil && c.repo.role(c.who.user) == Admin || c.who.installed() != nil && c.who.permitted(c.repo, "administration:write") {
			o["bypass_actors"] = s.Bypass
		}
	}
	return o
}

func (c *call) ruleset() *ruleset {
	id, _ := c.number("ruleset_id")
	for _, s := range c.repo.rules.sets {
		if s.id == id {
			return s
		}
	}
	return nil
}

func listRulesets(c *call) answer {
	return paged(c, c.repo.rules.sets, func(s *ruleset) any { return c.rulesetJSON(s, false) })
}

func getRuleset(c *call) answer {
	if s := c.ruleset(); s != nil {
		return ok(c.rulesetJSON(s, true))
	}
	return notFound()
}

func createRuleset(c *call) answer {
	s := &ruleset{id: c.world.id(), Target: "branch", created: c.world.now(), updated: c.world.now()}
	if refused, fits := c.readRuleset(s); !fits {
		return refused
	}
	c.repo.rules.sets = append(c.repo.rules.sets, s)
	return created(c.rulesetJSON(s, true))
}

// readRuleset takes in what a ruleset is made or changed with.
func (c *call) readRuleset(s *ruleset) (answer, bool) {
	if err := c.decode(s); err != nil {
		return unprocessable(err.Error()), false
	}
	for _, r := range s.Rules {
		if !enforced(r.Type) {
			return unprocessable("Invalid rule '" + r.Type + "': this server does not enforce it"), false
		}
		if r.Type == "required_status_checks" && json.Unmarshal(r.Parameters, &statusRule{}) != nil {
			return unprocessable("Invalid parameters of required_status_checks"), false
		}
	}
	for i := range s.Bypass {
		if s.Bypass[i].Mode == "" {
			s.Bypass[i].Mode = "always"
		}
	}
	if s.Rules == nil {
		s.Rules = []rule{}
	}
	if s.Bypass == nil {
		s.Bypass = []bypassActor{}
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
	changed.updated = c.world.now()
	*s = changed
	return ok(c.rulesetJSON(s, true))
}

func deleteRuleset(c *call) answer {
	s := c.ruleset()
	if s == nil {
		return notFound()
	}
	c.repo.rules.sets = slices.DeleteFunc(c.repo.rules.sets, func(other *ruleset) bool { return other == s })
	return noContent()
}

func listBranchRules(c *call) answer {
	shown := []any{}
	for _, s := range c.repo.rules.sets {
		if !s.applies("refs/heads/" + c.vars["branch"]) {
			continue
		}
		for _, r := range s.Rules {
			o := object{"type": r.Type, "ruleset_source_type": "Repository", "ruleset_source": c.repo.fullName(), "ruleset_id": s.id}
			if r.Parameters != nil {
				o["parameters"] = r.Parameters
			}
			shown = append(shown, o)
		}
	}
	return paged(c, shown, func(o any) any { return o })
}
