package installation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPullSettings(t *testing.T) {
	dir := t.TempDir()
	for file, content := range map[string]string{"user": "robot\n", "password": "it-is-secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := PullSettings{Registry: "harbor.example.com", UsernameFile: filepath.Join(dir, "user"), PasswordFile: filepath.Join(dir, "password")}
	login, err := files.login()()
	if err != nil || login.Registry != "harbor.example.com" || login.Username != "robot" || login.Password != "it-is-secret" {
		t.Errorf("the login is %q of %q (%v)", login.Username, login.Registry, err)
	}
	if (*PullSettings)(nil).login() != nil {
		t.Error("there is a login without settings")
	}
	for _, c := range []struct {
		engine EngineSettings
		want   string
	}{
		{EngineSettings{Kind: EngineDirect, Pull: &files}, ""},
		{EngineSettings{Kind: EngineDirect}, ""},
		{EngineSettings{Kind: EngineLocal, Pull: &files}, "is for engine direct"},
		{EngineSettings{Kind: EngineDirect, Pull: &PullSettings{Registry: "harbor.example.com", UsernameFile: "user"}}, "no passwordFile"},
		{EngineSettings{Kind: EngineDirect, Pull: &PullSettings{Registry: "https://harbor.example.com", UsernameFile: "a", PasswordFile: "b"}}, "no host of a registry"},
	} {
		var check settingsCheck
		check.pull(c.engine)
		said := ""
		for _, p := range check.problems {
			said += p.String()
		}
		if c.want == "" && said != "" || !strings.Contains(said, c.want) {
			t.Errorf("%+v: %q, not %q", c.engine, said, c.want)
		}
	}
}
