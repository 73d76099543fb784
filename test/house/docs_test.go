package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/plateform/plateform/manifest"
)

// The examples on this page are a platform-config: the path that stands before a block is where it belongs.
const examplesPage = "docs/platform-config.md"

var example = regexp.MustCompile("(?s)\n`([^`\n]+)`: [^`]*(?:`[^`\n]+`[^`]*)*?\n\n```yaml\n(.*?)```\n")

func TestExamplesOfPlatformConfigAreValid(t *testing.T) {
	files := fstest.MapFS{}
	for _, match := range example.FindAllStringSubmatch(readPage(t, examplesPage), -1) {
		files[match[1]] = &fstest.MapFile{Data: []byte(match[2])}
	}
	if len(files) != 5 {
		t.Fatalf("%s has %d examples with a path before them, want 5: %v", examplesPage, len(files), files)
	}
	config, problems := manifest.Load(files)
	if len(problems) == 0 {
		problems = config.Validate()
	}
	for _, p := range problems {
		t.Error(p)
	}
}

func TestTargetsInTheDocsAreThere(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, page := range pages(t) {
		for _, match := range regexp.MustCompile("(?m)(?:^\\$ |`|^)make ([a-z0-9-]+)(?:`|$|  | [A-Z])").FindAllStringSubmatch(readPage(t, page), -1) {
			named++
			if !strings.Contains(string(makefile), "\n"+match[1]+":") {
				t.Errorf("%s says make %s, the Makefile has no such target", page, match[1])
			}
		}
	}
	if named == 0 {
		t.Fatal("no page names a target")
	}
}

// A link leads to a file, and with a # to a heading of it.
func TestLinksInTheDocsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s:]+)\)|(?:src|srcset|href)="([^"\s:]+)"`)
	all := pages(t)
	for _, page := range all {
		for _, match := range link.FindAllStringSubmatch(readPage(t, page), -1) {
			path, fragment, _ := strings.Cut(match[1]+match[2], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s: %v", page, path, err)
			} else if fragment != "" && !slices.Contains(headings(t, target), fragment) {
				t.Errorf("%s links to %s#%s, where no heading is called so", page, path, fragment)
			}
		}
	}
	index := readPage(t, "docs/README.md")
	for _, page := range all {
		name := filepath.Base(page)
		if filepath.Dir(page) == "docs" && name != "README.md" && !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/README.md has no link to %s, which nobody would find", name)
		}
	}
}

// A file or folder of the repository that is named in code style is there.
func TestPathsInTheDocsAreThere(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".git") && e.Name() != "bin" && e.Name() != "dist" {
			folders = append(folders, regexp.QuoteMeta(e.Name()))
		}
	}
	path := regexp.MustCompile("`((?:" + strings.Join(folders, "|") + `)/[A-Za-z0-9_./-]+)` + "`")
	for _, page := range pages(t) {
		if page == "docs/decisions.md" {
			continue // what was decided once is not rewritten when a file moves
		}
		for _, match := range path.FindAllStringSubmatch(readPage(t, page), -1) {
			if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
				t.Errorf("%s names %s: %v", page, match[1], err)
			}
		}
	}
}

// Commands that are shown exist with the flags that are shown, and every command has a row on the page of the commands.
func TestCommandsInTheDocsAreThere(t *testing.T) {
	commands, flags := commandLine(t)
	shown := regexp.MustCompile("(?m)(?:^|^\\$ |`|bin/)plateform ([a-z]+)((?: [^\n`|#]*)?)")
	named := 0
	for _, page := range pages(t) {
		if page == "docs/decisions.md" {
			continue // what was decided once is not rewritten when a command goes
		}
		for _, match := range shown.FindAllStringSubmatch(readPage(t, page), -1) {
			named++
			name, rest := match[1], match[2]
			if name == "build" {
				words := strings.Fields(rest)
				if len(words) > 0 && !strings.HasPrefix(words[0], "-") {
					name = strings.TrimSuffix(words[0], ",")
				}
			}
			if !slices.Contains(commands, name) {
				t.Errorf("%s shows plateform %s, which is no command", page, match[1]+rest)
			}
			for _, flag := range regexp.MustCompile(` --([a-z-]+)`).FindAllStringSubmatch(rest, -1) {
				if !slices.Contains(flags, flag[1]) {
					t.Errorf("%s shows plateform %s: there is no flag --%s", page, match[1]+rest, flag[1])
				}
			}
		}
	}
	if named == 0 {
		t.Fatal("no page shows a command")
	}
	table := readPage(t, "docs/commands.md")
	for _, command := range commands {
		if !strings.Contains(table, "| `plateform "+command) && !strings.Contains(table, "`plateform build "+command) && !strings.Contains(table, "`plateform images "+command) && !strings.Contains(table, "`plateform secret "+command) {
			t.Errorf("docs/commands.md has no row for plateform %s", command)
		}
	}
}

// commandLine reads the names of all commands and flags where they are defined; help is the library's own.
func commandLine(t *testing.T) (commands, flags []string) {
	t.Helper()
	use := regexp.MustCompile(`\bUse: +"([a-z]+)`)
	flag := regexp.MustCompile(`\.(?:Bool|String|Duration|Int|Int64|StringArray|StringSlice)(?:Var)?P?\((?:&?[\w.]+, )?"([a-z-]+)"`)
	var files []string
	for _, folder := range []string{"cmd/plateform", "cmd/plateform/cluster", "cmd/plateform/encrypt", "cmd/plateform/images", "cmd/plateform/job", "cmd/plateform/source"} {
		found, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	commands, flags = []string{"completion"}, []string{"help"}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range use.FindAllStringSubmatch(string(b), -1) {
			if match[1] != "plateform" {
				commands = append(commands, match[1])
			}
		}
		for _, match := range flag.FindAllStringSubmatch(string(b), -1) {
			flags = append(flags, match[1])
		}
	}
	return commands, flags
}

// headings of a page, as GitHub names them in links.
func headings(t *testing.T, page string) (names []string) {
	t.Helper()
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(readPage(t, page), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, match[1]))
	}
	return names
}

// pages are what people read: the README and all of docs.
func pages(t *testing.T) []string {
	t.Helper()
	paths := []string{"README.md", "examples/README.md"}
	entries, err := os.ReadDir(filepath.Join(root, "docs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".md" {
			paths = append(paths, "docs/"+e.Name())
		}
	}
	return paths
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
