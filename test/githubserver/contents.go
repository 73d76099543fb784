package githubserver

import (
	"encoding/base64"
	"errors"
	"net/http"
	"path"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

// at is the commit that contents are asked for: ref, or the default branch.
func (c *call) at() (string, bool) {
	ref := c.request.URL.Query().Get("ref")
	if ref == "" {
		ref = model.DefaultBranch
	}
	sha, err := c.repo.Git.Resolve(c.ctx, ref)
	return sha, err == nil
}

func getContents(c *call) answer {
	sha, found := c.at()
	if !found {
		return problem(http.StatusNotFound, "No commit found for the ref "+c.request.URL.Query().Get("ref"))
	}
	where := strings.Trim(c.vars["path"], "/")
	if where == "" {
		return c.folder(sha, "")
	}
	e, err := c.repo.Git.Find(c.ctx, sha, where)
	if err != nil {
		return notFound()
	}
	if e.Type == "tree" {
		return c.folder(sha, where)
	}
	o := c.world.EntryJSON(c.repo, e, sha)
	if e.Type == "commit" {
		return ok(o)
	}
	text, err := c.repo.Git.Content(c.ctx, e.Hash)
	if err != nil {
		return broken("reading a file", err)
	}
	if o["type"] == "symlink" {
		o["target"] = text
		return ok(o)
	}
	o["encoding"], o["content"] = "base64", lines(base64.StdEncoding.EncodeToString([]byte(text)))
	const largest = 1 << 20 // beyond, GitHub sends the content only when it is asked for as it is
	if len(text) > largest {
		o["encoding"], o["content"] = "none", ""
	}
	return ok(o)
}

// lines breaks base64 as GitHub does.
func lines(text string) string {
	const width = 60
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	return b.String() + text + "\n"
}

// folder lists a folder; GitHub shows a thousand entries.
func (c *call) folder(sha, where string) answer {
	list, err := c.repo.Git.List(c.ctx, sha, where)
	if err != nil {
		return notFound()
	}
	const most = 1000
	shown := []wire.Object{}
	for _, e := range list[:min(most, len(list))] {
		e.Path = path.Join(where, e.Path)
		shown = append(shown, c.world.EntryJSON(c.repo, e, sha))
	}
	return ok(shown)
}

// contentRequest is what a file is written or taken away with.
type contentRequest struct {
	Message, Content, SHA, Branch string
	Author, Committer             *struct{ Name, Email string }
}

func putContents(c *call) answer {
	var asked contentRequest
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	text, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(asked.Content, "\n", ""))
	if err != nil {
		return unprocessable("content is not valid Base64")
	}
	where := strings.Trim(c.vars["path"], "/")
	return c.write(asked, where, map[string]string{where: string(text)}, nil)
}

func deleteContents(c *call) answer {
	var asked contentRequest
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	where := strings.Trim(c.vars["path"], "/")
	return c.write(asked, where, nil, []string{where})
}

// write makes the commit of one file.
func (c *call) write(asked contentRequest, where string, set map[string]string, remove []string) answer {
	if asked.Branch == "" {
		asked.Branch = model.DefaultBranch
	}
	ref := "refs/heads/" + strings.TrimPrefix(asked.Branch, "refs/heads/")
	tip, err := c.repo.Git.Ref(c.ctx, ref)
	empty := err != nil
	if branches, err := c.repo.Git.Branches(c.ctx); empty && (err != nil || len(branches) > 0) {
		return problem(http.StatusNotFound, "Branch "+asked.Branch+" not found")
	}
	if empty {
		tip = bare.Zero
	}
	var old bare.Entry
	if !empty {
		old, err = c.repo.Git.Find(c.ctx, tip, where)
		if err != nil && !errors.Is(err, bare.ErrNotFound) {
			return broken("reading a file", err)
		}
	}
	switch {
	case remove != nil && old.Hash == "":
		return notFound()
	case old.Hash != "" && asked.SHA == "":
		return unprocessable("Invalid request.\n\n\"sha\" wasn't supplied.")
	case old.Hash != asked.SHA:
		return conflict(where + " does not match " + asked.SHA)
	}
	status := http.StatusCreated
	if old.Hash != "" {
		status = http.StatusOK
	}
	n, refused, done := c.makeCommit(asked, ref, tip, set, remove)
	if !done {
		return refused
	}
	o := wire.Object{"content": nil, "commit": c.world.GitCommitJSON(c.repo, n)}
	if remove == nil {
		e, err := c.repo.Git.Find(c.ctx, n.Hash, where)
		if err != nil {
			return broken("reading what was written", err)
		}
		o["content"] = c.world.EntryJSON(c.repo, e, n.Hash)
	}
	return reply(status, o)
}

func (c *call) makeCommit(asked contentRequest, ref, tip string, set map[string]string, remove []string) (bare.Commit, answer, bool) {
	base, parents := tip, []string{tip}
	if tip == bare.Zero {
		base, parents = "", nil
	}
	tree, err := c.repo.Git.Tree(c.ctx, base, set, remove)
	if err != nil {
		return bare.Commit{}, broken("writing a tree", err), false
	}
	now := c.world.Now()
	who := bare.Person{Name: c.who.User.Login, Email: c.who.User.Email(), When: now}
	m := bare.NewCommit{Tree: tree, Parents: parents, Author: who, Committer: bare.Person{Name: "GitHub", Email: "noreply@github.com", When: now}, Message: asked.Message}
	if asked.Committer != nil {
		m.Committer = bare.Person{Name: asked.Committer.Name, Email: asked.Committer.Email, When: now}
		m.Author = m.Committer
	}
	if asked.Author != nil {
		m.Author = bare.Person{Name: asked.Author.Name, Email: asked.Author.Email, When: now}
	}
	hash, err := c.repo.Git.Make(c.ctx, m)
	if err != nil {
		return bare.Commit{}, broken("writing a commit", err), false
	}
	if refused, done := c.move(model.Move{Ref: ref, Old: tip, To: hash}, http.StatusConflict); !done {
		return bare.Commit{}, refused, false
	}
	n, err := c.repo.Git.Read(c.ctx, hash)
	if err != nil {
		return bare.Commit{}, broken("reading a commit", err), false
	}
	return n, answer{}, true
}

// move moves a ref for the caller, unless rules forbid it: status is what is answered then.
func (c *call) move(m model.Move, status int) (answer, bool) {
	if no := c.repo.Refuses(c.ctx, m, c.who); len(no.Why) > 0 {
		return problem(status, "Repository rule violations found\n\n"+strings.Join(no.Why, "\n\n")+"\n\n"), false
	}
	if err := c.repo.Git.Move(c.ctx, m.Ref, m.Old, m.To); err != nil {
		return conflict("Reference cannot be updated: " + err.Error()), false
	}
	if err := c.world.Moved(c.ctx, c.repo, m, c.who); err != nil {
		return broken("telling of a push", err), false
	}
	return answer{}, true
}
