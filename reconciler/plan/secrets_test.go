package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
)

// A plan says which secrets other code gets to know, and which cannot be opened, with their lines.
func TestSecretsOfAPlan(t *testing.T) {
	file, recipient, err := secret.Generate()
	if err != nil {
		t.Fatal(err)
	}
	identities, err := secret.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(k manifest.Key) string {
		sealed, err := secret.Seal(secret.New("hunter2"), manifest.SecretAt(k, 1, "KEY"), []string{recipient})
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	env := func(ciphertext string) string { return `, env: [{name: KEY, secret: "` + ciphertext + `"}]` }
	w := newWorld(t)
	w.edit(shop, env(seal(shop)))
	base := w.release(shop, "v1.0.0", commit1)
	own := env(seal(shop))
	makePlan := func(opener secret.Opener) *Plan {
		t.Helper()
		options := w.options(nil)
		options.Secrets = opener
		p, err := options.Make(base, w.config.Head("main"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	said := func(p *Plan) []string { return p.Projects[0].Secrets }

	w.edit(shop, own+", replicas: 2")
	if got := said(makePlan(identities)); len(got) != 0 {
		t.Errorf("of the same code it says %q", got)
	}
	elsewhere := strings.ReplaceAll(project(shop, own), "acme/shop", "acme/fork")
	w.commit(map[string]string{manifest.ProjectFile(shop): elsewhere})
	if got := said(makePlan(identities)); !slices.Equal(got, []string{"other code gets KEY: where the code comes from was changed"}) {
		t.Errorf("of another repository it says %q", got)
	}
	w.edit(shop, env(seal(manifest.Key{Workspace: "ws-1", Project: "blog"})))
	p := makePlan(identities)
	if len(p.Problems) != 1 || p.Problems[0].Line == 0 || !strings.Contains(p.Problems[0].What, `"KEY": the secret was encrypted for another project`) {
		t.Errorf("of a copied ciphertext it says %+v", p.Problems)
	}
	if p := makePlan(nil); len(p.Problems) != 0 {
		t.Errorf("without a key it cannot know, and says %v", p.Problems)
	}
	db := manifest.Key{Workspace: "ws-1", Project: "db"}
	w.commit(map[string]string{manifest.ProjectFile(db): "apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: db}\nspec: {type: database, engine: postgres, version: \"16\", storage: 1Gi}\n"})
	if got := said(makePlan(nil)); len(got) != 1 || !strings.Contains(got[0], "spec.secrets.recipients") {
		t.Errorf("of a database without recipients it says %q", got)
	}
}
