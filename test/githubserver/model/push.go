package model

import (
	"github.com/plateform/plateform/test/githubserver/bare"
)

// Text is a refusal as GitHub's hooks say it.
func (n refusal) Text(ref string) bare.Refusal {
	if n.classic {
		out := bare.Refusal{Reason: "protected branch hook declined", Remote: []string{"error: GH006: Protected branch update failed for " + ref + "."}}
		for _, why := range n.Why {
			out.Remote = append(out.Remote, "error: "+why)
		}
		return out
	}
	out := bare.Refusal{Reason: "push declined due to repository rule violations",
		Remote: []string{"error: GH013: Repository rule violations found for " + ref + ".", ""}}
	for _, why := range n.Why {
		out.Remote = append(out.Remote, "- "+why, "")
	}
	return out
}
