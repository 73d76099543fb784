package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is wrong with a webhook is said with what mends it, and no secret that somebody put into its URL.
func TestWebhooksAreJudged(t *testing.T) {
	good := hook{whose: "acme/config", url: "https://ann:hunter2@plateform.example.com/webhooks/github?token=hunter2", secret: "********", content: "json", active: true, told: true, code: 202}
	for name, c := range map[string]struct {
		change func(*hook)
		says   string
		status Health
	}{
		"all is well":        {func(*hook) {}, "https://plateform.example.com/webhooks/github, with a secret, and its newest delivery arrived", Fine},
		"nothing came yet":   {func(h *hook) { h.told, h.code = false, 0 }, "nothing was delivered yet", Fine},
		"switched off":       {func(h *hook) { h.active = false }, "is not active", Warning},
		"leads elsewhere":    {func(h *hook) { h.url = "https://plateform.example.com/webhooks/github/" }, "where serve takes none", Failure},
		"no secret":          {func(h *hook) { h.secret = "" }, "has no secret", Failure},
		"forms":              {func(h *hook) { h.content = "form" }, `sends "form", which is refused`, Failure},
		"any certificate":    {func(h *hook) { h.insecure = true }, "does not verify the certificate", Warning},
		"nobody answers":     {func(h *hook) { h.code = 0 }, "was not answered", Warning},
		"not signed":         {func(h *hook) { h.code = 401 }, "it was not signed", Warning},
		"another secret":     {func(h *hook) { h.code = 403 }, "it was signed with another secret", Warning},
		"another path":       {func(h *hook) { h.code = 404 }, "have the proxy pass /webhooks/github on", Warning},
		"trouble on the way": {func(h *hook) { h.code = 502 }, "was answered with 502", Warning},
	} {
		h := good
		c.change(&h)
		found := h.judge("GitHub")
		if len(found) != 1 || found[0].Status != c.status || !strings.Contains(found[0].Detail+" ("+found[0].Fix+")", c.says) || (found[0].Fix == "") != (c.status == Fine) {
			t.Errorf("%s: it is said %+v, want %s: %s", name, found, c.status, c.says)
		}
		if strings.Contains(found[0].Detail, "hunter2") {
			t.Errorf("%s: a secret is shown: %s", name, found[0].Detail)
		}
	}
}

// An admin passes a protection by that is not for admins, too; a team's members are not asked for.
func TestProtectionsAreJudged(t *testing.T) {
	var strict protection
	strict.Only = &actors{Users: []struct{ Login string }{{"Ann"}}}
	strict.Lock.Enabled = true
	for name, c := range map[string]struct {
		who    me
		admins bool
		want   []string
	}{
		"who may push":               {me{login: "ann"}, true, []string{"no pushes at all"}},
		"who may not":                {me{login: "bob"}, true, []string{"pushes of certain people only", "no pushes at all"}},
		"an App that is called so":   {me{slug: "ann"}, true, []string{"pushes of certain people only", "no pushes at all"}},
		"an admin":                   {me{login: "bob", admin: true}, false, nil},
		"an admin, who has to, also": {me{login: "ann", admin: true}, true, []string{"no pushes at all"}},
	} {
		strict.Admins.Enabled = c.admins
		if got := strict.refuses(c.who); !slices.Equal(got, c.want) {
			t.Errorf("%s: it wants %q, want %q", name, got, c.want)
		}
	}
}

// What init left to be filled in is found, with its line.
func TestPlaceholders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serve.yaml")
	if err := os.WriteFile(file, []byte("a: 1\nid: REPLACE # the id\nkey: 1 # REPLACE: the key\n# REPLACED is no word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	found := placeholders(file)
	if len(found) != 2 || found[0].Status != Failure || !strings.HasPrefix(found[0].Detail, file+":2: ") || found[1].Status != Warning || found[1].Detail != file+":3: it says REPLACE: the key" {
		t.Errorf("found is %+v", found)
	}
}
