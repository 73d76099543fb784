package gitstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/plateform/plateform/test/gitserver"
)

// tipOf asks for one place.
func tipOf(t *testing.T, r *Remote, repository string, p Place) (Tip, error) {
	t.Helper()
	found := tipsOf(t, r, repository, p)[0]
	if found.Err != nil && found.Tip != (Tip{}) {
		t.Errorf("%+v is found and is not: %+v", p, found)
	}
	return found.Tip, found.Err
}

func tipsOf(t *testing.T, r *Remote, repository string, places ...Place) []Found {
	t.Helper()
	found, err := r.Tips(t.Context(), repository, places)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(places) {
		t.Fatalf("%d answers about %d places", len(found), len(places))
	}
	return found
}

// asked holds how many listings and packs a server was asked for.
func asked(t *testing.T, srv *gitserver.Server, repo string, lists, packs int) {
	t.Helper()
	if l, p := srv.Count(repo, gitserver.FetchRefs), srv.Count(repo, gitserver.FetchPack); l != lists || p != packs {
		t.Errorf("%d listings and %d packs, not %d and %d", l, p, lists, packs)
	}
}

func TestTip(t *testing.T) {
	t.Parallel()
	for _, tr := range transports() {
		for _, modern := range []bool{false, true} {
			t.Run(fmt.Sprint(tr.name, modern), func(t *testing.T) {
				t.Parallel()
				r, o := tr.make(t)
				if modern {
					r.Git("config", "uploadpack.allowFilter", "true")
					r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
				}
				old := r.Commit(gitserver.Change{Message: "1", Author: "Bob <b@x>", Files: map[string]string{"web/app.js": "1", "api/main.go": "1"}})
				tip := r.Commit(gitserver.Change{Message: "2", Author: "Eve <e@x>", Files: map[string]string{"api/main.go": "2"}})
				remote := openRemote(t, RemoteOptions{Access: o.Access})
				for _, c := range []struct {
					place Place
					want  Tip
				}{
					{Place{}, Tip{Commit: tip}},
					{Place{Branch: "main", Path: "."}, Tip{Commit: tip}},
					{Place{Path: "web"}, Tip{Commit: tip, Tree: r.Git("rev-parse", tip+":web"), By: "Eve"}},
					{Place{Path: "./api/"}, Tip{Commit: tip, Tree: r.Git("rev-parse", tip+":api"), By: "Eve"}},
					{Place{Path: "api", Revision: old}, Tip{Commit: old, Tree: r.Git("rev-parse", old+":api"), By: "Bob"}},
					{Place{Branch: "gone", Revision: old}, Tip{Commit: old}},
				} {
					for range 2 { // the second time from the cache
						got, err := tipOf(t, remote, o.URL, c.place)
						if err != nil || got != c.want {
							t.Errorf("%+v: %+v %v, not %+v", c.place, got, err, c.want)
						}
					}
				}
				for _, c := range []struct {
					place Place
					want  error
					says  string
				}{
					{Place{Branch: "dev"}, ErrNoBranch, "there are: main"},
					{Place{Path: "cmd"}, ErrNoPath, "cmd at " + tip},
					{Place{Path: "api/main.go"}, ErrNotFolder, "it is no folder but a file: api/main.go at " + tip},
					{Place{Path: "../x"}, nil, "leaves the repository"},
					{Place{Path: "/etc"}, nil, "leaves the repository"},
					{Place{Revision: "main"}, nil, "full hash"},
					{Place{Branch: "$(id) x"}, nil, "not a name Git allows"},
				} {
					_, err := tipOf(t, remote, o.URL, c.place)
					if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
						t.Errorf("%+v: %v", c.place, err)
					}
				}
				lost := Place{Path: "api", Revision: strings.Repeat("1", 40)}
				if _, err := tipOf(t, remote, o.URL, lost); err == nil {
					t.Error("a commit that is not there has a tip")
				}
			})
		}
	}
}

func TestTipOfAnEmptyRepository(t *testing.T) {
	t.Parallel()
	r := gitserver.New(t).Create(t, "empty")
	_, err := tipOf(t, openRemote(t, RemoteOptions{}), r.URL, Place{})
	if !errors.Is(err, ErrNoBranch) || !strings.Contains(err.Error(), "is empty") {
		t.Fatal(err)
	}
}

func TestTipAsksLittle(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "shop")
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"web/x": "1"}})
	remote := openRemote(t, RemoteOptions{})
	for range 3 {
		if _, err := tipOf(t, remote, r.URL, Place{Path: "web"}); err != nil {
			t.Fatal(err)
		}
	}
	if lists, packs := srv.Count("shop", gitserver.FetchRefs), srv.Count("shop", gitserver.FetchPack); lists != 3 || packs != 1 {
		t.Errorf("%d listings and %d packs", lists, packs)
	}
}

// TestTenServicesOfOneRepository are one listing and one fetch, and one listing when nothing has moved.
func TestTenServicesOfOneRepository(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "shop")
	files := map[string]string{}
	var places []Place
	for i := range 10 {
		files[fmt.Sprintf("services/s%d/main.go", i)] = fmt.Sprint(i)
		places = append(places, Place{Path: fmt.Sprintf("services/s%d", i)})
	}
	head := r.Commit(gitserver.Change{Message: "1", Author: "Eve <e@x>", Files: files})
	remote := openRemote(t, RemoteOptions{})
	var want []Found
	for _, p := range places {
		want = append(want, Found{Tip: Tip{Commit: head, Tree: r.Git("rev-parse", head+":"+p.Path), By: "Eve"}})
	}
	for i := range 2 {
		if d := cmp.Diff(want, tipsOf(t, remote, r.URL, places...)); d != "" {
			t.Error(d)
		}
		asked(t, srv, "shop", i+1, 1)
	}
}

// TestMixedPlaces asks for branches and revisions at once, some of them wrong: those hurt no other.
func TestMixedPlaces(t *testing.T) {
	t.Parallel()
	for _, tr := range transports() {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			r, o := tr.make(t)
			r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
			old := r.Commit(gitserver.Change{Message: "1", Author: "Bob <b@x>", Files: map[string]string{"web/x": "1", "api/x": "1"}})
			head := r.Commit(gitserver.Change{Message: "2", Author: "Eve <e@x>", Files: map[string]string{"web/x": "2"}})
			dev := r.Commit(gitserver.Change{Message: "3", Author: "Kim <k@x>", Branch: "dev", Parent: head, Files: map[string]string{"api/x": "3"}})
			tip := func(commit, dir, by string) Found {
				return Found{Tip: Tip{Commit: commit, Tree: r.Git("rev-parse", commit+":"+dir), By: by}}
			}
			bad := func(err error) Found { return Found{Err: err} }
			gone := strings.Repeat("1", 40)
			places := []Place{
				{Path: "web"}, {Branch: "gone", Path: "web"}, {Branch: "dev", Path: "api"}, {Branch: "dev"}, {Revision: old, Path: "api"},
				{Revision: old}, {Path: "none"}, {Revision: gone, Path: "api"}, {Revision: gone}, {Path: "../x"}, {Revision: old, Path: "none"},
				{Branch: "dev", Path: "web"},
			}
			want := []Found{
				tip(head, "web", "Eve"), bad(ErrNoBranch), tip(dev, "api", "Kim"), {Tip: Tip{Commit: dev}}, tip(old, "api", "Bob"),
				{Tip: Tip{Commit: old}}, bad(ErrNoPath), bad(cmpopts.AnyError), {Tip: Tip{Commit: gone}}, bad(cmpopts.AnyError), bad(ErrNoPath),
				tip(dev, "web", "Kim"),
			}
			remote := openRemote(t, RemoteOptions{Access: o.Access})
			for range 2 {
				if d := cmp.Diff(want, tipsOf(t, remote, o.URL, places...), cmpopts.EquateErrors()); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestTipsAskLittleOfBranchesAndRevisions(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "shop")
	r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
	old := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"web/x": "1", "api/x": "1"}})
	r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"web/x": "2"}})
	remote := openRemote(t, RemoteOptions{})
	if found := tipsOf(t, remote, r.URL); len(found) > 0 {
		t.Error(found)
	}
	tipsOf(t, remote, r.URL, Place{Revision: old}, Place{Revision: old, Path: "."})
	asked(t, srv, "shop", 0, 0)
	tipsOf(t, remote, r.URL, Place{}, Place{Branch: "gone"}, Place{Branch: "main"})
	asked(t, srv, "shop", 1, 0)
	tipsOf(t, remote, r.URL, Place{Revision: old, Path: "web"}, Place{Path: "web"}, Place{Revision: old, Path: "api"}, Place{Path: "api"})
	asked(t, srv, "shop", 2, 2)
	tipsOf(t, remote, r.URL, Place{Revision: old, Path: "web"}, Place{Revision: old, Path: "api"})
	asked(t, srv, "shop", 2, 2)
	// A folder of a commit that was looked at for another one is a fetch of its own.
	if _, err := tipOf(t, remote, r.URL, Place{Revision: old, Path: "none"}); !errors.Is(err, ErrNoPath) {
		t.Error(err)
	}
	asked(t, srv, "shop", 3, 3)
}

// TestTipsOfARepositoryThatDoesNotAnswer are one error about all places.
func TestTipsOfARepositoryThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "private")
	head := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"web/x": "1"}})
	places := []Place{{Path: "web"}, {}, {Revision: head}}
	remote := openRemote(t, RemoteOptions{Access: Access{CallTimeout: 250 * time.Millisecond}})
	for _, url := range []string{srv.URL() + "/missing.git", "git://127.0.0.1/x", ""} {
		if found, err := remote.Tips(t.Context(), url, places); err == nil || found != nil {
			t.Errorf("%q: %v %v", url, found, err)
		}
	}
	srv.Inject("private", gitserver.Fault{Op: gitserver.FetchRefs, Hang: true})
	if _, err := remote.Tips(t.Context(), r.URL, places); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that hangs: %v", err)
	}
	srv.Heal("private")
	srv.RequireLogin("private", "x", "y")
	if _, err := remote.Tips(t.Context(), r.URL, places); err == nil || !strings.Contains(err.Error(), "the source "+r.URL) {
		t.Errorf("a server that wants a login: %v", err)
	}
}

// TestAFetchThatFailsHurtsOnlyWhatNeedsIt holds that places of another commit, or without a folder, are still found.
func TestAFetchThatFailsHurtsOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "shop")
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"web/x": "1"}})
	r.Commit(gitserver.Change{Message: "2", Branch: "dev", Files: map[string]string{"web/x": "2"}})
	srv.Inject("shop", gitserver.Fault{Op: gitserver.FetchPack, Times: 1, Cut: 60})
	found := tipsOf(t, openRemote(t, RemoteOptions{}), r.URL, Place{Path: "web"}, Place{}, Place{Branch: "dev", Path: "web"})
	if found[0].Err == nil || found[1].Err != nil || found[2].Err != nil {
		t.Errorf("found %+v", found)
	}
}
