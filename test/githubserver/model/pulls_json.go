package model

import (
	"context"
)

// Mergeable says whether a pull request can be merged now, in GitHub's words and in one.
func (p *Pull) Mergeable(ctx context.Context) (string, bool) {
	tip, err := p.Repo.Git.Ref(ctx, "refs/heads/"+p.Base.Ref)
	if err != nil {
		return "unknown", false
	}
	if _, fits := p.Repo.Git.Merge(ctx, tip, p.Head.SHA); !fits {
		return "dirty", false
	}
	if why := p.Repo.RefusesMerge(ctx, p, tip); why != "" {
		if p.Repo.Git.Contains(ctx, p.Head.SHA, tip) {
			return "blocked", true
		}
		return "behind", true
	}
	return "clean", true
}
