package e2e

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
)

// With a key in platform.yaml releases are signed; one that is forged, copied or edited is not honoured: the one before
// keeps running and the commit that brought it turns red.
func TestOnlySignedReleasesRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useKey()
	w.open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("ws-1", "blog", "birds/wren:1")
	w.add(shop, blog)
	shop.runs("v1.0.0")
	blog.runs("v1.0.0")
	shop.edit("replicas: 2")
	two := shop.runs("v1.0.1")
	genuine := w.config.read(shop.releaseFile("v1.0.1"))
	if !strings.Contains(genuine, "\n  signature: ed25519:") {
		t.Fatalf("the release is not signed:\n%s", genuine)
	}

	forgeries := []struct {
		name, version, content string
	}{
		{"a copy under a higher version", "v1.0.7", genuine},
		{"a copy that was renamed", "v1.0.8", strings.ReplaceAll(genuine, "v1.0.1", "v1.0.8")},
		{"another project's release", "v1.0.9", w.config.read(blog.releaseFile("v1.0.0"))},
		{"one that another key signed", "v1.0.11", w.signedByAnother(shop, genuine, "v1.0.11")},
		{"an unsigned one", "v1.0.10", unsigned(strings.ReplaceAll(genuine, "v1.0.1", "v1.0.10"))},
	}
	for _, f := range forgeries {
		forged := w.config.commit("Forge: "+f.name, files{shop.releaseFile(f.version): f.content})
		if verdict := w.redOn(forged, shop); !strings.Contains(verdict.Description, f.version) {
			t.Errorf("%s ended with %+v", f.name, verdict)
		}
		shop.still(two)
		w.config.revert(forged)
		shop.still(two)
	}

	edited := w.config.commit("Edit v1.0.1", files{shop.releaseFile("v1.0.1"): strings.Replace(genuine, "replicas: 2", "replicas: 50", 1)})
	if verdict := w.redOn(edited, shop); !strings.Contains(verdict.Description, "v1.0.1") {
		t.Errorf("the edited release ended with %+v", verdict)
	}
	w.settle()
	if v := shop.values(); v.Replicas == 50 {
		t.Errorf("an edited release runs:\n%s", v.text)
	}
	w.config.revert(edited)
	same(t, shop.runs("v1.0.1"), two)
	shop.still(two)

	shop.edit("replicas: 3")
	w.await("an honest release after all that", func() error { return wantReplicas(shop, 3) })
	if v := shop.values().Release; len(shop.releaseCommits(v)) != 1 {
		t.Errorf("version %s was used before", v)
	}
}

// A key that is taken away is replaced by another: what it signed is released again, signed by the new one, and status tells of
// nothing that is over.
func TestStatusAfterAKeyIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useKey()
	w.open()
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	shop.verdict(w.add(shop))
	shop.runs("v1.0.0")
	w.settle()
	w.stop()
	w.settings, w.platform = nil, nil
	w.useKey()
	w.start()
	w.config.commit("Replace the key", files{"platform.yaml": w.platformYAML()})
	shop.runs("v1.0.1")
	w.settle()
	for range 2 {
		shop.statusTells("ws-1/shop running", "runs v1.0.1")
		if said := shop.wholeStatus(); strings.Contains(said, "keeps running") {
			t.Errorf("status says %s", said)
		}
		w.restart()
		w.settle()
	}
}

// useKey makes a signing key for serve and names it in platform.yaml.
func (w *world) useKey() {
	w.t.Helper()
	key, err := signing.Generate(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	pem, err := key.PEM()
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.dir, "release.key")
	if err := os.WriteFile(file, pem, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.settings = append(w.settings, "keys: {signingKeyFile: "+file+"}")
	w.platform = append(w.platform, `releases: {publicKeys: ["`+key.Public().String()+`"]}`)
}

// signedByAnother is a release as Plateform would write it with a key that platform.yaml does not name.
func (w *world) signedByAnother(p *project, genuine, version string) string {
	w.t.Helper()
	key, err := signing.Generate(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	k := manifest.Key{Workspace: p.workspace, Project: p.name}
	v, err := manifest.ParseVersion(version)
	if err != nil {
		w.t.Fatal(err)
	}
	r, problems := manifest.ParseRelease(manifest.ReleaseFile(k, v), []byte(strings.ReplaceAll(genuine, "v1.0.1", version)))
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	workspace, problems := manifest.ParseWorkspace(workspaceFile(p.workspace), []byte(w.config.read(workspaceFile(p.workspace))))
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	file, err := manifest.EncodeRelease(r, k, workspace.Spec.Owner.ID, &key)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(file)
}

// unsigned replaces the signature of a release file by a checksum that anybody could have made.
func unsigned(release string) string {
	body, _, _ := strings.Cut(release, "\n  signature: ")
	return body + "\n  signature: sha256:" + strings.Repeat("0", 64) + "\n"
}
