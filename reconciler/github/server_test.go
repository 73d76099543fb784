package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// canary is the token that must show up nowhere.
const canary = "ghp_canary4711"

// clock stands still but for what is slept.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.pass(d)
	return ctx.Err()
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// status is one that was created.
type status struct {
	State       string `json:"state"`
	Context     string `json:"context"`
	Description string `json:"description"`
	TargetURL   string `json:"target_url"`
}

// fault answers a request instead of GitHub; 0 drops the connection, taken says that the request is done all the same.
type fault struct {
	method string
	path   string // a part of it
	status int
	header map[string]string
	body   string
	taken  bool
	times  int
}

// gitHub keeps the statuses of commits. It refuses what GitHub refuses.
type gitHub struct {
	*clock
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	statuses map[string][]status // by repository and commit, oldest first
	faults   []fault
	writes   []string // repository, commit and context of each that was tried
	reads    int
}

func newGitHub(t *testing.T) *gitHub {
	t.Helper()
	g := &gitHub{t: t, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, statuses: map[string][]status{}}
	g.server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(g.server.Close)
	return g
}

var (
	create = regexp.MustCompile(`^/api/v3/repos/([^/]+/[^/]+)/statuses/([^/]+)$`)
	list   = regexp.MustCompile(`^/api/v3/repos/([^/]+/[^/]+)/commits/([^/]+)/statuses$`)
)

func (g *gitHub) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if got := r.Header.Get("Authorization"); got != "Bearer "+canary {
		g.t.Errorf("%s %s logs in as %q", r.Method, r.URL, got)
	}
	var sent status
	m := create.FindStringSubmatch(r.URL.Path)
	if r.Method == http.MethodPost && m != nil {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			g.t.Error(err)
		}
		g.writes = append(g.writes, m[1]+" "+m[2]+" "+sent.Context)
	}
	if f := g.fault(r); f != nil {
		if f.taken {
			g.take(m[1]+" "+m[2], sent)
		}
		if f.status == 0 {
			panic(http.ErrAbortHandler)
		}
		for name, value := range f.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(f.status)
		fmt.Fprint(w, f.body)
		return
	}
	if m != nil {
		g.create(w, m[1]+" "+m[2], sent)
		return
	}
	if m = list.FindStringSubmatch(r.URL.Path); m == nil || r.Method != http.MethodGet {
		g.t.Errorf("unexpected %s %s", r.Method, r.URL)
		return
	}
	g.reads++
	g.list(w, r, m[1]+" "+m[2])
}

// fault returns the first one that is for a request.
func (g *gitHub) fault(r *http.Request) *fault {
	for i := range g.faults {
		f := &g.faults[i]
		if f.times > 0 && f.method == r.Method && regexp.MustCompile(f.path).MatchString(r.URL.Path) {
			f.times--
			return f
		}
	}
	return nil
}

func (g *gitHub) take(commit string, sent status) {
	g.statuses[commit] = append(g.statuses[commit], sent)
}

func (g *gitHub) create(w http.ResponseWriter, commit string, sent status) {
	of := 0
	for _, s := range g.statuses[commit] {
		if s.Context == sent.Context {
			of++
		}
	}
	refuse := ""
	switch {
	case of >= 1000:
		refuse = "Validation Failed: This SHA and context has reached the maximum number of statuses."
	case len([]rune(sent.Description)) > 140:
		refuse = "description is too long (maximum is 140 characters)"
	case !slices.Contains([]string{"pending", "success", "failure", "error"}, sent.State):
		refuse = "state is not included in the list"
	}
	if refuse != "" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprintf(w, `{"message":%q}`, refuse)
		return
	}
	g.take(commit, sent)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprint(w, `{}`)
}

func (g *gitHub) list(w http.ResponseWriter, r *http.Request, commit string) {
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	all := slices.Clone(g.statuses[commit])
	slices.Reverse(all)
	from := min(max(page-1, 0)*size, len(all))
	to := min(from+size, len(all))
	if to < len(all) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="next"`, g.server.URL, r.URL.Path, size, max(page, 1)+1))
	}
	if err := json.NewEncoder(w).Encode(all[from:to]); err != nil {
		g.t.Error(err)
	}
}

// inject has a fault happen.
func (g *gitHub) inject(f fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f.times = max(f.times, 1)
	g.faults = append(g.faults, f)
}

// mend ends all faults.
func (g *gitHub) mend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = nil
}

// shows is what people see on a commit: the newest status of each context.
func (g *gitHub) shows(repository, sha string) map[string]status {
	g.mu.Lock()
	defer g.mu.Unlock()
	newest := map[string]status{}
	for _, s := range g.statuses[repository+" "+sha] {
		newest[s.Context] = s
	}
	return newest
}

// tried is how many statuses were sent, also those that were not taken.
func (g *gitHub) tried() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.writes)
}

// client is how a process that has just started reaches it.
func (g *gitHub) client() (auth.Site, *client.Client, auth.Tokens) {
	g.t.Helper()
	site, err := auth.SiteAt(g.server.URL)
	if err != nil {
		g.t.Fatal(err)
	}
	c, err := client.New(client.Options{API: site.API, Clock: g.clock})
	if err != nil {
		g.t.Fatal(err)
	}
	file := filepath.Join(g.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(canary), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return site, c, auth.File(file)
}
