package wire

import (
	"github.com/plateform/plateform/test/githubserver/model"
)

// StatusJSON is a commit status.
func (w *Writer) StatusJSON(r *model.Repository, s *model.Status) Object {
	return Object{
		"url": w.API("/repos/%s/statuses/%s", r.FullName(), s.SHA), "avatar_url": w.Web("/avatars/%d", s.Creator.ID), "id": s.ID,
		"node_id": NodeID("StatusContext", s.ID), "state": s.State, "description": OrNull(s.Description), "target_url": OrNull(s.Target),
		"context": s.Context, "created_at": Stamp(s.Created), "updated_at": Stamp(s.Created), "creator": w.UserJSON(s.Creator),
	}
}
