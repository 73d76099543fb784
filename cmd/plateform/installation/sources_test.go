package installation

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/test/gitserver"
)

// tree is what decides whether a place is built.
func tree(t *testing.T, s reconciler.Sources, url string, place reconciler.Place) reconciler.Tip {
	t.Helper()
	found, err := s.Tips(t.Context(), url, []reconciler.Place{place})
	if err != nil || found[0].Err != nil {
		t.Fatal(err, found)
	}
	return found[0].Tip
}

// What a push has to touch for a place to be built, in repositories of several kinds, on servers that send single files and on
// those that do not.
func TestSourcesCoverWhatABuildReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		files  map[string]string
		place  reconciler.Place
		scope  string
		counts []string // files whose change counts
		not    []string // and those whose does not
	}{
		{"a program of a module", map[string]string{"go.mod": "module x\n", "cmd/api/main.go": "package main\n", "internal/a.go": "package a\n"},
			reconciler.Place{Path: "cmd/api"}, ".", []string{"internal/a.go", "cmd/api/main.go", "go.mod"}, nil},
		{"a module beside others", map[string]string{"go.mod": "module x\n", "svc/go.mod": "module y\n\nreplace z => ../lib\n", "svc/main.go": "package main\n", "lib/go.mod": "module z\n"},
			reconciler.Place{Path: "svc"}, "lib, svc", []string{"svc/x.go", "lib/z.go", "svc/go.mod"}, []string{"go.mod", "library/x.go"}},
		{"a workspace", map[string]string{"go.work": "use ./a\nuse ./b\n", "a/go.mod": "module a\n", "a/main.go": "package main\n", "b/go.mod": "module b\n"},
			reconciler.Place{Path: "a"}, ".", []string{"b/b.go", "go.work"}, nil},
		{"a reactor", map[string]string{
			"back/pom.xml":        "<project><modules><module>orders</module><module>lib</module></modules></project>",
			"back/orders/pom.xml": "<project><parent/></project>", "back/lib/pom.xml": "<project><parent/></project>",
		}, reconciler.Place{Path: "back/orders"}, "back", []string{"back/pom.xml", "back/lib/A.java", "back/orders/B.java"}, []string{"front/x", "web/pom.xml"}},
		{"a parent pom", map[string]string{"pom.xml": "<project/>", "orders/pom.xml": "<project><parent/></project>"},
			reconciler.Place{Path: "orders"}, "orders, pom.xml", []string{"pom.xml", "orders/x"}, []string{"README.md", "billing/pom.xml"}},
		{"a workspace of packages", map[string]string{"js/package.json": `{"workspaces":["web"]}`, "js/web/package.json": "{}"},
			reconciler.Place{Path: "js/web"}, "js", []string{"js/shared/x.js", "js/yarn.lock"}, []string{"x"}},
		{"a Dockerfile elsewhere", map[string]string{"docker/D": "FROM scratch\n", "go.mod": "module x\n", "api/main.go": "package main\n"},
			reconciler.Place{Path: "api", Dockerfile: "../docker/D"}, "api, docker/D", []string{"docker/D", "api/x"}, []string{"go.mod", "docker/E", "internal/x.go"}},
		{"a Dockerfile in the folder", map[string]string{"api/Dockerfile": "FROM scratch\n", "go.mod": "module x\n", "api/main.go": "package main\n"},
			reconciler.Place{Path: "api"}, "", []string{"api/Dockerfile"}, []string{"go.mod", "internal/x.go"}},
		{"a module that is watched in part", map[string]string{"go.mod": "module x\n", "cmd/api/main.go": "package main\n"},
			reconciler.Place{Path: "cmd/api", Watch: "!docs\n!**/*_test.go"}, ".", []string{"internal/a.go"}, []string{"docs/x", "internal/a_test.go"}},
		{"nothing above", map[string]string{"web/index.html": "x"}, reconciler.Place{Path: "web", Watch: "proto"}, "", []string{"web/x", "proto/a"}, []string{"x"}},
	} {
		for _, modern := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				repo := gitserver.New(t).Create(t, "shop")
				if modern {
					repo.Git("config", "uploadpack.allowFilter", "true")
					repo.Git("config", "uploadpack.allowReachableSHA1InWant", "true")
				}
				repo.Commit(gitserver.Change{Message: "1", Files: c.files})
				remote := gitstore.NewRemote(gitstore.RemoteOptions{Dir: t.TempDir(), Scopes: scopes{}})
				defer remote.Close()
				s := sources{remote}
				before := tree(t, s, repo.URL, c.place)
				if before.Scope != c.scope || (before.ScopeReason == "") != (c.scope == "") {
					t.Errorf("it reads %q because of %q, want %q", before.Scope, before.ScopeReason, c.scope)
				}
				for counts, files := range map[bool][]string{true: c.counts, false: c.not} {
					for _, file := range files {
						text := c.files[file] + "\n"
						if before.Tree == "" {
							t.Fatal("it has no tree")
						}
						repo.Commit(gitserver.Change{Message: file, Files: map[string]string{file: text}})
						after := tree(t, s, repo.URL, c.place)
						if (after.Tree != before.Tree) != counts {
							t.Errorf("that a change of %s counts is %v, want %v", file, !counts, counts)
						}
						before = after
					}
				}
			})
		}
	}
}

// A repository that is there and can be read by nobody here is not told as one that is gone, however it is reached.
func TestSourcesOfAnotherFormat(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	gitserver.Git(t, server.Dir, nil, "init", "-q", "--bare", "-b", "main", "--object-format=sha256", server.Dir+"/shop.git")
	repo := server.Open(t, "shop")
	repo.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	remote := gitstore.NewRemote(gitstore.RemoteOptions{Dir: t.TempDir()})
	defer remote.Close()
	for _, c := range []struct {
		url  string
		want manifest.LostReason
	}{
		{repo.URL, manifest.LostFormat}, {repo.Dir, manifest.LostFormat}, {"file://" + repo.Dir, manifest.LostFormat},
		{server.Dir + "/missing.git", manifest.LostRepository},
	} {
		_, err := sources{remote}.Tips(t.Context(), c.url, []reconciler.Place{{}})
		if got := reconciler.LostReasonOf(err); err == nil || got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.url, got, err, c.want)
		}
		if fix := reconciler.LostFix(c.want); strings.Contains(fix, "sha1") != (c.want == manifest.LostFormat) {
			t.Errorf("%s is mended by %q", c.want, fix)
		}
	}
}

// A branch that is not there is told with what there is: a tag of that name, or nothing at all.
func TestSourcesWithoutTheBranch(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	shop, empty := server.Create(t, "shop"), server.Create(t, "empty")
	shop.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}, Branch: "master"})
	shop.Git("tag", "-a", "-m", "first", "v1", "master")
	remote := gitstore.NewRemote(gitstore.RemoteOptions{Dir: t.TempDir()})
	defer remote.Close()
	for _, c := range []struct {
		url, branch string
		want        manifest.LostReason
		says, fix   string
	}{
		{shop.URL, "", manifest.LostBranch, "there is no branch main in " + shop.URL, "change source.branch"},
		{shop.URL, "trunk", manifest.LostBranch, "there is no branch trunk in " + shop.URL, "create it"},
		{shop.URL, "v1", manifest.LostTag, "v1 is a tag in " + shop.URL + ", and no branch", "source.revision"},
		{empty.URL, "", manifest.LostEmpty, empty.URL + " is empty: it has no branch main", "push to it"},
	} {
		found, err := sources{remote}.Tips(t.Context(), c.url, []reconciler.Place{{Branch: c.branch}})
		if err != nil {
			t.Fatal(err)
		}
		got := reconciler.LostReasonOf(found[0].Err)
		what := reconciler.LostWhat(got, manifest.Source{Repository: c.url, Branch: c.branch})
		if got != c.want || !strings.HasPrefix(what, c.says) || !strings.Contains(reconciler.LostFix(got), c.fix) {
			t.Errorf("%q of %s: %q, %q (%s), want %q", c.branch, c.url, got, what, reconciler.LostFix(got), c.says)
		}
	}
}

// What only a push can mend is the fault of the source, with what to do; a server that is not there is not.
func TestCheckoutsThatOnlyAPushMends(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	repo := server.Create(t, "shop")
	fine := repo.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": strings.Repeat("x", 1<<12)}})
	long := repo.Commit(gitserver.Change{Message: "2", Files: map[string]string{strings.Repeat("n", 300): "1"}})
	for _, c := range []struct {
		name, url, commit string
		most              int64
		fix               string // empty when it is no fault of the source
	}{
		{"no commit", repo.URL, strings.Repeat("a", 40), 0, "source.revision"},
		{"too large", repo.URL, fine, 1 << 10, "remove what the build does not need"},
		{"a name that no file has", repo.URL, long, 0, "rename or remove it"},
		{"nobody listens", "http://127.0.0.1:1/shop.git", fine, 0, ""},
	} {
		remote := gitstore.NewRemote(gitstore.RemoteOptions{Dir: t.TempDir(), MaxBytes: c.most})
		err := sources{remote}.Checkout(t.Context(), c.url, c.commit, filepath.Join(t.TempDir(), "out"))
		remote.Close()
		var fault *localbuild.Fault
		if is := errors.As(err, &fault); err == nil || is != (c.fix != "") || is && !strings.Contains(fault.Fix, c.fix) {
			t.Errorf("%s: %v, want it mended by %q", c.name, err, c.fix)
		}
	}
}

// A Git server that asks to be left alone is heeded wherever it says so: the error that comes to the workers and the loop tells.
// It has not refused anything, whatever status it answers with.
func TestGitServersThatAskToWait(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503, 403} {
		server := gitserver.New(t)
		repo := server.Create(t, "app")
		commit := repo.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
		remote := gitstore.NewRemote(gitstore.RemoteOptions{Dir: t.TempDir()})
		defer remote.Close()
		store, err := gitstore.Open(gitstore.Options{URL: repo.URL, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if _, err := store.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		header := map[string]string{"Retry-After": "1800"}
		for _, op := range []gitserver.Op{gitserver.FetchRefs, gitserver.PushRefs} {
			server.Inject("app", gitserver.Fault{Op: op, Status: status, Header: header})
		}
		_, look := sources{remote}.Tips(t.Context(), repo.URL, []reconciler.Place{{}})
		_, fetch := store.Fetch(t.Context())
		_, push := store.Push(t.Context(), commit, []manifest.Edit{{Message: "2", Files: map[string][]byte{"a": []byte("2")}}})
		checkout := sources{remote}.Checkout(t.Context(), repo.URL, commit, filepath.Join(t.TempDir(), "source"))
		for what, err := range map[string]error{"a look": look, "a fetch": fetch, "a push": push, "a checkout": checkout} {
			var lost *reconciler.SourceError
			if wait := reconciler.RetryAfter(err); wait != 30*time.Minute || errors.As(err, &lost) {
				t.Errorf("%d to %s: it is to wait %v, lost: %v (%v)", status, what, wait, lost != nil, err)
			}
			var refused reconciler.Refusal
			if errors.As(err, &refused) {
				t.Errorf("%d to %s counts as a refusal: %v", status, what, err)
			}
		}
	}
}
