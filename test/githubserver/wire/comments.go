package wire

import (
	"fmt"

	"github.com/plateform/plateform/test/githubserver/model"
)

// ReactionJSON is a reaction.
func (w *Writer) ReactionJSON(r *model.Reaction) Object {
	return Object{"id": r.ID, "node_id": NodeID("Reaction", r.ID), "user": w.UserJSON(r.User), "content": r.Content, "created_at": Stamp(r.Created)}
}

// CommentJSON is a comment.
func (w *Writer) CommentJSON(r *model.Repository, n *model.Comment) Object {
	link := w.API("/repos/%s/issues/comments/%d", r.FullName(), n.ID)
	return Object{
		"id": n.ID, "node_id": NodeID("IssueComment", n.ID), "url": link, "body": n.Body, "user": w.UserJSON(n.Author),
		"html_url": w.Web("/%s/pull/%d", r.FullName(), n.Pull.Number) + fmt.Sprintf("#issuecomment-%d", n.ID), "created_at": Stamp(n.Created),
		"updated_at": Stamp(n.Updated), "issue_url": w.API("/repos/%s/issues/%d", r.FullName(), n.Pull.Number),
		"author_association": r.Association(n.Author), "performed_via_github_app": w.AppJSON(n.App),
	}
}
