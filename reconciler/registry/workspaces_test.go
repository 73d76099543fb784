package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

// tenants is a registry where each of two workspaces has a login of its own, and the platform one for all else.
func tenants(t *testing.T, root string) (*ociregistry.Registry, registry.Options) {
	t.Helper()
	server := ociregistry.New(t)
	below := strings.TrimPrefix(root+"/", "/")
	server.RequireLogin("platform", "password-of-platform")
	server.Own(below+"shop/", "robot-shop", "password-of-shop")
	server.Own(below+"birds/", "robot-birds", "password-of-birds")
	return server, registry.Options{
		Username: "platform", Password: "password-of-platform",
		Workspaces: map[string]registry.Login{"shop": {Username: "robot-shop", Password: "password-of-shop"}, "birds": {Username: "robot-birds", Password: "password-of-birds"}},
		Host:       func() string { return server.Host },
		Root:       func() string { return server.Host + root },
	}
}

// Whatever is done with a repository is done as its workspace, where that has credentials, and as the platform elsewhere.
func TestWorkspacesLogInForTheirOwn(t *testing.T) {
	for _, root := range []string{"", "/apps", "/acme/apps"} {
		t.Run(root, func(t *testing.T) {
			server, o := tenants(t, root)
			c := newClient(t, o)
			want := map[string][]string{}
			for name, who := range map[string]string{
				root + "/shop/web": "robot-shop", root + "/shop/web/api": "robot-shop", root + "/birds/wren": "robot-birds",
				root + "/other/web": "platform", root + "/shopping/web": "platform", root + "/a/shop/web": "platform", "/elsewhere/shop/web": "platform",
			} {
				repository := server.Host + name
				digest := push(t, c, repository, "1", newImage(t, v1.Config{}))
				everything(t, c, repository, digest)
				want[strings.TrimPrefix(name, "/")] = []string{who}
			}
			if diff := cmp.Diff(want, server.Askers()); diff != "" {
				t.Errorf("who asked for what (-want +got):\n%s", diff)
			}
		})
	}
}

// everything asks for an image in each way that there is.
func everything(t *testing.T, c *registry.Client, repository, digest string) {
	t.Helper()
	if found, err := c.Digest(t.Context(), repository, "1"); err != nil || found != digest {
		t.Errorf("Digest of %s: %s, %v", repository, found, err)
	}
	if found, _, err := c.Lookup(t.Context(), repository, digest); err != nil || found != digest {
		t.Errorf("Lookup of %s: %s, %v", repository, found, err)
	}
	if there, err := c.Has(t.Context(), repository, digest); err != nil || !there {
		t.Errorf("Has %s: %t, %v", repository, there, err)
	}
	if found, err := c.Resolve(t.Context(), repository+":1"); err != nil || found.Digest != digest {
		t.Errorf("Resolve %s: %v, %v", repository, found, err)
	}
	if err := c.Tag(t.Context(), repository, digest, "v1.0.0"); err != nil {
		t.Errorf("Tag of %s: %v", repository, err)
	}
	image, err := c.Pull(t.Context(), repository, digest)
	if err != nil {
		t.Fatalf("Pull of %s: %v", repository, err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			t.Fatalf("a layer of %s: %v", repository, err)
		}
		if err := content.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Check(t.Context(), repository); err != nil {
		t.Errorf("Check of %s: %v", repository, err)
	}
}

// A workspace's credentials are sent to no other registry, also not when platform.yaml comes to name it for a while only.
func TestWorkspacesLogInNowhereElse(t *testing.T) {
	server, o := tenants(t, "/apps")
	elsewhere := ociregistry.New(t)
	var logins []string
	elsewhere.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if u, _, ok := r.BasicAuth(); ok {
			logins = append(logins, u)
		}
		return false
	})
	root := ""
	o.Root = func() string { return root }
	c := newClient(t, o)
	digest := push(t, newClient(t, registry.Options{}), elsewhere.Host+"/apps/shop/web", "1", newImage(t, v1.Config{}))
	for _, root = range []string{"", "/", "/apps", server.Host + "/apps"} {
		if _, err := c.Resolve(t.Context(), elsewhere.Host+"/apps/shop/web:1"); err != nil {
			t.Error(err)
		}
		if there, err := c.Has(t.Context(), elsewhere.Host+"/apps/shop/web", digest); err != nil || !there {
			t.Errorf("it is there %t, %v", there, err)
		}
	}
	if len(logins) > 0 {
		t.Errorf("another registry is told the credentials of %q", logins)
	}
	root = ""
	if l := c.LoginFor(server.Host + "/apps/shop/web"); l.Username != "platform" {
		t.Errorf("before platform.yaml was read it logs in as %q", l.Username)
	}
	root = server.Host + "/apps"
	for repository, want := range map[string]string{"/apps/shop/web": "robot-shop", "/apps/other/web": "platform", "/apps/shop": "platform", "/apps/shop/WEB": ""} {
		if l := c.LoginFor(server.Host + repository); l.Username != want {
			t.Errorf("for %s it logs in as %q, want %q", repository, l.Username, want)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", o.Workspaces, o.Workspaces, o.Workspaces); strings.Contains(text, "password-of-") {
		t.Errorf("a password is printed: %s", text)
	}
}

// Tokens that a registry hands out for one workspace are not used for another.
func TestTokensAreOfOneWorkspace(t *testing.T) {
	server, o := tenants(t, "/apps")
	for _, below := range []string{"apps/shop/", "apps/birds/"} {
		server.Own(below, "", "") // the tokens say who it is
	}
	realm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		username, password, _ := r.BasicAuth()
		if password != "password-of-"+strings.TrimPrefix(username, "robot-") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"token":%q}`, username)
	}))
	t.Cleanup(realm.Close)
	server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		who, has := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		workspace, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/apps/"), "/")
		switch {
		case !has:
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="registry.test"`, realm.URL))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		case r.URL.Path != "/v2/" && who != "robot-"+workspace:
			t.Errorf("%s %s comes with a token of %s", r.Method, r.URL.Path, who)
		}
		r.Header.Del("Authorization")
		return false
	})
	c := newClient(t, o)
	images := map[string]v1.Image{"shop": newImage(t, v1.Config{}), "birds": newImage(t, v1.Config{})}
	for range 2 {
		for workspace, image := range images {
			repository := server.Host + "/apps/" + workspace + "/web"
			everything(t, c, repository, push(t, c, repository, "1", image))
		}
	}
}

// Credentials that are refused are told as those of the workspace.
func TestRefusedWorkspacesAreNamed(t *testing.T) {
	server, o := tenants(t, "/apps")
	o.Workspaces["shop"] = registry.Login{Username: "robot-shop", Password: "old-password"}
	c := newClient(t, o)
	_, checked := c.Check(t.Context(), server.Host+"/apps/shop/web")
	_, read := c.Digest(t.Context(), server.Host+"/apps/shop/web", "1")
	for doing, err := range map[string]error{"checking": checked, "reading": read} {
		var answer *registry.Error
		const want = "the credentials of the workspace shop do this; check its entry of registry.workspaces"
		if !errors.As(err, &answer) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "old-password") {
			t.Errorf("%s: %v, want %s", doing, err, want)
		}
	}
	if _, err := c.Check(t.Context(), server.Host+"/apps/birds/x"); err != nil {
		t.Errorf("another workspace: %v", err)
	}
	for name, login := range map[string]registry.Login{"no password": {Username: "x"}, "no username": {Password: "hunter2"}, "nothing": {}} {
		if _, err := registry.New(registry.Options{Workspaces: map[string]registry.Login{"shop": login}}); err == nil || !strings.Contains(err.Error(), "workspace shop") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The registry of Docker has two names, and the platform logs in there by either.
func TestDockerHubIsOwnByBothItsNames(t *testing.T) {
	for _, host := range []string{"docker.io", "index.docker.io"} {
		t.Run(host, func(t *testing.T) {
			server := ociregistry.New(t)
			server.RequireLogin("robot", "right")
			c := newClient(t, registry.Options{Username: "robot", Password: "right", Insecure: true, Host: func() string { return host }})
			c.Dial(server.Host)
			repository := host + "/acme/shop"
			digest := push(t, c, repository, "1", newImage(t, v1.Config{}))
			if there, err := c.Has(t.Context(), repository, digest); !there || err != nil {
				t.Errorf("it is there: %t, %v", there, err)
			}
			if image, err := c.Resolve(t.Context(), "docker.io/acme/shop:1"); err != nil || image.Digest != digest || image.Repository != "docker.io/acme/shop" {
				t.Errorf("it resolves to %+v, %v", image, err)
			}
		})
	}
}
