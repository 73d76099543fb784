package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Claim is one project that wants a host.
type Claim struct {
	Key Key
	// Deployed says that the project is served at the host already. Then the host is its, and all others are refused.
	Deployed bool
}

// Hosts says who wants which host, over all workspaces. It is what CheckWorkspace needs to know of other workspaces. Who
// may not have a domain and is not served there does not count: naming a host is not enough to keep others from it.
type Hosts map[string][]Claim

// Add notes that a project wants its hosts.
func (h Hosts) Add(k Key, spec ProjectSpec, platformDomain string, deployed bool) {
	for _, host := range HostsOf(k, spec, platformDomain) {
		h[host] = append(h[host], Claim{Key: k, Deployed: deployed})
	}
}

// MayHave says that a project may be served at the domain that it names: it belongs to the workspace and not to the
// platform. A project without one gets its host from the platform.
func MayHave(w *Workspace, spec ProjectSpec, platformDomain string) bool {
	return spec.Domain == "" || !isSubdomain(spec.Domain, platformDomain) &&
		slices.ContainsFunc(w.Spec.Domains, func(own string) bool { return isSubdomain(spec.Domain, own) })
}

// HostsOf are all hosts that a project is served at, in the order of its services; none for a database.
func HostsOf(k Key, spec ProjectSpec, platformDomain string) []string {
	in := ValuesInput{Key: k, Project: spec}
	if platformDomain != "" {
		in.Platform.Host = defaultHost(k, platformDomain)
	}
	hosts := []string{projectHost(in)}
	if spec.Type == SpringMicroservice {
		hosts = hosts[:0]
		for _, service := range spec.Services {
			hosts = append(hosts, serviceHost(in, service))
		}
	}
	return slices.DeleteFunc(hosts, func(host string) bool { return host == "" })
}

// checkHosts reports hosts that another project has, or wants as well.
func (c *projectCheck) checkHosts(hosts Hosts) {
	reported := map[string]bool{}
	for _, host := range HostsOf(c.key, c.spec, c.domain()) {
		if reported[host] {
			continue
		}
		reported[host] = true
		claims := hosts[host]
		mine := slices.ContainsFunc(claims, func(o Claim) bool { return o.Key == c.key && o.Deployed })
		var rivals []string
		for _, o := range claims {
			if o.Key != c.key && (o.Deployed || !mine) {
				rivals = append(rivals, o.Key.String())
			}
		}
		if len(rivals) == 0 {
			continue
		}
		slices.Sort(rivals)
		what := fmt.Sprintf("the host %s of %s is also the host of %s", host, c.key, strings.Join(slices.Compact(rivals), ", "))
		if c.spec.Domain == "" {
			c.add("metadata.name", what, "rename one of the projects, or give one a domain of its own")
		} else {
			c.add("spec.domain", what, "choose another domain")
		}
	}
}
