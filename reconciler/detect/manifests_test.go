package detect_test

import (
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/detect"
)

// What says what to install is copied alone only where that is enough: not where it names folders or files of the source.
func TestWhatIsCopiedBeforeTheRest(t *testing.T) {
	const cargo = "[package]\nname = \"a\"\n"
	const node = `"scripts": {"start": "node x"}`
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"npm", map[string]string{"package.json": "{" + node + "}", "package-lock.json": "{}", ".npmrc": ""}, "package.json package-lock.json .npmrc"},
		{"npm of a folder", map[string]string{"package.json": `{"dependencies": {"a": "file:./a"}, ` + node + "}", "a/package.json": "{}"}, ""},
		{"an optional one", map[string]string{"package.json": `{"optionalDependencies": {"a": "link:a"}, ` + node + "}"}, ""},
		{"npm with a script", map[string]string{"package.json": `{"scripts": {"start": "node x", "prepare": "tsc"}}`}, ""},
		{"npm with husky", map[string]string{"package.json": `{"scripts": {"start": "node x", "prepare": "husky install"}}`}, "package.json"},
		{"yarn with its release", map[string]string{"package.json": "{" + node + "}", "yarn.lock": "__metadata:", ".yarn/releases/yarn.cjs": "", ".yarnrc.yml": ""}, "package.json yarn.lock .yarnrc.yml .yarn/"},
		{"pip", map[string]string{"requirements.txt": "a==1", "main.py": ""}, "requirements.txt"},
		{"pip of a file", map[string]string{"requirements.txt": "a @ file:///x", "main.py": ""}, ""},
		{"pip of a folder of requirements", map[string]string{"requirements/base.txt": "-r more.txt", "main.py": ""}, "requirements/"},
		{"uv", map[string]string{"pyproject.toml": "[project]", "uv.lock": "", "main.py": ""}, "pyproject.toml uv.lock"},
		{"uv with sources", map[string]string{"pyproject.toml": "[tool.uv.sources]\na = { path = \"a\" }", "uv.lock": "", "main.py": ""}, ""},
		{"poetry without a lockfile", map[string]string{"pyproject.toml": "[tool.poetry]", "main.py": ""}, "pyproject.toml"},
		{"go", map[string]string{"go.mod": "module a\n", "go.sum": "", "main.go": "package main\n\nfunc main() {}\n"}, "go.mod go.sum"},
		{"go that replaces", map[string]string{"go.mod": "module a\n\nreplace b => ./b\n", "b/go.mod": "module b\n", "main.go": "package main\n\nfunc main() {}\n"}, ""},
		{"cargo", map[string]string{"Cargo.toml": cargo, "src/main.rs": ""}, "Cargo.toml"},
		{"cargo with a library", map[string]string{"Cargo.toml": cargo + "[lib]\n", "src/main.rs": ""}, ""},
		{"cargo of a folder", map[string]string{"Cargo.toml": cargo + "[dependencies]\nb = { path = \"b\" }\n", "src/main.rs": ""}, ""},
		{"composer", map[string]string{"composer.json": "{}", "index.php": ""}, "composer.json"},
		{"composer of a folder", map[string]string{"composer.json": `{"repositories": [{"type": "path", "url": "a"}]}`, "index.php": ""}, ""},
		{"bundler of a folder", map[string]string{"Gemfile": "gem 'a', path: 'a'", "config.ru": ""}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := detect.Find(tree(tt.files), "", nil)
			if err != nil || d.App == nil {
				t.Fatal(err, d.Writable())
			}
			if got := strings.Join(d.App.Manifests, " "); got != tt.want {
				t.Errorf("copied before the rest: %q, want %q", got, tt.want)
			}
		})
	}
}
