package wire

import (
	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
)

// ActivityJSON is a move of a ref.
func (w *Writer) ActivityJSON(r *model.Repository, a model.Activity) Object {
	kind := "push"
	switch {
	case a.Old == bare.Zero:
		kind = "branch_creation"
	case a.To == bare.Zero:
		kind = "branch_deletion"
	case a.Forced:
		kind = "force_push"
	}
	return Object{
		"id": a.ID, "node_id": NodeID("Push", a.ID), "before": a.Old, "after": a.To, "ref": a.Ref, "timestamp": Stamp(a.At),
		"activity_type": kind, "actor": w.UserJSON(a.By),
	}
}
