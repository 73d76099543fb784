package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckChange(t *testing.T) {
	db := func(engine, version, storage string) ProjectSpec {
		return ProjectSpec{Type: Database, DatabaseSpec: DatabaseSpec{Engine: engine, Version: version, Storage: storage}}
	}
	app := ProjectSpec{Type: Monolithic, Image: "nginx"}
	tests := []struct {
		name          string
		before, after ProjectSpec
		want          string
	}{
		{"nothing", db("postgres", "16", "10Gi"), db("postgres", "16", "10Gi"), ""},
		{"an app", app, ProjectSpec{Type: Monolithic, Image: "nginx:2"}, ""},
		{"type", app, db("postgres", "16", "10Gi"),
			"p: the type changes from monolithic to database; it never changes (keep it, or add a project of another name)"},
		{"engine", db("postgres", "16", "10Gi"), db("mysql", "8", "1Gi"),
			"p: the engine changes from postgres to mysql; it never changes (keep it, or add a database of another name and move the data)"},
		{"major version up", db("postgres", "9.6", "10Gi"), db("postgres", "10", "10Gi"), ""},
		{"minor version down", db("postgres", "16.4", "10Gi"), db("postgres", "16.3-alpine", "10Gi"), ""},
		{"major version down", db("postgres", "10", "10Gi"), db("postgres", "9.6", "10Gi"),
			`p: the major version goes down from 10 to 9 (write "10" or newer; older versions cannot read the data)`},
		{"versions that are none", db("postgres", "latest", "10Gi"), db("postgres", "9", "10Gi"), ""},
		{"storage up in another unit", db("postgres", "16", "1Gi"), db("postgres", "16", "1100Mi"), ""},
		{"storage down in another unit", db("postgres", "16", "1Gi"), db("postgres", "16", "1000Mi"),
			"p: the storage goes down from 1Gi to 1000Mi (write 1Gi or more; a volume cannot shrink)"},
		{"storage that is none", db("postgres", "16", "1Gi"), db("postgres", "16", "1e999999999"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, CheckChange("p", tt.before, tt.after).Error()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckOwner(t *testing.T) {
	w := &Workspace{Header: NewHeader(KindWorkspace, "ws-1"), Spec: WorkspaceSpec{Owner: User{GitHub: "renamed", ID: 1}}}
	for _, tt := range []struct {
		before int64
		want   string
	}{
		{0, ""}, {1, ""},
		{7, "workspaces/ws-1/workspace.yaml: the owner of the workspace ws-1 changes from id 7 to 1; a workspace never passes to another owner" +
			" (write id: 7, or choose another name for the workspace)"},
	} {
		if diff := cmp.Diff(tt.want, CheckOwner(w, tt.before).Error()); diff != "" {
			t.Errorf("owner %d before (-want +got):\n%s", tt.before, diff)
		}
	}
}
