package kube

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// Gate stands between somebody and an API server, and has requests fare by a rule.
type Gate struct {
	through http.Handler
	server  *httptest.Server

	mu   sync.Mutex
	rule func(*http.Request) Fate
}

// Fate is what becomes of a request.
type Fate int

// What may become of one.
const (
	Passes    Fate = iota
	Lost           // it never arrives
	Unheard        // it arrives, and its answer does not
	Throttled      // the server wants it to come again
)

// NewGate puts a gate in front of an API server, until the test ends. All requests pass at first.
func NewGate(t testing.TB, config *rest.Config) *Gate {
	t.Helper()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.Transport, proxy.FlushInterval = transport, -1
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	g := &Gate{through: proxy}
	g.server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(func() { g.server.CloseClientConnections(); g.server.Close() })
	return g
}

// Config is how an admin reaches the API server through the gate.
func (g *Gate) Config() *rest.Config {
	return &rest.Config{Host: g.server.URL, QPS: -1, WarningHandler: rest.NoWarnings{}}
}

// Set changes the rule, which is called for one request at a time; nil lets all through.
func (g *Gate) Set(rule func(*http.Request) Fate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rule = rule
}

// ThrottleFirst has the server want each write to come again once, and says how many did so far.
func (g *Gate) ThrottleFirst() (refused func() int) {
	at := map[string]bool{}
	g.Set(func(r *http.Request) Fate {
		if request := r.Method + r.URL.Path; writes(r) && !at[request] {
			at[request] = true
			return Throttled
		}
		return Passes
	})
	return func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(at)
	}
}

// EndAt has a write fare in some way, the one that is counted by step, and all after it be lost: who makes them is gone. reached is
// closed then.
func (g *Gate) EndAt(step int, is Fate) (reached <-chan struct{}) {
	calls, done := 0, make(chan struct{})
	g.Set(func(r *http.Request) Fate {
		if !writes(r) {
			return Passes
		}
		calls++
		switch {
		case calls < step:
			return Passes
		case calls == step:
			close(done)
			return is
		}
		return Lost
	})
	return done
}

// writes says of a request that it changes something.
func writes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

func (g *Gate) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	is := Passes
	if g.rule != nil {
		is = g.rule(r)
	}
	g.mu.Unlock()
	switch is {
	case Lost:
		panic(http.ErrAbortHandler)
	case Unheard:
		g.through.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case Throttled:
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","code":429}`, http.StatusTooManyRequests)
	default:
		g.through.ServeHTTP(w, r)
	}
}
