package githubserver_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

func TestTokensOfInstallations(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	w.repository(forge.NewRepository{Name: "acme/other", Private: true})
	w.repository(forge.NewRepository{Name: "acme/third", Private: true})
	id := w.install(config, "acme/other")

	narrow := w.client(w.token(id, &github.InstallationTokenOptions{Repositories: []string{"config"},
		Permissions: &github.InstallationPermissions{Contents: github.String("read")}}))
	if _, _, err := narrow.Repositories.Get(ctx, "acme", "config"); err != nil {
		t.Error(err)
	}
	head, _, err := narrow.Git.GetRef(ctx, "acme", "config", "heads/main")
	w.must(err)
	_, r, err := narrow.Repositories.CreateStatus(ctx, "acme", "config", head.GetObject().GetSHA(), &github.RepoStatus{State: github.String("success")})
	if status(r) != 403 || r.Header.Get("X-Accepted-GitHub-Permissions") != "statuses=write" {
		t.Errorf("a permission that it has not: %d %v, %v", status(r), r.Header, err)
	}
	for _, name := range []string{"other", "third", "none"} {
		if _, r, err := narrow.Repositories.Get(ctx, "acme", name); status(r) != 404 {
			t.Errorf("a repository that it is not for is answered with %d, %v", status(r), err)
		}
	}
	list, _, err := narrow.Apps.ListRepos(ctx, nil)
	if err != nil || list.GetTotalCount() != 1 || list.Repositories[0].GetFullName() != config {
		t.Errorf("its repositories: %v, %v", list, err)
	}
	if _, r, err := narrow.Users.Get(ctx, ""); status(r) != 403 {
		t.Errorf("the user of an installation: %d, %v", status(r), err)
	}
	for _, o := range []github.InstallationTokenOptions{{Repositories: []string{"third"}}, {Permissions: &github.InstallationPermissions{Administration: github.String("write")}}} {
		if _, r, err := w.app().Apps.CreateInstallationToken(ctx, id, &o); status(r) != 422 {
			t.Errorf("a token for more than the installation has: %d, %v", status(r), err)
		}
	}

	all := w.client(w.token(id, nil))
	if _, _, err := all.Repositories.Get(ctx, "acme", "other"); err != nil {
		t.Error(err)
	}
	w.clock.pass(time.Hour)
	if _, r, err := all.Repositories.Get(ctx, "acme", "other"); status(r) != 401 {
		t.Errorf("a token that has expired: %d, %v", status(r), err)
	}
	fresh := w.client(w.token(id, nil))
	found, _, err := w.app().Apps.FindRepositoryInstallation(ctx, "acme", "config")
	if err != nil || found.GetID() != id || found.GetPermissions().GetChecks() != "write" {
		t.Errorf("the installation: %v, %v", found, err)
	}
	w.must(w.Uninstall(id))
	if _, r, err := fresh.Repositories.Get(ctx, "acme", "other"); status(r) != 401 {
		t.Errorf("a token of an App that was uninstalled: %d, %v", status(r), err)
	}
	if _, r, err := w.app().Apps.FindRepositoryInstallation(ctx, "acme", "config"); status(r) != 404 {
		t.Errorf("an installation that is gone: %d, %v", status(r), err)
	}
	if got := names(w.deliver()); got[0] != "installation created" || got[len(got)-1] != "installation deleted" {
		t.Errorf("told: %v", got)
	}
	if list, _, err := w.app().Apps.ListInstallations(ctx, nil); err != nil || len(list) > 0 {
		t.Errorf("installations: %v, %v", list, err)
	}
}

func TestAnAppProvesWhoItIs(t *testing.T) {
	w := start(t, nil)
	now := w.clock.Now()
	good := jwt.RegisteredClaims{Issuer: "77", IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute))}
	change := func(do func(*jwt.RegisteredClaims)) jwt.RegisteredClaims {
		c := good
		do(&c)
		return c
	}
	sign := func(c jwt.RegisteredClaims) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, c).SignedString(w.key)
		w.must(err)
		return text
	}
	symmetric, err := jwt.NewWithClaims(jwt.SigningMethodHS256, good).SignedString([]byte("key"))
	w.must(err)
	person, err := w.Token(ann, "repo")
	w.must(err)
	for name, text := range map[string]string{
		"another App": sign(change(func(c *jwt.RegisteredClaims) { c.Issuer = "78" })),
		"expired":     sign(change(func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(-time.Second)) })),
		"too long":    sign(change(func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(time.Hour)) })),
		"from later":  sign(change(func(c *jwt.RegisteredClaims) { c.IssuedAt = jwt.NewNumericDate(now.Add(time.Minute)) })),
		"symmetric":   symmetric, "tampered": sign(good) + "x", "a person": person, "nobody": "",
	} {
		if _, r, err := w.client(text).Apps.Get(t.Context(), ""); status(r) != 401 {
			t.Errorf("%s: %d, %v", name, status(r), err)
		}
	}
	app, _, err := w.client(sign(good)).Apps.Get(t.Context(), "")
	if err != nil || app.GetSlug() != "plateform" || len(app.Events) != 3 {
		t.Errorf("the App: %v, %v", app, err)
	}
	if _, r, err := w.client(sign(good)).Repositories.Get(t.Context(), "acme", "config"); status(r) != 403 {
		t.Errorf("a repository, as the App itself: %d, %v", status(r), err)
	}
}

func TestPeopleAndTheirRoles(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	if _, r, err := w.user(eve).Repositories.Get(ctx, "acme", "config"); status(r) != 404 {
		t.Errorf("a private repository, for a stranger: %d, %v", status(r), err)
	}
	if _, r, err := w.client("").Repositories.Get(ctx, "acme", "config"); status(r) != 404 {
		t.Errorf("a private repository, for nobody known: %d, %v", status(r), err)
	}
	if _, r, err := w.client("ghp_wrong").Users.Get(ctx, ""); status(r) != 401 {
		t.Errorf("a token that there is not: %d, %v", status(r), err)
	}
	w.must(w.SetRole(config, eve, model.Read))
	_, r, err := w.user(eve).Repositories.CreateFile(ctx, "acme", "config", "x", &github.RepositoryContentFileOptions{Message: github.String("m"), Content: []byte("x")})
	if status(r) != 403 {
		t.Errorf("writing with read access: %d, %v", status(r), err)
	}
	for login, want := range map[string]string{"ann": "admin", "ben": "write", "eve": "read", "acme": "admin"} {
		level, _, err := w.user(ann).Repositories.GetPermissionLevel(ctx, "acme", "config", login)
		if err != nil || level.GetPermission() != want || level.GetUser().GetLogin() != login {
			t.Errorf("the permission of %s is %v, %v", login, level, err)
		}
	}
	limited, err := w.FineGrainedToken(ann, map[string]string{"contents": "read"}, config)
	w.must(err)
	if _, r, err := w.client(limited).Repositories.ListHooks(ctx, "acme", "config", nil); status(r) != 403 {
		t.Errorf("hooks with a token for contents: %d, %v", status(r), err)
	}
	me, r, err := w.user(ann).Users.Get(ctx, "")
	if err != nil || me.GetID() != ann || r.Header.Get("X-OAuth-Scopes") != "repo" {
		t.Errorf("the user: %v, %v", me, err)
	}
}

// The login is for people, and the id is who they are.
func TestALoginIsTakenOver(t *testing.T) {
	w := start(t, nil)
	w.commit("x", map[string]string{"a": "1"})
	number := w.open("x")
	c := w.user(ann)
	w.must(w.Rename(ben, "benjamin"))
	w.must(w.AddUser(999, "ben"))
	pull, _, err := c.PullRequests.Get(t.Context(), "acme", "config", number)
	if err != nil || pull.GetUser().GetID() != ben || pull.GetUser().GetLogin() != "benjamin" {
		t.Errorf("the author is %v, %v", pull.GetUser(), err)
	}
	other, _, err := c.Users.Get(t.Context(), "ben")
	if err != nil || other.GetID() != 999 {
		t.Errorf("ben is %v, %v", other, err)
	}
	same, _, err := c.Users.GetByID(t.Context(), ben)
	if err != nil || same.GetLogin() != "benjamin" {
		t.Errorf("user 2 is %v, %v", same, err)
	}
	if level, _, err := c.Repositories.GetPermissionLevel(t.Context(), "acme", "config", "ben"); err != nil || level.GetPermission() != "none" {
		t.Errorf("the new ben may %v, %v", level.GetPermission(), err)
	}
	w.must(w.AddUser(1000, "benjamin")) // takes it over while it is in use
	if same, _, err := c.Users.GetByID(t.Context(), ben); err != nil || same.GetLogin() == "benjamin" {
		t.Errorf("user 2 is still %v, %v", same, err)
	}
}

func TestGitAsksWhoYouAre(t *testing.T) {
	w := start(t, nil)
	id := w.install(config)
	full := w.token(id, nil)
	readOnly := w.token(id, &github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{Contents: github.String("read")}})
	stranger, err := w.Token(eve, "repo")
	w.must(err)
	for name, tt := range map[string]struct{ token, want string }{
		"full": {full, ""}, "read only": {readOnly, "403"}, "a stranger": {stranger, "not found"}, "nobody": {"nothing", "Authentication failed"},
	} {
		dir := w.clone(config, full)
		url := strings.Replace(w.CloneURL(config), "http://", "http://x-access-token:"+tt.token+"@", 1)
		mustGit(t, dir, "commit", "-q", "--allow-empty", "-m", "A change")
		out, err := git(t, dir, "push", "-q", url, "HEAD:refs/heads/by-"+strings.ReplaceAll(name, " ", "-"))
		if (err == nil) != (tt.want == "") || !strings.Contains(out, tt.want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	public := forge.NewRepository{Name: "acme/site"}
	w.repository(public)
	if out, err := git(t, t.TempDir(), "ls-remote", w.CloneURL("acme/site")); err != nil {
		t.Errorf("a public repository, for nobody known: %s", out)
	}
	if out, err := git(t, t.TempDir(), "ls-remote", w.CloneURL(config)); err == nil || !strings.Contains(out, "could not read Username") {
		t.Errorf("a private repository, for nobody known: %v\n%s", err, out)
	}
	large := w.clone(config, full)
	w.must(writeRandom(large + "/large.bin"))
	mustGit(t, large, "add", ".")
	mustGit(t, large, "commit", "-q", "-m", "Large")
	mustGit(t, large, "push", "-q", "origin", "HEAD:large") // git sends it in chunks
}

func TestLimits(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	c := w.user(ben)
	head := w.commit("x", map[string]string{"a": "1"})
	one, r, err := c.Repositories.Get(ctx, "acme", "config")
	if err != nil || r.Rate.Limit != 5000 || r.Rate.Remaining != 4999 {
		t.Fatalf("%v: %v, %v", one, r.Rate, err)
	}
	request, err := c.NewRequest(http.MethodGet, "repos/acme/config", nil)
	w.must(err)
	request.Header.Set("If-None-Match", r.Header.Get("ETag"))
	if r, _ := c.Do(ctx, request, nil); status(r) != 304 || r.Rate.Remaining != 4999 {
		t.Errorf("what has not changed: %d, %v", status(r), r.Rate)
	}
	other, err := w.user(ann).NewRequest(http.MethodGet, "repos/acme/config", nil)
	w.must(err)
	other.Header.Set("If-None-Match", r.Header.Get("ETag"))
	if r, _ := w.user(ann).Do(ctx, other, nil); status(r) != 200 {
		t.Errorf("an ETag of somebody else: %d", status(r))
	}

	say := func() error {
		_, _, err := c.Repositories.CreateStatus(ctx, "acme", "config", head, &github.RepoStatus{State: github.String("pending")})
		return err
	}
	for range 80 {
		w.must(say())
	}
	var secondary *github.AbuseRateLimitError
	if err := say(); !errors.As(err, &secondary) || secondary.RetryAfter == nil || *secondary.RetryAfter != time.Minute {
		t.Errorf("the 81st write in a minute: %v", err)
	}
	w.clock.pass(time.Minute)
	c = w.user(ben) // go-github remembers that it was refused
	w.must(say())

	w.must(w.Throttle("ben", githubserver.Throttle{Requests: 1, Status: 429}))
	if _, r, err := c.Repositories.Get(ctx, "acme", "config"); status(r) != 429 || r.Header.Get("Retry-After") != "" {
		t.Errorf("a scripted limit: %d, %v", status(r), err)
	}
	w.must(w.UseUp("ben", 1))
	w.must(say())
	var primary *github.RateLimitError
	if err := say(); !errors.As(err, &primary) || primary.Rate.Remaining != 0 {
		t.Errorf("nothing left in the hour: %v", err)
	}
	rate, _, err := w.user(ben).RateLimit.Get(ctx)
	if err != nil || rate.GetCore().Remaining != 0 || !rate.GetCore().Reset.After(w.clock.Now()) {
		t.Errorf("the rate: %v, %v", rate, err)
	}
	w.clock.pass(time.Hour)
	c = w.user(ben)
	w.must(say())
	if err := w.UseUp("nobody", 1); err == nil {
		t.Error("somebody who is not there has a budget")
	}
}

func TestFaults(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	id := w.install(config)
	c := w.client(w.token(id, nil))
	head := w.commit("x", map[string]string{"a": "1"})
	const operation = "POST /repos/{owner}/{repo}/statuses/{sha}"
	say := func() int {
		_, r, _ := c.Repositories.CreateStatus(ctx, "acme", "config", head, &github.RepoStatus{State: github.String("pending")})
		return status(r)
	}
	count := func() int {
		list, _, err := w.user(ben).Repositories.ListStatuses(ctx, "acme", "config", head, nil)
		w.must(err)
		return len(list)
	}
	called := 0
	w.Inject(githubserver.Fault{Operation: operation, Skip: 1, Times: 2, Status: 502, Body: "Bad Gateway", Header: map[string]string{"Retry-After": "3"}, Before: func() { called++ }})
	if got := [4]int{say(), say(), say(), say()}; got != [4]int{201, 502, 502, 201} || called != 2 || count() != 2 {
		t.Errorf("answered with %v, %d said, called %d times", got, count(), called)
	}
	w.Inject(githubserver.Fault{Operation: operation, Times: 1, Drop: true})
	if got := say(); got != 0 || count() != 2 {
		t.Errorf("a connection that breaks before: %d, %d said", got, count())
	}
	w.Inject(githubserver.Fault{Operation: operation, Times: 1, DropAnswer: true})
	if got := say(); got != 0 || count() != 3 {
		t.Errorf("a connection that breaks after: %d, %d said", got, count())
	}
	w.Inject(githubserver.Fault{Operation: operation, Times: 1, Expire: true})
	if got := [2]int{say(), say()}; got != [2]int{401, 401} {
		t.Errorf("a token that expires halfway: %v", got)
	}
	token := w.token(id, nil)
	dir := w.clone(config, token)
	mustGit(t, dir, "commit", "-q", "--allow-empty", "-m", "A change")
	w.Inject(githubserver.Fault{Operation: "git-receive-pack", Times: 1, Status: 503})
	if out, err := git(t, dir, "push", "origin", "HEAD:y"); err == nil || !strings.Contains(out, "503") {
		t.Errorf("a push that fails: %v\n%s", err, out)
	}
	w.Inject(githubserver.Fault{})
	w.Heal()
	mustGit(t, dir, "push", "-q", "origin", "HEAD:y")
	writes := 0
	for _, call := range w.Calls() {
		if call.Operation == operation && call.Who == "plateform[bot]" && call.Write {
			writes++
		}
	}
	if writes != 5 { // two that were answered by a fault, and three that were done
		t.Errorf("%d writes were answered", writes)
	}
}

func TestInstallationsChange(t *testing.T) {
	w := start(t, nil)
	ctx := t.Context()
	id := w.install(config)
	token := w.client(w.token(id, nil))
	w.must(w.Suspend(id, true))
	if _, r, err := token.Repositories.Get(ctx, "acme", "config"); status(r) != 401 {
		t.Errorf("a token of a suspended installation: %d, %v", status(r), err)
	}
	if _, r, err := w.app().Apps.CreateInstallationToken(ctx, id, nil); status(r) != 403 {
		t.Errorf("a token for a suspended installation: %d, %v", status(r), err)
	}
	w.must(w.Suspend(id, false))
	w.must(w.Permit(id, map[string]string{"metadata": "read"}))
	fewer := w.client(w.token(id, nil))
	if _, r, err := fewer.Git.GetRef(ctx, "acme", "config", "heads/main"); status(r) != 403 {
		t.Errorf("contents without the permission: %d, %v", status(r), err)
	}
	want := []string{"installation created", "installation suspend", "installation unsuspend", "installation new_permissions_accepted"}
	if diff := cmp.Diff(want, names(w.deliver())); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	w.MoveAppHook(appID, "http://127.0.0.1:1", "another secret")
	w.must(w.Uninstall(id))
	if got := w.deliver(); len(got) > 0 {
		t.Errorf("told at an address that was given up: %v", names(got))
	}
	if last := w.Hooks().List(-appID)[0]; last.Action != "deleted" || last.Delivered() || last.Status != "failed to connect to host" {
		t.Errorf("the last delivery is %+v", last)
	}
	text, err := w.Token(ann, "repo")
	w.must(err)
	w.Revoke(text)
	if _, r, err := w.client(text).Users.Get(ctx, ""); status(r) != 401 {
		t.Errorf("a token that was revoked: %d, %v", status(r), err)
	}
}
