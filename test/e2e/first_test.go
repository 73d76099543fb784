package e2e

import (
	"slices"
	"strings"
	"testing"
)

// A workspace and a project of type and source alone are pushed, and with no other act the app is built, released and in
// GitOps, and the commit says so.
func TestFirstPushBecomesARelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	source := shop.app.head()

	commit := w.add(shop)
	v := shop.runs("v1.0.0")
	verdict := shop.verdict(commit)
	w.settle()
	reports := shop.notes(commit)

	t.Run("values", func(t *testing.T) {
		want := values{text: v.text, Workspace: "ws-1", Project: "shop", Release: "v1.0.0", Namespace: "ws-1",
			Host: "shop-ws-1.apps.example.com", Port: 8080, Replicas: 1,
			Image: image{Repository: w.registry.host + "/ws-1/shop", Tag: "v1.0.0", Digest: v.Image.Digest}}
		compare(t, v, want)
		wantOrder(t, v.text, "workspace:", "project:", "release:", "namespace:", "host:", "port:", "image:", "replicas:", "resources:", "env:")
	})
	t.Run("image", func(t *testing.T) {
		byDigest := w.registry.digest(v.Image.Repository + "@" + v.Image.Digest)
		if v.Image.Digest == "" || byDigest != v.Image.Digest {
			t.Errorf("the values say %q, the registry has %q by digest", v.Image.Digest, byDigest)
		}
		shop.tagged("v1.0.0", v.Image)
		shop.wantSays("one")
	})
	t.Run("release commit", func(t *testing.T) {
		release := shop.releaseCommit("v1.0.0")
		if got, want := w.config.look("show", "--name-status", "--format=", release), "A\t"+shop.releaseFile("v1.0.0"); got != want {
			t.Errorf("the release commit changes\n%s\nwant only\n%s", got, want)
		}
		if got := w.config.look("log", "-1", "--format=%an <%ae>|%s|%P", release); got != "Plateform <plateform@users.noreply.github.com>|Release ws-1/shop v1.0.0|"+commit {
			t.Errorf("the release commit is %s", got)
		}
		wantTrailers(t, w.config, release, map[string]string{"Workspace": "ws-1", "Project": "shop", "Release": "v1.0.0",
			"Config-Commit": commit, "Source-Commit": source})
		for _, key := range []string{"Caused-By", "Plan"} {
			if w.config.trailer(release, key) == "" {
				t.Errorf("the release commit has no %s", key)
			}
		}
	})
	t.Run("gitops commit", func(t *testing.T) {
		deploy := w.gitops.log("%H", shop.runDir()+"/values.yaml")
		if len(deploy) != 1 {
			t.Fatalf("values.yaml was written in %d commits", len(deploy))
		}
		wantTrailers(t, w.gitops, deploy[0], map[string]string{"Workspace": "ws-1", "Project": "shop", "Release": "v1.0.0", "Source-Commit": source})
		wantTrailers(t, w.gitops, w.gitops.head(), map[string]string{"Config-Commit": w.config.head()})
		for _, path := range []string{"workspaces/ws-1/namespace.yaml", shop.runDir() + "/run.yaml", "charts/monolithic/1.1.0/Chart.yaml"} {
			if w.gitops.read(path) == "" {
				t.Errorf("%s is not in the GitOps repository", path)
			}
		}
	})
	t.Run("notes", func(t *testing.T) {
		if got, want := stages(reports), []string{"queued", "building", "pushing", "updating GitOps"}; !slices.Equal(got, want) {
			t.Errorf("the notes went %v, want %v", got, want)
		}
		if ends := terminals(reports); len(ends) != 1 || ends[0].State != "success" || verdict.State != "success" || !reports[len(reports)-1].terminal() {
			t.Errorf("the notes end with %+v", ends)
		}
	})
	shop.wantReleases("v1.0.0")
	if got := shop.builds(); got != 1 {
		t.Errorf("%d builds", got)
	}
}

// Env, port, replicas and a health check are what the values say when project.yaml says them.
func TestWhatProjectSaysIsInTheValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.spec = []string{"port: 3000", "replicas: 2", "resources: {cpu: 500m, memory: 512Mi}", "health: {path: /healthz}",
		"env: [{name: LOG_LEVEL, value: info}, {name: GREETING, value: 'it''s {{ .Values }} \"$HOME\"'}]"}

	shop.verdict(w.add(shop))
	v := shop.runs("v1.0.0")

	if v.Port != 3000 || v.Replicas != 2 || v.env("LOG_LEVEL") != "info" || v.env("GREETING") != `it's {{ .Values }} "$HOME"` {
		t.Errorf("the values are\n%s", v.text)
	}
	for _, want := range []string{"cpu: 500m", "memory: 512Mi", "/healthz"} {
		if !strings.Contains(v.text, want) {
			t.Errorf("the values do not say %q:\n%s", want, v.text)
		}
	}
}

// Two workspaces with a project of the same name, pushed in one commit, do not get in each other's way.
func TestManyProjectsInOneCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	projects := []*project{}
	for _, workspace := range []string{"ws-1", "ws-2"} {
		for _, name := range []string{"shop", "api", "blog"} {
			projects = append(projects, w.imageProject(workspace, name, "birds/wren:1"))
		}
	}

	commit := w.add(projects...)

	for _, p := range projects {
		p.runs("v1.0.0")
		if verdict := p.verdict(commit); verdict.State != "success" {
			t.Errorf("%s: %+v", p.name, verdict)
		}
		if got := w.config.look("show", "--name-only", "--format=", p.releaseCommit("v1.0.0")); got != p.releaseFile("v1.0.0") {
			t.Errorf("a release commit changes %s", got)
		}
	}
}
