package githubserver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/test/githubserver/bare"
)

// pull is a pull request.
type pull struct {
	id          int64
	number      int
	title, body string
	author      *user
	draft       bool
	base, head  end
	open        bool
	created     time.Time
	updated     time.Time
	closed      time.Time
	merge       merge
	repo        *repository // that it is to be merged into
}

// end is one end of a pull request.
type end struct {
	repo *repository // nil for a fork that is gone
	ref  string
	sha  string
}

// merge is how a pull request was merged; the zero value is: not.
type merge struct {
	at     time.Time
	by     *user
	commit string
	// landed are the commits that it added to the base and that are not its own.
	landed []string
}

// NewPull is a pull request to be opened.
type NewPull struct {
	// Repo that it is to be merged into, and Base, the branch; main when empty.
	Repo, Base string
	// HeadRepo that the change is in; Repo itself when empty. Head is the branch.
	HeadRepo, Head string
	Title, Body    string
	// Author is a user's id.
	Author int64
}

// OpenPull opens a pull request, and returns its number.
func (s *Server) OpenPull(ctx context.Context, n NewPull) (int, error) {
	var number int
	err := s.locked(func(w *world) error {
		r := w.repoByName(n.Repo)
		head := r
		if n.HeadRepo != "" {
			head = w.repoByName(n.HeadRepo)
		}
		author := w.users[n.Author]
		if r == nil || head == nil || author == nil {
			return fmt.Errorf("there is no repository %s, or no user %d", n.Repo, n.Author)
		}
		if n.Base == "" {
			n.Base = defaultBranch
		}
		p, err := w.openPull(ctx, r, &pull{title: n.Title, body: n.Body, author: author, base: end{repo: r, ref: n.Base}, head: end{repo: head, ref: n.Head}})
		if err == nil {
			number = p.number
		}
		return err
	})
	return number, err
}

// openPull opens a pull request whose ends name branches.
func (w *world) openPull(ctx context.Context, r *repository, p *pull) (*pull, error) {
	for _, e := range []*end{&p.base, &p.head} {
		sha, err := e.repo.git.Ref(ctx, "refs/heads/"+e.ref)
		if err != nil {
			return nil, words("there is no branch " + e.ref + " in " + e.repo.fullName())
		}
		e.sha = sha
	}
	for _, other := range r.pulls {
		if other.open && other.base.ref == p.base.ref && other.head.repo == p.head.repo && other.head.ref == p.head.ref {
			return nil, words("A pull request already exists for " + p.head.label() + ".")
		}
	}
	if err := r.git.Take(ctx, p.head.repo.git, p.head.sha); err != nil {
		return nil, err
	}
	if r.git.Contains(ctx, p.base.sha, p.head.sha) {
		return nil, words("No commits between " + p.base.ref + " and " + p.head.ref)
	}
	now := w.now()
	p.id, p.number, p.repo, p.open, p.created, p.updated = w.id(), len(r.pulls)+1, r, true, now, now
	if err := r.git.Force(ctx, p.ref(), p.head.sha); err != nil {
		return nil, err
	}
	r.pulls = append(r.pulls, p)
	return p, w.emitPull(ctx, p, "opened", p.author, nil)
}

// ref is where the head of a pull request is in the repository it is for.
func (p *pull) ref() string { return fmt.Sprintf("refs/pull/%d/head", p.number) }

func (e end) label() string {
	if e.repo == nil {
		return "unknown:" + e.ref
	}
	return e.repo.owner.login + ":" + e.ref
}

// pull finds the pull request that the path names.
func (c *call) pull(name string) *pull {
	n, _ := c.number(name)
	if n < 1 || int(n) > len(c.repo.pulls) {
		return nil
	}
	return c.repo.pulls[n-1]
}

func (w *world) findPull(repo string, number int) (*repository, *pull, error) {
	r := w.repoByName(repo)
	if r == nil || number < 1 || number > len(r.pulls) {
		return nil, nil, fmt.Errorf("there is no pull request %s#%d", repo, number)
	}
	return r, r.pulls[number-1], nil
}

func createPull(c *call) answer {
	var asked struct {
		Title, Head, Base, Body string
		HeadRepo                string `json:"head_repo"`
		Draft                   bool
	}
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	head := c.repo
	if owner, branch, found := strings.Cut(asked.Head, ":"); found {
		asked.Head = branch
		head = c.world.headOf(c.repo, owner, asked.HeadRepo)
	}
	if head == nil || !c.who.sees(head) {
		return invalid("PullRequest", "head", "head is invalid")
	}
	p, err := c.world.openPull(c.ctx, c.repo, &pull{title: asked.Title, body: asked.Body, draft: asked.Draft, author: c.who.user,
		base: end{repo: c.repo, ref: asked.Base}, head: end{repo: head, ref: asked.Head}})
	if err != nil {
		return invalid("PullRequest", "head", err.Error())
	}
	return created(c.world.pullJSON(c.ctx, p))
}

// headOf finds the repository of an owner that is this one, or a fork of it.
func (w *world) headOf(r *repository, owner, name string) *repository {
	for _, other := range w.sortedRepos() {
		related := other == r || other.fork == r || r.fork == other
		if related && strings.EqualFold(other.owner.login, owner) && (name == "" || other.name == name || other.fullName() == name) {
			return other
		}
	}
	return nil
}

func listPulls(c *call) answer {
	q := c.request.URL.Query()
	state, sort := q.Get("state"), q.Get("sort")
	var list []*pull
	for _, p := range c.repo.pulls {
		inState := state == "all" || p.open == (state == "" || state == "open")
		if inState && (q.Get("base") == "" || q.Get("base") == p.base.ref) && (q.Get("head") == "" || q.Get("head") == p.head.label()) {
			list = append(list, p)
		}
	}
	if sort == "updated" {
		slices.SortStableFunc(list, func(a, b *pull) int { return a.updated.Compare(b.updated) })
	}
	if q.Get("direction") == "desc" || q.Get("direction") == "" && (sort == "" || sort == "created") {
		slices.Reverse(list)
	}
	return paged(c, list, func(p *pull) any { return c.world.pullSimple(p) })
}

func getPull(c *call) answer {
	if p := c.pull("pull_number"); p != nil {
		return ok(c.world.pullJSON(c.ctx, p))
	}
	return notFound()
}

func updatePull(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return notFound()
	}
	if c.who.user != p.author && c.who.installed() == nil && c.repo.role(c.who.user) < Write {
		return forbidden("You must have write access to change somebody else's pull request.")
	}
	var asked struct {
		Title, Body, Base *string
		State             string
	}
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	edit := pullEdit{title: asked.Title, body: asked.Body, base: asked.Base, state: asked.State}
	if err := c.world.editPull(c.ctx, p, c.who.user, edit); err != nil {
		return invalid("PullRequest", "base", err.Error())
	}
	return ok(c.world.pullJSON(c.ctx, p))
}

// pullEdit is what is changed of a pull request.
type pullEdit struct {
	title, body, base *string
	state             string
}

// ClosePull closes a pull request without merging it.
func (s *Server) ClosePull(ctx context.Context, repo string, number int, userID int64) error {
	return s.editPull(ctx, repo, number, userID, pullEdit{state: "closed"})
}

// ReopenPull opens a pull request again.
func (s *Server) ReopenPull(ctx context.Context, repo string, number int, userID int64) error {
	return s.editPull(ctx, repo, number, userID, pullEdit{state: "open"})
}

func (s *Server) editPull(ctx context.Context, repo string, number int, userID int64, edit pullEdit) error {
	return s.locked(func(w *world) error {
		_, p, err := w.findPull(repo, number)
		if err != nil {
			return err
		}
		return w.editPull(ctx, p, w.users[userID], edit)
	})
}

func (w *world) editPull(ctx context.Context, p *pull, by *user, edit pullEdit) error {
	changes := object{}
	if edit.title != nil && *edit.title != p.title {
		changes["title"], p.title = object{"from": p.title}, *edit.title
	}
	if edit.body != nil && *edit.body != p.body {
		changes["body"], p.body = object{"from": p.body}, *edit.body
	}
	if edit.base != nil && *edit.base != p.base.ref {
		sha, err := p.repo.git.Ref(ctx, "refs/heads/"+*edit.base)
		if err != nil {
			return words("Proposed base branch '" + *edit.base + "' was not found")
		}
		changes["base"] = object{"ref": object{"from": p.base.ref}, "sha": object{"from": p.base.sha}}
		p.base.ref, p.base.sha = *edit.base, sha
	}
	p.updated = w.now()
	if len(changes) > 0 {
		if err := w.emitPull(ctx, p, "edited", by, object{"changes": changes}); err != nil {
			return err
		}
	}
	switch {
	case edit.state == "closed" && p.open:
		p.open, p.closed = false, w.now()
		return w.emitPull(ctx, p, "closed", by, nil)
	case edit.state == "open" && !p.open:
		if !p.merge.at.IsZero() {
			return words("state cannot be changed. The pull request is merged.")
		}
		p.open, p.closed = true, time.Time{}
		return w.emitPull(ctx, p, "reopened", by, nil)
	}
	return nil
}

// mostFiles and mostCommits are how far the lists of a pull request go.
const (
	mostFiles   = 3000
	mostCommits = 250
)

// changes of a pull request: what its head has and the commit has not that both come from.
func (p *pull) changes(ctx context.Context) (base string, files []bare.File, err error) {
	if base, err = p.repo.git.MergeBase(ctx, p.base.sha, p.head.sha); err != nil {
		return "", nil, err
	}
	files, err = p.repo.git.Changes(ctx, base, p.head.sha)
	return base, files, err
}

func listPullFiles(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return notFound()
	}
	base, files, err := p.changes(c.ctx)
	if err != nil {
		return problem(http.StatusUnprocessableEntity, err.Error())
	}
	files = files[:min(len(files), mostFiles)]
	from, to := c.bounds(len(files))
	if err := c.repo.git.Patches(c.ctx, base, p.head.sha, files[from:to]); err != nil {
		return broken("comparing", err)
	}
	return paged(c, files, func(f bare.File) any { return c.fileJSON(f, p.head.sha) })
}

func listPullCommits(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return notFound()
	}
	list, err := c.repo.git.Range(c.ctx, p.base.sha, p.head.sha, mostCommits)
	if err != nil {
		return broken("listing commits", err)
	}
	return paged(c, list, func(n bare.Commit) any { return c.world.commitJSON(c.repo, n) })
}

// listPullsOfCommit finds the pull requests that a commit is in, and those that made it, which the commit of a squash is
// not in.
func listPullsOfCommit(c *call) answer {
	sha, found := c.commit("commit_sha")
	if !found {
		return unprocessable("No commit found for SHA: " + c.vars["commit_sha"])
	}
	var list []*pull
	for _, p := range c.repo.pulls {
		if slices.Contains(p.merge.landed, sha) || c.repo.git.Contains(c.ctx, p.head.sha, sha) && !c.repo.git.Contains(c.ctx, p.base.sha, sha) {
			list = append(list, p)
		}
	}
	return paged(c, list, func(p *pull) any { return c.world.pullSimple(p) })
}
