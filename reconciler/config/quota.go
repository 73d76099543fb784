package config

import "github.com/plateform/plateform/manifest"

// QuotaUses are what the workspaces that are known use of their quotas, by workspace.
func (c *Catalog) QuotaUses() map[string][]manifest.QuotaUse {
	uses := map[string][]manifest.QuotaUse{}
	for name, w := range c.Workspaces {
		if w.Present && w.Spec != nil {
			uses[name] = manifest.QuotaUses(c.Platform, w.Spec, w.projects)
		}
	}
	return uses
}
