package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
)

// hostileFile is a project.yaml that nobody can mean.
type hostileFile struct {
	name string
	// file makes it of one that is fine.
	file func(good string) string
	// place is where the fault is, as line or line:column of the file; word is what the message has to name.
	place, word string
}

// with adds lines to the spec of a project, which has six lines before them.
func with(lines ...string) func(string) string {
	return func(good string) string { return good + "  " + strings.Join(lines, "\n  ") + "\n" }
}

// source replaces the image of a project by a source, in line 6.
func source(spec string) func(string) string {
	return func(good string) string {
		return good[:strings.Index(good, "  image:")] + "  source: " + spec + "\n"
	}
}

func hostileFiles() []hostileFile {
	bomb := []string{"b0: &b0 [x]"}
	for i := range 9 {
		bomb = append(bomb, fmt.Sprintf("b%d: &b%d [%s]", i+1, i+1, strings.Repeat(fmt.Sprintf("*b%d,", i), 9)))
	}
	const deep = manifest.MaxFileBytes / 64
	return []hostileFile{
		{"alias bomb", with(bomb...), "7:", "anchors"},
		{"anchor", with("replicas: &two 2"), "7:13", "anchors"},
		{"duplicate key", with("replicas: 2", "replicas: 3"), "8:3", "twice"},
		{"unknown key", with("replicaz: 2"), "7:3", `did you mean "replicas"`},
		{"several documents", with("replicas: 2\n---\nspec: {}"), "8:1", "more than one YAML document"},
		{"wrong type", with("replicas: many"), "7:13", "a whole number is wanted"},
		{"octal", with("replicas: 012"), "7:13", "012"},
		{"exponent", with("replicas: 1e3"), "7:13", "1e3"},
		{"yes", with("paused: yes"), "7:11", "yes"},
		{"empty", func(string) string { return "\n" }, "1:1", "empty"},
		{"NUL", with("replicas: 2 # \x00"), "7:17", "NUL"},
		{"BOM", func(good string) string { return "\uFEFF" + good }, "1:1", "BOM"},
		{"UTF-16", func(string) string { return "\xff\xfek\x00i\x00" }, "1:1", "UTF-8"},
		{"invalid UTF-8", with("domain: \xffx"), "7:11", "UTF-8"},
		{"5 MB", func(good string) string { return good + strings.Repeat("# padding\n", 500_000) }, "", "bytes, more than"},
		{"64 deep", with("env: " + strings.Repeat("[", 64) + strings.Repeat("]", 64)), "7:", "nested deeper"},
		{"deeper than any parser goes", with("env: " + strings.Repeat("[", deep)), "7:", "project.yaml"},
		{"merge key", with("env: [{<<: {name: A}}]"), "7:", "merge keys"},
		{"a tag", with("domain: !!binary aGk="), "7:11", "tags"},
		{"negative quantity", with("resources: {cpu: -1}"), "7:20", "-1"},
		{"quantity that is no number", with("resources: {memory: NaN}"), "7:23", "NaN"},
		{"absurd quantity", with("resources: {cpu: 1e999}"), "7:20", "1e999"},
		{"absurd replicas", with("replicas: 2000000000"), "7:13", "2000000000"},
		{"variable with a line break", with(`env: [{name: "A\nB", value: x}]`), "7:16", "env"},
		{"variable with quotes", with(`env: [{name: 'A"B', value: x}]`), "7:16", "env"},
		{"helper program", source(`{repository: "ext::sh -c touch% /tmp/owned"}`), "6:", "repository"},
		{"file URL that is not listed", source(`{repository: "file:///etc"}`), "6:", "not allowed"},
		{"path that is not listed", source("{repository: /etc}"), "6:", "not allowed"},
		{"credentials", source(`{repository: "https://bob:hunter2@github.com/a/b"}`), "6:", "credentials"},
		{"line break in a URL", source(`{repository: "https://github.com/a/b\nHost: evil"}`), "6:", "repository"},
		{"option for a URL", source("{repository: --upload-pack=touch}"), "6:", "repository"},
		{"command in a branch", source(`{repository: "https://github.com/a/b", branch: "$(id)"}`), "6:", "branch"},
		{"upward path", source(`{repository: "https://github.com/a/b", path: ../x}`), "6:", "path"},
	}
}

// Each bad file comes in a commit that also changes a neighbour: the commit turns red where the fault is, the neighbour
// goes out, and the project of the bad file runs on as it was, to the byte.
func TestBadFilesDisturbNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("ws-1", "blog", "birds/wren:1")
	w.add(shop, blog)
	one := shop.runs("v1.0.0")
	blog.runs("v1.0.0")
	w.settle()
	remembered := shop.memory()

	for i, bad := range hostileFiles() {
		t.Run(bad.name, func(t *testing.T) {
			w.t = t // what goes wrong is told where it does
			replicas := i%9 + 2
			commit := w.config.commit("Break shop: "+bad.name, files{
				shop.file(): bad.file(shop.yaml()),
				blog.file(): blog.yaml(fmt.Sprintf("replicas: %d", replicas)),
			})
			if v := blog.runs(fmt.Sprintf("v1.0.%d", i+1)); v.Replicas != replicas {
				t.Errorf("the neighbour is\n%s", v.text)
			}
			verdict := w.verdictOn(commit, "plateform/config")
			if place := shop.file() + ":" + bad.place; verdict.State != "failure" ||
				!strings.Contains(verdict.Description, place) || !strings.Contains(verdict.Description, bad.word) {
				t.Errorf("the commit ended with %+v, want a failure at %s that names %q", verdict, place, bad.word)
			}
			if strings.Contains(verdict.Description, "hunter2") {
				t.Error("the description tells the password")
			}
			same(t, shop.values(), one)
			shop.wantReleases("v1.0.0")
		})
	}
	w.t = t
	if got := shop.memory(); got != remembered {
		t.Errorf("what is remembered of shop is\n%s\nand was\n%s", got, remembered)
	}
	shop.still(one)
	mended := w.config.commit("Mend shop, with the line ends of Windows", files{shop.file(): strings.ReplaceAll(shop.yaml("replicas: 3"), "\n", "\r\n")})
	if v := shop.runs("v1.0.1"); v.Replicas != 3 {
		t.Errorf("the mended shop is\n%s", v.text)
	}
	shop.wantVerdict(mended, "success")
}
