package detect_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/detect"
)

func tree(files map[string]string) fstest.MapFS {
	t := fstest.MapFS{}
	for name, text := range files {
		t[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return t
}

// monorepo has apps of several languages, packages that they are made of, and none at its root.
func monorepo() map[string]string {
	return map[string]string{
		"package.json":                      `{"workspaces": ["apps/*", "packages/*"], "devDependencies": {"turbo": "2"}}`,
		"package-lock.json":                 "{}",
		"turbo.json":                        "{}",
		"apps/web/package.json":             `{"dependencies": {"next": "15"}, "scripts": {"build": "next build", "start": "next start"}}`,
		"apps/admin/package.json":           `{"devDependencies": {"vite": "6"}, "scripts": {"build": "vite build"}}`,
		"apps/admin/index.html":             "",
		"packages/ui/package.json":          `{"main": "dist/index.js", "scripts": {"build": "tsc"}}`,
		"packages/charts/package.json":      `{"devDependencies": {"vite": "6"}, "scripts": {"build": "vite build"}}`,
		"services/pom.xml":                  "<project><packaging>pom</packaging><modules><module>orders</module></modules></project>",
		"services/orders/pom.xml":           "<project><parent><groupId>org.springframework.boot</groupId></parent></project>",
		"tools/go.mod":                      "module example.com/tools\n\ngo 1.25\n",
		"tools/cmd/a/main.go":               "package main\n\nfunc main() {}\n",
		"tools/cmd/b/main.go":               "package main\n\nfunc main() {}\n",
		"legacy/Dockerfile":                 "FROM scratch\nEXPOSE 7000\n",
		"node_modules/express/package.json": `{"scripts": {"start": "node x"}}`,
		"_example/main.go":                  "package main\n\nfunc main() {}\n",
		"examples/Dockerfile":               "FROM scratch\n",
		"docs/README.md":                    "",
	}
}

func TestPlacesOfAMonorepo(t *testing.T) {
	places, all := detect.Places(tree(monorepo()), "")
	var got []string
	for _, p := range places {
		got = append(got, fmt.Sprintf("%s: %s %d (%s)", p.Path, p.Framework, p.Port, p.Reason))
	}
	want := []string{
		"legacy: dockerfile 7000 (there is a Dockerfile)",
		"apps/admin: vite 8080 (package.json depends on vite)",
		"apps/web: nextjs 3000 (package.json depends on next)",
		"services/orders: spring-boot 8080 (services/orders/pom.xml names org.springframework.boot)",
		"examples: dockerfile 0 (there is a Dockerfile)",
		"tools/cmd/a: go 8080 (a Go program of the module in tools/go.mod)",
		"tools/cmd/b: go 8080 (a Go program of the module in tools/go.mod)",
	}
	if diff := cmp.Diff(want, got); diff != "" || !all {
		t.Errorf("all %v (-want +got):\n%s", all, diff)
	}
	below, _ := detect.Places(tree(monorepo()), "apps")
	if len(below) != 2 || below[0].Path != "apps/admin" {
		t.Errorf("below apps: %+v", below)
	}
	if none, all := detect.Places(tree(monorepo()), "../x"); none != nil || !all {
		t.Errorf("outside: %v", none)
	}
}

// Each app of a workspace is built from the folder that holds all it needs, and no more.
func TestContextsOfAMonorepo(t *testing.T) {
	files := monorepo()
	files["crates/Cargo.toml"] = "[workspace]\nmembers = [\"*\"]\n"
	files["crates/api/Cargo.toml"] = "[package]\nname = \"api\"\n"
	files["alone/package.json"] = `{"scripts": {"start": "node x.js"}}`
	files["alone/package-lock.json"] = "{}"
	files["gradle/settings.gradle"] = "include 'a:b'"
	files["gradle/a/b/build.gradle"] = "plugins { id 'org.springframework.boot' }"
	files["pnpm/pnpm-workspace.yaml"] = "packages: ['*']"
	files["pnpm/pnpm-lock.yaml"] = "lockfileVersion: '9.0'"
	files["pnpm/package.json"] = "{}"
	files["pnpm/api/package.json"] = `{"scripts": {"start": "node x.js", "build": "tsc"}}`
	tests := []struct{ path, context, folder, build string }{
		{"apps/web", ".", "apps/web", "turbo run build"},
		{"apps/admin", ".", "apps/admin", "turbo run build"},
		{"alone", "alone", ".", ""},
		{"services/orders", "services", "orders", "."},
		{"tools/cmd/a", "tools", "cmd/a", "./cmd/a"},
		{"crates/api", "crates", "api", "api"},
		{"gradle/a/b", "gradle", "a/b", ":a:b:bootJar"},
		{"pnpm/api", "pnpm", "api", "build"},
	}
	for _, tt := range tests {
		d, err := detect.Find(tree(files), tt.path, nil)
		if err != nil || d.App == nil {
			t.Errorf("%s: %v, %v", tt.path, err, d.Writable())
			continue
		}
		if a := d.App; a.Context != tt.context || a.Folder != tt.folder || a.Build != tt.build {
			t.Errorf("%s: context %s, folder %s, build %q; want %+v", tt.path, a.Context, a.Folder, a.Build, tt)
		}
	}
	d, err := detect.Find(tree(files), "apps/web", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"package.json", "package-lock.json", "alone/package.json", "apps/admin/package.json", "apps/web/package.json", "packages/charts/package.json",
		"packages/ui/package.json", "pnpm/package.json", "pnpm/api/package.json"}
	slices.Sort(want)
	slices.Sort(d.App.Manifests)
	if diff := cmp.Diff(want, d.App.Manifests); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
}

// A module of a build with several leaves its framework to its parent.
func TestAModuleIsWhatItsParentIs(t *testing.T) {
	files := tree(map[string]string{
		"pom.xml":                     "<project><parent><groupId>org.springframework.boot</groupId></parent><modules><module>services/orders</module></modules></project>",
		"services/orders/pom.xml":     "<project><parent><groupId>com.acme</groupId></parent></project>",
		"services/quick/build.gradle": "// a comment at the top\nplugins { id 'io.quarkus' }",
	})
	for folder, want := range map[string]string{"services/orders": "spring-boot", "services/quick": "quarkus", "": "spring-boot"} {
		d, err := detect.Find(files, folder, nil)
		if err != nil || d.Framework != want {
			t.Errorf("%q is %q (%v), want %s", folder, d.Framework, err, want)
		}
	}
}

// However much there is, only so much is read.
func TestLargeSourcesDoNoHarm(t *testing.T) {
	deep := strings.Repeat("a/", 500)
	tests := map[string]map[string]string{
		"a package.json of 10 MB":    {"package.json": `{"name": "` + strings.Repeat("x", 10<<20) + `"}`},
		"arrays in arrays":           {"package.json": strings.Repeat("[", 1<<20)},
		"objects in objects":         {"package.json": strings.Repeat(`{"scripts":`, 90000), "composer.json": strings.Repeat(`{"a":`, 200000)},
		"elements in elements":       {"pom.xml": strings.Repeat("<a>", 300000)},
		"many elements":              {"pom.xml": "<project>" + strings.Repeat("<a/>", 200000)},
		"a lockfile of 10 MB":        {"package.json": `{"scripts": {"start": "node x"}}`, "pnpm-lock.yaml": strings.Repeat("a", 10<<20)},
		"requirements of 1 MB":       {"requirements.txt": strings.Repeat(`"`, 1<<20), "main.py": strings.Repeat("app = ", 100000)},
		"a Cargo.toml of sections":   {"Cargo.toml": strings.Repeat("[a]\n", 100000) + "[package]\nname = \"a\"\n"},
		"a deep tree":                {deep + "package.json": "{}", "package.json": `{"workspaces": ["**"]}`},
		"a range of a thousand ones": {"package.json": `{"scripts": {"start": "node x"}, "engines": {"node": "` + strings.Repeat(">=1 ", 1000) + `"}}`},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			source := tree(files)
			d, err := detect.Find(source, "", nil)
			if err == nil && len(fmt.Sprint(d.Reasons, d.Writable())) > 4000 {
				t.Errorf("it says %d bytes", len(fmt.Sprint(d.Reasons, d.Writable())))
			}
			detect.Places(source, "")
		})
	}
	long, err := detect.Find(tree(map[string]string{deep + "package.json": `{"scripts": {"start": "node x"}}`}), strings.TrimSuffix(deep, "/"), nil)
	if err != nil || long.Framework != "node" {
		t.Errorf("far down: %q, %v", long.Framework, err)
	}
}

func TestOfAWideTreeNotAllIsLookedThrough(t *testing.T) {
	dir := t.TempDir()
	for i := range 2100 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprintf("d%d", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if places, all := detect.Places(onDisk(t, dir), ""); all || len(places) > 0 {
		t.Errorf("all are said to have been looked through (%v)", places)
	}
}
