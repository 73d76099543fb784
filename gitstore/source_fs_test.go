package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
)

// linkTargets is a Scopes that reads a folder and what the links in it lead to.
type linkTargets struct{}

func (linkTargets) Candidates(Place) []string { return nil }

func (linkTargets) Find(files fs.FS, p Place) ([]string, string, error) {
	paths := []string{p.Path}
	entries, err := fs.ReadDir(files, p.Path)
	for _, e := range entries {
		name := p.Path + "/" + e.Name()
		target, failed := fs.ReadLink(files, name)
		switch isLink := e.Type() == fs.ModeSymlink; {
		case isLink != (failed == nil), !isLink && !errors.Is(failed, fs.ErrNotExist):
			return nil, "", fmt.Errorf("%s is %v: %w", name, e.Type(), failed)
		case isLink:
			paths = append(paths, target)
		}
	}
	return paths, "links", err
}

func TestScopesSeeLinks(t *testing.T) {
	t.Parallel()
	for name, settings := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := gitserver.New(t).Create(t, "shop")
			for i := 0; i < len(settings); i += 2 {
				r.Git("config", settings[i], settings[i+1])
			}
			change := gitserver.Change{Message: "1", Files: map[string]string{"svc/zz": "1", "svc/a/b": "1", "only/link": "lib/x0"}, Modes: map[string]string{"only/link": "120000"}}
			want := "svc"
			for i := range 12 { // more than are fetched one by one
				link, target := fmt.Sprintf("svc/l%02d", i), fmt.Sprintf("lib/x%02d", i)
				change.Files[link], change.Modes[link] = target, "120000"
				want += ", " + target
			}
			r.Commit(change)
			found := tipsOf(t, openRemote(t, RemoteOptions{Scopes: linkTargets{}}), r.URL, Place{Path: "svc"}, Place{Path: "only"})
			for i, scope := range []string{want, "only, lib/x0"} {
				if found[i].Err != nil || found[i].Scope != scope {
					t.Errorf("%d: %+v, want the scope %s", i, found[i], scope)
				}
			}
		})
	}
}

// Links are fetched together: many of them cost one more pack.
func TestLinksAskLittle(t *testing.T) {
	t.Parallel()
	srv := gitserver.New(t)
	r := srv.Create(t, "shop")
	r.Git("config", "uploadpack.allowFilter", "true")
	r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
	change := gitserver.Change{Message: "1", Files: map[string]string{"svc/main.go": "1"}, Modes: map[string]string{}}
	for i := range 12 {
		link := fmt.Sprintf("svc/l%02d", i)
		change.Files[link], change.Modes[link] = fmt.Sprint("x", i), "120000"
	}
	r.Commit(change)
	tipsOf(t, openRemote(t, RemoteOptions{Scopes: linkTargets{}}), r.URL, Place{Path: "svc"})
	asked(t, srv, "shop", 1, 2)
}
