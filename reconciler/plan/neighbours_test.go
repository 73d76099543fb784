package plan

import (
	"testing"

	"github.com/plateform/plateform/manifest"
)

var (
	// Both are shop-ws-1 under the platform's domain.
	rival = manifest.Key{Workspace: "1", Project: "shop-ws"}
	site  = manifest.Key{Workspace: "ws-2", Project: "site"}
)

// A change may take the host of a project in a workspace that it does not touch.
func TestTheHostOfAnother(t *testing.T) {
	const (
		ofRival = "workspaces/1/projects/shop-ws/project.yaml: the host shop-ws-1.apps.example.com of 1/shop-ws is also the host of ws-1/shop"
		ofShop  = "workspaces/ws-1/projects/shop/project.yaml: the host shop-ws-1.apps.example.com of ws-1/shop is also the host of 1/shop-ws"
	)
	w := newWorld(t)
	base := w.commit(map[string]string{manifest.WorkspaceFile("1"): workspace("1", "")})
	taken := w.edit(rival, "")
	w.wants(w.planAlone(base), "1/shop-ws: blocked , 0 builds", "ws-1/shop: blocked , 0 builds", ofRival, ofShop)

	// Given up again, it is the other's, which then is released.
	w.commit(map[string]string{manifest.ProjectFile(rival): ""})
	w.wants(w.planAlone(taken), "1/shop-ws: remove , 0 builds", "ws-1/shop: create v1.0.0, 1 builds")

	// Who is served there keeps it.
	base = w.release(shop, "v1.0.0", commit1)
	w.edit(rival, "")
	w.wants(w.planAlone(base), "1/shop-ws: blocked , 0 builds", ofRival)
}

// A domain that went to another workspace is still served from where it was.
func TestTheDomainOfAnother(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]string{
		manifest.WorkspaceFile("ws-1"): workspace("ws-1", ", domains: [x.org]"), manifest.ProjectFile(shop): project(shop, ", domain: x.org"),
	})
	w.release(shop, "v1.0.0", commit1)
	base := w.commit(map[string]string{
		manifest.WorkspaceFile("ws-1"): workspace("ws-1", ""), manifest.WorkspaceFile("ws-2"): workspace("ws-2", ", domains: [x.org]"),
	})
	w.edit(site, `, domain: "x\u002eorg"`)
	w.wants(w.planAlone(base), "ws-2/site: blocked , 0 builds",
		"workspaces/ws-2/projects/site/project.yaml: the host x.org of ws-2/site is also the host of ws-1/shop")
}

// Workspaces share namespaces and domains.
func TestWhatWorkspacesShare(t *testing.T) {
	w := newWorld(t)
	base := w.commit(map[string]string{manifest.WorkspaceFile("ws-2"): workspace("ws-2", ", domains: [x.org]")})
	w.commit(map[string]string{manifest.WorkspaceFile("ws-3"): workspace("ws-3", ", namespace: ws-1, domains: [shop.x.org]")})
	w.wants(w.planAlone(base), "ws-1/shop: blocked , 0 builds",
		"workspaces/ws-1/workspace.yaml: the namespace \"ws-1\" is also that of the workspace ws-3",
		"workspaces/ws-3/workspace.yaml: the namespace \"ws-1\" is also that of the workspace ws-1",
		"workspaces/ws-3/workspace.yaml: the domain \"shop.x.org\" belongs to the workspace ws-2, which has \"x.org\"")
}

// Problems of files that a change neither touches nor makes wrong are told only where they keep back what it is about.
func TestProblemsOfOthers(t *testing.T) {
	w := newWorld(t)
	api := manifest.Key{Workspace: "ws-1", Project: "api"}
	base := w.commit(map[string]string{manifest.ProjectFile(api): "nonsense"})
	w.edit(shop, ", replicas: 2")
	w.wants(w.planAlone(base), "ws-1/shop: create v1.0.0, 1 builds")

	base = w.commit(map[string]string{manifest.WorkspaceFile("ws-1"): workspace("ws-1", ", typo: 1")})
	w.edit(shop, ", replicas: 3")
	w.wants(w.planAlone(base), "ws-1/shop: blocked , 0 builds", "workspaces/ws-1/workspace.yaml: unknown key \"typo\" in spec")
}
