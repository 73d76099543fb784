package change_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/change"
	"github.com/plateform/plateform/reconciler/config"
)

const (
	shopFile      = "workspaces/ws-1/projects/shop/project.yaml"
	workspaceFile = "workspaces/ws-1/workspace.yaml"
	aWorkspace    = `apiVersion: plateform.dev/v1
kind: Workspace
metadata:
  name: ws-1
spec:
  owner: {github: alice, id: 7}
`
	aShop = `apiVersion: plateform.dev/v1
kind: Project
metadata:
  name: shop
spec:
  type: monolithic
  source:
    repository: https://github.com/acme/shop
    path: web
`
)

func newShop() change.NewProject {
	return change.NewProject{Key: shop, Repository: "https://github.com/acme/shop", Path: "web", Owner: manifest.User{GitHub: "alice", ID: 7}}
}

func TestAddWritesWhatAPersonWould(t *testing.T) {
	for name, test := range map[string]struct {
		tree tree
		want map[string]string
	}{
		"with its workspace":  {tree{}, map[string]string{shopFile: aShop, workspaceFile: aWorkspace}},
		"to a workspace":      {tree{workspaceFile: aWorkspace}, map[string]string{shopFile: aShop}},
		"beside other things": {tree{workspaceFile: "what: ever", "workspaces/ws-1/projects/other/project.yaml": "x"}, map[string]string{shopFile: aShop}},
	} {
		t.Run(name, func(t *testing.T) {
			edit, err := newShop().Add(test.tree, "head")
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for path, content := range edit.Files {
				got[path] = string(content)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if edit.Message != "Add ws-1/shop\n" {
				t.Errorf("message %q", edit.Message)
			}
			if project, problems := manifest.ParseProject(shopFile, edit.Files[shopFile]); len(problems) > 0 || project.Spec.Source.Path != "web" {
				t.Errorf("what is written reads as %+v: %v", project, problems)
			}
		})
	}
}

func TestAddKnowsWhatIsThere(t *testing.T) {
	stranger := newShop()
	stranger.Owner = manifest.User{}
	elsewhere := newShop()
	elsewhere.Path = "api"
	spelled := newShop()
	spelled.Repository = "git@GitHub.com:acme/shop.git"
	for name, test := range map[string]struct {
		tree    tree
		project change.NewProject
		want    string
	}{
		"the same":            {tree{workspaceFile: aWorkspace, shopFile: aShop + "  port: 3000\n"}, newShop(), ""},
		"the same, as ssh":    {tree{workspaceFile: aWorkspace, shopFile: aShop}, spelled, ""},
		"of another folder":   {tree{workspaceFile: aWorkspace, shopFile: aShop}, elsewhere, "ws-1/shop is there already, with other code (name this one differently)"},
		"that cannot be read": {tree{workspaceFile: aWorkspace, shopFile: "x: ["}, newShop(), shopFile + " is there already and cannot be read: "},
		"without a workspace": {tree{}, stranger, "there is no workspace ws-1 (name one that is there, or have it made: it is " + workspaceFile + ")"},
		"with an image instead": {tree{workspaceFile: aWorkspace, shopFile: "apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: shop}\nspec: {type: monolithic, image: nginx}\n"},
			newShop(), "ws-1/shop is there already, with other code (name this one differently)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.project.Add(test.tree, "head")
			if test.want == "" {
				if !errors.Is(err, change.ErrThere) {
					t.Errorf("got %v", err)
				}
				return
			}
			var refusal *config.Refusal
			if !errors.As(err, &refusal) || len(err.Error()) < len(test.want) || err.Error()[:len(test.want)] != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
