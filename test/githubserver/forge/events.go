package forge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/delivery"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

// happening is what a webhook tells of.
type happening struct {
	event, action string
	repo          *model.Repository
	by            *model.User
	only          *model.App // whose App alone is told; nil for all that want it
	payload       wire.Object
}

// emit tells the webhooks of the repository, and those of the Apps that are installed there.
func (w *World) emit(h happening) error {
	h.payload["repository"], h.payload["sender"] = w.RepoJSON(h.repo), w.UserJSON(h.by)
	if h.event == "push" {
		h.payload["repository"] = w.PushedRepoJSON(h.repo)
	}
	if h.repo.Owner.Kind == model.Organisation {
		h.payload["organization"] = w.UserJSON(h.repo.Owner)
	}
	if h.action != "" {
		h.payload["action"] = h.action
	}
	e := delivery.Event{Name: h.event, Action: h.action, RepositoryID: h.repo.ID, Payload: h.payload}
	if h.only == nil {
		for _, one := range h.repo.Hooks {
			if err := w.Hooks.Emit(one.ID, e); err != nil {
				return err
			}
		}
	}
	for _, i := range w.InstallationsOf(h.repo) {
		if h.only != nil && h.only != i.App || h.only == nil && !slices.Contains(i.App.Events, h.event) {
			continue
		}
		of := e
		of.InstallationID, of.Payload = i.ID, maps.Clone(h.payload)
		of.Payload["installation"] = wire.Object{"id": i.ID, "node_id": wire.NodeID("Installation", i.ID)}
		if err := w.Hooks.Emit(-i.App.ID, of); err != nil {
			return err
		}
	}
	return nil
}

// emitInstallation tells an App what became of its installation. Every App is told.
func (w *World) emitInstallation(i *model.Installation, action string) error {
	repos := []wire.Object{}
	for _, r := range w.SortedRepos() {
		if r.Owner == i.Account && (i.Repositories == nil || i.Repositories[r.ID]) {
			repos = append(repos, wire.Object{"id": r.ID, "node_id": wire.NodeID("Repository", r.ID), "name": r.Name, "full_name": r.FullName(), "private": r.Private})
		}
	}
	shown := w.InstallationJSON(i)
	shown["created_at"], shown["updated_at"] = i.Created.Unix(), i.Created.Unix() // numbers, in webhooks alone
	payload := wire.Object{"action": action, "installation": shown, "repositories": repos, "sender": w.UserJSON(i.Account)}
	return w.Hooks.Emit(-i.App.ID, delivery.Event{Name: "installation", Action: action, InstallationID: i.ID, Payload: payload})
}

func (w *World) emitPull(ctx context.Context, p *model.Pull, action string, by *model.User, more wire.Object) error {
	payload := wire.Object{"number": p.Number, "pull_request": w.PullJSON(ctx, p)}
	maps.Copy(payload, more)
	return w.emit(happening{event: "pull_request", action: action, repo: p.Repo, by: by, payload: payload})
}

// EmitComment tells what became of a comment; before is what an edited one said before.
func (w *World) EmitComment(r *model.Repository, n *model.Comment, action, before string, by *model.User) error {
	p := n.Pull
	state := map[bool]string{true: "open", false: "closed"}[p.Open]
	issue := w.API("/repos/%s/issues/%d", r.FullName(), p.Number)
	page := w.Web("/%s/pull/%d", r.FullName(), p.Number)
	payload := wire.Object{"comment": w.CommentJSON(r, n), "issue": wire.Object{
		"url": issue, "id": p.ID, "node_id": wire.NodeID("PullRequest", p.ID), "number": p.Number, "title": p.Title, "user": w.UserJSON(p.Author), "state": state,
		"body": wire.OrNull(p.Body), "html_url": page, "comments_url": issue + "/comments", "created_at": wire.Stamp(p.Created), "updated_at": wire.Stamp(p.Updated),
		"closed_at": wire.Stamp(p.Closed), "labels": []wire.Object{}, "assignees": []wire.Object{}, "locked": false,
		"draft": p.Draft, "author_association": r.Association(p.Author), "labels_url": issue + "/labels{/name}", "events_url": issue + "/events", "comments": p.Said(), "repository_url": w.API("/repos/%s", r.FullName()),
		"pull_request": wire.Object{"url": w.API("/repos/%s/pulls/%d", r.FullName(), p.Number), "html_url": page, "diff_url": page + ".diff",
			"patch_url": page + ".patch", "merged_at": wire.Stamp(p.Merge.At)}}}
	if action == "edited" {
		payload["changes"] = wire.Object{"body": wire.Object{"from": before}}
	}
	return w.emit(happening{event: "issue_comment", action: action, repo: r, by: by, payload: payload})
}

// EmitRun tells the App of a check run.
func (w *World) EmitRun(r *model.Repository, run *model.CheckRun, action string, by *model.User) error {
	shown := w.RunJSON(r, run)
	shown["check_suite"] = wire.Object{"id": run.Suite.ID, "head_sha": run.Suite.SHA, "head_branch": wire.OrNull(run.Suite.Branch), "app": w.AppJSON(run.Suite.App),
		"pull_requests": shown["pull_requests"], "url": w.API("/repos/%s/check-suites/%d", r.FullName(), run.Suite.ID)}
	return w.emit(happening{event: "check_run", action: action, repo: r, by: by, only: run.Suite.App, payload: wire.Object{"check_run": shown}})
}

// EmitSuite tells the App of a check suite.
func (w *World) EmitSuite(ctx context.Context, r *model.Repository, s *model.CheckSuite, action string, by *model.User) error {
	shown, err := w.SuiteJSON(ctx, r, s)
	if err != nil {
		return err
	}
	return w.emit(happening{event: "check_suite", action: action, repo: r, by: by, only: s.App, payload: wire.Object{"check_suite": shown}})
}

// mostPushed commits are told of in one push event.
const mostPushed = 2048

// Moved is what happens after a ref has moved: the push is told of, Apps are asked for checks, and pull requests follow.
func (w *World) Moved(ctx context.Context, r *model.Repository, m model.Move, who model.Principal) error {
	r.Pushed = w.Now()
	forced := m.Old != bare.Zero && m.To != bare.Zero && !r.Git.Contains(ctx, m.To, m.Old)
	r.Moves = append(r.Moves, model.Activity{Move: m, ID: w.ID(), By: who.User, Forced: forced, At: w.Now()})
	if err := w.emitPush(ctx, r, m, who.User); err != nil {
		return err
	}
	branch, isBranch := strings.CutPrefix(m.Ref, "refs/heads/")
	if isBranch && m.To != bare.Zero {
		for _, i := range w.InstallationsOf(r) {
			if i.Permissions["checks"] != "write" || r.SuiteOf(i.App, m.To) != nil {
				continue // a commit is asked about once, on however many branches it is
			}
			if err := w.EmitSuite(ctx, r, w.Suite(r, i.App, m.To, branch), "requested", who.User); err != nil {
				return err
			}
		}
	}
	return w.follow(ctx, r, m, who)
}

func (w *World) emitPush(ctx context.Context, r *model.Repository, m model.Move, by *model.User) error {
	made, gone := m.Old == bare.Zero, m.To == bare.Zero
	payload := wire.Object{"ref": m.Ref, "before": m.Old, "after": m.To, "created": made, "deleted": gone, "forced": false, "base_ref": nil,
		"compare": w.Web("/%s/compare/", r.FullName()) + m.Old[:12] + "..." + m.To[:12], "commits": []wire.Object{}, "head_commit": nil}
	if by != nil {
		payload["pusher"] = wire.Object{"name": by.Login, "email": by.Email()}
	}
	if !made && !gone {
		payload["forced"] = !r.Git.Contains(ctx, m.To, m.Old)
	}
	if !gone {
		head, err := w.PushedCommit(ctx, r, m.To)
		if err != nil {
			return err
		}
		payload["head_commit"] = head
		if !made {
			list, err := r.Git.Range(ctx, m.Old, m.To, mostPushed)
			if err != nil {
				return err
			}
			commits := []wire.Object{}
			for _, c := range list {
				shown, err := w.PushedCommit(ctx, r, c.Hash)
				if err != nil {
					return err
				}
				commits = append(commits, shown)
			}
			payload["commits"] = commits
		}
	}
	if err := w.emit(happening{event: "push", repo: r, by: by, payload: payload}); err != nil {
		return fmt.Errorf("telling of a push to %s: %w", r.FullName(), err)
	}
	return nil
}
