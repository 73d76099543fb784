package manifest

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func FuzzParsePlatform(f *testing.F)  { fuzzParse(f, "platform.yaml") }
func FuzzParseWorkspace(f *testing.F) { fuzzParse(f, "workspace.yaml") }
func FuzzParseProject(f *testing.F)   { fuzzParse(f, "project.yaml") }
func FuzzParseRelease(f *testing.F)   { fuzzParse(f, "release.yaml") }
func FuzzParseRun(f *testing.F)       { fuzzParse(f, "run.yaml") }

// fuzzParse holds of every input: it is accepted or there are problems, their places are inside the file, and what is
// accepted is the same after it was encoded and parsed again. The cases of testdata/parse are its seeds.
func fuzzParse(f *testing.F, kind string) {
	for _, name := range []string{"testdata/parse/good.txtar", "testdata/parse/bad.txtar"} {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range cases(archive) {
			for _, data := range c.files {
				f.Add([]byte(data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, kind, data) })
}

// FuzzReleaseValues is FuzzParseRelease with a file in which only the values vary: they are kept as text, word for word.
func FuzzReleaseValues(f *testing.F) {
	f.Add("workspace: ws-1\nenv:\n  - name: A\n    value: \"yes\"\n")
	f.Add("# above\na: {b: [c, 'd', \"e\"]} # beside\n\nf: |+\n  g\n\n")
	f.Add("? a\n: >-\n  b\n\n  c\n\"\": ~\n")
	f.Fuzz(func(t *testing.T, values string) {
		checkParse(t, "release.yaml", []byte(releaseHead+strings.ReplaceAll("\n"+values, "\n", "\n    ")))
	})
}

const releaseHead = `apiVersion: plateform.dev/v1
kind: Release
metadata: {name: v1.0.0}
spec:
  parts: {project: "sha256:aa"}
  chart: {name: monolithic, version: 1.0.0, digest: "sha256:bb"}
  project: {type: monolithic, image: nginx}
  platform: {namespace: ws, chart: {name: monolithic, version: 1.0.0, digest: "sha256:bb"}}
  cause: {kind: config, commit: a, config: a}
  plan: sha256:cc
  createdAt: 2026-11-22T12:00:00Z
  signature: sha256:dd
  values:`

func checkParse(t *testing.T, kind string, data []byte) {
	object, ps := parseAny(kind, data)
	checkPlaces(t, data, ps)
	if (object == nil) != (len(ps) > 0) {
		t.Fatalf("the object is %v with the problems %v", object, ps)
	}
	if object != nil {
		encodeAgain(t, kind, object)
	}
}

// checkPlaces checks that problems are inside the file and say something.
func checkPlaces(t *testing.T, data []byte, ps Problems) {
	t.Helper()
	lines := bytes.Split(data, []byte{'\n'})
	for _, p := range ps {
		if p.Line == 0 && len(data) > MaxFileBytes {
			continue
		}
		if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > utf8.RuneCount(lines[p.Line-1])+1 {
			t.Fatalf("%d:%d is outside of the file: %v", p.Line, p.Column, p)
		}
		if p.What == "" || p.Fix == "" || strings.ContainsAny(p.String(), "\n\x00") || !utf8.ValidString(p.String()) {
			t.Fatalf("the problem is no sentence: %q", p.String())
		}
	}
}

func FuzzLocate(f *testing.F) {
	f.Add([]byte("a:\n  b: [1, {c: 2}]\n"), "a.b[1].c")
	f.Add([]byte("- 1\n"), "[0]")
	f.Add([]byte("a: *b\n"), "a.b")
	f.Add([]byte("a: &b\n"), "a..b[[")
	f.Add([]byte("\r\n? a\n:\n"), "a")
	f.Fuzz(func(t *testing.T, data []byte, field string) {
		before := Problems{{File: "f", Field: field, What: "w", Fix: "f"}}
		after := Locate("f", data, before)
		if len(after) != 1 {
			t.Fatalf("%d problems", len(after))
		}
		if after[0].Line > 0 {
			checkPlaces(t, data, after)
		}
		after[0].Line, after[0].Column = 0, 0
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("more than the place is another (-before +after):\n%s", diff)
		}
	})
}

// FuzzCheckProject holds of every project that parses: the checks end, and what they say has a place.
func FuzzCheckProject(f *testing.F) {
	f.Add([]byte(header + "spec:\n  type: database\n  engine: postgres\n  version: \"16\"\n  storage: 1e9\n  backup: {schedule: \"TZ=UTC\"}\n"))
	f.Add([]byte(header + "spec:\n  type: monolithic\n  source: {repository: \"ext::sh\", branch: \"$(id)\", path: ../x}\n  domain: a..b\n"))
	f.Add([]byte(header + "spec:\n  type: monolithic\n  image: a@b\n  resources: {cpu: \"1e999\", memory: NaN}\n  env: [{name: A, secret: age:x}]\n"))
	f.Add([]byte(header + "spec:\n  type: spring-microservice\n  services: [{name: a, public: true, env: [{name: a, from: {project: b, key: c}}]}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := ProjectFile(Key{"ws", "shop"})
		p, _ := ParseProject(file, data)
		if p == nil {
			return
		}
		platform := &Platform{Header: NewHeader(KindPlatform, "p"), Spec: PlatformSpec{Domain: "example.com", Registry: RegistrySpec{URL: "r.example.com"}}}
		workspace := &Workspace{Header: NewHeader(KindWorkspace, "ws"), Spec: WorkspaceSpec{Owner: User{GitHub: "alice", ID: 1}}}
		hosts := Hosts{}
		hosts.Add(Key{"ws", "shop"}, p.Spec, "example.com", false)
		ps := Locate(file, data, CheckWorkspace(platform, workspace, map[string]*Project{"shop": p}, hosts))
		checkPlaces(t, data, ps)
		if err := CheckChange(file, p.Spec, p.Spec).Err(); err != nil {
			t.Fatalf("nothing changed: %v", err)
		}
	})
}
