package wire

import (
	"github.com/plateform/plateform/test/githubserver/model"
)

// AppJSON is an App; null for none.
func (w *Writer) AppJSON(a *model.App) any {
	if a == nil {
		return nil
	}
	return Object{
		"id": a.ID, "slug": a.Slug, "node_id": NodeID("App", a.ID), "owner": w.UserJSON(a.Owner), "name": a.Name, "description": "",
		"external_url": w.Web("/apps/%s", a.Slug), "html_url": w.Web("/apps/%s", a.Slug), "created_at": Stamp(a.Created),
		"updated_at": Stamp(a.Created), "permissions": a.Permissions, "events": a.Events,
	}
}

// InstallationJSON is an installation.
func (w *Writer) InstallationJSON(i *model.Installation) Object {
	o := Object{
		"id": i.ID, "account": w.UserJSON(i.Account), "app_id": i.App.ID, "app_slug": i.App.Slug, "target_id": i.Account.ID,
		"target_type": i.Account.Kind, "single_file_name": nil, "repository_selection": i.Selection(), "events": i.App.Events,
		"access_tokens_url": w.API("/app/installations/%d/access_tokens", i.ID), "html_url": w.Web("/settings/installations/%d", i.ID),
		"repositories_url": w.API("/installation/repositories"), "permissions": i.Permissions, "created_at": Stamp(i.Created),
		"updated_at": Stamp(i.Created), "suspended_by": nil, "suspended_at": nil,
	}
	if i.Suspended {
		o["suspended_by"], o["suspended_at"] = w.UserJSON(i.Account), Stamp(i.Created)
	}
	return o
}
