package webhook_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/plateform/plateform/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "it is a secret"

// edge is a webhook under test, and what came of its deliveries.
type edge struct {
	*webhook.GitHub
	t *testing.T

	mu         sync.Mutex
	now        time.Time
	secrets    []webhook.Secret
	trouble    error
	hints      []webhook.Hint
	everything int
	counted    map[string]int
	log        bytes.Buffer
	deliveries int
}

func newEdge(t *testing.T) *edge {
	t.Helper()
	e := &edge{t: t, now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), secrets: []webhook.Secret{secret}, counted: map[string]int{}}
	var err error
	e.GitHub, err = webhook.NewGitHub(e.options())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *edge) options() webhook.Options {
	return webhook.Options{
		Secrets: func() ([]webhook.Secret, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			return slices.Clone(e.secrets), e.trouble
		},
		Hints: e,
		Clock: func() time.Time {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.now
		},
		Log: slog.New(slog.NewTextHandler(e, nil)),
		Count: func(event string, r webhook.Result) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.counted[event+" "+string(r)]++
		},
	}
}

// Write takes the log.
func (e *edge) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.Write(p)
}

func (e *edge) Hint(h webhook.Hint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hints = append(e.hints, h)
}

func (e *edge) Everything() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.everything++
}

// handed runs the queue until it has handed on what is in it, and returns that.
func (e *edge) handed() []webhook.Hint {
	e.t.Helper()
	// A last hint shows that all before it were handed on.
	const last = "https://git.test/last"
	e.set(func() { e.hints = nil })
	e.deliver("push", push(last, "refs/heads/main", fmt.Sprint("last ", e.deliveries)))
	ctx, stop := context.WithCancel(e.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	var hints []webhook.Hint
	e.eventually("the queue to be handed on", func() bool {
		hints = slices.Clone(e.hints)
		return len(hints) > 0 && hints[len(hints)-1].Repository == last
	})
	hints = hints[:len(hints)-1]
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		e.t.Errorf("the queue ended with %v", err)
	}
	return hints
}

// eventually waits until something is so, which is asked under the lock.
func (e *edge) eventually(what string, so func() bool) {
	e.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	deadline := time.After(time.Minute)
	for {
		is := false
		e.set(func() { is = so() })
		if is {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			e.t.Fatalf("waited a minute for %s", what)
		}
	}
}

func (e *edge) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change()
}

// request is a delivery as GitHub sends it, signed.
func (e *edge) request(event string, body []byte) *http.Request {
	e.deliveries++
	r := httptest.NewRequest(http.MethodPost, webhook.GitHubPath, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", fmt.Sprintf("72d3162e-cc78-11e3-81ab-%012d", e.deliveries))
	r.Header.Set("X-Hub-Signature-256", sign(sha256.New, "sha256", secret, body))
	return r
}

func sign(h func() hash.Hash, name, key string, body []byte) string {
	mac := hmac.New(h, []byte(key))
	mac.Write(body)
	return name + "=" + hex.EncodeToString(mac.Sum(nil))
}

// answer has the webhook take a request.
func (e *edge) answer(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

// deliver sends a delivery and returns the status and what became of it.
func (e *edge) deliver(event string, body []byte) (int, string) {
	w := e.answer(e.request(event, body))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// push is the body of a push to a repository. what makes it another one than those before.
func push(repository, ref, what string) []byte {
	return fmt.Appendf(nil, `{"ref": %q, "head_commit": {"id": %q}, "repository": {"clone_url": %q}}`, ref, what, repository)
}

// example are deliveries of an event, from GitHub's own documentation.
type example struct {
	Event  string
	Bodies []json.RawMessage
}

func examples(t testing.TB) []example {
	t.Helper()
	file, err := os.Open("testdata/github-examples.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	if err := json.NewDecoder(unpacked).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// All of GitHub's examples are taken, or ignored by name. Two of them have dates that are none of JSON's usual form: nobody
// reads those.
func TestExamplesOfGitHub(t *testing.T) {
	e := newEdge(t)
	got := map[string]int{}
	total := 0
	for _, example := range examples(t) {
		for i, body := range example.Bodies {
			total++
			var head struct{ Action string }
			if err := json.Unmarshal(body, &head); err != nil {
				t.Fatal(err)
			}
			status, said := e.deliver(example.Event, body)
			if status != http.StatusAccepted {
				t.Errorf("example %d of %s: %d %s", i, example.Event, status, said)
			}
			got[strings.TrimSpace(example.Event+" "+head.Action)+": "+said]++
		}
	}
	want := map[string]int{
		"check_run completed: ignored": 3, "check_run created: ignored": 3, "check_run requested_action: ignored": 1, "check_run rerequested: accepted": 2,
		"check_suite completed: ignored": 4, "check_suite requested: ignored": 3, "check_suite rerequested: accepted": 2,
		"create: ignored": 5, "delete: ignored": 4, "deployment_status created: ignored": 4,
		"installation created: accepted": 2, "installation deleted: accepted": 2, "installation new_permissions_accepted: accepted": 1,
		"installation suspend: ignored": 1, "installation unsuspend: ignored": 1,
		"installation_repositories added: accepted": 2, "installation_repositories removed: accepted": 1,
		"issue_comment created: ignored": 5, "issue_comment deleted: ignored": 2, "issue_comment edited: ignored": 2,
		"ping: accepted":                4,
		"pull_request opened: accepted": 4, "pull_request closed: accepted": 2, "pull_request reopened: accepted": 2,
		"pull_request ready_for_review: accepted": 3, "pull_request synchronize: accepted": 1,
		"push: accepted": 7,
	}
	for key, n := range got {
		if strings.HasSuffix(key, "ignored") && (strings.HasPrefix(key, "pull_request ") || strings.HasPrefix(key, "pull_request_review ")) {
			continue // labels, reviewers and the like
		}
		if want[key] != n {
			t.Errorf("%d times %q, want %d", n, key, want[key])
		}
		delete(want, key)
	}
	for key, n := range want {
		t.Errorf("never %q, want %d times", key, n)
	}
	for _, h := range e.handed() {
		if h.Repository == "" || h.Subject == "" {
			t.Errorf("a hint is about nothing: %+v", h)
		}
	}
	if total != 94 {
		t.Errorf("there are %d examples, want 94", total)
	}
}

const hello = "https://github.com/acme/hello.git"

func TestWhatADeliverySays(t *testing.T) {
	const repository = `"repository": {"clone_url": "https://github.com/acme/hello.git", "ssh_url": "git@github.com:acme/hello.git"}`
	about := func(s webhook.Subject, rest webhook.Hint) []webhook.Hint {
		rest.Subject, rest.Repository, rest.SSH = s, hello, "git@github.com:acme/hello.git"
		return []webhook.Hint{rest}
	}
	const zero = "0000000000000000000000000000000000000000"
	tests := []struct {
		name, event, body string
		want              []webhook.Hint
	}{
		{"a push", "push", `{"ref": "refs/heads/main", ` + repository + `}`, about(webhook.Push, webhook.Hint{Ref: "refs/heads/main"})},
		{"a forced push", "push", `{"ref": "refs/heads/main", "forced": true, ` + repository + `}`, about(webhook.Push, webhook.Hint{Ref: "refs/heads/main"})},
		{"a tag", "push", `{"ref": "refs/tags/v1", ` + repository + `}`, about(webhook.Push, webhook.Hint{Ref: "refs/tags/v1"})},
		{"a new branch", "push", `{"ref": "refs/heads/x", "before": "` + zero + `", "head_commit": null, ` + repository + `}`,
			about(webhook.Push, webhook.Hint{Ref: "refs/heads/x"})},
		{"a branch that goes", "push", `{"ref": "refs/heads/x", "after": "` + zero + `", "deleted": true, "head_commit": null, "pusher": null, ` + repository + `}`,
			about(webhook.Push, webhook.Hint{Ref: "refs/heads/x"})},
		{"a repository without a clone_url", "push", `{"ref": "refs/heads/main", "repository": {"clone_url": null, "html_url": "https://github.com/acme/hello"}}`,
			[]webhook.Hint{{Subject: webhook.Push, Repository: "https://github.com/acme/hello", Ref: "refs/heads/main"}}},
		{"a pull request", "pull_request", `{"action": "opened", "number": 7, ` + repository + `}`, about(webhook.PullRequest, webhook.Hint{Number: 7})},
		{"a label", "pull_request", `{"action": "labeled", "number": 7, ` + repository + `}`, nil},
		{"an action that is new to us", "pull_request", `{"action": "levitated", "number": 7, ` + repository + `}`, nil},
		{"a command", "issue_comment", `{"action": "created", "issue": {"number": 7, "pull_request": {}}, "comment": {"id": 9, "body": "Hm.\r\n /plateform retry\r\n"}, ` + repository + `}`,
			about(webhook.Comment, webhook.Hint{Number: 7, Comment: 9})},
		{"a comment", "issue_comment", `{"action": "created", "issue": {"number": 7, "pull_request": {}}, "comment": {"id": 9, "body": "see docs/plateform"}, ` + repository + `}`, nil},
		{"a comment without a text", "issue_comment", `{"action": "created", "issue": {"number": 7, "pull_request": {}}, "comment": {"id": 9, "body": null}, ` + repository + `}`, nil},
		{"a command that was edited", "issue_comment", `{"action": "edited", "issue": {"number": 7, "pull_request": {}}, "comment": {"id": 9, "body": "/plateform retry"}, ` + repository + `}`, nil},
		{"a command on an issue", "issue_comment", `{"action": "created", "issue": {"number": 7}, "comment": {"id": 9, "body": "/plateform retry"}, ` + repository + `}`, nil},
		{"a check to run again", "check_run", `{"action": "rerequested", "check_run": {"id": 5, "head_sha": "9fceb02"}, ` + repository + `}`,
			about(webhook.Checks, webhook.Hint{Commit: "9fceb02", Run: 5})},
		{"a check of our own", "check_run", `{"action": "completed", "check_run": {"id": 5, "head_sha": "9fceb02"}, ` + repository + `}`, nil},
		{"all checks to run again", "check_suite", `{"action": "rerequested", "check_suite": {"head_sha": "9fceb02"}, ` + repository + `}`,
			about(webhook.Checks, webhook.Hint{Commit: "9fceb02"})},
		{"an App is installed", "installation", `{"action": "created", "installation": {"account": {"html_url": "https://ghe.example.com/acme"}}, "repositories": [{"full_name": "acme/hello"}, {"full_name": "acme/shop"}]}`,
			[]webhook.Hint{{Subject: webhook.Access, Repository: "https://ghe.example.com/acme/hello"}, {Subject: webhook.Access, Repository: "https://ghe.example.com/acme/shop"}}},
		{"an App gets and loses repositories", "installation_repositories", `{"action": "added", "installation": {"html_url": "https://github.com/settings/installations/2"}, "repositories_added": [{"full_name": "acme/hello"}], "repositories_removed": [{"full_name": "acme/shop"}]}`,
			[]webhook.Hint{{Subject: webhook.Access, Repository: "https://github.com/acme/hello"}, {Subject: webhook.Access, Repository: "https://github.com/acme/shop"}}},
		{"an App is suspended", "installation", `{"action": "suspend", "installation": {"id": 2}, "repositories": null}`, nil},
		{"an event that is new to us", "levitation", `{}`, nil},
		{"no object", "levitation", `[1, null]`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t)
			status, said := e.deliver(tt.event, []byte(tt.body))
			if status != http.StatusAccepted || (said == "accepted") != (tt.want != nil) {
				t.Errorf("answered %d %s", status, said)
			}
			if diff := cmp.Diff(tt.want, e.handed(), cmp.Transformer("none", func(h []webhook.Hint) []webhook.Hint { return append([]webhook.Hint{}, h...) })); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
		})
	}
}

// What is signed and no delivery of GitHub is refused as such, and is no hint.
func TestMalformedDeliveries(t *testing.T) {
	const repository = `"repository": {"clone_url": "https://github.com/acme/hello.git"}`
	tests := []struct{ name, event, body string }{
		{"nothing", "push", ``},
		{"no JSON", "push", `ref=refs/heads/main`},
		{"no JSON of an event that nobody reads", "star", `{"action": `},
		{"half of it", "push", `{"ref": "refs/heads/main", ` + repository},
		{"more than one", "push", `{"ref": "refs/heads/main", ` + repository + `} {}`},
		{"null", "push", `null`},
		{"a list", "push", `[]`},
		{"a ref that is none", "push", `{"ref": 5, ` + repository + `}`},
		{"no ref", "push", `{"ref": null, ` + repository + `}`},
		{"no repository", "push", `{"ref": "refs/heads/main"}`},
		{"a repository that is null", "push", `{"ref": "refs/heads/main", "repository": null}`},
		{"a repository that is empty", "push", `{"ref": "refs/heads/main", "repository": {}}`},
		{"a repository that is a text", "push", `{"ref": "refs/heads/main", "repository": "hello"}`},
		{"no number", "pull_request", `{"action": "opened", ` + repository + `}`},
		{"a number below 1", "pull_request", `{"action": "opened", "number": -1, ` + repository + `}`},
		{"a number without an end", "pull_request", `{"action": "opened", "number": 1e999, ` + repository + `}`},
		{"a number that is none", "pull_request", `{"action": "opened", "number": 1.5, ` + repository + `}`},
		{"no issue", "issue_comment", `{"action": "created", "comment": {"id": 9}, ` + repository + `}`},
		{"no comment", "issue_comment", `{"action": "created", "issue": {"number": 7}, "comment": null, ` + repository + `}`},
		{"no check run", "check_run", `{"action": "rerequested", ` + repository + `}`},
		{"a check run without a commit", "check_run", `{"action": "rerequested", "check_run": {"id": 5}, ` + repository + `}`},
		{"no check suite", "check_suite", `{"action": "rerequested", ` + repository + `}`},
		{"no installation", "installation", `{"action": "created", "repositories": []}`},
		{"an installation that is nowhere", "installation", `{"action": "created", "installation": {}, "repositories": [{"full_name": "acme/hello"}]}`},
		{"deep", "push", strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat(`}`, 100_000)},
		{"deep lists", "star", strings.Repeat(`[`, 5_000_000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t)
			if status, said := e.deliver(tt.event, []byte(tt.body)); status != http.StatusBadRequest {
				t.Errorf("answered %d %s", status, said)
			}
			if hints := e.handed(); len(hints) > 0 {
				t.Errorf("hints at %+v", hints)
			}
		})
	}
}

// A delivery counts once: sent again by GitHub, or by somebody who caught it and gives it a new id.
func TestDeliveriesCountOnce(t *testing.T) {
	e := newEdge(t)
	body, other := push(hello, "refs/heads/main", "one"), push(hello, "refs/heads/main", "two")
	deliver := func(id string, body []byte) string {
		r := e.request("push", body)
		r.Header.Set("X-GitHub-Delivery", id)
		w := e.answer(r)
		if w.Code != http.StatusAccepted {
			t.Errorf("answered %d", w.Code)
		}
		return strings.TrimSpace(w.Body.String())
	}
	for _, step := range []struct {
		id   string
		body []byte
		want string
	}{
		{"1", body, "accepted"},
		{"1", body, "duplicate"},
		{"2", body, "duplicate"}, // its id is not taken away by it
		{"2", other, "accepted"},
		{"2", push(hello, "refs/heads/main", "three"), "duplicate"},
	} {
		if got := deliver(step.id, step.body); got != step.want {
			t.Errorf("delivery %s with %s was %s, want %s", step.id, step.body, got, step.want)
		}
	}
	e.set(func() { e.now = e.now.Add(11 * time.Minute) })
	if got := deliver("1", body); got != "accepted" {
		t.Errorf("long after it was %s", got)
	}
	if hints := e.handed(); len(hints) != 1 { // all say the same
		t.Errorf("hints at %+v", hints)
	}
	refused := e.request("push", push(hello, "refs/heads/main", "four"))
	refused.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	refused.Header.Set("X-GitHub-Delivery", "4")
	e.answer(refused)
	if got := deliver("4", push(hello, "refs/heads/main", "four")); got != "accepted" {
		t.Errorf("after somebody else had sent the same without a signature it was %s", got)
	}
}

// What can be told from the head of a request is told before its body is read.
func TestRequestsThatAreNoDeliveries(t *testing.T) {
	body := push(hello, "refs/heads/main", "")
	tests := []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed},
		{"HEAD", func(r *http.Request) { r.Method = http.MethodHead }, http.StatusMethodNotAllowed},
		{"PUT", func(r *http.Request) { r.Method = http.MethodPut }, http.StatusMethodNotAllowed},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType},
		{"a form", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, http.StatusUnsupportedMediaType},
		{"almost JSON", func(r *http.Request) { r.Header.Set("Content-Type", "application/json-seq") }, http.StatusUnsupportedMediaType},
		{"a content type that is none", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset") }, http.StatusUnsupportedMediaType},
		{"compressed", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, http.StatusUnsupportedMediaType},
		{"too large, as it says", func(r *http.Request) { r.ContentLength = webhook.MaxBody + 1 }, http.StatusRequestEntityTooLarge},
		{"no signature", func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t)
			r := e.request("push", body)
			r.Body = untouched{t}
			tt.change(r)
			if w := e.answer(r); w.Code != tt.want {
				t.Errorf("answered %d %s, want %d", w.Code, w.Body, tt.want)
			}
		})
	}
	for _, header := range []string{"X-GitHub-Event", "X-GitHub-Delivery"} {
		e := newEdge(t)
		r := e.request("push", body)
		r.Header.Del(header)
		if w := e.answer(r); w.Code != http.StatusBadRequest {
			t.Errorf("without %s answered %d", header, w.Code)
		}
	}
	e := newEdge(t)
	r := e.request("push", body)
	r.Header.Set("Content-Type", "Application/JSON; charset=utf-8")
	if w := e.answer(r); w.Code != http.StatusAccepted {
		t.Errorf("with a charset answered %d", w.Code)
	}
}

// untouched is a body that nobody may read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

func (untouched) Close() error { return nil }

// Whatever is sent is told in a few words, whatever it says of itself, and fills no log.
func TestWhatIsCountedAndLogged(t *testing.T) {
	e := newEdge(t)
	for i := range 1000 {
		e.deliver(fmt.Sprint("levitation-", i), fmt.Appendf(nil, `{"i": %d}`, i))
		r := e.request(fmt.Sprint("push", i), []byte("{}"))
		r.Header.Set("X-Hub-Signature-256", "")
		e.answer(r)
		e.deliver("push", fmt.Appendf(nil, `"%d`, i))
	}
	want := map[string]int{"other ignored": 1000, "other refused": 1000, "push malformed": 1000}
	if diff := cmp.Diff(want, e.counted); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if n := strings.Count(e.log.String(), "\n"); n != 1 {
		t.Errorf("%d lines were logged in one minute", n)
	}
	for key := range e.counted {
		event, result, _ := strings.Cut(key, " ")
		if !slices.Contains(webhook.Events(), event) || !slices.Contains(webhook.Results(), webhook.Result(result)) {
			t.Errorf("%q is none of the words that there are", key)
		}
	}
}
