package githubserver_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/test/githubserver/forge"
)

// An App is told whom a user's token belongs to that was issued to it, and nothing of any other.
func TestTokensOfUsers(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	w.install(config)
	const other = 78
	for id, client := range map[int64]string{other: "Iv1.other", 79: "Iv1.ours"} {
		w.must(w.AddApp(forge.NewApp{ID: id, Slug: client, Owner: "acme", Key: &w.key.PublicKey, ClientID: client, ClientSecret: "secret of " + client,
			Permissions: map[string]string{"metadata": "read"}}))
	}
	ask := func(client, secret, path, token string) (*github.Authorization, int) {
		t.Helper()
		login := github.BasicAuthTransport{Username: client, Password: secret}
		api, err := github.NewClient(login.Client()).WithEnterpriseURLs(w.URL(), w.URL())
		w.must(err)
		a, r, err := api.Authorizations.Check(ctx, path, token)
		if (err == nil) != (status(r) == http.StatusOK) {
			t.Fatal(err)
		}
		return a, status(r)
	}
	issued := func(app int64, life time.Duration) string {
		t.Helper()
		token, err := w.UserToken(app, ann, life)
		w.must(err)
		return token
	}
	short, ours := issued(79, 8*time.Hour), issued(79, 0)
	a, code := ask("Iv1.ours", "secret of Iv1.ours", "Iv1.ours", short)
	if code != http.StatusOK || a.User.GetID() != ann || a.User.GetLogin() != "ann" || a.App.GetClientID() != "Iv1.ours" || a.GetTokenLastEight() != short[len(short)-8:] {
		t.Errorf("a token that was issued to it: %d, %v", code, a)
	}
	if me, _, err := w.client(ours).Users.Get(ctx, ""); err != nil || me.GetID() != ann {
		t.Errorf("whom it belongs to: %v, %v", me, err)
	}
	if _, r, err := w.client(ours).Repositories.Get(ctx, "acme", "config"); status(r) != http.StatusNotFound {
		t.Errorf("a repository that the App is not installed on: %d, %v", status(r), err)
	}
	personal, err := w.Token(ann, "repo")
	w.must(err)
	revoked := issued(79, 0)
	w.Revoke(revoked)
	for name, c := range map[string]struct {
		client, secret, path, token string
		want                        int
	}{
		"that never ends":    {"Iv1.ours", "secret of Iv1.ours", "Iv1.ours", ours, 200},
		"of another App":     {"Iv1.ours", "secret of Iv1.ours", "Iv1.ours", issued(other, 0), 404},
		"a person made":      {"Iv1.ours", "secret of Iv1.ours", "Iv1.ours", personal, 404},
		"revoked":            {"Iv1.ours", "secret of Iv1.ours", "Iv1.ours", revoked, 404},
		"nobody knows":       {"Iv1.ours", "secret of Iv1.ours", "Iv1.ours", "ghu_nobody", 404},
		"empty":              {"Iv1.ours", "secret of Iv1.ours", "Iv1.ours", "", 422},
		"a wrong secret":     {"Iv1.ours", "secret of Iv1.other", "Iv1.ours", ours, 401},
		"a wrong client":     {"Iv1.none", "secret of Iv1.ours", "Iv1.none", ours, 401},
		"in another's place": {"Iv1.ours", "secret of Iv1.ours", "Iv1.other", ours, 404},
	} {
		if _, code := ask(c.client, c.secret, c.path, c.token); code != c.want {
			t.Errorf("a token %s: %d, want %d", name, code, c.want)
		}
	}
	w.clock.pass(8 * time.Hour)
	if _, code := ask("Iv1.ours", "secret of Iv1.ours", "Iv1.ours", short); code != http.StatusNotFound {
		t.Errorf("a token that has expired: %d", code)
	}
	if _, err := w.UserToken(appID, ann, 0); err == nil {
		t.Error("an App without a client id gets a token")
	}
}
