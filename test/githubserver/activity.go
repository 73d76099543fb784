package githubserver

import (
	"slices"
	"strings"
)

// mostActivity is what GitHub returns of a page at most.
const mostActivity = 100

// listActivity are the moves of refs, the newest first. There is one page of them.
func listActivity(c *call) answer {
	query := c.request.URL.Query()
	ref := query.Get("ref")
	if ref != "" && !strings.HasPrefix(ref, "refs/") {
		ref = "refs/heads/" + ref
	}
	shown := []any{}
	for _, a := range slices.Backward(c.repo.Moves) {
		if (ref == "" || a.Ref == ref) && len(shown) < mostActivity {
			shown = append(shown, c.world.ActivityJSON(c.repo, a))
		}
	}
	return ok(shown)
}
