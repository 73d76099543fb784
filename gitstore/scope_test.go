package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
)

// rootFiles is a Scopes that goes by the closest ROOT file: its folder is read, and the paths in it, and those in the ROOT
// files of these.
type rootFiles struct{}

func (rootFiles) Candidates(p Place) []string {
	var files []string
	for dir := p.Path; ; dir = path.Dir(dir) {
		if files = append(files, path.Join(dir, "ROOT")); dir == "." {
			return files
		}
	}
}

func (r rootFiles) Find(files fs.FS, p Place) ([]string, string, error) {
	if p.Framework == "alone" {
		return []string{p.Path}, "", nil
	}
	paths, open := []string{}, []string{}
	for dir := p.Path; ; dir = path.Dir(dir) {
		if _, err := fs.ReadFile(files, path.Join(dir, "ROOT")); err == nil {
			open = append(open, dir)
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
		if dir == "." {
			return []string{p.Path}, "", nil
		}
	}
	for len(open) > 0 {
		dir := open[0]
		paths, open = append(paths, dir), open[1:]
		text, err := fs.ReadFile(files, path.Join(dir, "ROOT"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
		open = append(open, strings.Fields(string(text))...)
	}
	return paths, "ROOT", nil
}

// servers are ways in which servers give single files, or do not.
func servers() map[string][]string {
	return map[string][]string{
		"as it is":               nil,
		"filters":                {"uploadpack.allowFilter", "true"},
		"filters, any object":    {"uploadpack.allowFilter", "true", "uploadpack.allowAnySHA1InWant", "true"},
		"filters, what is there": {"uploadpack.allowFilter", "true", "uploadpack.allowReachableSHA1InWant", "true"},
	}
}

func TestTipsCoverWhatIsRead(t *testing.T) {
	t.Parallel()
	for _, tr := range transports() {
		for name, settings := range servers() {
			t.Run(tr.name+" "+name, func(t *testing.T) {
				t.Parallel()
				r, o := tr.make(t)
				for i := 0; i < len(settings); i += 2 {
					r.Git("config", settings[i], settings[i+1])
				}
				head := r.Commit(gitserver.Change{Message: "1", Author: "Eve <e@x>", Files: map[string]string{
					"svc/ROOT": "lib more\n", "svc/cmd/api/main.go": "1", "lib/a": "1", "more/ROOT": "deep/er", "deep/er/x": "1", "deep/other": "1",
					"one/ROOT": "", "one/api/x": "1", "bare/x": "1", ".hidden/ROOT": "", ".hidden/api/x": "1",
				}})
				remote := openRemote(t, RemoteOptions{Access: o.Access, Scopes: rootFiles{}})
				tree := func(dir string) string { return r.Git("rev-parse", head+":"+dir) }
				found := tipsOf(t, remote, o.URL, Place{Path: "svc/cmd/api"}, Place{Path: "one/api"}, Place{Path: "bare"}, Place{Path: "one/api", Framework: "alone"}, Place{Path: ".hidden/api"})
				for i, f := range found {
					if f.Err != nil || f.Commit != head || f.By != "Eve" {
						t.Fatalf("%d: %+v", i, f)
					}
				}
				wide := found[0].Tip
				if wide.Folder != tree("svc/cmd/api") || wide.Tree == wide.Folder || wide.Scope != "svc, lib, more, deep/er" || wide.ScopeReason != "ROOT" {
					t.Errorf("several folders: %+v", wide)
				}
				for i, want := range map[int]Tip{
					1: {Commit: head, By: "Eve", Tree: tree("one"), Folder: tree("one/api"), Scope: "one", ScopeReason: "ROOT"},
					2: {Commit: head, By: "Eve", Tree: tree("bare")},
					3: {Commit: head, By: "Eve", Tree: tree("one/api")},
					4: {Commit: head, By: "Eve", Tree: tree(".hidden"), Folder: tree(".hidden/api"), Scope: ".hidden", ScopeReason: "ROOT"},
				} {
					if found[i].Tip != want {
						t.Errorf("%d: %+v, want %+v", i, found[i].Tip, want)
					}
				}
			})
		}
	}
}

// moves says whether a commit moves a place.
func moves(t *testing.T, r *gitserver.Repo, remote *Remote, p Place, files map[string]string) bool {
	t.Helper()
	before, err := tipOf(t, remote, r.URL, p)
	if err != nil {
		t.Fatal(err)
	}
	r.Commit(gitserver.Change{Message: "next", Files: files})
	after, err := tipOf(t, remote, r.URL, p)
	if err != nil {
		t.Fatal(err)
	}
	return before.Tree != after.Tree
}

func TestWhatMovesAPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		place Place
		moved string // files whose change moves the place, and
		stays string // those whose change does not
	}{
		{"a folder", Place{Path: "bare"}, "bare/x bare/new", "lib/a svc/x barely/x"},
		{"what is read beside it", Place{Path: "svc/api"}, "svc/api/main.go svc/other lib/a lib/b/c", "bare/x library/x more"},
		{"more is watched", Place{Path: "bare", Watch: "proto/**\ndocs/*.md"}, "bare/x proto/a/b docs/a.md", "lib/a docs/a.txt doc/x prot/a"},
		{"less is watched", Place{Path: "svc/api", Watch: "!svc/docs\n!**/*.md"}, "svc/api/x lib/a lib/docs/x", "svc/docs/x svc/api/README.md lib/a.md"},
		{"some of what is not watched is", Place{Path: "svc/api", Watch: "!svc/docs\nsvc/docs/api"}, "svc/docs/api/x svc/x", "svc/docs/y"},
		{"only what is named", Place{Path: "svc/api", Watch: "!**\nsvc/api"}, "svc/api/x", "svc/x lib/a"},
		{"some of the whole repository", Place{Watch: "!docs"}, "a lib/a docs2/x", "docs/x docs/y/z"},
		{"nothing", Place{Watch: "!**"}, "", "a lib/a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := gitserver.New(t).Create(t, "shop")
			r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"svc/ROOT": "lib", "svc/api/main.go": "1", "lib/a": "1", "bare/x": "1"}})
			remote := openRemote(t, RemoteOptions{Scopes: rootFiles{}})
			for i, file := range strings.Fields(c.moved) {
				if !moves(t, r, remote, c.place, map[string]string{file: fmt.Sprint("m", i)}) {
					t.Errorf("a change of %s does not count", file)
				}
			}
			for i, file := range strings.Fields(c.stays) {
				if moves(t, r, remote, c.place, map[string]string{file: fmt.Sprint("s", i)}) {
					t.Errorf("a change of %s counts", file)
				}
			}
		})
	}
}

// The mode of a file counts, and so does where a link or a submodule leads to.
func TestModesMoveAPlace(t *testing.T) {
	t.Parallel()
	r := gitserver.New(t).Create(t, "shop")
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"bare/x": "1", "lib/run": "1", "lib/link": "a"}, Modes: map[string]string{"lib/link": "120000"}})
	remote := openRemote(t, RemoteOptions{Scopes: rootFiles{}})
	place := Place{Path: "bare", Watch: "lib"}
	before, _ := tipOf(t, remote, r.URL, place)
	r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"lib/run": "1"}, Modes: map[string]string{"lib/run": "100755"}})
	mode, _ := tipOf(t, remote, r.URL, place)
	r.Commit(gitserver.Change{Message: "3", Files: map[string]string{"lib/link": "b"}, Modes: map[string]string{"lib/link": "120000"}})
	link, err := tipOf(t, remote, r.URL, place)
	if err != nil || before.Tree == mode.Tree || mode.Tree == link.Tree {
		t.Errorf("%s, %s, %s: %v", before.Tree, mode.Tree, link.Tree, err)
	}
}

// TestScopesAskLittle holds that finding what is read costs one more pack at most, and nothing while nothing moves.
func TestScopesAskLittle(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "shop")
	r.Git("config", "uploadpack.allowFilter", "true")
	r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
	files := map[string]string{"ROOT": "", "big": strings.Repeat("x", 1<<16)}
	var places []Place
	for i := range 10 {
		files[fmt.Sprintf("services/s%d/main.go", i)] = fmt.Sprint(i)
		places = append(places, Place{Path: fmt.Sprintf("services/s%d", i)})
	}
	r.Commit(gitserver.Change{Message: "1", Files: files})
	remote := openRemote(t, RemoteOptions{Scopes: rootFiles{}})
	for i := range 3 {
		tipsOf(t, remote, r.URL, places...)
		asked(t, srv, "shop", i+1, 2)
	}
	r.Git("config", "uploadpack.allowAnySHA1InWant", "false")
	r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"ROOT": "services"}})
	tipsOf(t, remote, r.URL, places...)
	asked(t, srv, "shop", 4, 4)
}

// TestHugeFilesThatSayWhatIsRead make all of the repository count.
func TestHugeFilesThatSayWhatIsRead(t *testing.T) {
	t.Parallel()
	r := gitserver.New(t).Create(t, "shop")
	r.Git("config", "uploadpack.allowFilter", "true")
	r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
	var noise strings.Builder // nothing that a pack makes smaller
	for i, x := 0, uint64(1); i < maxScopeBytes+1<<20; i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise.Write([]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24), byte(x >> 32), byte(x >> 40), byte(x >> 48), byte(x >> 56)})
	}
	head := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"svc/ROOT": noise.String(), "svc/api/x": "1"}})
	got, err := tipOf(t, openRemote(t, RemoteOptions{Scopes: rootFiles{}}), r.URL, Place{Path: "svc/api"})
	if err != nil || got.Tree != r.Git("rev-parse", head+"^{tree}") || !strings.Contains(got.ScopeReason, "too large") {
		t.Errorf("%+v %v", got, err)
	}
}

func TestWatchThatIsNone(t *testing.T) {
	t.Parallel()
	r := gitserver.New(t).Create(t, "shop")
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	if got, err := tipOf(t, openRemote(t, RemoteOptions{}), r.URL, Place{Watch: "/a"}); err == nil {
		t.Errorf("%+v", got)
	}
}
