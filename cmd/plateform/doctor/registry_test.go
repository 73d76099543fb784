package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/ociregistry"
)

// The registry is asked as the platform, and as each workspace that has credentials of its own about its own images.
func TestRegistryIsAskedAsEachWorkspace(t *testing.T) {
	server := ociregistry.New(t)
	server.RequireLogin("platform", "hunter2")
	server.Own("apps/shop/", "robot-shop", "hunter2-shop")
	server.Own("apps/birds/", "robot-birds", "hunter2-birds")
	platform := &manifest.Platform{}
	platform.Spec.Registry.URL = server.Host + "/apps"
	login := func(name, username, password string) installation.WorkspaceLoginSettings {
		return installation.WorkspaceLoginSettings{Workspace: name, UsernameFile: written(t, username), PasswordFile: written(t, password)}
	}
	d := &examination{now: time.Now, timeout: time.Minute, platform: platform,
		projects:   map[manifest.Key]*manifest.Project{{Workspace: "birds", Project: "wren"}: nil, {Workspace: "other", Project: "web"}: nil, {Workspace: "shop", Project: "web"}: nil},
		workspaces: map[string]*manifest.Workspace{"birds": {}, "other": {}, "shop": {}, "empty": {}},
		settings: &installation.Settings{Registry: installation.RegistrySettings{Kind: "external", UsernameFile: written(t, "platform"), PasswordFile: written(t, "hunter2"),
			Workspaces: []installation.WorkspaceLoginSettings{
				login("shop", "robot-shop", "hunter2-shop"), login("birds", "robot-birds", "hunter2-old"), login("gone", "x", "hunter2-x"), login("empty", "robot-shop", "hunter2-shop"),
			}}}}
	var got []string
	for _, found := range d.checkRegistry(t.Context()) {
		got = append(got, string(found.Status)+" "+found.What)
		if text := found.Detail + found.Fix; strings.Contains(text, "hunter2") || (found.Fix == "") != (found.Status == Fine) {
			t.Errorf("it is said %+v", found)
		}
		if found.What == "registry, workspace birds" && !strings.Contains(found.Fix, "its entry of registry.workspaces") {
			t.Errorf("credentials that are refused: %+v", found)
		}
	}
	want := []string{"ok registry", "ok registry, workspace shop", "fail registry, workspace birds", "warn registry, workspace gone", "ok registry, workspace empty"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}
