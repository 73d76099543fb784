package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
)

// patience bounds what is waited for.
const patience = 60 * time.Second

// serve answers as a serve does that knows of runs, and of no app.
type serve struct {
	t *testing.T

	mu   sync.Mutex
	away bool
	runs []api.Run
	// changed is closed when the runs are others.
	changed chan struct{}
}

func newServe(t *testing.T) (*serve, server) {
	t.Helper()
	s := &serve{t: t, changed: make(chan struct{})}
	here := httptest.NewServer(s)
	t.Cleanup(here.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := at(here.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(from.client.CloseIdleConnections)
	return s, from
}

// has says which runs there are, the newest first.
func (s *serve) has(runs ...api.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away, s.runs = false, runs
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *serve) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	away, runs := s.away, s.runs
	s.mu.Unlock()
	switch {
	case away:
		http.Error(w, `{"error": "it is being started"}`, http.StatusBadGateway)
	case strings.HasSuffix(r.URL.Path, "/shop/log"):
		http.Error(w, `{"error": "the engine knows no apps"}`, http.StatusNotImplemented)
	case r.Header.Get("Upgrade") == "":
		_ = json.NewEncoder(w).Encode(map[string]any{"runs": runs}) // whoever asked may have gone
	default:
		s.stream(w, r)
	}
}

// stream sends the runs, or how one of them ended.
func (s *serve) stream(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{api.Protocol}})
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx := c.CloseRead(r.Context())
	send := func(f api.Frame) {
		data, err := json.Marshal(f)
		if err != nil {
			s.t.Error(err)
		}
		_ = c.Write(ctx, websocket.MessageText, data) // whoever asked may have gone
	}
	for ctx.Err() == nil {
		s.mu.Lock()
		runs, changed := s.runs, s.changed
		s.mu.Unlock()
		for i := range runs {
			run := &runs[len(runs)-1-i]
			switch {
			case strings.HasSuffix(r.URL.Path, "/runs"):
				send(api.Frame{Type: api.FrameRun, Run: run})
			case strings.HasSuffix(r.URL.Path, "/runs/"+run.ID+"/log"):
				send(api.Frame{Type: api.FrameRun, Run: run})
				send(api.Frame{Type: api.FrameEnd, Run: run})
				_ = c.Close(websocket.StatusNormalClosure, "") // whoever asked may have gone
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// ended is a run that ends so long from now.
func ended(id string, after time.Duration) api.Run {
	at := time.Now().Add(after)
	return api.Run{
		ID: id, Cause: manifest.Cause{Kind: manifest.CauseSource, Commit: id + strings.Repeat("0", 40-len(id))},
		StartedAt: at.Add(-time.Second), EndedAt: &at, State: reconciler.StateSuccess, Text: id + " is done",
	}
}

// paper is what is shown, for several goroutines.
type paper struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *paper) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(data)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// follow shows an app that prints nothing along with its runs, until stop is called.
func follow(t *testing.T, from server) (shows func(string), stop func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	var out paper
	done := make(chan error, 1)
	go func() {
		o := Options{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Follow: true, Out: &out, Now: time.Now}
		done <- o.along(ctx, from, func(ctx context.Context, _ reconciler.AppLogQuestion, _ func(string) error) error {
			<-ctx.Done()
			return nil
		})
	}()
	shows = func(want string) {
		t.Helper()
		for !strings.Contains(out.String(), want) {
			if !sleep(ctx, time.Millisecond) {
				t.Fatalf("%q is not shown, but\n%s", want, out.String())
			}
		}
	}
	return shows, func() string {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		return out.String()
	}
}

// A run that begins and ends while serve is being started is shown, and none that had ended before; whoever waits is told why nothing comes.
func TestRunsWhileServeIsAway(t *testing.T) {
	s, from := newServe(t)
	s.away = true
	shows, stop := follow(t, from)
	shows("no run is shown until serve tells of them: it is being started\n")
	s.has(ended("dd", time.Hour), ended("aa", -time.Hour))
	shows("✓ dd is done")
	if got := stop(); strings.Contains(got, "aa is done") || strings.Count(got, "it is being started") != 1 {
		t.Errorf("it shows\n%s", got)
	}
}

// What a serve remembers only later, of runs that ended long before, is no news.
func TestWhatIsRememberedLater(t *testing.T) {
	s, from := newServe(t)
	s.has()
	shows, stop := follow(t, from)
	shows("no run of ws-1/shop is known yet")
	s.has(ended("dd", time.Hour), ended("aa", -time.Hour))
	shows("✓ dd is done")
	s.has(ended("ee", time.Hour), ended("dd", time.Hour), ended("aa", -time.Hour), ended("99", -2*time.Hour))
	shows("✓ ee is done")
	if got := stop(); strings.Contains(got, "aa is done") || strings.Contains(got, "99 is done") || strings.Count(got, "dd is done") != 1 {
		t.Errorf("it shows\n%s", got)
	}
}

// Where no app is known the run is all, and is shown once.
func TestAServeWithoutApps(t *testing.T) {
	s, from := newServe(t)
	s.has(ended("dd", -time.Hour))
	var out paper
	o := Options{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Follow: true, Out: &out, Now: time.Now}
	if err := o.Logs(t.Context(), From{Address: mustURL(t, from), TokenFile: from.tokenFile}); err != nil {
		t.Error(err)
	}
	if got := out.String(); strings.Count(got, "run dd") != 1 || strings.Count(got, "dd is done") != 1 {
		t.Errorf("it shows\n%s", got)
	}
}

func mustURL(t *testing.T, from server) string {
	t.Helper()
	url, err := from.url()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// The run of a commit is waited for so long and no longer, also when no serve answers.
func TestACommitIsWaitedForSoLong(t *testing.T) {
	s, from := newServe(t)
	one, two := ended("dd", 0), ended("ee", 0)
	one.Cause.Commit, two.Cause.Commit = "abcdef1"+strings.Repeat("2", 33), "abcdef1"+strings.Repeat("3", 33)
	again := ended("ff", -time.Hour)
	again.Cause.Commit = two.Cause.Commit
	for name, test := range map[string]struct {
		away   bool
		commit string
		want   string
		code   int
	}{
		"nobody answers": {true, "abcdef12", "no run of ws-1/shop for commit abcdef12 has begun in 1ms: it is being started", exit.Findings},
		"no run":         {false, "1234567", "what changes nothing of a project has none", exit.Findings},
		"two commits":    {false, "abcdef1", "(write more of it)", exit.WrongUsage},
		"two runs":       {false, "abcdef13", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s.has(one, two, again)
			s.away = test.away
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var out paper
			o := Options{Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, Commit: test.commit, Patience: time.Millisecond, Follow: true, Out: &out, Now: time.Now}
			err := o.watch(ctx, from)
			switch {
			case ctx.Err() != nil:
				t.Errorf("it does not end; it shows\n%s", out.String())
			case test.want == "" && (err != nil || !strings.Contains(out.String(), "ee is done")):
				t.Errorf("%v; it shows\n%s", err, out.String())
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || exit.CodeOf(err) != test.code):
				t.Errorf("%v", err)
			}
		})
	}
}
