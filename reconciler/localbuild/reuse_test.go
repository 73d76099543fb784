package localbuild_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// twins are two requests for one source, of two projects of one workspace: what one has built is as good for the other.
func (b *bench) twins(t *testing.T) (shop, blog reconciler.BuildRequest) {
	t.Helper()
	shop = b.request(t, "one", hello)
	blog = shop
	blog.ID, blog.Key.Project, blog.Destination = "two", "blog", b.registry.Host+"/ws-1/blog"
	blog.Siblings, blog.Repository = []string{shop.Destination}, "file://"+shop.Repository // spelled otherwise
	return shop, blog
}

// noBuild is a builder on the same registry that cannot compile: what it gives was built before.
func (b *bench) noBuild(t *testing.T) *bench {
	t.Helper()
	o := b.options
	o.Dir, o.GoCommand = t.TempDir(), "/nowhere/go"
	other := &bench{registry: b.registry, options: o, changed: make(chan string, 1000)}
	other.options.Notify = func(id string) { other.changed <- id }
	other.Builder = newBuilder(t, other.options)
	return other
}

func TestASourceThatAnotherProjectOfTheWorkspaceHasBuiltIsNotBuiltAgain(t *testing.T) {
	b := newBench(t, nil)
	shop, blog := b.twins(t)
	made := b.good(t, shop)
	other := b.noBuild(t)
	other.start(t, blog)
	status := other.until(t, blog.ID, done)
	if status.Image == nil {
		t.Fatalf("it was not reused: %+v", status.Failure)
	}
	want := *made
	want.Repository, want.Tag = blog.Destination, "build-two"
	if *status.Image != want {
		t.Errorf("%+v, want %+v", *status.Image, want)
	}
	if status.Reused != "ws-1/shop" || status.Seconds != 0 {
		t.Errorf("it is told as %q after %d s", status.Reused, status.Seconds)
	}
	digest, _, err := b.registry.Client(t, "", "").Lookup(t.Context(), blog.Destination, "build-two")
	if err != nil || digest != made.Digest {
		t.Errorf("its own repository has %s, %v", digest, err)
	}

	// What it got is its own: a third project finds it there when the first is gone.
	third := blog
	third.ID, third.Key.Project, third.Destination, third.Siblings = "three", "news", b.registry.Host+"/ws-1/news", []string{blog.Destination}
	other.good(t, third)
}

// A commit that goes back to what was there before, with another hash, is not built again.
func TestASourceThatGoesBackIsNotBuiltAgain(t *testing.T) {
	b := newBench(t, nil)
	r := b.request(t, "one", hello)
	made := b.good(t, r)
	git(t, r.Repository, "commit", "-q", "--allow-empty", "-m", "two")
	r.ID, r.Commit = "two", git(t, r.Repository, "rev-parse", "HEAD")
	other := b.noBuild(t)
	if got := other.good(t, r); got.Digest != made.Digest || got.Commit != r.Commit || got.Tag != "build-two" {
		t.Errorf("%+v, want %s again", got, made.Digest)
	}
	r.ID, r.Attempt = "three", strings.Repeat("a", 40)
	if failure := other.bad(t, r); !strings.Contains(failure.Summary, "/nowhere/go") {
		t.Errorf("a retry is not built, but %s", failure.Summary)
	}
}

// Whatever determines an image keeps what differs in it apart.
func TestWhatIsNotReused(t *testing.T) {
	b := newBench(t, nil)
	shop, blog := b.twins(t)
	b.good(t, shop)
	elsewhere, commit := newRepository(t, hello)
	changed, other := newRepository(t, with(hello, "page.html", "<p>new"))
	for name, change := range map[string]func(r *reconciler.BuildRequest){
		"another workspace": func(r *reconciler.BuildRequest) {
			r.Key.Workspace, r.Destination = "ws-2", b.registry.Host+"/ws-2/blog"
		},
		"another workspace whose repository it says is its own": func(r *reconciler.BuildRequest) { r.Key.Workspace = "ws-2" },
		"another workspace by a path that goes up": func(r *reconciler.BuildRequest) {
			r.Key.Workspace, r.Destination = "ws-2", b.registry.Host+"/ws-2/blog"
			r.Siblings = []string{b.registry.Host + "/ws-2/../ws-1/shop"}
		},
		"another repository": func(r *reconciler.BuildRequest) { r.Repository, r.Commit = elsewhere, commit },
		"another file":       func(r *reconciler.BuildRequest) { r.Repository, r.Commit = changed, other },
		"another build env": func(r *reconciler.BuildRequest) {
			r.Build = &manifest.Build{Env: []manifest.BuildVar{{Name: "CGO_ENABLED", Value: "0"}}}
		},
		"framework written":    func(r *reconciler.BuildRequest) { r.Build = &manifest.Build{Framework: "go"} },
		"another scan policy":  func(r *reconciler.BuildRequest) { r.Scan.FailOn = "high" },
		"nobody it may ask":    func(r *reconciler.BuildRequest) { r.Siblings = nil },
		"a retry asks for one": func(r *reconciler.BuildRequest) { r.Attempt = strings.Repeat("a", 40) },
	} {
		t.Run(name, func(t *testing.T) {
			r := blog
			change(&r)
			if failure := b.noBuild(t).bad(t, r); !strings.Contains(failure.Summary, "/nowhere/go") {
				t.Errorf("it is not built, but %s", failure.Summary)
			}
		})
	}
}

// Nothing that is odd about an image that could be reused keeps a build from being made.
func TestAnImageThatCannotBeReusedIsBuilt(t *testing.T) {
	for name, spoil := range map[string]func(b *bench, shop reconciler.BuildRequest){
		"its repository may not be read": func(b *bench, _ reconciler.BuildRequest) {
			b.registry.Fail(http.MethodGet, "/ws-1/shop/manifests/source-", http.StatusForbidden)
		},
		"its tag is of somebody else's image": func(b *bench, shop reconciler.BuildRequest) {
			b.registry.Answer(func(w http.ResponseWriter, r *http.Request) bool {
				if at := strings.Index(r.URL.Path, "/source-"); at >= 0 && strings.Contains(r.URL.Path, "/ws-1/shop/") {
					r.URL.Path = r.URL.Path[:at] + "/foreign"
				}
				return false
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			shop, blog := b.twins(t)
			b.good(t, shop)
			foreign, err := random.Image(64, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.registry.Client(t, "", "").Push(t.Context(), shop.Destination, "foreign", foreign); err != nil {
				t.Fatal(err)
			}
			spoil(b, shop)
			b.start(t, blog)
			if status := b.until(t, blog.ID, done); status.Image == nil || status.Reused != "" || status.Image.Repository != blog.Destination {
				t.Errorf("%+v", status)
			}
		})
	}
}

// The hash tells apart what no tool may take for the same.
func TestContentOf(t *testing.T) {
	of := func(files map[string]string, change func(r *reconciler.BuildRequest)) string {
		t.Helper()
		dir := t.TempDir()
		writeFiles(t, dir, files)
		r := reconciler.BuildRequest{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Repository: "https://git.test/shop"}
		if change != nil {
			change(&r)
		}
		content, err := localbuild.Earlier{}.ContentOf(r, localbuild.Source{Root: dir, Path: r.Path})
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	same := of(hello, nil)
	if len(same) != 64 || of(hello, nil) != same {
		t.Fatalf("the same source is %q and %q", same, of(hello, nil))
	}
	if got := of(map[string]string{"README.md": "nothing to build"}, nil); got != "" {
		t.Errorf("what cannot be built has %s", got)
	}
	seen := map[string]string{same: "the source"}
	for name, content := range map[string]string{
		"a file more":       of(with(hello, "a", ""), nil),
		"one in a folder":   of(with(hello, "a/b", ""), nil),
		"a long name":       of(with(hello, "a\"\nfile \"b", ""), nil),
		"other words":       of(with(hello, "a", "b"), nil),
		"another workspace": of(hello, func(r *reconciler.BuildRequest) { r.Key.Workspace = "ws-2" }),
		"generated":         of(map[string]string{"index.html": "<p>hello"}, nil),
	} {
		if before, found := seen[content]; found || content == "" {
			t.Errorf("%s is the same as %s", name, before)
		}
		seen[content] = name
	}
	dir := t.TempDir()
	writeFiles(t, dir, hello)
	r := reconciler.BuildRequest{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Repository: "https://git.test/shop"}
	mirrored, err := localbuild.Earlier{Steps: localbuild.Steps{Mirrors: localbuild.Mirrors{"docker.io": "mirror.test"}}}.ContentOf(r, localbuild.Source{Root: dir})
	if err != nil || mirrored == same {
		t.Errorf("with base images from elsewhere it is the same: %v", err)
	}
	if of(hello, func(r *reconciler.BuildRequest) { r.Key.Project = "blog" }) != same {
		t.Error("another project of the workspace has another one")
	}
	if of(hello, func(r *reconciler.BuildRequest) { r.Repository = "git@git.test:shop.git" }) != same {
		t.Error("another spelling of the repository has another one")
	}
}
