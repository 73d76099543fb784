package gitstore

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// What a server says to a push that it does not take gets to who pushed, as one line. A server that is not well does not refuse.
func TestWhatAServerSaysToAPush(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault   gitserver.Fault
		words   string
		refused bool
	}{
		"a rule of the branch": {gitserver.Fault{Op: gitserver.PushPack, Refuse: "protected branch hook declined"}, "protected branch hook declined", true},
		"non-fast-forward":     {gitserver.Fault{Op: gitserver.PushPack, Refuse: "non-fast-forward"}, "non-fast-forward", true},
		"no rights":            {gitserver.Fault{Op: gitserver.PushPack, Status: http.StatusForbidden, Body: "Permission to acme/config denied to robot."}, "denied to robot", true},
		"no rights to begin":   {gitserver.Fault{Op: gitserver.PushRefs, Status: http.StatusForbidden, Body: "The repository is archived."}, "is archived", true},
		"a login that is over": {gitserver.Fault{Op: gitserver.PushRefs, Status: http.StatusUnauthorized, Body: "Token expired"}, "Token expired", true},
		"too large":            {gitserver.Fault{Op: gitserver.PushPack, Status: http.StatusRequestEntityTooLarge, Body: "quota of 1 GiB exceeded\nsee the admin"}, "quota of 1 GiB exceeded", true},
		"no room":              {gitserver.Fault{Op: gitserver.PushPack, Status: http.StatusInsufficientStorage, Body: "no room left"}, "no room left", false},
		"not well":             {gitserver.Fault{Op: gitserver.PushPack, Status: http.StatusServiceUnavailable, Body: "down for maintenance"}, "down for maintenance", false},
		"too many requests":    {gitserver.Fault{Op: gitserver.PushRefs, Status: http.StatusTooManyRequests, Body: "slow down"}, "slow down", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, r, s, base := served(t, Options{})
			srv.Inject("config", tt.fault)
			edit := setFiles("ours", map[string]string{"b": "1"})
			_, err := s.Push(t.Context(), base, []manifest.Edit{edit})
			var refused *RefusedError
			if got := errors.As(err, &refused); err == nil || got != tt.refused || !strings.Contains(err.Error(), strings.Split(tt.words, "; ")[0]) {
				t.Fatalf("the push ended with %v; refused is %v, want %v and %q", err, got, tt.refused, tt.words)
			}
			if tt.refused && (!strings.Contains(refused.Refusal(), tt.words) || strings.Contains(refused.Refusal(), "\n")) {
				t.Errorf("the server is quoted as %q, want %q", refused.Refusal(), tt.words)
			}
			srv.Heal("config")
			if h := push(t, s, base, edit); r.Head("main") != h[0] {
				t.Error("it does not go on when that is over")
			}
		})
	}
}

// A page is no message, and colours and other commands to a terminal are not passed on.
func TestWhatAServerSaysIsFitToBeShown(t *testing.T) {
	t.Parallel()
	_, r, s, base := served(t, Options{})
	r.Hook("pre-receive", `printf '\033[31mGL-HOOK-ERR: sign\r your work\033[0m\n\n' >&2; exit 1`)
	_, err := s.Push(t.Context(), base, []manifest.Edit{setFiles("ours", map[string]string{"b": "1"})})
	var refused *RefusedError
	if !errors.As(err, &refused) || strings.ContainsAny(refused.Message, "\x1b\r\n") || !strings.Contains(refused.Message, "GL-HOOK-ERR: sign") {
		t.Errorf("the server is quoted as %q", err)
	}
}

// A branch that is checked out where it is pushed to is refused in git's words.
func TestAPushToACheckedOutBranch(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "config")
	gitserver.Git(t, ".", nil, "init", "-q", "-b", "main", dir)
	gitserver.Git(t, dir, nil, "commit", "-q", "--allow-empty", "-m", "1")
	s := openStore(t, Options{URL: dir})
	base := fetch(t, s)
	_, err := s.Push(t.Context(), base, []manifest.Edit{setFiles("ours", map[string]string{"b": "1"})})
	var refused *RefusedError
	if !errors.As(err, &refused) || !strings.Contains(refused.Refusal(), "checked out") {
		t.Errorf("the push ended with %v", err)
	}
}

// A source that is not there, or not for us, is told from a host that is not well.
func TestSourcesThatAreNotThere(t *testing.T) {
	t.Parallel()
	srv, r, _, _ := served(t, Options{})
	remote := NewRemote(RemoteOptions{})
	t.Cleanup(remote.Close)
	ask := func(url string) error {
		_, err := remote.Tips(t.Context(), url, []Place{{Branch: "main"}})
		return err
	}
	for name, tt := range map[string]struct {
		url    string
		fault  *gitserver.Fault
		denied bool
	}{
		"renamed":              {strings.Replace(r.URL, "config", "other", 1), nil, true},
		"a folder that is not": {filepath.Join(t.TempDir(), "nowhere.git"), nil, true},
		"private":              {r.URL, &gitserver.Fault{Op: gitserver.FetchRefs, Times: 1, Status: http.StatusUnauthorized}, true},
		"forbidden":            {r.URL, &gitserver.Fault{Op: gitserver.FetchRefs, Times: 1, Status: http.StatusForbidden}, true},
		"gone":                 {r.URL, &gitserver.Fault{Op: gitserver.FetchRefs, Times: 1, Status: http.StatusGone}, true},
		"not well":             {r.URL, &gitserver.Fault{Op: gitserver.FetchRefs, Times: 1, Status: http.StatusBadGateway}, false},
		"too slow for it":      {r.URL, &gitserver.Fault{Op: gitserver.FetchRefs, Times: 1, Status: http.StatusRequestTimeout}, false},
		"too many requests":    {r.URL, &gitserver.Fault{Op: gitserver.FetchRefs, Times: 1, Status: http.StatusTooManyRequests}, false},
		"nobody listens":       {"http://127.0.0.1:1/shop.git", nil, false},
	} {
		if tt.fault != nil {
			srv.Inject("config", *tt.fault)
		}
		err := ask(tt.url)
		var denied *DeniedError
		if got := errors.As(err, &denied); err == nil || got != tt.denied {
			t.Errorf("%s: %v; it is not there: %v, want %v", name, err, got, tt.denied)
		}
	}
}

// Over SSH, too: a key that is not let in, a host that is not known, and a repository that is not there.
func TestSourcesThatAreNotThereOverSSH(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gitserver.CreateBare(t, dir)
	right, other := gitserver.NewSSH(t, dir), gitserver.NewSSH(t, dir)
	for name, access := range map[string]SSH{
		"a key of somebody else": {KeyFile: other.KeyFile, KnownHostsFile: right.KnownHostsFile},
		"an unknown host":        {KeyFile: right.KeyFile, KnownHostsFile: other.KnownHostsFile},
		"no key":                 {KeyFile: filepath.Join(dir, "nowhere"), KnownHostsFile: right.KnownHostsFile},
		"no repository":          {KeyFile: right.KeyFile, KnownHostsFile: right.KnownHostsFile},
	} {
		_, err := openRemote(t, RemoteOptions{Access: Access{SSH: access}}).Tips(t.Context(), right.URL("missing"), []Place{{}})
		var denied *DeniedError
		if !errors.As(err, &denied) {
			t.Errorf("%s: %v, want that it is denied", name, err)
		}
	}
}
