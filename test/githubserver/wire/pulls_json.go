package wire

import (
	"context"

	"github.com/plateform/plateform/test/githubserver/model"
)

// pullMinimal is a pull request as a check run shows it.
func (w *Writer) pullMinimal(p *model.Pull) Object {
	side := func(e model.End) Object {
		o := Object{"ref": e.Ref, "sha": e.SHA, "repo": nil}
		if e.Repo != nil {
			o["repo"] = Object{"id": e.Repo.ID, "url": w.API("/repos/%s", e.Repo.FullName()), "name": e.Repo.Name}
		}
		return o
	}
	return Object{"id": p.ID, "number": p.Number, "url": w.API("/repos/%s/pulls/%d", p.Repo.FullName(), p.Number), "head": side(p.Head), "base": side(p.Base)}
}

// PullSimple is a pull request as lists show it.
func (w *Writer) PullSimple(p *model.Pull) Object {
	name := p.Repo.FullName()
	link, page, issue := w.API("/repos/%s/pulls/%d", name, p.Number), w.Web("/%s/pull/%d", name, p.Number), w.API("/repos/%s/issues/%d", name, p.Number)
	statuses := w.API("/repos/%s/statuses/%s", name, p.Head.SHA)
	side := func(e model.End) Object {
		o := Object{"label": e.Label(), "ref": e.Ref, "sha": e.SHA, "repo": nil, "user": nil}
		if e.Repo != nil {
			o["repo"], o["user"] = w.RepoJSON(e.Repo), w.UserJSON(e.Repo.Owner)
		}
		return o
	}
	href := func(url string) Object { return Object{"href": url} }
	state := "closed"
	if p.Open {
		state = "open"
	}
	return Object{
		"url": link, "id": p.ID, "node_id": NodeID("PullRequest", p.ID), "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch",
		"issue_url": issue, "commits_url": link + "/commits", "review_comments_url": link + "/comments",
		"review_comment_url": w.API("/repos/%s/pulls/comments", name) + "{/number}", "comments_url": issue + "/comments", "statuses_url": statuses,
		"number": p.Number, "state": state, "locked": false, "title": p.Title, "user": w.UserJSON(p.Author), "body": OrNull(p.Body),
		"labels": []Object{}, "milestone": nil, "assignee": nil, "assignees": []Object{}, "requested_reviewers": []Object{}, "requested_teams": []Object{},
		"created_at": Stamp(p.Created), "updated_at": Stamp(p.Updated), "closed_at": Stamp(p.Closed), "merged_at": Stamp(p.Merge.At),
		"merge_commit_sha": OrNull(p.Merge.Commit), "head": side(p.Head), "base": side(p.Base), "author_association": p.Repo.Association(p.Author),
		"auto_merge": nil, "draft": p.Draft,
		"_links": Object{"self": href(link), "html": href(page), "issue": href(issue), "comments": href(issue + "/comments"),
			"review_comments": href(link + "/comments"), "review_comment": href(w.API("/repos/%s/pulls/comments", name) + "{/number}"),
			"commits": href(link + "/commits"), "statuses": href(statuses)},
	}
}

// PullJSON is a pull request with all that GitHub works out only when it is asked for one.
func (w *Writer) PullJSON(ctx context.Context, p *model.Pull) Object {
	o := w.PullSimple(p)
	merged := !p.Merge.At.IsZero()
	o["merged"], o["merged_by"], o["maintainer_can_modify"], o["review_comments"] = merged, w.UserJSON(p.Merge.By), false, 0
	o["mergeable"], o["mergeable_state"], o["rebaseable"] = nil, "unknown", nil
	if p.Open {
		state, mergeable := p.Mergeable(ctx)
		o["mergeable"], o["mergeable_state"] = mergeable, state
	}
	o["comments"] = p.Said()
	additions, deletions := 0, 0
	_, files, err := p.Changes(ctx)
	if err != nil {
		files = nil // two histories that have nothing in common
	}
	for _, f := range files {
		additions += f.Additions
		deletions += f.Deletions
	}
	o["additions"], o["deletions"], o["changed_files"] = additions, deletions, len(files)
	ahead, _, err := p.Repo.Git.Count(ctx, p.Base.SHA, p.Head.SHA)
	if err != nil {
		ahead = 0
	}
	o["commits"] = ahead
	return o
}
