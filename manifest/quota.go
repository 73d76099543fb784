package manifest

import "strconv"

// QuotaUse is what all projects of a workspace want of one thing together, and how much the workspace may have.
type QuotaUse struct {
	// What is limited: projects, cpu, memory or storage.
	What string `json:"what"`
	// Used is the sum over all projects and replicas, as a Kubernetes quantity.
	Used string `json:"used"`
	// Limit that the workspace has, as it was written.
	Limit string `json:"limit"`
	// Over says that more is wanted than the workspace may have.
	Over bool `json:"over"`
}

// QuotaUses compares what the projects of a workspace want with its quota; what has no limit is left out. Projects are
// by name; nil stands for one whose file does not parse, which counts as a project and wants nothing.
func QuotaUses(p *Platform, w *Workspace, projects map[string]*Project) []QuotaUse {
	var uses []QuotaUse
	quota := w.Spec.Quota
	if quota.Projects > 0 {
		uses = append(uses, QuotaUse{
			What: "projects", Used: strconv.Itoa(len(projects)), Limit: strconv.Itoa(quota.Projects), Over: len(projects) > quota.Projects,
		})
	}
	for _, row := range quotaRows(p, quota, projects) {
		if row.limit != "" {
			uses = append(uses, QuotaUse{What: row.what, Used: row.total.String(), Limit: row.limit, Over: row.over(row.limit)})
		}
	}
	return uses
}

// quotaRow is one kind of quantity that is limited.
type quotaRow struct {
	amount
	sum
	limit string
}

// quotaRows add up what the projects want.
func quotaRows(p *Platform, quota Quota, projects map[string]*Project) []quotaRow {
	var cpu, memory, storage sum
	for _, project := range projects {
		if project == nil {
			continue
		}
		for _, w := range demand(p, project.Spec) {
			cpu.add(w.each.CPU, w.replicas)
			memory.add(w.each.Memory, w.replicas)
		}
		if project.Spec.Type == Database {
			storage.add(project.Spec.Storage, 1)
		}
	}
	return []quotaRow{
		{cpuAmount(), cpu, quota.CPU}, {memoryAmount(), memory, quota.Memory}, {storageAmount(), storage, quota.Storage},
	}
}
