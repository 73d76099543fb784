package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate checks everything in one go: the platform, what workspaces share, and every workspace. The problems name
// fields; Locate gives them lines.
func (c *Config) Validate() Problems {
	var ps Problems
	domain := ""
	if c.Platform != nil {
		ps = CheckPlatform(c.Platform)
		domain = c.Platform.Spec.Domain
	}
	ps = append(ps, CheckWorkspaces(c.Workspaces)...)
	hosts := Hosts{}
	for k, p := range c.Projects {
		if w := c.Workspaces[k.Workspace]; w != nil && !MayHave(w, p.Spec, domain) {
			continue
		}
		hosts.Add(k, p.Spec, domain, false)
	}
	projects := c.byWorkspace()
	for _, name := range slices.Sorted(maps.Keys(c.Workspaces)) {
		ps = append(ps, CheckWorkspace(c.Platform, c.Workspaces[name], projects[name], hosts)...)
	}
	ps.Sort()
	return ps
}

// CheckWorkspaces checks what all workspaces share: no two may have one namespace or one domain.
func CheckWorkspaces(workspaces map[string]*Workspace) Problems {
	namespaces, domains := map[string][]string{}, map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(workspaces)) {
		w := workspaces[name]
		namespace := NamespaceOf(w, name)
		namespaces[namespace] = append(namespaces[namespace], name)
		for _, domain := range slices.Compact(slices.Sorted(slices.Values(w.Spec.Domains))) {
			domains[domain] = append(domains[domain], name)
		}
	}
	var ps Problems
	for _, name := range slices.Sorted(maps.Keys(workspaces)) {
		c := collector{file: WorkspaceFile(name)}
		w := workspaces[name]
		if others := without(namespaces[NamespaceOf(w, name)], name); len(others) > 0 {
			field := "metadata.name"
			if w.Spec.Namespace != "" {
				field = "spec.namespace"
			}
			c.add(field, fmt.Sprintf("the namespace %s is also that of the workspace %s", quote(NamespaceOf(w, name)), strings.Join(others, ", ")),
				"choose another namespace")
		}
		for i, domain := range w.Spec.Domains {
			for at := domain; at != ""; _, at, _ = strings.Cut(at, ".") {
				if others := without(domains[at], name); len(others) > 0 {
					c.add(fmt.Sprintf("spec.domains[%d]", i), fmt.Sprintf("the domain %s belongs to the workspace %s, which has %s",
						quote(domain), strings.Join(others, ", "), quote(at)), "give the domain to one workspace only")
				}
			}
		}
		ps = append(ps, c.problems...)
	}
	return ps
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// CheckWorkspace checks a workspace with its projects. Projects are by name; nil stands for one whose file is there but
// does not parse. Hosts must hold the claims of all workspaces. When p is nil, what depends on the platform is left out.
func CheckWorkspace(p *Platform, w *Workspace, projects map[string]*Project, hosts Hosts) Problems {
	name := w.Metadata.Name
	c := collector{file: WorkspaceFile(name)}
	c.checkWorkspace(p, w)
	names := slices.Sorted(maps.Keys(projects))
	objects := objectNames(projects)
	for _, project := range names {
		if projects[project] == nil {
			continue
		}
		check := projectCheck{collector: collector{file: ProjectFile(Key{name, project})}, platform: p, workspace: w,
			projects: projects, key: Key{name, project}, spec: projects[project].Spec}
		check.check(hosts, objects)
		c.problems = append(c.problems, check.problems...)
	}
	c.checkQuota(p, w, projects)
	sortFields(c.problems)
	return c.problems
}

func (c *collector) checkWorkspace(p *Platform, w *Workspace) {
	spec := w.Spec
	c.addError("metadata.name", checkNamespace("workspace's name", w.Metadata.Name))
	if spec.Namespace != "" {
		c.addError("spec.namespace", checkNamespace("namespace", spec.Namespace))
	}
	if spec.PodSecurity != "" {
		c.addError("spec.podSecurity", oneOf("pod security", spec.PodSecurity, PodSecurities()))
	}
	c.checkUser("spec.owner", spec.Owner)
	seen := map[int64]bool{}
	for i, m := range spec.Members {
		field := fmt.Sprintf("spec.members[%d]", i)
		c.checkUser(field, m.User)
		c.addError(field+".role", oneOf("role", m.Role, Roles()))
		if seen[m.ID] {
			c.add(field, fmt.Sprintf("the account id %d is there twice", m.ID), "remove one of the two")
		}
		seen[m.ID] = true
	}
	c.checkCount("spec.quota.projects", spec.Quota.Projects, maxProjects)
	for i, domain := range spec.Domains {
		c.checkOwnDomain(p, spec, i, domain)
	}
}

// checkOwnDomain checks a domain that the workspace says it owns.
func (c *collector) checkOwnDomain(p *Platform, spec WorkspaceSpec, i int, domain string) {
	field := fmt.Sprintf("spec.domains[%d]", i)
	switch err := checkDomain("domain", domain); {
	case err != nil:
		c.addError(field, err)
	case !strings.Contains(domain, "."):
		c.add(field, fmt.Sprintf("the domain %s is a top-level domain", quote(domain)), "write it like shop.example.com")
	case p != nil && isSubdomain(domain, p.Spec.Domain):
		c.add(field, fmt.Sprintf("the domain %s is under the platform's own domain %s", quote(domain), p.Spec.Domain),
			"remove it; projects get a host there by themselves")
	case slices.Index(spec.Domains, domain) < i:
		c.add(field, fmt.Sprintf("the domain %s is there twice", quote(domain)), "remove one of the two")
	}
}

// checkQuota adds up what the projects want.
func (c *collector) checkQuota(p *Platform, w *Workspace, projects map[string]*Project) {
	quota := w.Spec.Quota
	if quota.Projects > 0 && len(projects) > quota.Projects {
		c.add("spec.quota.projects", fmt.Sprintf("the workspace %s has %d projects, its quota is %d", w.Metadata.Name, len(projects), quota.Projects),
			"remove a project, or ask a platform admin for more")
	}
	for _, row := range quotaRows(p, quota, projects) {
		if row.limit == "" {
			continue
		}
		field := "spec.quota." + row.what
		if err := row.check(row.limit); err != nil {
			c.addError(field, err)
		} else if row.over(row.limit) {
			c.add(field, fmt.Sprintf("the projects of %s want %s %s together, the quota is %s",
				w.Metadata.Name, row.total.String(), row.what, row.limit),
				"use fewer replicas or smaller ones, or ask a platform admin for more")
		}
	}
}

// wish is what a number of replicas want, each the same.
type wish struct {
	replicas int
	each     Resources
}

// demand is what a project wants, with all of its services, workers and cron jobs. A release command runs before the rollout that
// the namespace has room for, and counts nothing.
func demand(p *Platform, spec ProjectSpec) []wish {
	var defaults DefaultsSpec
	if p != nil {
		defaults = p.Spec.Defaults
	}
	each := resourcesOf(ValuesInput{Project: spec, Platform: PlatformInputs{Resources: defaults.Resources}})
	switch spec.Type {
	case Database:
		return []wish{{1, each}}
	case SpringMicroservice:
		replicas := 0
		for _, s := range spec.Services {
			own := s.Replicas
			if own == nil {
				own = spec.Replicas
			}
			replicas += replicasOf(own, defaults.Replicas)
		}
		return []wish{{replicas, each}}
	}
	wishes := []wish{{replicasOf(spec.Replicas, defaults.Replicas), each}}
	for _, w := range spec.Workers {
		wishes = append(wishes, wish{replicasOf(w.Replicas, 0), each.or(w.Resources)})
	}
	for _, c := range spec.Cron {
		wishes = append(wishes, wish{1, each.or(c.Resources)})
	}
	return wishes
}

// sortFields puts problems without lines in the order of file and field.
func sortFields(ps Problems) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Field, b.Field))
	})
}
