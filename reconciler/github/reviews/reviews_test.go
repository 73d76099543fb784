package reviews_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/reviews"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

const (
	listPulls     = "GET /repos/{owner}/{repo}/pulls"
	getPull       = "GET /repos/{owner}/{repo}/pulls/{pull_number}"
	createComment = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments"
	editComment   = "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}"
	listComments  = "GET /repos/{owner}/{repo}/issues/{issue_number}/comments"
	getPermission = "GET /repos/{owner}/{repo}/collaborators/{username}/permission"
	marker        = "<!-- plateform -->"
)

// Many pull requests are all read, and the second time nothing of them is sent.
func TestManyOpen(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	h.look(func(r *model.Repository) {
		for i := range 149 {
			p := *r.Pulls[number-1]
			p.Number, p.ID = len(r.Pulls)+1, int64(50000+i)
			r.Pulls = append(r.Pulls, &p)
		}
	})
	port := h.app()
	for range 2 {
		open, err := port.Open(t.Context())
		if err != nil || len(open) != 150 || open[0].Number != 1 || open[149].Number != 150 {
			t.Fatalf("%d are open, %v", len(open), err)
		}
	}
	var statuses []int
	for _, c := range h.Calls() {
		if c.Operation == listPulls {
			statuses = append(statuses, c.Status)
		}
	}
	if !slices.Equal(statuses, []int{200, 200, 304, 304}) {
		t.Errorf("the lists were answered with %v", statuses)
	}
}

func TestManyComments(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	say := func(n int) {
		for i := range n {
			_, err := h.Comment(config, number, eve, fmt.Sprint("comment ", i))
			h.must(err)
		}
	}
	say(220)
	h.must(h.app().Comment(t.Context(), number, saying(marker+"\nfirst")))
	say(30)
	h.must(h.app().Comment(t.Context(), number, saying(marker+"\nsecond")))
	h.must(h.app().Comment(t.Context(), number, saying(marker+"\nsecond")))
	h.wrote(createComment, editComment)
	if all := h.comments(number); len(all) != 251 || all[220] != marker+"\nsecond" {
		t.Errorf("there are %d comments", len(all))
	}
}

// What a person says through the App, or another App, is not Plateform's.
func TestCommentOfSomebodyElse(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	key, err := appKey()
	h.must(err)
	h.must(h.AddApp(forge.NewApp{ID: 88, Slug: "other", Owner: "acme", Key: &key.PublicKey, Permissions: map[string]string{"checks": "write"}}))
	for range 2 {
		_, err := h.Comment(config, number, eve, marker+"\nnot Plateform's")
		h.must(err)
	}
	h.must(h.Locked(func(w *forge.World) error {
		all := w.RepoByName(config).Comments
		all[0].App = w.Apps[appID]
		all[1].App, all[1].Author = w.Apps[88], w.Apps[88].Bot
		return nil
	}))
	h.must(h.app().Comment(t.Context(), number, saying(marker+"\nthe plan")))
	h.wrote(createComment)
}

// A comment that somebody changed says again what Plateform says; one that is deleted while it is edited is written again.
func TestCommentChanged(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	port := h.app()
	h.must(port.Comment(t.Context(), number, saying(marker+"\nthe plan\nof two lines")))
	var id int64
	h.look(func(r *model.Repository) { id = r.Comments[0].ID })
	for _, text := range []string{marker + "\nall is well", "all is well"} {
		h.must(h.EditComment(config, id, ann, text))
		h.must(port.Comment(t.Context(), number, saying(marker+"\nthe plan\nof two lines")))
	}
	h.must(h.EditComment(config, id, ann, marker+"\r\nthe plan\r\nof two lines"))
	h.must(port.Comment(t.Context(), number, saying(marker+"\nthe plan\nof two lines")))
	h.wrote(createComment, editComment, editComment)
	h.Inject(githubserver.Fault{Operation: editComment, Times: 1, Before: func() { h.remove(number, marker) }})
	h.must(port.Comment(t.Context(), number, saying(marker+"\nanother plan")))
	if all := h.comments(number); len(all) != 1 || all[0] != marker+"\nanother plan" {
		t.Errorf("comments are %q", all)
	}
}

// Another process comments after this one has seen that there is none, and before it writes its own.
func TestCommentInBetween(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	one, other := h.app(), h.app()
	h.Inject(githubserver.Fault{Operation: createComment, Times: 1, Before: func() {
		if err := other.Comment(t.Context(), number, saying(marker+"\nof the other")); err != nil {
			t.Error(err)
		}
	}})
	for range 2 {
		h.must(one.Comment(t.Context(), number, saying(marker+"\nof one")))
		h.must(other.Comment(t.Context(), number, saying(marker+"\nof one")))
		if all := h.comments(number); len(all) != 1 || all[0] != marker+"\nof one" {
			t.Errorf("comments are %q", all)
		}
	}
}

// GitHub's list may be a moment behind.
func TestCommentsBehind(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	port := h.app()
	h.Inject(githubserver.Fault{Operation: listComments, Status: http.StatusOK, Body: `[]`})
	h.must(port.Comment(t.Context(), number, saying(marker+"\nthe plan")))
	h.must(port.Comment(t.Context(), number, saying(marker+"\nanother plan")))
	h.wrote(createComment, editComment)
	h.remove(number, marker)
	h.must(port.Comment(t.Context(), number, saying(marker+"\nanother plan")))
	h.wrote(createComment, editComment, createComment)
}

// A comment that is cut still says what it is the same as, and is not written at each turn.
func TestLongComment(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	c := saying(marker + "\n````diff\n" + strings.Repeat("+ \U0001F680 a line of a diff\x1b\n", 10000) + "````\n<!-- same -->")
	for range 2 {
		h.must(h.app().Comment(t.Context(), number, c))
	}
	all := h.comments(number)
	if len(all) != 1 || !strings.HasSuffix(all[0], "a line of a diff\uFFFD\n````\n\n… the rest is too long to be shown here\n<!-- same -->") || strings.Contains(all[0], "\x1b") {
		t.Errorf("the comment ends with %q", all[0][max(0, len(all[0])-200):])
	}
	h.wrote(createComment)
}

// Each failure says what was being done, what GitHub says, and how to mend it; once it is over all goes on.
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault githubserver.Fault
		call  func(port *reviews.Reviews, t *testing.T, number int, head string) error
		want  []string
	}{
		{"a locked conversation", githubserver.Fault{Operation: createComment, Status: 403, Body: `{"message":"Unable to create comment because issue is locked."}`},
			comment, []string{"commenting on pull request 1", "issue is locked", "(unlock its conversation)"}},
		{"a comment that may not be", githubserver.Fault{Operation: createComment, Status: 403, Body: `{"message":"Resource not accessible by integration"}`},
			comment, []string{"commenting on pull request 1", "Resource not accessible", "(let Plateform comment on pull requests there)"}},
		{"a check that may not be", githubserver.Fault{Operation: createRun, Status: 403, Body: `{"message":"Resource not accessible by integration"}`},
			publish, []string{"publishing plateform/plan on ", "(let Plateform write checks there)"}},
		{"a token that ended", githubserver.Fault{Operation: listPulls, Status: 401, Body: `{"message":"Bad credentials"}`},
			open, []string{"listing the open pull requests in acme/platform-config", "401: Bad credentials", "(renew the token"}},
		{"an hour used up", githubserver.Fault{Operation: listPulls, Status: 403, Header: map[string]string{"Retry-After": "120"}, Body: `{"message":"rate limit"}`},
			open, []string{"listing the open pull requests", "asked again in 2m0s"}},
		{"a check too soon", githubserver.Fault{Operation: createRun, Status: 429, Header: map[string]string{"Retry-After": "7"}},
			publish, []string{"publishing plateform/plan on ", "asked again in 7s"}},
		{"GitHub in trouble", githubserver.Fault{Operation: getPull, Status: 502}, find, []string{"reading pull request 1", "502: Server Error"}},
		{"a lost connection", githubserver.Fault{Operation: listComments, Drop: true}, comment, []string{"commenting on pull request 1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub(t)
			number, head := h.propose("main", "a change")
			port := h.app()
			h.Inject(tt.fault)
			err := tt.call(port, t, number, head)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			if wait := tt.fault.Header["Retry-After"]; (wait != "") != (reconciler.RetryAfter(err) > 0) {
				t.Errorf("it is to be asked again in %s, and the error says %s", wait, reconciler.RetryAfter(err))
			}
			h.Heal()
			h.pass(5 * time.Minute)
			if err := tt.call(port, t, number, head); err != nil {
				t.Errorf("once that is over: %v", err)
			}
		})
	}
}

// saying is a comment that says what stands in its last line.
func saying(text string) reconciler.Comment {
	lines := strings.Split(text, "\n")
	return reconciler.Comment{Marker: lines[0], Same: lines[len(lines)-1], Text: text}
}

func comment(port *reviews.Reviews, t *testing.T, number int, _ string) error {
	return port.Comment(t.Context(), number, saying(marker+"\nthe plan"))
}

func publish(port *reviews.Reviews, t *testing.T, _ int, head string) error {
	return port.Publish(t.Context(), failing(head, 1))
}

func open(port *reviews.Reviews, t *testing.T, _ int, _ string) error {
	_, err := port.Open(t.Context())
	return err
}

func find(port *reviews.Reviews, t *testing.T, number int, _ string) error {
	_, err := port.Proposal(t.Context(), number)
	return err
}

// An App that was uninstalled does nothing, and says what to do; Proposal does not take it for a pull request that is not there.
func TestUninstalled(t *testing.T) {
	h := newHub(t)
	number, head := h.propose("main", "a change")
	h.must(h.Uninstall(h.installation))
	port := h.app()
	for name, call := range map[string]func(*reviews.Reviews, *testing.T, int, string) error{"comment": comment, "publish": publish, "open": open, "find": find} {
		err := call(port, t, number, head)
		var unreachable *auth.NotReachableError
		if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "(install it on this repository)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if reads, _, err := port.Reads(t.Context(), reconciler.Person{ID: ben, Login: "ben"}, h.URL()+"/acme/shop"); reads || err != nil {
		t.Errorf("nobody can say, and it is %v, %v", reads, err)
	}
}

// A token that no longer reaches the repository does not make all its pull requests go away.
func TestTokenWithoutRepository(t *testing.T) {
	h := newHub(t)
	number, _ := h.propose("main", "a change")
	token, err := h.FineGrainedToken(ann, map[string]string{"pull_requests": "write", "metadata": "read"}, "acme/shop")
	h.must(err)
	h.must(os.WriteFile(h.tokenFile, []byte(token), 0o600))
	if p, err := h.token().Proposal(t.Context(), number); err == nil {
		t.Errorf("it is %v", p)
	}
}

func TestReadsChanges(t *testing.T) {
	h := newHub(t)
	port, shop := h.app(), h.URL()+"/acme/shop"
	asked := reconciler.Person{ID: ben, Login: "ben"}
	is := func(name string, want bool) {
		t.Helper()
		reads, _, err := port.Reads(t.Context(), asked, shop)
		if err != nil || reads != want {
			t.Errorf("%s: reads %v, %v; want %v", name, reads, err, want)
		}
	}
	is("at first", true)
	h.must(h.Rename(ben, "benedict"))
	is("who has another login now", false)
	h.must(h.AddUser(5, "ben"))
	h.must(h.SetRole("acme/shop", 5, model.Admin))
	is("whose login is somebody else's", false)
	asked.Login = "benedict"
	is("by the new login", true)
	h.must(h.SetRole("acme/shop", ben, model.None))
	is("who may no longer", false)
	h.must(h.Suspend(h.installation, true))
	h.pass(time.Hour)
	is("when the App is suspended", false)
	h.must(h.Suspend(h.installation, false))
	h.pass(time.Hour)
	h.must(h.SetRole("acme/shop", ben, model.Read))
	is("when it is not", true)
	for _, status := range []int{500, 429} {
		h.Inject(githubserver.Fault{Operation: getPermission, Times: 1, Status: status})
		if _, _, err := port.Reads(t.Context(), asked, shop); err == nil || !strings.Contains(err.Error(), "asking whether benedict may read acme/shop") {
			t.Errorf("GitHub answers %d, and the error is %v", status, err)
		}
		h.pass(time.Hour)
	}
}

// Each token is for one repository, and for what the call needs.
func TestTokensAreSmall(t *testing.T) {
	h := newHub(t)
	number, head := h.propose("main", "a change")
	port := h.app()
	for _, call := range []func(*reviews.Reviews, *testing.T, int, string) error{comment, publish, open, find} {
		h.must(call(port, t, number, head))
	}
	_, _, err := port.Reads(t.Context(), reconciler.Person{ID: ben, Login: "ben"}, h.URL()+"/acme/shop")
	h.must(err)
	var minted []string
	h.must(h.Locked(func(w *forge.World) error {
		for _, token := range w.Tokens {
			if token.Installation != nil {
				minted = append(minted, fmt.Sprint(len(token.Repositories), " ", token.Permissions))
			}
		}
		return nil
	}))
	slices.Sort(minted)
	want := []string{"1 map[checks:write]", "1 map[contents:read]", "1 map[metadata:read]", "1 map[pull_requests:read]", "1 map[pull_requests:write]"}
	if !slices.Equal(minted, want) {
		t.Errorf("tokens are %q, want %q", minted, want)
	}
}
