package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/client"
)

const canary = "ghs_canary4711"

// clock stands still but for what is slept.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

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

// login hands out its tokens one after the other.
type login struct {
	tokens []string
	used   int
}

func (l *login) Authorization(context.Context) (client.Secret, error) {
	return client.Secret("Bearer " + l.tokens[min(l.used, len(l.tokens)-1)]), nil
}

func (l *login) Rejected(client.Secret) bool {
	l.used++
	return l.used < len(l.tokens)
}

// gitHub is a server that answers with what a test says, and the API as a client sees it.
type gitHub struct {
	*clock
	api    *github.Client
	server *httptest.Server
	asked  atomic.Int32
}

func serve(t *testing.T, l *login, handler http.HandlerFunc) *gitHub {
	t.Helper()
	g := &gitHub{clock: newClock()}
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked.Add(1)
		handler(w, r)
	}))
	t.Cleanup(g.server.Close)
	address, err := url.Parse(g.server.URL + "/api/v3/")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{API: address, Clock: g.clock})
	if err != nil {
		t.Fatal(err)
	}
	if l == nil {
		l = &login{tokens: []string{canary}}
	}
	g.api = c.As(l)
	return g
}

func (g *gitHub) write(ctx context.Context, p client.Priority) error {
	status := &github.RepoStatus{State: github.String("pending"), Context: github.String("plateform/ws/shop")}
	_, _, err := g.api.Repositories.CreateStatus(client.WithPriority(ctx, p), "acme", "config", "main", status)
	return client.Explain(err)
}

func (g *gitHub) read(ctx context.Context) ([]*github.RepoStatus, error) {
	said, _, err := g.api.Repositories.ListStatuses(ctx, "acme", "config", "main", nil)
	return said, client.Explain(err)
}

func created(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusCreated)
	fmt.Fprint(w, `{}`)
}

// Under pressure, what is left is kept for failures: all of it is theirs, and none of the limits is ever passed.
func TestBudgetOfWrites(t *testing.T) {
	g := serve(t, nil, created)
	write := func(p client.Priority) bool {
		err := g.write(t.Context(), p)
		var busy *client.BusyError
		if err != nil && !errors.As(err, &busy) {
			t.Fatal(err)
		}
		if busy != nil && (reconciler.RetryAfter(err) <= 0 || reconciler.RetryAfter(err) > 10*time.Second) {
			t.Errorf("it is asked again after %s: a failure would wait as long", reconciler.RetryAfter(err))
		}
		return busy == nil
	}
	count := func(p client.Priority) (n int) {
		for n < 1000 && write(p) {
			n++
		}
		return n
	}
	if progress, final, failures := count(client.Progress), count(client.Final), count(client.Failure); progress != 56 || final != 16 || failures != 8 {
		t.Errorf("in a minute %d words of progress, then %d final ones and %d failures; want 56, 16, 8", progress, final, failures)
	}
	written := 80
	for range 58 {
		g.pass(time.Minute)
		written += count(client.Failure)
	}
	if written != 500 {
		t.Errorf("%d writes in an hour, want 500", written)
	}
	g.pass(2 * time.Minute)
	if more := count(client.Failure); more != 80 {
		t.Errorf("%d writes once the first minute is an hour ago, want 80", more)
	}
}

func TestWaitsForItsTurn(t *testing.T) {
	g := serve(t, nil, created)
	for range 80 {
		if err := g.write(t.Context(), client.Failure); err != nil {
			t.Fatal(err)
		}
		g.pass(700 * time.Millisecond)
	}
	before := g.Now()
	if err := g.write(t.Context(), client.Failure); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if slept := g.Now().Sub(before); slept != 4*time.Second {
		t.Errorf("it waited %s, want the four seconds until the first write is a minute ago", slept)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.write(ended, client.Failure); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestBudgetOfPoints(t *testing.T) {
	g := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[]`) })
	for range 900 {
		if _, err := g.read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var busy *client.BusyError
	if _, err := g.read(t.Context()); !errors.As(err, &busy) {
		t.Errorf("the 901st read in a minute: %v", err)
	}
	if err := g.write(t.Context(), client.Failure); !errors.As(err, &busy) {
		t.Errorf("a write beside 900 reads in a minute: %v", err)
	}
	g.pass(time.Minute)
	if _, err := g.read(t.Context()); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// What GitHub says of its limits is obeyed by all calls, until it is over and no longer.
func TestLimitsAreObeyed(t *testing.T) {
	reset := newClock().Now().Add(17 * time.Minute)
	const secondary = `{"message":"You have exceeded a secondary rate limit","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		wait   time.Duration // 0: it is no limit
	}{
		{"429 with seconds", 429, map[string]string{"Retry-After": "37"}, `{}`, 37 * time.Second},
		{"429 with a date", 429, map[string]string{"Retry-After": newClock().Now().Add(2 * time.Minute).Format(http.TimeFormat)}, `{}`, 2 * time.Minute},
		{"429 with something else", 429, map[string]string{"Retry-After": "soon"}, `{}`, time.Minute},
		{"429 without a word", 429, nil, `{}`, time.Minute},
		{"429 at the end of the hour's requests", 429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(reset.Unix())}, `{}`, 17 * time.Minute},
		{"403 at the end of the hour's requests", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(reset.Unix())}, `{"message":"API rate limit exceeded"}`, 17 * time.Minute},
		{"403 with seconds", 403, map[string]string{"Retry-After": "60"}, secondary, time.Minute},
		{"403 for a secondary limit", 403, nil, secondary, time.Minute},
		{"503 with seconds", 503, map[string]string{"Retry-After": "20"}, `down`, 20 * time.Second},
		{"for ever", 429, map[string]string{"Retry-After": "99999999999"}, `{}`, time.Hour},
		{"403 for something that is not allowed", 403, map[string]string{"X-RateLimit-Remaining": "12"}, `{"message":"Resource not accessible by integration"}`, 0},
		{"503", 503, nil, `down`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var limited atomic.Bool
			limited.Store(true)
			g := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
				if !limited.Load() {
					created(w, r)
					return
				}
				for name, value := range tt.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			err := g.write(t.Context(), client.Failure)
			limited.Store(false)
			if wait := reconciler.RetryAfter(err); err == nil || wait != tt.wait {
				t.Fatalf("%v, to be asked again after %s, want %s", err, wait, tt.wait)
			}
			if tt.wait == 0 {
				if err := g.write(t.Context(), client.Failure); err != nil {
					t.Errorf("the next one: %v", err)
				}
				return
			}
			if tt.wait > 10*time.Second {
				g.pass(tt.wait - 10*time.Second - time.Millisecond)
				if err := g.write(t.Context(), client.Failure); err == nil || g.asked.Load() != 1 {
					t.Errorf("it was asked %d times, and says %v", g.asked.Load(), err)
				}
			}
			g.pass(11 * time.Second)
			if err := g.write(t.Context(), client.Failure); err != nil {
				t.Errorf("after that: %v", err)
			}
		})
	}
}

// Without a time each limit is waited for twice as long as the one before, until something is taken again.
func TestLimitsInARow(t *testing.T) {
	var limited atomic.Bool
	g := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if limited.Load() {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		created(w, r)
	})
	limited.Store(true)
	for _, want := range []time.Duration{1, 2, 4, 8, 15, 15} {
		err := g.write(t.Context(), client.Failure)
		if wait := reconciler.RetryAfter(err); wait != want*time.Minute {
			t.Errorf("asked again after %s, want %d minutes", wait, want)
		}
		g.pass(want * time.Minute)
	}
	limited.Store(false)
	if err := g.write(t.Context(), client.Failure); err != nil {
		t.Fatal(err)
	}
	limited.Store(true)
	if wait := reconciler.RetryAfter(g.write(t.Context(), client.Failure)); wait != time.Minute {
		t.Errorf("after something was taken it is asked again after %s, want a minute", wait)
	}
}

// When little is left of an hour's requests, whoever used them, it is kept for failures first and for how something ended; another
// account has its own, and in the next hour all are there again.
func TestLittleIsLeftOfAnHour(t *testing.T) {
	var g *gitHub
	remaining := 5000
	g = serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-RateLimit-Limit", "5000")
		w.Header().Set("X-RateLimit-Remaining", fmt.Sprint(remaining))
		w.Header().Set("X-RateLimit-Reset", fmt.Sprint(newClock().Now().Add(time.Hour).Unix()))
		w.Header().Set("X-RateLimit-Resource", "core")
		created(w, r)
	})
	takes := func() (takes []client.Priority) {
		for _, p := range []client.Priority{client.Progress, client.Final, client.Failure} {
			var busy *client.BusyError
			switch err := g.write(t.Context(), p); {
			case err == nil:
				takes = append(takes, p)
			case !errors.As(err, &busy) || busy.Wait > 10*time.Second:
				t.Fatal(err)
			}
		}
		return takes
	}
	for _, c := range []struct {
		remaining int
		want      []client.Priority
	}{
		{4000, []client.Priority{client.Progress, client.Final, client.Failure}},
		{1500, []client.Priority{client.Final, client.Failure}},
		{500, []client.Priority{client.Failure}},
	} {
		remaining = c.remaining
		if err := g.write(t.Context(), client.Failure); err != nil { // whose answer says so
			t.Fatal(err)
		}
		if got := takes(); !slices.Equal(got, c.want) {
			t.Errorf("with %d left it takes %v, want %v", c.remaining, got, c.want)
		}
	}
	other := &github.RepoStatus{State: github.String("pending"), Context: github.String("plateform/ws/shop")}
	if _, _, err := g.api.Repositories.CreateStatus(client.WithPriority(t.Context(), client.Progress), "others", "app", "main", other); err != nil {
		t.Errorf("another account: %v", err)
	}
	g.pass(time.Hour)
	if got := takes(); len(got) != 3 {
		t.Errorf("in the next hour it takes %v", got)
	}
}

// The last request of an hour is answered, and nothing is asked until there are more.
func TestTheLastRequestOfAnHour(t *testing.T) {
	ahead := time.Now().Add(time.Hour).Truncate(time.Second) // go-github goes by the clock of this machine
	g := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", fmt.Sprint(ahead.Add(time.Minute).Unix()))
		fmt.Fprint(w, `[]`)
	})
	g.pass(ahead.Sub(g.Now()))
	if _, err := g.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := g.read(t.Context()); reconciler.RetryAfter(err) != time.Minute || g.asked.Load() != 1 {
		t.Errorf("asked %d times: %v", g.asked.Load(), err)
	}
	g.pass(time.Minute)
	if _, err := g.read(t.Context()); err != nil {
		t.Errorf("when there are more: %v", err)
	}
}

// What has not changed comes from memory and costs nothing.
func TestAnswersThatDidNotChange(t *testing.T) {
	said, etag := `[{"context":"a"}]`, `"1"`
	whole := 0
	g := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		whole++
		fmt.Fprint(w, said)
	})
	for range 1000 { // more than there are points in a minute
		got, err := g.read(t.Context())
		if err != nil || len(got) != 1 || got[0].GetContext() != "a" {
			t.Fatalf("%v, %v", got, err)
		}
	}
	said, etag = `[{"context":"b"}]`, `"2"`
	if got, err := g.read(t.Context()); err != nil || len(got) != 1 || got[0].GetContext() != "b" {
		t.Errorf("once it has changed: %v, %v", got, err)
	}
	if whole != 2 {
		t.Errorf("%d whole answers, want 2", whole)
	}
}

// A token that ends halfway is exchanged, and what was refused because of it is sent once more, whole.
func TestAnotherLogin(t *testing.T) {
	for name, tokens := range map[string][]string{"another": {"old", "new"}, "none": {"old"}, "none that is good": {"old", "older", "oldest"}} {
		t.Run(name, func(t *testing.T) {
			var bodies []string
			g := serve(t, &login{tokens: tokens}, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(body))
				if r.Header.Get("Authorization") != "Bearer new" {
					w.WriteHeader(http.StatusUnauthorized)
					fmt.Fprint(w, `{"message":"Bad credentials"}`)
					return
				}
				created(w, r)
			})
			err := g.write(t.Context(), client.Final)
			if (err == nil) != (name == "another") || len(bodies) != min(len(tokens), 2) {
				t.Errorf("sent %d times: %v", len(bodies), err)
			}
			for _, body := range bodies {
				if !strings.Contains(body, "plateform/ws/shop") {
					t.Errorf("it was sent as %q", body)
				}
			}
		})
	}
}

// No other host gets the login, and nothing that GitHub says puts it into an error.
func TestTheLoginStaysHere(t *testing.T) {
	var leaked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked.Add(1) }))
	defer other.Close()
	for name, handler := range map[string]http.HandlerFunc{
		"it is quoted": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"message":"you sent %s","errors":[{"message":"as %s"}]}`, r.Header.Get("Authorization"), r.Header.Get("Authorization"))
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/"+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"no JSON": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "<html>"+r.Header.Get("Authorization"))
		},
		"broken off": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, r.Header.Get("Authorization"))
			panic(http.ErrAbortHandler)
		},
		"without an end": func(w http.ResponseWriter, _ *http.Request) {
			for chunk := strings.Repeat("x", 1<<20); ; {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := serve(t, nil, handler)
			_, readErr := g.read(t.Context())
			for _, err := range []error{g.write(t.Context(), client.Final), readErr} {
				if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
					t.Errorf("the error is %v", err)
				}
			}
		})
	}
	if leaked.Load() != 0 {
		t.Error("another host was asked")
	}
	if said := fmt.Sprintf("%v %+v %#v %s", client.Secret(canary), client.Secret(canary), client.Secret(canary), client.Secret(canary)); strings.Contains(said, canary) {
		t.Errorf("a secret prints itself as %s", said)
	}
}

// A GitHub that takes a request and never answers is given up on with the context.
func TestASilentGitHub(t *testing.T) {
	ended := make(chan struct{})
	asked := make(chan struct{}, 1)
	g := serve(t, nil, func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-ended })
	defer close(ended)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if err := g.write(ctx, client.Final); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// go-github's own errors, as they come from elsewhere than this client, mean the same.
func TestExplain(t *testing.T) {
	soon := 90 * time.Second
	for _, tt := range []struct {
		err  error
		want time.Duration
	}{
		{&github.RateLimitError{Rate: github.Rate{Reset: github.Timestamp{Time: time.Now().Add(-time.Hour)}}}, time.Second},
		{&github.AbuseRateLimitError{RetryAfter: &soon}, soon},
		{&github.AbuseRateLimitError{}, time.Minute},
		{&github.ErrorResponse{Response: &http.Response{StatusCode: 404}}, 0},
	} {
		if wait := reconciler.RetryAfter(client.Explain(tt.err)); wait != tt.want {
			t.Errorf("%T: to be asked again after %s, want %s", tt.err, wait, tt.want)
		}
	}
	if client.Explain(nil) != nil {
		t.Error("nothing is explained as something")
	}
	long := client.Explain(&github.ErrorResponse{Response: &http.Response{StatusCode: 422}, Message: strings.Repeat("no\n", 9000)})
	if text := long.Error(); len(text) > 400 || strings.Contains(text, "\n") {
		t.Errorf("the error has %d bytes: %.100q", len(text), text)
	}
}
