package plan

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
)

// Quota says what a change does to one limit of a workspace.
type Quota struct {
	Workspace string `json:"workspace"`
	manifest.QuotaUse
	// Before is what was used before the change; empty when there was no such limit.
	Before string `json:"before,omitempty"`
}

// planQuota compares the quotas before and after a change, for the workspaces whose projects or quotas it touches.
func planQuota(before, after map[string][]manifest.QuotaUse, projects []Project) []Quota {
	var plans []Quota
	for _, name := range slices.Sorted(maps.Keys(after)) {
		touched := slices.ContainsFunc(projects, func(p Project) bool { return p.Workspace == name })
		if !touched && slices.Equal(before[name], after[name]) {
			continue
		}
		for _, use := range after[name] {
			plan := Quota{Workspace: name, QuotaUse: use}
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
