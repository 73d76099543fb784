package githubserver

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/plateform/plateform/test/githubserver/model"
)

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
	n, err := c.world.Say(c.repo, p, c.who, body)
	if err != nil {
		return broken("telling of a comment", err)
	}
	return created(c.world.CommentJSON(c.repo, n))
}

func (c *call) comment() *model.Comment {
	id, _ := c.number("comment_id")
	return c.repo.Comment(id)
}

func listComments(c *call) answer {
	p := c.pull("issue_number")
	if p == nil {
		return notFound()
	}
	since, _ := time.Parse(time.RFC3339, c.request.URL.Query().Get("since")) // the description has seen to it
	var list []*model.Comment
	for _, n := range c.repo.Comments {
		if n.Pull == p && !n.Updated.Before(since) {
			list = append(list, n)
		}
	}
	return paged(c, list, func(n *model.Comment) any { return c.world.CommentJSON(c.repo, n) })
}

// listAllComments are those of all pull requests.
func listAllComments(c *call) answer {
	query := c.request.URL.Query()
	since, _ := time.Parse(time.RFC3339, query.Get("since"))
	var list []*model.Comment
	for _, n := range c.repo.Comments {
		if !n.Updated.Before(since) {
			list = append(list, n)
		}
	}
	if query.Get("sort") == "updated" {
		slices.SortStableFunc(list, func(a, b *model.Comment) int { return a.Updated.Compare(b.Updated) })
	}
	if query.Get("direction") == "desc" {
		slices.Reverse(list)
	}
	return paged(c, list, func(n *model.Comment) any { return c.world.CommentJSON(c.repo, n) })
}

func getComment(c *call) answer {
	if n := c.comment(); n != nil {
		return ok(c.world.CommentJSON(c.repo, n))
	}
	return notFound()
}

// mayChange says that a comment is the caller's own, or that they may write to the repository.
func (c *call) mayChange(n *model.Comment) bool {
	return n.Author == c.who.User || c.who.Installed() == nil && c.repo.Role(c.who.User) >= model.Write
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
	if err := c.world.Edit(c.repo, n, c.who.User, body); err != nil {
		return broken("telling of a comment", err)
	}
	return ok(c.world.CommentJSON(c.repo, n))
}

func deleteComment(c *call) answer {
	n := c.comment()
	if n == nil {
		return notFound()
	}
	if !c.mayChange(n) {
		return forbidden("You must have write access to delete somebody else's comment.")
	}
	c.repo.Comments = slices.DeleteFunc(c.repo.Comments, func(other *model.Comment) bool { return other == n })
	if err := c.world.EmitComment(c.repo, n, "deleted", "", c.who.User); err != nil {
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
	for _, r := range n.Reactions {
		if r.User == c.who.User && r.Content == asked.Content {
			return ok(c.world.ReactionJSON(r))
		}
	}
	r := &model.Reaction{ID: c.world.ID(), User: c.who.User, Content: asked.Content, Created: c.world.Now()}
	n.Reactions = append(n.Reactions, r)
	return created(c.world.ReactionJSON(r))
}

func listReactions(c *call) answer {
	n := c.comment()
	if n == nil {
		return notFound()
	}
	return paged(c, n.Reactions, func(r *model.Reaction) any { return c.world.ReactionJSON(r) })
}
