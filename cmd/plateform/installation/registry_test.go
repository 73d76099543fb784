package installation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/registry"
)

func TestSettingsOfWorkspacesAtTheRegistry(t *testing.T) {
	t.Parallel()
	const good = "{workspace: shop, usernameFile: secret, passwordFile: secret}"
	for name, c := range map[string]struct{ entries, says string }{
		"no workspace":       {"{usernameFile: secret, passwordFile: secret}", "registry.workspaces[0].workspace is missing"},
		"an empty one":       {`{workspace: "", usernameFile: secret, passwordFile: secret}`, `registry.workspaces[0].workspace "" is no name of a workspace`},
		"a path":             {"{workspace: shop/web, usernameFile: secret, passwordFile: secret}", "write the name of its folder"},
		"all of them":        {`{workspace: "*", usernameFile: secret, passwordFile: secret}`, "write the name of its folder"},
		"twice":              {good + ", " + good, "registry.workspaces[1].workspace shop is there twice (give each workspace one entry)"},
		"no username":        {"{workspace: shop, passwordFile: secret}", "registry.workspaces[0].usernameFile is missing"},
		"no password":        {"{workspace: shop, usernameFile: secret}", "registry.workspaces[0].passwordFile is missing"},
		"an empty file name": {`{workspace: shop, usernameFile: secret, passwordFile: ""}`, "registry.workspaces[0] has no usernameFile or no passwordFile"},
		"the password":       {"{workspace: shop, usernameFile: secret, password: hunter2}", `unknown key "password"`},
	} {
		_, err := load(t, "registry: {workspaces: ["+c.entries+"]}")
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
	}
	s, err := load(t, "registry: {workspaces: ["+good+"]}")
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Registry.Options()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]registry.Login{"shop": {Username: "hunter2", Password: "hunter2"}}, o.Workspaces, cmp.Comparer(func(a, b registry.Password) bool { return string(a) == string(b) })); diff != "" || o.Username != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s, err = load(t, "registry: {workspaces: [{workspace: shop, usernameFile: secret, passwordFile: none}]}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Registry.Options(); err == nil || !strings.Contains(err.Error(), "registry.workspaces[0]: reading a secret") {
		t.Errorf("a file that is not there: %v", err)
	}
}
