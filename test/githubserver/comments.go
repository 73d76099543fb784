package githubserver

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// comment is what somebody said under a pull request.
type comment struct {
	id        int64
	pull      *pull
	author    *user
	app       *app
	body      string
	created   time.Time
	updated   time.Time
	reactions []*reaction
}

type reaction struct {
	id      int64
	user    *user
	content string
	created time.Time
}

// longestComment that GitHub takes, in characters.
const longestComment = 65536

// text reads the body of a comment, or refuses it.
func (c *call) text() (string, answer, bool) {
	var asked struct{ Body string }
	if err := c.decode(&asked); err != nil {
		return "", unprocessable(err.Error()), false
	}
	if asked.Body == "" {
		return "", invalid("IssueComment", "body", "body cannot be blank"), false
	}
	if utf8.RuneCountInString(asked.Body) > longestComment {
		return "", invalid("IssueComment", "body", "body is too long (maximum is 65536 characters)"), false
	}
	return asked.Body, answer{}, true
}

func createComment(c *call) answer {
	p := c.pull("issue_number")
	if p == nil {
		return notFound()
	}
	body, refused, fits := c.text()
	if !fits {
		return refused
	}
	n, err := c.world.say(c.repo, p, c.who, body)
	if err != nil {
		return broken("telling of a comment", err)
	}
	return created(c.world.commentJSON(c.repo, n))
}

// say adds a comment.
func (w *world) say(r *repository, p *pull, who principal, body string) (*comment, error) {
	n := &comment{id: w.id(), pull: p, author: who.user, body: body, created: w.now(), updated: w.now()}
	if i := who.installed(); i != nil {
		n.app = i.app
	}
	r.comments = append(r.comments, n)
	return n, w.emitComment(r, n, "created", who.user)
}

// Comment has somebody say something under a pull request, and returns the comment's id.
func (s *Server) Comment(repo string, number int, userID int64, body string) (int64, error) {
	var id int64
	err := s.locked(func(w *world) error {
		r, p, err := w.findPull(repo, number)
		if err != nil {
			return err
		}
		n, err := w.say(r, p, principal{user: w.users[userID]}, body)
		if err == nil {
			id = n.id
		}
		return err
	})
	return id, err
}

// EditComment changes what somebody said.
func (s *Server) EditComment(repo string, commentID, userID int64, body string) error {
	return s.locked(func(w *world) error {
		r := w.repoByName(repo)
		if r == nil || r.comment(commentID) == nil {
			return fmt.Errorf("there is no comment %d in %s", commentID, repo)
		}
		return w.edit(r, r.comment(commentID), w.users[userID], body)
	})
}

func (w *world) edit(r *repository, n *comment, by *user, body string) error {
	n.body, n.updated = body, w.now()
	return w.emitComment(r, n, "edited", by)
}

func (r *repository) comment(id int64) *comment {
	for _, n := range r.comments {
		if n.id == id {
			return n
		}
	}
	return nil
}

func (c *call) comment() *comment {
	id, _ := c.number("comment_id")
	return c.repo.comment(id)
}

func listComments(c *call) answer {
	p := c.pull("issue_number")
	if p == nil {
		return notFound()
	}
	since, _ := time.Parse(time.RFC3339, c.request.URL.Query().Get("since")) // the description has seen to it
	var list []*comment
	for _, n := range c.repo.comments {
		if n.pull == p && !n.updated.Before(since) {
			list = append(list, n)
		}
	}
	return paged(c, list, func(n *comment) any { return c.world.commentJSON(c.repo, n) })
}

func getComment(c *call) answer {
	if n := c.comment(); n != nil {
		return ok(c.world.commentJSON(c.repo, n))
	}
	return notFound()
}

// mayChange says that a comment is the caller's own, or that they may write to the repository.
func (c *call) mayChange(n *comment) bool {
	return n.author == c.who.user || c.who.installed() == nil && c.repo.role(c.who.user) >= Write
}

func updateComment(c *call) answer {
	n := c.comment()
	if n == nil {
		return notFound()
	}
	if !c.mayChange(n) {
		return forbidden("You must have write access to change somebody else's comment.")
	}
	body, refused, fits := c.text()
	if !fits {
		return refused
	}
	if err := c.world.edit(c.repo, n, c.who.user, body); err != nil {
		return broken("telling of a comment", err)
	}
	return ok(c.world.commentJSON(c.repo, n))
}

func deleteComment(c *call) answer {
	n := c.comment()
	if n == nil {
		return notFound()
	}
	if !c.mayChange(n) {
		return forbidden("You must have write access to delete somebody else's comment.")
	}
	c.repo.comments = slices.DeleteFunc(c.repo.comments, func(other *comment) bool { return other == n })
	if err := c.world.emitComment(c.repo, n, "deleted", c.who.user); err != nil {
		return broken("telling of a comment", err)
	}
	return noContent()
}

func createReaction(c *call) answer {
	n := c.comment()
	if n == nil {
		return notFound()
	}
	var asked struct{ Content string }
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	for _, r := range n.reactions {
		if r.user == c.who.user && r.content == asked.Content {
			return ok(c.world.reactionJSON(r))
		}
	}
	r := &reaction{c.world.id(), c.who.user, asked.Content, c.world.now()}
	n.reactions = append(n.reactions, r)
	return created(c.world.reactionJSON(r))
}

func listReactions(c *call) answer {
	n := c.comment()
	if n == nil {
		return notFound()
	}
	return paged(c, n.reactions, func(r *reaction) any { return c.world.reactionJSON(r) })
}

func (w *world) reactionJSON(r *reaction) object {
	return object{"id": r.id, "node_id": nodeID("Reaction", r.id), "user": w.userJSON(r.user), "content": r.content, "created_at": stamp(r.created)}
}

func (w *world) commentJSON(r *repository, n *comment) object {
	link := w.api("/repos/%s/issues/comments/%d", r.fullName(), n.id)
	return object{
		"id": n.id, "node_id": nodeID("IssueComment", n.id), "url": link, "body": n.body, "user": w.userJSON(n.author),
		"html_url": w.web("/%s/pull/%d", r.fullName(), n.pull.number) + fmt.Sprintf("#issuecomment-%d", n.id), "created_at": stamp(n.created),
		"updated_at": stamp(n.updated), "issue_url": w.api("/repos/%s/issues/%d", r.fullName(), n.pull.number),
		"author_association": r.association(n.author), "performed_via_github_app": w.appJSON(n.app),
	}
}

// association is how somebody stands to a repository.
func (r *repository) association(u *user) string {
	switch {
	case u == nil:
		return "NONE"
	case u == r.owner:
		return "OWNER"
	case r.collaborators[u.id] >= Read:
		return "COLLABORATOR"
	}
	return "NONE"
}
