package config

import (
	"slices"

	"github.com/plateform/plateform/manifest"
)

// URL is where a project with these inputs answers at a host.
func URL(host string, in manifest.PlatformInputs) string {
	if in.Ingress.TLSIssuer == "" {
		return "http://" + host
	}
	return "https://" + host
}

// hostIndex knows who wants which host, over all workspaces.
type hostIndex struct {
	claims manifest.Hosts
	of     map[manifest.Key][]string
}

func newHostIndex() hostIndex {
	return hostIndex{claims: manifest.Hosts{}, of: map[manifest.Key][]string{}}
}

// set says which hosts a project wants, and which of them it has already. It returns the others who want, or wanted until
// now, the same.
func (h *hostIndex) set(k manifest.Key, wanted, deployed []string) (others []manifest.Key) {
	for _, host := range h.of[k] {
		left := slices.DeleteFunc(slices.Clone(h.claims[host]), func(c manifest.Claim) bool { return c.Key == k })
		for _, claim := range left {
			others = append(others, claim.Key)
		}
		delete(h.claims, host)
		if len(left) > 0 {
			h.claims[host] = left
		}
	}
	for _, host := range wanted {
		for _, claim := range h.claims[host] {
			others = append(others, claim.Key)
		}
		claim := manifest.Claim{Key: k, Deployed: slices.Contains(deployed, host)}
		h.claims[host] = append(slices.Clone(h.claims[host]), claim)
	}
	h.of[k] = wanted
	if len(wanted) == 0 {
		delete(h.of, k)
	}
	return others
}
