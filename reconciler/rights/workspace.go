package rights

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// workspaceFile judges a change of a workspace.yaml field by field. One that cannot be read, before or after, might change anything.
func (c *check) workspaceFile(change manifest.Change, workspace string) error {
	t, err := c.tenant(workspace)
	if err != nil {
		return err
	}
	d := demand{file: change.Path, need: platformAdmins, workspace: workspace, what: verbOf(change) + " a workspace"}
	switch {
	case change.Before == "":
		return c.added(d, t)
	case change.After == "":
		return c.demand(d)
	case t.doubt != "":
		d.what = "change a workspace.yaml that could not be read before"
		return c.demand(d)
	}
	if d.data, err = c.atHead(change); err != nil {
		return err
	}
	parsed, problems := manifest.ParseWorkspace(change.Path, d.data)
	if len(problems) > 0 {
		d.what = "change workspace.yaml into something that cannot be read, in which anything might be changed"
		return c.demand(d)
	}
	d.need, d.what = workspaceAdmins, "change workspace.yaml"
	differ := differences(t.spec, parsed.Spec)
	if len(differ) == 0 { // comments, or the way it is written
		return c.demand(d)
	}
	for _, f := range differ {
		d.field, d.need, d.what = f.field, f.need, "change "+f.field
		if err := c.demand(d); err != nil {
			return err
		}
	}
	return nil
}

// fieldNeed is a field of workspace.yaml, and who may change it.
type fieldNeed struct {
	field string
	need  need
}

// differences are the fields in which two specs differ. All but the members are for platform admins, also those that may come to
// be: who may change a new field has to be decided here.
func differences(before, after manifest.WorkspaceSpec) []fieldNeed {
	var found []fieldNeed
	for i := range reflect.TypeFor[manifest.WorkspaceSpec]().NumField() {
		if reflect.DeepEqual(reflect.ValueOf(before).Field(i).Interface(), reflect.ValueOf(after).Field(i).Interface()) {
			continue
		}
		name, _, _ := strings.Cut(reflect.TypeFor[manifest.WorkspaceSpec]().Field(i).Tag.Get("yaml"), ",")
		f := fieldNeed{"spec." + name, platformAdmins}
		if name == "members" {
			f.need = workspaceAdmins
		}
		found = append(found, f)
	}
	return found
}

// atHead reads a file that a change adds or changes.
func (c *check) atHead(change manifest.Change) ([]byte, error) {
	data, err := reconciler.ReadFile(c.reader, c.head, change.Path, change.After)
	if err != nil {
		return nil, fmt.Errorf("reading %s at config commit %.10s: %w", change.Path, c.head, err)
	}
	return data, nil
}
