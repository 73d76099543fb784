package githubserver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/delivery"
)

// happening is what a webhook tells of.
type happening struct {
	event, action string
	repo          *repository
	by            *user
	only          *app // whose App alone is told; nil for all that want it
	payload       object
}

// emit tells the webhooks of the repository, and those of the Apps that are installed there.
func (w *world) emit(h happening) error {
	h.payload["repository"], h.payload["sender"] = w.repoJSON(h.repo), w.userJSON(h.by)
	if h.repo.owner.kind == organisation {
		h.payload["organization"] = w.userJSON(h.repo.owner)
	}
	if h.action != "" {
		h.payload["action"] = h.action
	}
	e := delivery.Event{Name: h.event, Action: h.action, RepositoryID: h.repo.id, Payload: h.payload}
	if h.only == nil {
		for _, one := range h.repo.hooks {
			if err := w.hooks.Emit(one.id, e); err != nil {
				return err
			}
		}
	}
	for _, i := range w.installationsOf(h.repo) {
		if h.only != nil && h.only != i.app || h.only == nil && !slices.Contains(i.app.events, h.event) {
			continue
		}
		of := e
		of.InstallationID, of.Payload = i.id, maps.Clone(h.payload)
		of.Payload["installation"] = object{"id": i.id, "node_id": nodeID("Installation", i.id)}
		if err := w.hooks.Emit(-i.app.id, of); err != nil {
			return err
		}
	}
	return nil
}

// emitInstallation tells an App what became of its installation. Every App is told.
func (w *world) emitInstallation(i *installation, action string) error {
	repos := []object{}
	for _, r := range w.sortedRepos() {
		if r.owner == i.account && (i.repositories == nil || i.repositories[r.id]) {
			repos = append(repos, object{"id": r.id, "node_id": nodeID("Repository", r.id), "name": r.name, "full_name": r.fullName(), "private": r.private})
		}
	}
	shown := w.installationJSON(i)
	payload := object{"action": action, "installation": shown, "repositories": repos, "sender": w.userJSON(i.account)}
	return w.hooks.Emit(-i.app.id, delivery.Event{Name: "installation", Action: action, InstallationID: i.id, Payload: payload})
}

func (w *world) emitPull(ctx context.Context, p *pull, action string, by *user, more object) error {
	payload := object{"number": p.number, "pull_request": w.pullJSON(ctx, p)}
	maps.Copy(payload, more)
	return w.emit(happening{event: "pull_request", action: action, repo: p.repo, by: by, payload: payload})
}

func (w *world) emitComment(r *repository, n *comment, action string, by *user) error {
	p := n.pull
	state := map[bool]string{true: "open", false: "closed"}[p.open]
	issue := w.api("/repos/%s/issues/%d", r.fullName(), p.number)
	page := w.web("/%s/pull/%d", r.fullName(), p.number)
	payload := object{"comment": w.commentJSON(r, n), "issue": object{
		"url": issue, "id": p.id, "node_id": nodeID("PullRequest", p.id), "number": p.number, "title": p.title, "user": w.userJSON(p.author), "state": state,
		"body": orNull(p.body), "html_url": page, "comments_url": issue + "/comments", "created_at": stamp(p.created), "updated_at": stamp(p.updated),
		"closed_at": stamp(p.closed), "labels": []object{}, "locked": false, "comments": 1, "repository_url": w.api("/repos/%s", r.fullName()),
		"pull_request": object{"url": w.api("/repos/%s/pulls/%d", r.fullName(), p.number), "html_url": page, "diff_url": page + ".diff",
			"patch_url": page + ".patch", "merged_at": stamp(p.merge.at)}}}
	if action == "edited" {
		payload["changes"] = object{"body": object{"from": ""}}
	}
	return w.emit(happening{event: "issue_comment", action: action, repo: r, by: by, payload: payload})
}

// emitRun tells the App of a check run.
func (w *world) emitRun(r *repository, run *checkRun, action string, by *user) error {
	shown := w.runJSON(r, run)
	shown["check_suite"] = object{"id": run.suite.id, "head_sha": run.suite.sha, "head_branch": orNull(run.suite.branch), "app": w.appJSON(run.suite.app),
		"pull_requests": shown["pull_requests"], "url": w.api("/repos/%s/check-suites/%d", r.fullName(), run.suite.id)}
	return w.emit(happening{event: "check_run", action: action, repo: r, by: by, only: run.suite.app, payload: object{"check_run": shown}})
}

// emitSuite tells the App of a check suite.
func (w *world) emitSuite(ctx context.Context, r *repository, s *checkSuite, action string, by *user) error {
	shown, err := w.suiteJSON(ctx, r, s)
	if err != nil {
		return err
	}
	return w.emit(happening{event: "check_suite", action: action, repo: r, by: by, only: s.app, payload: object{"check_suite": shown}})
}

func (w *world) suiteJSON(ctx context.Context, r *repository, s *checkSuite) (object, error) {
	n, err := r.git.Read(ctx, s.sha)
	if err != nil {
		return nil, err
	}
	pulls := []object{}
	for _, p := range r.pulls {
		if p.open && p.head.sha == s.sha {
			pulls = append(pulls, w.pullMinimal(p))
		}
	}
	status, conclusion, runs := "queued", "", 0
	for _, run := range r.commits.runs {
		if run.suite == s {
			runs++
			status, conclusion = run.status, run.conclusion
		}
	}
	link := w.api("/repos/%s/check-suites/%d", r.fullName(), s.id)
	return object{
		"id": s.id, "node_id": nodeID("CheckSuite", s.id), "head_branch": orNull(s.branch), "head_sha": s.sha, "status": status, "conclusion": orNull(conclusion),
		"url": link, "before": nil, "after": s.sha, "pull_requests": pulls, "app": w.appJSON(s.app), "created_at": stamp(s.created), "updated_at": stamp(s.created),
		"rerequestable": true, "runs_rerequestable": true, "latest_check_runs_count": runs, "check_runs_url": link + "/check-runs",
		"repository": w.repoJSON(r), "head_commit": object{"id": n.Hash, "tree_id": n.Tree, "message": n.Message, "timestamp": stamp(n.Committer.When),
			"author": object{"name": n.Author.Name, "email": n.Author.Email}, "committer": object{"name": n.Committer.Name, "email": n.Committer.Email}},
	}, nil
}

// mostPushed commits are told of in one push event.
const mostPushed = 2048

// moved is what happens after a ref has moved: the push is told of, Apps are asked for checks, and pull requests follow.
func (w *world) moved(ctx context.Context, r *repository, m move, who principal) error {
	r.pushed = w.now()
	if err := w.emitPush(ctx, r, m, who.user); err != nil {
		return err
	}
	branch, isBranch := strings.CutPrefix(m.ref, "refs/heads/")
	if isBranch && m.to != bare.Zero {
		for _, i := range w.installationsOf(r) {
			if i.permissions["checks"] != "write" {
				continue
			}
			if err := w.emitSuite(ctx, r, w.suite(r, i.app, m.to, branch), "requested", who.user); err != nil {
				return err
			}
		}
	}
	return w.follow(ctx, r, m, who)
}

func (w *world) emitPush(ctx context.Context, r *repository, m move, by *user) error {
	made, gone := m.old == bare.Zero, m.to == bare.Zero
	payload := object{"ref": m.ref, "before": m.old, "after": m.to, "created": made, "deleted": gone, "forced": false, "base_ref": nil,
		"compare": w.web("/%s/compare/", r.fullName()) + m.old[:12] + "..." + m.to[:12], "commits": []object{}, "head_commit": nil}
	if by != nil {
		payload["pusher"] = object{"name": by.login, "email": by.email()}
	}
	if !made && !gone {
		payload["forced"] = !r.git.Contains(ctx, m.to, m.old)
	}
	if !gone {
		head, err := w.pushedCommit(ctx, r, m.to)
		if err != nil {
			return err
		}
		payload["head_commit"] = head
		if !made {
			list, err := r.git.Range(ctx, m.old, m.to, mostPushed)
			if err != nil {
				return err
			}
			commits := []object{}
			for _, c := range list {
				shown, err := w.pushedCommit(ctx, r, c.Hash)
				if err != nil {
					return err
				}
				commits = append(commits, shown)
			}
			payload["commits"] = commits
		}
	}
	if err := w.emit(happening{event: "push", repo: r, by: by, payload: payload}); err != nil {
		return fmt.Errorf("telling of a push to %s: %w", r.fullName(), err)
	}
	return nil
}

// pushedCommit is a commit as a push event shows it.
func (w *world) pushedCommit(ctx context.Context, r *repository, hash string) (object, error) {
	c, err := r.git.Read(ctx, hash)
	if err != nil {
		return nil, err
	}
	base := ""
	if len(c.Parents) > 0 {
		base = c.Parents[0]
	}
	files, err := r.git.Changes(ctx, base, hash)
	if err != nil {
		return nil, err
	}
	paths := map[string][]string{"added": {}, "removed": {}, "modified": {}}
	for _, f := range files {
		switch f.Status {
		case "renamed":
			paths["added"], paths["removed"] = append(paths["added"], f.Path), append(paths["removed"], f.Previous)
		case "changed":
			paths["modified"] = append(paths["modified"], f.Path)
		default:
			paths[f.Status] = append(paths[f.Status], f.Path)
		}
	}
	who := func(p bare.Person) object {
		o := object{"name": p.Name, "email": p.Email}
		if u := w.userByEmail(p.Email); u != nil {
			o["username"] = u.login
		}
		return o
	}
	return object{"id": c.Hash, "tree_id": c.Tree, "distinct": true, "message": c.Message, "timestamp": stamp(c.Committer.When),
		"url": w.web("/%s/commit/%s", r.fullName(), c.Hash), "author": who(c.Author), "committer": who(c.Committer),
		"added": paths["added"], "removed": paths["removed"], "modified": paths["modified"]}, nil
}
