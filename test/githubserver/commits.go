package githubserver

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func personJSON(p bare.Person) object {
	return object{"name": p.Name, "email": p.Email, "date": stamp(p.When)}
}

func verification(signed bool) object {
	o := object{"verified": signed, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
	if signed {
		o["reason"] = "valid"
	}
	return o
}

func (w *world) parentsJSON(r *repository, parents []string, path string) []object {
	shown := []object{}
	for _, p := range parents {
		shown = append(shown, object{"sha": p, "url": w.api("/repos/%s"+path+"/%s", r.fullName(), p), "html_url": w.web("/%s/commit/%s", r.fullName(), p)})
	}
	return shown
}

// commitJSON is a commit as lists show it.
func (w *world) commitJSON(r *repository, c bare.Commit) object {
	link, git := w.api("/repos/%s/commits/%s", r.fullName(), c.Hash), w.api("/repos/%s/git/commits/%s", r.fullName(), c.Hash)
	return object{
		"sha": c.Hash, "node_id": nodeID("Commit", 0) + c.Hash, "url": link, "html_url": w.web("/%s/commit/%s", r.fullName(), c.Hash), "comments_url": link + "/comments",
		"commit": object{"author": personJSON(c.Author), "committer": personJSON(c.Committer), "message": c.Message, "comment_count": 0,
			"tree": object{"sha": c.Tree, "url": w.api("/repos/%s/git/trees/%s", r.fullName(), c.Tree)}, "url": git, "verification": verification(c.Signed)},
		"author": w.userJSON(w.userByEmail(c.Author.Email)), "committer": w.userJSON(w.userByEmail(c.Committer.Email)),
		"parents": w.parentsJSON(r, c.Parents, "/commits"),
	}
}

// gitCommitJSON is a commit as Git has it.
func (w *world) gitCommitJSON(r *repository, c bare.Commit) object {
	return object{
		"sha": c.Hash, "node_id": nodeID("Commit", 0) + c.Hash, "url": w.api("/repos/%s/git/commits/%s", r.fullName(), c.Hash),
		"html_url": w.web("/%s/commit/%s", r.fullName(), c.Hash), "author": personJSON(c.Author), "committer": personJSON(c.Committer),
		"tree": object{"sha": c.Tree, "url": w.api("/repos/%s/git/trees/%s", r.fullName(), c.Tree)}, "message": c.Message,
		"parents": w.parentsJSON(r, c.Parents, "/git/commits"), "verification": verification(c.Signed),
	}
}

// fileJSON is one file of a comparison, as it is at a commit.
func (c *call) fileJSON(f bare.File, at string) any {
	name := c.repo.fullName()
	o := object{
		"sha": f.Hash, "filename": f.Path, "status": f.Status, "additions": f.Additions, "deletions": f.Deletions, "changes": f.Additions + f.Deletions,
		"blob_url": c.world.web("/%s/blob/%s/%s", name, at, f.Path), "raw_url": c.world.web("/%s/raw/%s/%s", name, at, f.Path),
		"contents_url": c.world.api("/repos/%s/contents/%s", name, f.Path) + "?ref=" + at,
	}
	if f.Patch != "" {
		o["patch"] = f.Patch
	}
	if f.Previous != "" {
		o["previous_filename"] = f.Previous
	}
	return o
}

// filesOfPage are how many files a commit and a comparison show at most.
const filesOfPage = 300

func getCommit(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return unprocessable("No commit found for SHA: " + c.vars["ref"])
	}
	n, err := c.repo.git.Read(c.ctx, sha)
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
	o := c.world.commitJSON(c.repo, n)
	o["files"], o["stats"] = files, stats
	return ok(o)
}

// filesJSON are the files that differ between two commits, as far as GitHub shows them, and their lines counted.
func (c *call) filesJSON(base, head string) ([]any, object, error) {
	files, err := c.repo.git.Changes(c.ctx, base, head)
	if err != nil {
		return nil, nil, err
	}
	additions, deletions := 0, 0
	for _, f := range files {
		additions += f.Additions
		deletions += f.Deletions
	}
	files = files[:min(len(files), filesOfPage)]
	if err := c.repo.git.Patches(c.ctx, base, head, files); err != nil {
		return nil, nil, err
	}
	shown := []any{}
	for _, f := range files {
		shown = append(shown, c.fileJSON(f, head))
	}
	return shown, object{"additions": additions, "deletions": deletions, "total": additions + deletions}, nil
}

func listCommits(c *call) answer {
	q := c.request.URL.Query()
	from := q.Get("sha")
	if from == "" {
		from = defaultBranch
	}
	sha, err := c.repo.git.Resolve(c.ctx, from)
	if err != nil {
		if q.Get("sha") == "" {
			return conflict("Git Repository is empty.")
		}
		return notFound()
	}
	const most = 10000
	list, err := c.repo.git.History(c.ctx, sha, q.Get("path"), most)
	if err != nil {
		return broken("listing commits", err)
	}
	return paged(c, list, func(n bare.Commit) any { return c.world.commitJSON(c.repo, n) })
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
	ahead, behind, err := c.repo.git.Count(c.ctx, baseSHA, head)
	if err != nil {
		return broken("comparing", err)
	}
	list, err := c.repo.git.Range(c.ctx, baseSHA, head, mostCommits)
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
		commits = append(commits, c.world.commitJSON(c.repo, n))
	}
	ends := url.PathEscape(left) + "..." + url.PathEscape(right)
	page := c.world.web("/%s/compare/", c.repo.fullName()) + ends
	o := object{"url": c.world.api("/repos/%s/compare/", c.repo.fullName()) + ends, "html_url": page, "permalink_url": page, "diff_url": page + ".diff",
		"patch_url": page + ".patch", "status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead, "commits": commits, "files": shown}
	for name, sha := range map[string]string{"base_commit": baseSHA, "merge_base_commit": merged} {
		n, err := c.repo.git.Read(c.ctx, sha)
		if err != nil {
			return broken("comparing", err)
		}
		o[name] = c.world.commitJSON(c.repo, n)
	}
	return ok(o)
}

// sides finds the commits of a comparison, and the one that both come from. The head may be in a fork: OWNER:BRANCH.
func (c *call) sides(left, right string) (base, head, merged string, a answer, fine bool) {
	base, err := c.repo.git.Resolve(c.ctx, left)
	if err != nil {
		return "", "", "", notFound(), false
	}
	from := c.repo
	if owner, branch, found := strings.Cut(right, ":"); found {
		if from, right = c.world.headOf(c.repo, owner, ""), branch; from == nil || !c.who.sees(from) {
			return "", "", "", notFound(), false
		}
	}
	if head, err = from.git.Resolve(c.ctx, right); err != nil {
		return "", "", "", notFound(), false
	}
	if err := c.repo.git.Take(c.ctx, from.git, head); err != nil {
		return "", "", "", broken("fetching from a fork", err), false
	}
	if merged, err = c.repo.git.MergeBase(c.ctx, base, head); err != nil {
		return "", "", "", problem(http.StatusNotFound, "No common ancestor between "+left+" and "+right+"."), false
	}
	return base, head, merged, answer{}, true
}
