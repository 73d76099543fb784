package githubserver

import (
	"context"
)

// pullMinimal is a pull request as a check run shows it.
func (w *world) pullMinimal(p *pull) object {
	side := func(e end) object {
		o := object{"ref": e.ref, "sha": e.sha, "repo": nil}
		if e.repo != nil {
			o["repo"] = object{"id": e.repo.id, "url": w.api("/repos/%s", e.repo.fullName()), "name": e.repo.name}
		}
		return o
	}
	return object{"id": p.id, "number": p.number, "url": w.api("/repos/%s/pulls/%d", p.repo.fullName(), p.number), "head": side(p.head), "base": side(p.base)}
}

// pullSimple is a pull request as lists show it.
func (w *world) pullSimple(p *pull) object {
	name := p.repo.fullName()
	link, page, issue := w.api("/repos/%s/pulls/%d", name, p.number), w.web("/%s/pull/%d", name, p.number), w.api("/repos/%s/issues/%d", name, p.number)
	statuses := w.api("/repos/%s/statuses/%s", name, p.head.sha)
	side := func(e end) object {
		o := object{"label": e.label(), "ref": e.ref, "sha": e.sha, "repo": nil, "user": nil}
		if e.repo != nil {
			o["repo"], o["user"] = w.repoJSON(e.repo), w.userJSON(e.repo.owner)
		}
		return o
	}
	href := func(url string) object { return object{"href": url} }
	state := "closed"
	if p.open {
		state = "open"
	}
	return object{
		"url": link, "id": p.id, "node_id": nodeID("PullRequest", p.id), "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
		"issue_url": issue, "commits_url": link + "/commits", "review_comments_url": link + "/comments",
		"review_comment_url": w.api("/repos/%s/pulls/comments", name) + "{/number}", "comments_url": issue + "/comments", "statuses_url": statuses,
		"number": p.number, "state": state, "locked": false, "title": p.title, "user": w.userJSON(p.author), "body": orNull(p.body),
		"labels": []object{}, "milestone": nil, "assignee": nil, "assignees": []object{}, "requested_reviewers": []object{}, "requested_teams": []object{},
		"created_at": stamp(p.created), "updated_at": stamp(p.updated), "closed_at": stamp(p.closed), "merged_at": stamp(p.merge.at),
		"merge_commit_sha": orNull(p.merge.commit), "head": side(p.head), "base": side(p.base), "author_association": p.repo.association(p.author),
		"auto_merge": nil, "draft": p.draft,
		"_links": object{"self": href(link), "html": href(page), "issue": href(issue), "comments": href(issue + "/comments"),
			"review_comments": href(link + "/comments"), "review_comment": href(w.api("/repos/%s/pulls/comments", name) + "{/number}"),
			"commits": href(link + "/commits"), "statuses": href(statuses)},
	}
}

// pullJSON is a pull request with all that GitHub works out only when it is asked for one.
func (w *world) pullJSON(ctx context.Context, p *pull) object {
	o := w.pullSimple(p)
	merged := !p.merge.at.IsZero()
	o["merged"], o["merged_by"], o["maintainer_can_modify"], o["review_comments"] = merged, w.userJSON(p.merge.by), false, 0
	o["mergeable"], o["mergeable_state"], o["rebaseable"] = nil, "unknown", nil
	if p.open {
		state, mergeable := p.mergeable(ctx)
		o["mergeable"], o["mergeable_state"] = mergeable, state
	}
	n := 0
	for _, c := range p.repo.comments {
		if c.pull == p {
			n++
		}
	}
	o["comments"] = n
	additions, deletions := 0, 0
	_, files, err := p.changes(ctx)
	if err != nil {
		files = nil // two histories that have nothing in common
	}
	for _, f := range files {
		additions += f.Additions
		deletions += f.Deletions
	}
	o["additions"], o["deletions"], o["changed_files"] = additions, deletions, len(files)
	ahead, _, err := p.repo.git.Count(ctx, p.base.sha, p.head.sha)
	if err != nil {
		ahead = 0
	}
	o["commits"] = ahead
	return o
}

// mergeable says whether a pull request can be merged now, in GitHub's words and in one.
func (p *pull) mergeable(ctx context.Context) (string, bool) {
	tip, err := p.repo.git.Ref(ctx, "refs/heads/"+p.base.ref)
	if err != nil {
		return "unknown", false
	}
	if _, fits := p.repo.git.Merge(ctx, tip, p.head.sha); !fits {
		return "dirty", false
	}
	if why := p.repo.refusesMerge(ctx, p, tip); why != "" {
		if p.repo.git.Contains(ctx, p.head.sha, tip) {
			return "blocked", true
		}
		return "behind", true
	}
	return "clean", true
}
