package reconciler

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
)

// QuotaPlan says what a change does to one limit of a workspace.
type QuotaPlan struct {
	Workspace string `json:"workspace"`
	manifest.QuotaUse
	// Before is what was used before the change; empty when there was no such limit.
	Before string `json:"before,omitempty"`
}

// quotaUses are what the workspaces that are known use of their quotas, by workspace.
func (c *catalog) quotaUses() map[string][]manifest.QuotaUse {
	uses := map[string][]manifest.QuotaUse{}
	for name, w := range c.workspaces {
		if w.present && w.spec != nil {
			uses[name] = manifest.QuotaUses(c.platform, w.spec, w.projects)
		}
	}
	return uses
}

// planQuota compares the quotas before and after a change, for the workspaces whose projects or quotas it touches.
func planQuota(before, after map[string][]manifest.QuotaUse, projects []ProjectPlan) []QuotaPlan {
	var plans []QuotaPlan
	for _, name := range slices.Sorted(maps.Keys(after)) {
		touched := slices.ContainsFunc(projects, func(p ProjectPlan) bool { return p.Workspace == name })
		if !touched && slices.Equal(before[name], after[name]) {
			continue
		}
		for _, use := range after[name] {
			plan := QuotaPlan{Workspace: name, QuotaUse: use}
			for _, was := range before[name] {
				if was.What == use.What {
					plan.Before = was.Used
				}
			}
			plans = append(plans, plan)
		}
	}
	return plans
}
