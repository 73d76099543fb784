package scope_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/scope"
)

// tree makes files of a text: one a line, with its content behind the name; \n in it is a line break, and -> before it makes it
// a symlink.
func tree(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for line := range strings.Lines(text) {
		name, content, _ := strings.Cut(strings.TrimSpace(line), " ")
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			files[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		} else if name != "" {
			files[name] = &fstest.MapFile{Data: []byte(strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(content))}
		}
	}
	return files
}

type layout struct {
	name     string
	files    string
	settings scope.Settings
	want     string
	reason   string // is in it
}

func (l layout) run(t *testing.T) {
	t.Helper()
	got, err := scope.Find(tree(l.files), l.settings)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l.want, got.Words()); diff != "" {
		t.Errorf("what is read, because of %q (-want +got):\n%s", got.Reason, diff)
	}
	if !strings.Contains(got.Reason, l.reason) || (l.reason == "") != (got.Reason == "") {
		t.Errorf("the reason is %q, want %q", got.Reason, l.reason)
	}
}

func TestGo(t *testing.T) {
	at := func(path string) scope.Settings { return scope.Settings{Path: path} }
	for _, l := range []layout{
		{"the module above", "go.mod module x\ncmd/api/main.go\ninternal/a.go", at("cmd/api"), ".", "the Go module of go.mod"},
		{"a module of its own", "go.mod module x\nsvc/go.mod module y\nsvc/main.go", at("svc"), "svc", ""},
		{"the closest module", "go.mod module x\nsvc/go.mod module y\nsvc/cmd/api/main.go", at("svc/cmd/api"), "svc", "svc/go.mod"},
		{"no module", "cmd/api/main.go", at("cmd/api"), "cmd/api", ""},
		{"something else below a module", "go.mod module x\nweb/package.json {}\nweb/index.js", at("web"), "web", ""},
		{"tests are no program", "go.mod module x\nweb/package.json {}\nweb/all_test.go", at("web"), "web", ""},
		{"a folder without code that is said to be Go", "go.mod module x\nsvc/cmd/a/main.go", scope.Settings{Path: "svc", Framework: "go"}, ".", "go.mod"},
		{"a Dockerfile has its folder only", "go.mod module x\ncmd/api/main.go\ncmd/api/Dockerfile FROM scratch", at("cmd/api"), "cmd/api", ""},
		{"Go in spite of a Dockerfile", "go.mod module x\ncmd/api/main.go\ncmd/api/Dockerfile FROM scratch",
			scope.Settings{Path: "cmd/api", Framework: "go"}, ".", "go.mod"},
		{"replace", `svc/go.mod module y\nreplace example.com/lib => ../lib // why\nreplace example.com/z v1.0.0 => example.com/q v1.2.0
			lib/go.mod module lib
			svc/main.go`, at("svc"), "lib, svc", "svc/go.mod replaces a module with lib"},
		{"replace in a block, quoted", `svc/go.mod module y\nreplace (\n\ta => "../libs/a"\n\tb v1.0.0 => ../../repo/b\n\t// c => ../c\n)\nreplace(\nd=>d\n)
			svc/main.go`, at("svc"), "libs/a, svc", "libs/a"},
		{"replace within the module", `svc/go.mod module y\nreplace a => ./a
			svc/main.go`, at("svc"), "svc", ""},
		{"replace by all above", `a/svc/go.mod module y\nreplace a => ../..
			a/svc/main.go`, at("a/svc"), ".", "a/svc/go.mod replaces a module with ."},
		{"what a replaced module replaces counts for nothing", `svc/go.mod replace a => ../a
			a/go.mod replace b => ../b
			svc/main.go`, at("svc"), "a, svc", "a"},
		{"a workspace that uses the module", `go.work go 1.22\nuse (\n\t./svc\n\t./lib\n)
			svc/go.mod module y
			svc/cmd/api/main.go`, at("svc/cmd/api"), ".", "the Go workspace of go.work"},
		{"a workspace that does not", `go.work use ./lib
			svc/go.mod module y
			svc/main.go`, at("svc"), "svc", ""},
		{"a workspace below the root", `go/go.work use ./svc\nuse ../shared
			go/svc/go.mod module y
			go/svc/main.go
			shared/go.mod module s\nreplace z => ../z`, at("go/svc"), "go, shared, z", "go/go.work"},
		{"replace in a workspace", `w/go.work use ./svc\nreplace a => ../a
			w/svc/go.mod module y
			w/svc/main.go`, at("w/svc"), "a, w", "w/go.work replaces a module with a"},
		{"programs that are modules", `svc/go.mod module y
			svc/cmd/api/go.mod module z\nreplace y => ../../\nreplace l => ../../../lib
			svc/cmd/api/main.go`, at("svc"), "lib, svc", "replaces a module with lib"},
		{"no sense in it", `go.mod module x\nreplace a => "../b
			cmd/api/main.go`, at("cmd/api"), ".", "so all of the repository counts"},
		{"the root", "go.mod module x\nmain.go", at(""), ".", ""},
		{"a path that is not clean", "go.mod module x\ncmd/api/main.go", at("./cmd/api/"), ".", "go.mod"},
	} {
		t.Run(l.name, l.run)
	}
}

func TestJVM(t *testing.T) {
	pom := func(inner string) string {
		return "<project xmlns='http://maven.apache.org/POM/4.0.0'>" + inner + "</project>"
	}
	parent := func(path string) string {
		return pom("<parent><artifactId>p</artifactId><relativePath>" + path + "</relativePath></parent>")
	}
	for _, l := range []layout{
		{"a pom alone", "orders/pom.xml " + pom(""), scope.Settings{Path: "orders"}, "orders", ""},
		{"a reactor", "pom.xml " + pom("<modules><module>orders</module><module>lib</module></modules>") + "\norders/pom.xml " + parent("../pom.xml"),
			scope.Settings{Path: "orders"}, ".", "the modules of pom.xml"},
		{"a parent by default that builds others", "pom.xml " + pom("<modules><module>lib</module></modules>") + "\norders/pom.xml " + pom("<parent/>"),
			scope.Settings{Path: "orders"}, "orders, pom.xml", "the parent pom pom.xml"},
		{"a parent of Maven's repository", "pom.xml " + pom("") + "\norders/pom.xml " + parent(""), scope.Settings{Path: "orders"}, "orders", ""},
		{"a reactor without being a parent", "back/pom.xml " + pom("<modules><module>orders</module></modules>") + "\nback/orders/pom.xml " + pom(""),
			scope.Settings{Path: "back/orders"}, "back", "the modules of back/pom.xml"},
		{"parents of parents", "pom.xml " + pom("<modules><module>a</module></modules>") + "\na/pom.xml " +
			pom("<parent/><modules><module>b</module></modules>") + "\na/b/pom.xml " + parent(".."), scope.Settings{Path: "a/b"}, ".", "pom.xml"},
		{"a parent beside", "parent/pom.xml " + pom("<modules><module>../orders</module><module>../lib</module></modules>") +
			"\norders/pom.xml " + parent("../parent"), scope.Settings{Path: "orders"}, "lib, orders, parent", "parent/pom.xml"},
		{"modules of a profile", "pom.xml " + pom("<profiles><profile><modules><module>orders</module></modules></profile></profiles>") +
			"\norders/pom.xml " + pom(""), scope.Settings{Path: "orders"}, ".", "pom.xml"},
		{"poms that are each other's parents", "a/pom.xml " + parent("../b") + "\nb/pom.xml " + parent("../a"), scope.Settings{Path: "a"}, "a, b/pom.xml", "b/pom.xml"},
		{"settings of Maven", "orders/pom.xml " + pom("") + "\n.mvn/maven.config -T2", scope.Settings{Path: "orders"}, ".mvn, orders", ".mvn"},
		{"a parent outside of the repository", "orders/pom.xml " + parent("../../../pom.xml"), scope.Settings{Path: "orders"}, "orders", ""},
		{"a Dockerfile has its folder only", "pom.xml " + pom("<modules><module>orders</module></modules>") + "\norders/pom.xml " + parent("../pom.xml") +
			"\norders/Dockerfile FROM x", scope.Settings{Path: "orders"}, "orders", ""},
		{"a broken pom", "orders/pom.xml <project><parent>", scope.Settings{Path: "orders"}, ".", "orders/pom.xml cannot be understood"},
		{"Gradle", "settings.gradle include 'orders'\norders/build.gradle x", scope.Settings{Path: "orders"}, ".", "the Gradle build of settings.gradle"},
		{"Gradle in Kotlin, with what is elsewhere", `back/settings.gradle.kts includeBuild("../build-logic")\nproject(":x").projectDir = file("../x")\n// includeBuild("../y")
			back/orders/build.gradle.kts x`, scope.Settings{Path: "back/orders", Framework: "spring-boot"}, "back, build-logic, x", "includes x"},
		{"Gradle alone", "orders/settings.gradle x\norders/build.gradle x", scope.Settings{Path: "orders"}, "orders", ""},
		{"Gradle alone, with files above", `orders/settings.gradle versionCatalogs { libs { from(files("../gradle/libs.versions.toml")) } }
			orders/build.gradle apply from: "$rootDir/../common.gradle"\napply from: '../gone.gradle'\n// apply from: '../other.gradle'
			gradle/libs.versions.toml x
			common.gradle x
			other.gradle x`, scope.Settings{Path: "orders"}, "common.gradle, gradle/libs.versions.toml, orders", "orders/build.gradle names common.gradle"},
		{"Gradle without settings, with a file above", `orders/build.gradle.kts apply(from = "../common.gradle.kts")
			common.gradle.kts x`, scope.Settings{Path: "orders"}, "common.gradle.kts, orders", "names common.gradle.kts"},
		{"Gradle of others", "settings.gradle x\nweb/index.html x", scope.Settings{Path: "web"}, "web", ""},
	} {
		t.Run(l.name, l.run)
	}
}

func TestNode(t *testing.T) {
	for _, l := range []layout{
		{"a package alone", `web/package.json {}`, scope.Settings{Path: "web"}, "web", ""},
		{"a workspace", `package.json {"workspaces":["apps/*","packages/*"]}
			apps/web/package.json {}`, scope.Settings{Path: "apps/web"}, ".", "the workspace of package.json"},
		{"a workspace as an object", `js/package.json {"workspaces":{"packages":["./web/"]}}
			js/web/package.json {}`, scope.Settings{Path: "js/web"}, "js", "js/package.json"},
		{"a workspace of others", `package.json {"workspaces":["packages/*"]}
			apps/web/package.json {}`, scope.Settings{Path: "apps/web"}, "apps/web", ""},
		{"taken out of a workspace", `package.json {"workspaces":["apps/*","!apps/web"]}
			apps/web/package.json {}`, scope.Settings{Path: "apps/web"}, "apps/web", ""},
		{"pnpm", `pnpm-workspace.yaml packages: ['apps/**']
			apps/a/web/package.json {}`, scope.Settings{Path: "apps/a/web"}, ".", "pnpm-workspace.yaml"},
		{"a lockfile above", "yarn.lock x\nweb/package.json {}", scope.Settings{Path: "web"}, ".", "installed by yarn.lock"},
		{"a lockfile of its own", "yarn.lock x\nweb/package.json {}\nweb/yarn.lock x", scope.Settings{Path: "web"}, "web", ""},
		{"packages by their folder", `web/package.json {"dependencies":{"a":"file:../a","b":"^1.0.0"},"devDependencies":{"c":"link:../tools/c"}}`,
			scope.Settings{Path: "web"}, "a, tools/c, web", "web/package.json depends on a"},
		{"packages by their folder, of other kinds", `web/package.json {"optionalDependencies":{"a":"file:../a"},"dependencies":{"b":"../libs/b","d":"~1.0.0"},"overrides":{"x":{"y":"file:../c"}},"resolutions":{"z":"portal:../z"},"pnpm":{"overrides":{"p":"link:../p"}}}`,
			scope.Settings{Path: "web"}, "a, c, libs/b, p, web, z", "web/package.json depends on libs/b"},
		{"packages of packages", `web/package.json {"dependencies":{"a":"file:../a"}}
			a/package.json {"dependencies":{"b":"file:../b"}}
			b/package.json {"dependencies":{"a":"file:../a","web":"../web"}}`,
			scope.Settings{Path: "web"}, "a, b, web", "a/package.json depends on b"},
		{"what the framework says", `package.json {"workspaces":["apps/*"]}
			apps/web/x {}`, scope.Settings{Path: "apps/web", Framework: "vite"}, ".", "package.json"},
		{"a byte order mark", "package.json \ufeff{\"workspaces\":[\"apps/*\"]}\napps/web/package.json {}", scope.Settings{Path: "apps/web"}, ".", "the workspace of package.json"},
		{"no JSON", `package.json {"workspaces"
			apps/web/package.json {}`, scope.Settings{Path: "apps/web"}, ".", "package.json cannot be understood"},
		{"no YAML", `pnpm-workspace.yaml packages: {
			apps/web/package.json {}`, scope.Settings{Path: "apps/web"}, ".", "pnpm-workspace.yaml cannot be understood"},
	} {
		t.Run(l.name, l.run)
	}
}

func TestDockerfile(t *testing.T) {
	for _, l := range []layout{
		{"in the folder", "api/deploy/Dockerfile FROM x\ngo.mod module x\napi/main.go", scope.Settings{Path: "api", Dockerfile: "deploy/Dockerfile"}, "api", ""},
		{"elsewhere", "docker/api.Dockerfile FROM x\napi/main.go", scope.Settings{Path: "api", Dockerfile: "../docker/api.Dockerfile"},
			"api, docker/api.Dockerfile", "the Dockerfile is there"},
		{"with what it leaves out", "docker/api.Dockerfile FROM x\ndocker/api.Dockerfile.dockerignore y\ndocker/web.Dockerfile FROM x\napi/main.go",
			scope.Settings{Path: "api", Dockerfile: "../docker/api.Dockerfile"}, "api, docker/api.Dockerfile, docker/api.Dockerfile.dockerignore", "the Dockerfile"},
		{"with what podman leaves out", "docker/D FROM x\ndocker/D.containerignore y\napi/main.go",
			scope.Settings{Path: "api", Dockerfile: "../docker/D"}, "api, docker/D, docker/D.containerignore", "the Dockerfile"},
		{"of the root", "deploy/Dockerfile FROM x", scope.Settings{Dockerfile: "deploy/Dockerfile"}, ".", ""},
	} {
		t.Run(l.name, l.run)
	}
}

// Builds follow links inside the repository: what they may lead to counts.
func TestLinks(t *testing.T) {
	const module = "svc/go.mod module y\nsvc/main.go\nlib/a.go\n"
	svc := scope.Settings{Path: "svc"}
	for _, l := range []layout{
		{"a folder beside", module + "svc/lib -> ../lib", svc, ".", "svc/lib is a symlink"},
		{"a file beside", module + "svc/a.go -> ../lib/a.go", svc, ".", "svc/a.go is a symlink"},
		{"deep below", module + "svc/a/b/web -> ../../../web/dist", svc, ".", "svc/a/b/web is a symlink"},
		{"the folder above", module + "svc/all -> ..", svc, ".", "svc/all is a symlink"},
		{"a folder that only begins alike", module + "svc/v2 -> ../svc2", svc, ".", "svc/v2 is a symlink"},
		{"nothing yet", module + "svc/lib -> ../later", svc, ".", "svc/lib is a symlink"},
		{"by way of another link", module + "svc/in -> a\nsvc/a/x x\nsvc/lib -> in/../../lib", svc, ".", "svc/lib is a symlink"},
		{"without a module", "web/package.json {}\nweb/ui -> ../ui", scope.Settings{Path: "web"}, ".", "web/ui is a symlink"},
		{"inside the folder", module + "svc/new -> v1\nsvc/v1/x.go\nsvc/v1/up -> ../v1\nsvc/self -> .\nsvc/..odd -> ./a..b", svc, "svc", ""},
		{"out of the repository", module + "svc/tmp -> /tmp\nsvc/out -> ../../elsewhere", svc, "svc", ""},
		{"of others", module + "lib/svc -> ../svc\ntop -> lib", svc, "svc", ""},
		{"to what is read as well", "svc/go.mod module y\\nreplace l => ../lib\nsvc/main.go\nsvc/lib -> ../lib/sub\nlib/sub/a.go", svc, "lib, svc", "replaces"},
		{"in what is read as well", "svc/go.mod module y\\nreplace l => ../lib\nsvc/main.go\nlib/x -> ../x", svc, ".", "lib/x is a symlink"},
		{"a replaced folder behind one", "svc/go.mod module y\\nreplace l => ../libs/l\nsvc/main.go\nlibs -> other\nother/l/a.go", svc, ".", "libs is a symlink"},
		{"go.mod above", "go.mod -> build/go.mod\ncmd/api/main.go", scope.Settings{Path: "cmd/api"}, ".", "go.mod is a symlink"},
		{"go.mod in the folder", "svc/go.mod -> go.mod.real\nsvc/go.mod.real module y\\nreplace l => ../lib\nsvc/main.go", svc, ".", "svc/go.mod is a symlink"},
		{"settings of Maven", "a/pom.xml <project/>\n.mvn -> build/mvn", scope.Settings{Path: "a"}, ".", ".mvn is a symlink"},
		{"a Dockerfile in the folder", "svc/Dockerfile -> ../docker/Dockerfile\ndocker/Dockerfile FROM x", svc, ".", "svc/Dockerfile is a symlink"},
		{"a Dockerfile elsewhere", "docker/D -> E\ndocker/E FROM x\nsvc/x", scope.Settings{Path: "svc", Dockerfile: "../docker/D"}, ".", "docker/D is a symlink"},
		{"a Dockerfile does not follow others", module + "svc/Dockerfile FROM x\nsvc/lib -> ../lib", svc, "svc", ""},
		{"an ignore file", "svc/Dockerfile FROM x\nsvc/.dockerignore -> ../.dockerignore", svc, ".", "svc/.dockerignore is a symlink"},
		{"an ignore file with a name", "svc/D FROM x\nsvc/.containerignore -> ../x", scope.Settings{Path: "svc", Dockerfile: "D"}, ".", "svc/.containerignore is a symlink"},
		{"an ignore file elsewhere", "d/D FROM x\nd/D.dockerignore -> x\nsvc/x", scope.Settings{Path: "svc", Dockerfile: "../d/D"}, ".", "d/D.dockerignore is a symlink"},
		{"likewise one by its name", module + "svc/D FROM x\nsvc/lib -> ../lib", scope.Settings{Path: "svc", Dockerfile: "D"}, "svc", ""},
		{"the whole repository", "go.mod -> x\nlib -> a", scope.Settings{}, ".", ""},
	} {
		t.Run(l.name, l.run)
	}
	t.Run("too many", func(t *testing.T) {
		text := module
		for i := range 1002 {
			text += fmt.Sprintf("svc/links/a%d -> x\n", i)
		}
		got, err := scope.Find(tree(text+"svc/links/b/x"), svc)
		if err != nil || got.Words() != "." || !strings.Contains(got.Reason, "more than") {
			t.Errorf("%+v %v", got, err)
		}
	})
	t.Run("a link that cannot be read now", func(t *testing.T) {
		if got, err := scope.Find(broken{tree(module + "svc/lib -> x")}, svc); !errors.Is(err, errBroken) {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestBounds(t *testing.T) {
	t.Run("a large file", func(t *testing.T) {
		files := tree("cmd/api/main.go")
		files["go.mod"] = &fstest.MapFile{Data: make([]byte, 2<<20)}
		got, err := scope.Find(files, scope.Settings{Path: "cmd/api"})
		if err != nil || got.Words() != "." || !strings.Contains(got.Reason, "larger") {
			t.Errorf("%+v %v", got, err)
		}
	})
	t.Run("many files", func(t *testing.T) {
		text := "m0/main.go\ngo.work "
		for i := range 300 {
			text += fmt.Sprintf(`use ./m%d\n`, i)
		}
		for i := range 300 {
			text += fmt.Sprintf("\nm%d/go.mod module m%d", i, i)
		}
		got, err := scope.Find(tree(text), scope.Settings{Path: "m0"})
		if err != nil || got.Words() != "." || !strings.Contains(got.Reason, "more than 100 files") {
			t.Errorf("%+v %v", got, err)
		}
	})
	t.Run("files that cannot be read now", func(t *testing.T) {
		files := broken{tree("go.mod x\ncmd/api/main.go")}
		if got, err := scope.Find(files, scope.Settings{Path: "cmd/api"}); !errors.Is(err, errBroken) {
			t.Errorf("%+v %v", got, err)
		}
	})
}

var errBroken = errors.New("the network broke")

// broken shows its files and does not give them.
type broken struct{ fstest.MapFS }

func (broken) ReadFile(string) ([]byte, error) { return nil, errBroken }
func (broken) ReadLink(string) (string, error) { return "", errBroken }
func (b broken) Open(name string) (fs.File, error) {
	if name == "go.mod" {
		return nil, errBroken
	}
	return b.MapFS.Open(name)
}

// The candidates are what is read first: with them at hand few files have to be fetched on their own.
func TestCargo(t *testing.T) {
	for _, l := range []layout{
		{"alone", `api/Cargo.toml [package]`, scope.Settings{Path: "api"}, "api", ""},
		{"a workspace", `Cargo.toml [workspace]\nmembers = ["crates/*"]
			crates/api/Cargo.toml [package]`, scope.Settings{Path: "crates/api"}, ".", "the workspace of Cargo.toml"},
		{"a workspace of its own", `Cargo.toml [workspace]
			api/Cargo.toml [workspace]\n[package]`, scope.Settings{Path: "api"}, "api", ""},
		{"a package beside it", `api/Cargo.toml [dependencies]\nlib = { path = "../lib" }`, scope.Settings{Path: "api", Framework: "rust"}, "api, lib", "api/Cargo.toml depends on lib"},
		{"no package further up", `Cargo.toml [package]
			api/Cargo.toml [package]`, scope.Settings{Path: "api"}, "api", ""},
	} {
		t.Run(l.name, l.run)
	}
}

// Java stands before what it has a package.json for.
func TestAModuleWithAFrontend(t *testing.T) {
	layout{"a module", `pom.xml <project><modules><module>api</module></modules></project>
		api/pom.xml <project><parent/></project>
		api/package.json {}
		package.json {"workspaces": ["web"]}`, scope.Settings{Path: "api"}, ".", "the parent pom pom.xml"}.run(t)
}

func TestCandidates(t *testing.T) {
	got := scope.Candidates(scope.Settings{Path: "a/b"})
	for _, want := range []string{"go.mod", "a/go.work", "a/b/go.mod", "pom.xml", "a/b/package.json", "pnpm-workspace.yaml"} {
		if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+want+" ") {
			t.Errorf("%s is no candidate", want)
		}
	}
	if got := scope.Candidates(scope.Settings{Path: "a/b", Dockerfile: "Dockerfile"}); got != nil {
		t.Errorf("with a Dockerfile %v are fetched", got)
	}
}

func TestWorkspace(t *testing.T) {
	files := tree("go.work use ./a\na/go.mod x\nb/go.mod x\nc/main.go")
	for dir, want := range map[string]string{"a": "go.work", "a/cmd/x": "go.work", "b": "", "c": ""} {
		got, err := scope.Workspace(files, dir)
		if err != nil || got != want {
			t.Errorf("%s is compiled with %q (%v), want %q", dir, got, err, want)
		}
	}
}
