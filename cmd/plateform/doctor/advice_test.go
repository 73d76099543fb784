package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// What a server says is shown, with advice that can help against it.
func TestAdvice(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name             string
		fault            gitserver.Fault
		says, fix, never string
	}{
		{"401", gitserver.Fault{Status: 401, Body: "token expired"}, "token expired", "config in serve.yaml: username and passwordFile", "url"},
		{"403", gitserver.Fault{Status: 403, Body: "SSO is needed"}, "SSO is needed", "the right to read", "url"},
		{"404", gitserver.Fault{Status: 404, Body: "no such project"}, "no such project", "config.url", ""},
		{"400", gitserver.Fault{Status: 400, Body: "TF401041: ..."}, "TF401041", "see what the server says", "password"},
		{"429", gitserver.Fault{Status: 429, Header: map[string]string{"Retry-After": "30"}, Body: "slow down"}, "slow down", "wait for 30s", "password"},
		{"503", gitserver.Fault{Status: 503, Body: "upgrading"}, "upgrading", "the server is at fault", "password"},
		{"a page", gitserver.Fault{Status: 200, Body: "<html><title>Sign in</title>"}, "Sign in", "see what the server says", "password"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := gitserver.New(t)
			r := server.Create(t, "config")
			c.fault.Op = gitserver.FetchRefs
			server.Inject("config", c.fault)
			found := examine(t, r.URL).checkConfig(t.Context())
			checkDiagnosis(t, found[0], Failure, c.says, c.fix)
			if c.never != "" && strings.Contains(found[0].Fix, c.never) {
				t.Errorf("the fix is %q", found[0].Fix)
			}
		})
	}
}

// Repositories that cannot be read, or not whole, are told with what mends them.
func TestRepositoriesOfOtherForms(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	gitserver.Git(t, server.Dir, nil, "init", "-q", "--bare", "-b", "main", "--object-format=sha256", "new.git")
	other := server.Open(t, "new")
	other.Commit(gitserver.Change{Message: "1", Files: map[string]string{"platform.yaml": ""}})
	checkDiagnosis(t, examine(t, other.URL).checkConfig(t.Context())[0], Failure, "sha256", "sha1")

	whole := server.Create(t, "whole")
	for range 3 {
		whole.Commit(gitserver.Change{Message: "1"})
	}
	gitserver.Git(t, server.Dir, nil, "clone", "-q", "--bare", "--depth", "1", "file://"+whole.Dir, "cut.git")
	cut := server.Open(t, "cut")
	cut.Git("config", "http.receivepack", "true")
	checkDiagnosis(t, examine(t, cut.URL).checkConfig(t.Context())[2], Warning, "shallow", "git fetch --unshallow")
	checkDiagnosis(t, examine(t, cut.URL).checkGitOps(t.Context())[2], Warning, "shallow", "git fetch --unshallow")
}

// A private source is asked with the credentials of its host.
func TestPrivateSources(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	r := server.Create(t, "shop")
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"main.go": ""}})
	server.RequireLogin("shop", "reader", "hunter2")
	d := examine(t, r.URL)
	d.platform = &manifest.Platform{Spec: manifest.PlatformSpec{Sources: manifest.SourcesSpec{Allow: []string{server.URL() + "/*"}}}}
	d.projects = map[manifest.Key]*manifest.Project{{Workspace: "ws-1", Project: "shop"}: {Spec: manifest.ProjectSpec{
		Type: manifest.Monolithic, Source: &manifest.Source{Repository: r.URL}}}}
	found := d.checkSources(t.Context())
	checkDiagnosis(t, found[len(found)-1], Failure, "401 authentication required: log in first", "sources in serve.yaml")
	dir := t.TempDir()
	user, password := secretFile(t, filepath.Join(dir, "user"), "reader"), secretFile(t, filepath.Join(dir, "password"), "hunter2")
	d.settings.Sources = []installation.SourceSettings{{Host: strings.TrimPrefix(server.URL(), "http://"), UsernameFile: user, PasswordFile: password}}
	checkDiagnosis(t, d.checkSources(t.Context())[0], Fine, "1 of 1 answer", "")
	for key := range d.projects {
		d.projects[key].Spec.Source.Path = "gone"
	}
	checkDiagnosis(t, d.checkSources(t.Context())[0], Failure, "gone", "source in its project.yaml")
	d.settings.Sources[0].PasswordFile = filepath.Join(dir, "nowhere")
	found = d.checkSecrets(t.Context())
	checkDiagnosis(t, found[len(found)-1], Failure, "sources[0].passwordFile", "put the file there")
}

// examine is a look at an installation whose two repositories are one.
func examine(t *testing.T, url string) *examination {
	t.Helper()
	r := installation.RemoteSettings{URL: url, Branch: "main"}
	d := &examination{timeout: 20 * time.Second, dir: t.TempDir(), settings: &installation.Settings{Config: r, GitOps: r}}
	var err error
	if d.config, err = d.open(r, "config"); err == nil {
		d.gitops, err = d.open(r, "gitops")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func checkDiagnosis(t *testing.T, d Diagnosis, status Health, says, fix string) {
	t.Helper()
	if d.Status != status || !strings.Contains(d.Detail, says) || !strings.Contains(d.Fix, fix) {
		t.Errorf("got %s, want %s with %q and %q", fmt.Sprintf("%+v", d), status, says, fix)
	}
}

func secretFile(t *testing.T, file, secret string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
