package githubserver

import (
	"net/http"

	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func isMerged(c *call) answer {
	if p := c.pull("pull_number"); p != nil && !p.Merge.At.IsZero() {
		return noContent()
	}
	return notFound()
}

func mergePull(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return notFound()
	}
	asked := struct {
		Title   string `json:"commit_title"`
		Message string `json:"commit_message"`
		SHA     string
		Method  forge.Method `json:"merge_method"`
	}{Method: forge.MergeCommit}
	if len(c.body) > 0 {
		if err := c.decode(&asked); err != nil {
			return unprocessable(err.Error())
		}
	}
	if asked.SHA != "" && asked.SHA != p.Head.SHA {
		return conflict("Head branch was modified. Review and try the merge again.")
	}
	if err := c.world.MergePull(c.ctx, p, c.who, forge.MergeRequest{Method: asked.Method, Title: asked.Title, Message: asked.Message}); err != nil {
		return problem(http.StatusMethodNotAllowed, err.Error())
	}
	return ok(wire.Object{"sha": p.Merge.Commit, "merged": true, "message": "Pull Request successfully merged"})
}
