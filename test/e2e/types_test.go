package e2e

import (
	"strings"
	"testing"
)

// A database is released without a build and has no host; an app takes its URL from it.
func TestDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	db := &project{w: w, workspace: "ws-1", name: "shop-db", spec: []string{"type: database", "engine: postgres", `version: "16"`, "storage: 1Gi"}}
	shop := w.imageProject("ws-1", "shop", "birds/wren:1", "env: [{name: DATABASE_URL, from: {project: shop-db, key: url}}]")

	commit := w.add(db, shop)
	v := db.runs("v1.0.0")
	if v.Host != "" || !strings.Contains(v.text, "postgres") || !strings.Contains(v.text, "1Gi") {
		t.Errorf("the database is\n%s", v.text)
	}
	if got := shop.runs("v1.0.0"); !strings.Contains(got.text, "DATABASE_URL") || !strings.Contains(got.text, "shop-db") {
		t.Errorf("the app is\n%s", got.text)
	}
	for _, p := range []*project{db, shop} {
		if verdict := p.verdict(commit); verdict.State != "success" {
			t.Errorf("%s ended with %+v", p.name, verdict)
		}
	}
	if w.gitops.read("charts/database/1.1.0/Chart.yaml") == "" {
		t.Error("the chart is not in the GitOps repository")
	}

	db.spec[3] = "storage: 2Gi"
	db.edit()
	if v := db.runs("v1.0.1"); !strings.Contains(v.text, "2Gi") {
		t.Errorf("the larger database is\n%s", v.text)
	}
	db.spec[3] = "storage: 1Gi"
	shrunk := db.edit()
	if verdict := w.redOn(shrunk, db); !strings.Contains(verdict.Description, "storage") {
		t.Errorf("a smaller volume ended with %+v", verdict)
	}
	db.wantReleases("v1.0.0", "v1.0.1")
}

// The data of a deleted database is kept: its tombstone says so, and the namespace stays even when the workspace goes.
func TestDeletedDatabaseKeepsItsData(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	keep := &project{w: w, workspace: "ws-1", name: "keep", spec: []string{"type: database", "engine: postgres", `version: "16"`, "storage: 1Gi"}}
	drop := &project{w: w, workspace: "ws-2", name: "drop", spec: append([]string{"deletionPolicy: delete"}, keep.spec...)}
	w.add(keep, drop)
	keep.runs("v1.0.0")
	drop.runs("v1.0.0")

	w.settle()

	w.config.commit("Delete both workspaces", files{"workspaces/ws-1": "", "workspaces/ws-2": ""})
	keep.gone()
	drop.gone()
	w.await("the namespace without data to be pruned", func() error { return absent(w.gitops, "workspaces/ws-2/namespace.yaml") })
	w.settle()

	if w.gitops.read("workspaces/ws-1/namespace.yaml") == "" {
		t.Error("the namespace that holds kept data was pruned")
	}
	if !strings.Contains(keep.run(), "dataKept: true") || strings.Contains(drop.run(), "dataKept: true") {
		t.Errorf("the tombstones are\n%s\nand\n%s", keep.run(), drop.run())
	}
}

// A project of several services builds one image each, and a push builds only those whose path it touches.
func TestServicesAreBuiltOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	mono := shop.app
	mono.commit("Two services", files{
		"orders/go.mod": "module example.com/orders\n\ngo 1.24\n", "orders/main.go": program("orders one"),
		"billing/go.mod": "module example.com/billing\n\ngo 1.24\n", "billing/main.go": program("billing one"),
	})
	shop.app, shop.spec = nil, []string{"type: spring-microservice", "source: {repository: " + mono.bare + "}", "build: {framework: go}",
		"services: [{name: orders, public: true}, {name: billing}]"}
	commit := w.add(shop)
	one := shop.runs("v1.0.0")
	shop.wantVerdict(commit, "success")
	if got := w.says(one.Services[0].Image) + ", " + w.says(one.Services[1].Image); got != "orders one, billing one" {
		t.Errorf("the services say %q", got)
	}
	if one.Services[0].Host != "shop-ws-1.apps.example.com" || one.Services[1].Host != "" {
		t.Errorf("the hosts are %q and %q", one.Services[0].Host, one.Services[1].Host)
	}

	mono.commit("Change billing", files{"billing/main.go": program("billing two")})
	two := shop.runs("v1.0.1")
	if two.Services[0].Image != one.Services[0].Image || w.says(two.Services[1].Image) != "billing two" {
		t.Errorf("v1.0.1 is\n%s", two.text)
	}
	built := len(w.registry.builds("ws-1/shop/orders")) + len(w.registry.builds("ws-1/shop/billing"))
	if built != 3 {
		t.Errorf("%d images were built, want 3", built)
	}
	shop.revert("v1.0.1")
	same(t, shop.runs("v1.0.0"), one)
	shop.still(one)
}
