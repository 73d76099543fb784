package githubserver

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// filesOfPage are how many files a commit and a comparison show at most.
const filesOfPage = 300

func getCommit(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return unprocessable("No commit found for SHA: " + c.vars["ref"])
	}
	n, err := c.repo.Git.Read(c.ctx, sha)
	if err != nil {
		return broken("reading a commit", err)
	}
	base := ""
	if len(n.Parents) > 0 {
		base = n.Parents[0]
	}
	files, stats, err := c.filesJSON(base, sha)
	if err != nil {
		return broken("comparing a commit", err)
	}
	o := c.world.CommitJSON(c.repo, n)
	o["files"], o["stats"] = files, stats
	return ok(o)
}

// filesJSON are the files that differ between two commits, as far as GitHub shows them, and their lines counted.
func (c *call) filesJSON(base, head string) ([]any, wire.Object, error) {
	files, err := c.repo.Git.Changes(c.ctx, base, head)
	if err != nil {
		return nil, nil, err
	}
	additions, deletions := 0, 0
	for _, f := range files {
		additions += f.Additions
		deletions += f.Deletions
	}
	files = files[:min(len(files), filesOfPage)]
	if err := c.repo.Git.Patches(c.ctx, base, head, files); err != nil {
		return nil, nil, err
	}
	shown := []any{}
	for _, f := range files {
		shown = append(shown, c.world.FileJSON(c.repo, f, head))
	}
	return shown, wire.Object{"additions": additions, "deletions": deletions, "total": additions + deletions}, nil
}

func listCommits(c *call) answer {
	q := c.request.URL.Query()
	from := q.Get("sha")
	if from == "" {
		from = model.DefaultBranch
	}
	sha, err := c.repo.Git.Resolve(c.ctx, from)
	if err != nil {
		if q.Get("sha") == "" {
			return conflict("Git Repository is empty.")
		}
		return notFound()
	}
	const most = 10000
	list, err := c.repo.Git.History(c.ctx, sha, q.Get("path"), most)
	if err != nil {
		return broken("listing commits", err)
	}
	return paged(c, list, func(n bare.Commit) any { return c.world.CommitJSON(c.repo, n) })
}

func compare(c *call) answer {
	left, right, found := strings.Cut(c.vars["basehead"], "...")
	if !found {
		return notFound()
	}
	baseSHA, head, merged, problem, fine := c.sides(left, right)
	if !fine {
		return problem
	}
	ahead, behind, err := c.repo.Git.Count(c.ctx, baseSHA, head)
	if err != nil {
		return broken("comparing", err)
	}
	list, err := c.repo.Git.Range(c.ctx, baseSHA, head, model.MostCommits)
	if err != nil {
		return broken("comparing", err)
	}
	shown, _, err := c.filesJSON(merged, head)
	if err != nil {
		return broken("comparing", err)
	}
	status := "identical"
	switch {
	case ahead > 0 && behind > 0:
		status = "diverged"
	case ahead > 0:
		status = "ahead"
	case behind > 0:
		status = "behind"
	}
	commits := []any{}
	for _, n := range list {
		commits = append(commits, c.world.CommitJSON(c.repo, n))
	}
	ends := url.PathEscape(left) + "..." + url.PathEscape(right)
	page := c.world.Web("/%s/compare/", c.repo.FullName()) + ends
	o := wire.Object{"url": c.world.API("/repos/%s/compare/", c.repo.FullName()) + ends, "html_url": page, "permalink_url": page, "diff_url": page + ".diff",
		"patch_url": page + ".patch", "status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead, "commits": commits, "files": shown}
	for name, sha := range map[string]string{"base_commit": baseSHA, "merge_base_commit": merged} {
		n, err := c.repo.Git.Read(c.ctx, sha)
		if err != nil {
			return broken("comparing", err)
		}
		o[name] = c.world.CommitJSON(c.repo, n)
	}
	return ok(o)
}

// sides finds the commits of a comparison, and the one that both come from. The head may be in a fork: OWNER:BRANCH.
func (c *call) sides(left, right string) (base, head, merged string, a answer, fine bool) {
	base, err := c.repo.Git.Resolve(c.ctx, left)
	if err != nil {
		return "", "", "", notFound(), false
	}
	from := c.repo
	if owner, branch, found := strings.Cut(right, ":"); found {
		if from, right = c.world.HeadOf(c.repo, owner, ""), branch; from == nil || !c.who.Sees(from) {
			return "", "", "", notFound(), false
		}
	}
	if head, err = from.Git.Resolve(c.ctx, right); err != nil {
		return "", "", "", notFound(), false
	}
	if err := c.repo.Git.Take(c.ctx, from.Git, head); err != nil {
		return "", "", "", broken("fetching from a fork", err), false
	}
	if merged, err = c.repo.Git.MergeBase(c.ctx, base, head); err != nil {
		return "", "", "", problem(http.StatusNotFound, "No common ancestor between "+left+" and "+right+"."), false
	}
	return base, head, merged, answer{}, true
}
