package githubserver

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
)

// Method is how a pull request is merged.
type Method string

// The methods.
const (
	MergeCommit Method = "merge"
	Squash      Method = "squash"
	Rebase      Method = "rebase"
)

// Merge merges a pull request as its page does.
func (s *Server) Merge(ctx context.Context, repo string, number int, userID int64, how Method) error {
	return s.locked(func(w *world) error {
		_, p, err := w.findPull(repo, number)
		if err != nil {
			return err
		}
		if w.users[userID] == nil {
			return fmt.Errorf("there is no user %d", userID)
		}
		return w.mergePull(ctx, p, principal{user: w.users[userID]}, mergeRequest{method: how})
	})
}

// mergeRequest is how a pull request is to be merged.
type mergeRequest struct {
	method         Method
	title, message string
}

// errNotMergeable says that a pull request cannot be merged as it is.
const errNotMergeable = words("Pull Request is not mergeable")

// mergePull makes the commits of a merge, moves the base, and lets that take its course.
func (w *world) mergePull(ctx context.Context, p *pull, who principal, how mergeRequest) error {
	if !p.open {
		return errNotMergeable
	}
	git := p.repo.git
	tip, err := git.Ref(ctx, "refs/heads/"+p.base.ref)
	if err != nil {
		return errNotMergeable
	}
	if why := p.repo.refusesMerge(ctx, p, tip); why != "" && !p.repo.bypassed(who, "refs/heads/"+p.base.ref) {
		return words(why)
	}
	made, err := w.mergeCommits(ctx, p, who.user, tip, how)
	if err != nil {
		return err
	}
	last := made[len(made)-1]
	if err := git.Move(ctx, "refs/heads/"+p.base.ref, tip, last); err != nil {
		return err
	}
	p.open, p.closed = false, w.now()
	p.merge = merge{at: w.now(), by: who.user, commit: last, landed: made}
	p.updated = w.now()
	if err := w.moved(ctx, p.repo, move{"refs/heads/" + p.base.ref, tip, last}, who); err != nil {
		return err
	}
	return w.emitPull(ctx, p, "closed", who.user, nil)
}

// mergeCommits makes the commits of a merge, oldest first, on the tip of the base.
func (w *world) mergeCommits(ctx context.Context, p *pull, by *user, tip string, how mergeRequest) ([]string, error) {
	git := p.repo.git
	web := bare.Person{Name: "GitHub", Email: "noreply@github.com", When: w.now()}
	author := bare.Person{Name: by.login, Email: by.email(), When: w.now()}
	if how.method == Rebase {
		return w.rebase(ctx, p, web, tip)
	}
	tree, fits := git.Merge(ctx, tip, p.head.sha)
	if !fits {
		return nil, errNotMergeable
	}
	c := bare.NewCommit{Tree: tree, Parents: []string{tip, p.head.sha}, Author: author, Committer: web}
	title, message := fmt.Sprintf("Merge pull request #%d from %s", p.number, strings.Replace(p.head.label(), ":", "/", 1)), p.title
	if how.method == Squash {
		c.Parents = []string{tip}
		c.Author = bare.Person{Name: p.author.login, Email: p.author.email(), When: w.now()}
		title, message = fmt.Sprintf("%s (#%d)", p.title, p.number), p.body
	}
	if how.title != "" {
		title = how.title
	}
	if how.message != "" {
		message = how.message
	}
	c.Message = strings.TrimSpace(title + "\n\n" + message)
	hash, err := git.Make(ctx, c)
	return []string{hash}, err
}

func (w *world) rebase(ctx context.Context, p *pull, web bare.Person, tip string) ([]string, error) {
	list, err := p.repo.git.Range(ctx, tip, p.head.sha, mostCommits)
	if err != nil {
		return nil, err
	}
	var made []string
	for _, c := range list {
		tree, fits := p.repo.git.Pick(ctx, tip, c)
		if !fits {
			return nil, errNotMergeable
		}
		if tip, err = p.repo.git.Make(ctx, bare.NewCommit{Tree: tree, Parents: []string{tip}, Author: c.Author, Committer: web, Message: c.Message}); err != nil {
			return nil, err
		}
		made = append(made, tip)
	}
	if len(made) == 0 {
		return nil, errNotMergeable
	}
	return made, nil
}

func isMerged(c *call) answer {
	if p := c.pull("pull_number"); p != nil && !p.merge.at.IsZero() {
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
		Method  Method `json:"merge_method"`
	}{Method: MergeCommit}
	if len(c.body) > 0 {
		if err := c.decode(&asked); err != nil {
			return unprocessable(err.Error())
		}
	}
	if asked.SHA != "" && asked.SHA != p.head.sha {
		return conflict("Head branch was modified. Review and try the merge again.")
	}
	if err := c.world.mergePull(c.ctx, p, c.who, mergeRequest{asked.Method, asked.Title, asked.Message}); err != nil {
		return problem(http.StatusMethodNotAllowed, err.Error())
	}
	return ok(object{"sha": p.merge.commit, "merged": true, "message": "Pull Request successfully merged"})
}

// follow has the pull requests that a moved branch is an end of follow it: their heads move, and those whose head is
// reachable from the base now have become merged.
func (w *world) follow(ctx context.Context, r *repository, m move, who principal) error {
	branch, isBranch := strings.CutPrefix(m.ref, "refs/heads/")
	if !isBranch {
		return nil
	}
	for _, base := range w.sortedRepos() {
		for _, p := range base.pulls {
			if !p.open {
				continue
			}
			if p.repo == r && p.base.ref == branch && m.to == bare.Zero {
				p.open, p.closed, p.updated = false, w.now(), w.now()
				if err := w.emitPull(ctx, p, "closed", who.user, nil); err != nil {
					return err
				}
				continue
			}
			if p.repo == r && p.base.ref == branch && m.to != bare.Zero && r.git.Contains(ctx, m.to, p.head.sha) {
				if err := w.landed(ctx, p, m, who.user); err != nil {
					return err
				}
				continue
			}
			if p.head.repo == r && p.head.ref == branch {
				if err := w.headMoved(ctx, p, m, who.user); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// landed closes a pull request whose head somebody pushed to the base.
func (w *world) landed(ctx context.Context, p *pull, m move, by *user) error {
	commit, err := p.repo.git.Landing(ctx, m.to, p.head.sha)
	if err != nil {
		return err
	}
	p.open, p.closed, p.updated = false, w.now(), w.now()
	p.merge = merge{at: w.now(), by: by, commit: commit, landed: []string{commit}}
	return w.emitPull(ctx, p, "closed", by, nil)
}

// headMoved has a pull request follow its branch; without the branch, or without a commit of its own, it is closed.
func (w *world) headMoved(ctx context.Context, p *pull, m move, by *user) error {
	gone := m.to == bare.Zero
	if !gone {
		tip, err := p.repo.git.Ref(ctx, "refs/heads/"+p.base.ref)
		if err != nil {
			return err
		}
		if err := p.repo.git.Take(ctx, p.head.repo.git, m.to); err != nil {
			return err
		}
		if err := p.repo.git.Force(ctx, p.ref(), m.to); err != nil {
			return err
		}
		before := p.head.sha
		p.head.sha, p.base.sha, p.updated = m.to, tip, w.now()
		if !p.repo.git.Contains(ctx, tip, m.to) {
			return w.emitPull(ctx, p, "synchronize", by, object{"before": before, "after": m.to})
		}
	}
	p.open, p.closed, p.updated = false, w.now(), w.now()
	return w.emitPull(ctx, p, "closed", by, nil)
}
