package strict

import (
	"strings"
	"testing"
)

// A login in front of a host is not shown, in whatever text it is; a digest is no login, and neither is the user of ssh.
func TestCredentialsAreNotShown(t *testing.T) {
	for text, want := range map[string]string{
		"https://ann:hunter2@git.example.com/shop":      "https://***@git.example.com/shop",
		"https://hunter2@git.example.com/shop":          "https://***@git.example.com/shop",
		"https://ann:hun/ter2@git.example.com/shop":     "https://***@git.example.com/shop",
		"https://ann:hunt@er2@git.example.com":          "https://***@git.example.com",
		"ann:hunter2@harbor.example.com/shop:1":         "***@harbor.example.com/shop:1",
		"see https://ann:hunter2@a.b and c:hunter2@d.e": "see https://***@a.b and ***@d.e",
		"git@github.com:acme/shop":                      "git@github.com:acme/shop",
		"ssh://git@github.com/acme/shop":                "ssh://git@github.com/acme/shop",
		"harbor.example.com:5000/shop/web":              "harbor.example.com:5000/shop/web",
		"harbor.example.com/shop/web:1.4@sha256:0123":   "harbor.example.com/shop/web:1.4@sha256:0123",
		"https://github.com/acme/shop":                  "https://github.com/acme/shop",
	} {
		if got := WithoutCredentials(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}

// A secret is not shown that is where it does not belong, or that YAML takes for something else.
func TestMisplacedSecretsAreNotShown(t *testing.T) {
	type variable struct {
		Name  string  `yaml:"name"`
		Value *string `yaml:"value,omitempty"`
	}
	type object struct {
		Env []variable `yaml:"env,omitempty"`
	}
	for _, env := range []string{
		"[A=hunter2]", "[hunter2]", "hunter2", "'hunter2'", "[{name: A, value: *hunter2}]", "[{name: A, value: &hunter2 x}]", "[{name: A, value: !hunter2 x}]",
		"[{name: A, value: {x: hunter2}}]", "[{name: A, value: [hunter2]}]", "[{name: A, valeu: hunter2}]", "[{name: [hunter2]}]", "[[hunter2]]",
		"[{name: A, value: \"hunter2}]", "[{name: A, value: @hunter2}]", "[{name: A, value: %hunter2}]", "[{name: A, value: hunter2: x}]",
		"[{name: A, value: `hunter2}]", "[{name: A, value: \"\\hunter2\"}]",
	} {
		var into object
		file, problems := Parse("project.yaml", []byte("env: "+env+"\n"), "")
		if file != nil {
			file.Decode(&into)
			problems = file.Problems()
		}
		if len(problems) == 0 {
			t.Errorf("%s: nothing is wrong with it", env)
		}
		if said := problems.Error(); strings.Contains(said, "hunter2") {
			t.Errorf("%s: it is shown: %s", env, said)
		}
	}
}
