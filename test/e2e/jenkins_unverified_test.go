package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

// claim has builds do nothing but say that they have made an image with a digest, and returns how to have them build again.
func (p *pipelines) claim(digest string) (honest func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.pipeline
	p.pipeline = func(_ context.Context, b *jenkinsserver.Build) error {
		b.Archive(jenkins.ResultFile, []byte(`{"build":"`+b.Parameter(jenkins.ParamID)+`","digest":"`+digest+`","framework":"go","port":8080}`))
		return nil
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pipeline = before
	}
}

// No release names a digest that the registry does not have in the repository of the project, whatever a build that succeeds says: the
// commit that asked is red, with words, and what runs goes on.
func TestNoReleaseWithoutAVerifiedDigest(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.open()
	shop, birds := w.goProject("ws-1", "shop"), w.goProject("ws-2", "birds")
	w.add(shop)
	one := shop.runs("v1.0.0")
	wantUnverified := func(p *project, digest string, verdict report) {
		t.Helper()
		want := "the image " + digest + " is not in " + w.registry.host + "/" + p.repository()
		if verdict.State != "failure" || !strings.Contains(verdict.Description, want) {
			t.Errorf("it is told as %+v, want a failure with %q", verdict, want)
		}
	}
	nowhere := "sha256:" + strings.Repeat("a", 64)
	honest := ci.claim(nowhere)
	wantUnverified(shop, nowhere, shop.sourceVerdict(shop.push("two")))
	honest()
	elsewhere := one.Image.Digest // in the repository of somebody else
	honest = ci.claim(elsewhere)
	wantUnverified(birds, elsewhere, birds.verdict(w.add(birds)))
	honest()
	shop.still(one)
	shop.wantReleases("v1.0.0")
	birds.wantReleases()
	if text := birds.values().text; text != "" {
		t.Errorf("plateform-gitops has\n%s", text)
	}
	shop.retry()
	shop.runs("v1.0.1")
	shop.wantSays("two")
	birds.retry()
	birds.runs("v1.0.0")
}
