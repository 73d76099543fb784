package wire

import (
	"strings"

	"github.com/plateform/plateform/test/githubserver/model"
)

// RepoJSON is a repository with all that GitHub says of it anywhere.
func (w *Writer) RepoJSON(r *model.Repository) Object {
	o := Object{
		"id": r.ID, "node_id": NodeID("Repository", r.ID), "name": r.Name, "full_name": r.FullName(), "private": r.Private,
		"owner": w.UserJSON(r.Owner), "html_url": w.Web("/%s", r.FullName()), "url": w.API("/repos/%s", r.FullName()),
		"description": nil, "fork": r.Fork != nil, "default_branch": model.DefaultBranch, "visibility": map[bool]string{true: "private", false: "public"}[r.Private],
		"clone_url": w.Web("/%s.git", r.FullName()), "git_url": "git:" + strings.TrimPrefix(w.Web("/%s.git", r.FullName()), "http:"),
		"ssh_url": "git@github.test:" + r.FullName() + ".git", "svn_url": w.Web("/%s", r.FullName()), "homepage": nil, "language": nil,
		"mirror_url": nil, "license": nil, "archived": false, "disabled": false, "topics": []string{}, "size": 1,
		"created_at": Stamp(r.Created), "updated_at": Stamp(r.Created), "pushed_at": Stamp(r.Created),
		"allow_merge_commit": true, "allow_squash_merge": true, "allow_rebase_merge": true,
	}
	if !r.Pushed.IsZero() {
		o["updated_at"], o["pushed_at"] = Stamp(r.Pushed), Stamp(r.Pushed)
	}
	for _, name := range []string{"has_issues", "has_projects", "has_wiki", "has_downloads"} {
		o[name] = true
	}
	for _, name := range []string{"has_pages", "has_discussions", "is_template", "web_commit_signoff_required"} {
		o[name] = false
	}
	open := 0
	for _, p := range r.Pulls {
		if p.Open {
			open++
		}
	}
	o["open_issues"], o["open_issues_count"] = open, open
	for _, name := range []string{"forks", "forks_count", "stargazers_count", "watchers", "watchers_count", "network_count", "subscribers_count"} {
		o[name] = 0
	}
	for name, path := range repoLinks() {
		o[name] = w.API("/repos/%s", r.FullName()) + path
	}
	return o
}

// PushedRepoJSON is a repository as push events alone show it: with some times as numbers, and more names of some things.
func (w *Writer) PushedRepoJSON(r *model.Repository) Object {
	o := w.RepoJSON(r)
	owner := w.UserJSON(r.Owner).(Object)
	owner["name"], owner["email"] = r.Owner.Login, r.Owner.Email()
	o["owner"], o["created_at"], o["pushed_at"], o["stargazers"], o["master_branch"] = owner, r.Created.Unix(), r.Pushed.Unix(), 0, model.DefaultBranch
	return o
}

// repoLinks are the paths of the links of a repository.
func repoLinks() map[string]string {
	links := map[string]string{
		"keys_url": "/keys{/key_id}", "collaborators_url": "/collaborators{/collaborator}", "issue_events_url": "/issues/events{/number}",
		"assignees_url": "/assignees{/user}", "branches_url": "/branches{/branch}", "blobs_url": "/git/blobs{/sha}",
		"git_tags_url": "/git/tags{/sha}", "git_refs_url": "/git/refs{/sha}", "trees_url": "/git/trees{/sha}",
		"statuses_url": "/statuses/{sha}", "commits_url": "/commits{/sha}", "git_commits_url": "/git/commits{/sha}",
		"comments_url": "/comments{/number}", "issue_comment_url": "/issues/comments{/number}", "contents_url": "/contents/{+path}",
		"compare_url": "/compare/{base}...{head}", "archive_url": "/{archive_format}{/ref}", "issues_url": "/issues{/number}",
		"pulls_url": "/pulls{/number}", "milestones_url": "/milestones{/number}", "labels_url": "/labels{/name}",
		"notifications_url": "/notifications{?since,all,participating}", "releases_url": "/releases{/id}",
	}
	for _, name := range []string{"forks", "teams", "hooks", "events", "tags", "languages", "stargazers", "contributors", "subscribers",
		"subscription", "merges", "downloads", "deployments"} {
		links[name+"_url"] = "/" + name
	}
	return links
}
