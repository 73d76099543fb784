package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Options of an API. Runs, Access.Config and Access.Head are needed.
type Options struct {
	Runs *Recorder
	// Logs are those of the builder; nil when it has none.
	Logs reconciler.BuildLogs
	// Apps is who knows of the apps that run.
	Apps   Apps
	Access Access
	// History is where runs are found that no memory has.
	History History
	// Secrets are what no log may show, as they are now.
	Secrets func() []string
	// Ready says that all runs that are under way are known.
	Ready func() bool
	// Dir is a folder for copies of logs while somebody reads them.
	Dir    string
	Times  Times
	Limits Limits
	// Log takes what goes wrong; nothing when nil.
	Log *slog.Logger
}

// Times say when things happen. Zero values are the defaults.
type Times struct {
	// Now is the clock, and After what waits by it.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
	// Every is how often a log is asked for that somebody reads; a second when 0.
	Every time.Duration
	// Recheck is how often it is asked whether a reader still may; 20 seconds when 0.
	Recheck time.Duration
	// Alive is after how long without news a reader is told that the stream is still there; 25 seconds when 0.
	Alive time.Duration
	// Write is how long a reader may take for one frame; 30 seconds when 0.
	Write time.Duration
}

// Limits bound how many read at a time. Zero values are the defaults.
type Limits struct {
	// Readers in all; 4,096 when 0.
	Readers int
	// PerPerson is how many streams one person may have; 64 when 0. The operator may have all of them.
	PerPerson int
}

// settles is how long after the start a run that nobody knows may still turn up.
const settles = 15 * time.Second

// API answers for runs. It is an http.Handler, and safe for use by several goroutines.
type API struct {
	Options
	tails   *tails
	mux     *http.ServeMux
	started time.Time
	// ending is closed when streams are to end, and streams are those that are under way.
	ending  chan struct{}
	streams sync.WaitGroup
	// identifying bounds the questions whose tokens are.
	identifying chan struct{}
	past        *past

	mu      sync.Mutex
	closed  bool
	readers int
	persons map[int64]int
}

// New returns an API that has no reader yet. Close it at the end.
func New(o Options) (*API, error) {
	if o.Runs == nil || o.Access.Config == nil || o.Access.Head == nil {
		return nil, errors.New("api: Runs, Access.Config and Access.Head are needed")
	}
	setDefaults(&o)
	a := &API{
		Options: o, tails: newTails(o), mux: http.NewServeMux(), started: o.Times.Now(), ending: make(chan struct{}),
		identifying: make(chan struct{}, identifying), persons: map[int64]int{}, past: &past{options: &o},
	}
	const project = "/v1/workspaces/{workspace}/projects/{project}"
	a.mux.HandleFunc("GET "+project+"/runs", a.answer(a.serveRuns))
	a.mux.HandleFunc("GET "+project+"/runs/{run}", a.answer(a.serveRun))
	a.mux.HandleFunc("GET "+project+"/runs/{run}/log", a.answer(a.serveLog))
	a.mux.HandleFunc("GET "+project+"/state", a.answer(a.serveState))
	a.mux.HandleFunc("GET "+project+"/log", a.answer(a.serveAppLog))
	a.mux.HandleFunc("OPTIONS /v1/", a.preflight)
	a.mux.HandleFunc("/v1/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, &refusal{status: http.StatusNotFound, text: "there is nothing at this path (docs/api.md lists what there is)"})
	})
	a.servePages()
	return a, nil
}

func setDefaults(o *Options) {
	if o.Times.Now == nil {
		o.Times.Now = time.Now
	}
	if o.Times.After == nil {
		o.Times.After = time.After
	}
	for _, d := range []struct {
		field *time.Duration
		usual time.Duration
	}{
		{&o.Times.Every, time.Second}, {&o.Times.Recheck, 20 * time.Second}, {&o.Times.Alive, 25 * time.Second}, {&o.Times.Write, 30 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.usual
		}
	}
	if o.Limits.Readers <= 0 {
		o.Limits.Readers = 4096
	}
	if o.Limits.PerPerson <= 0 {
		o.Limits.PerPerson = 64
	}
	if o.Secrets == nil {
		o.Secrets = func() []string { return nil }
	}
	if o.Ready == nil {
		o.Ready = func() bool { return true }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Run waits until the context ends, and then ends all streams: their readers are told to come back.
func (a *API) Run(ctx context.Context) error {
	<-ctx.Done()
	return a.Close()
}

// Close ends all streams and waits for their end.
func (a *API) Close() error {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.ending)
	}
	a.mu.Unlock()
	a.streams.Wait()
	a.tails.close()
	return nil
}

// Readers is how many streams there are.
func (a *API) Readers() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.readers
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	a.mux.ServeHTTP(w, r)
}

// question is what somebody who may read asks.
type question struct {
	*http.Request
	key    manifest.Key
	run    string
	follow bool
	guest  *guest
}

// answer looks who asks, and hands the question on.
func (a *API) answer(next func(http.ResponseWriter, question) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.ask(w, r, next); err != nil {
			refuse(w, err)
		}
	}
}

func (a *API) ask(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, question) error) error {
	if !a.allowOrigin(w, r) {
		return &refusal{status: http.StatusForbidden, text: "pages of this origin may not ask (whoever runs the installation: api.origins in serve.yaml lists those that may)"}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &refusal{status: http.StatusBadRequest, text: "the query cannot be read"}
	}
	for name := range query {
		if !slices.Contains([]string{"follow", "from", "tail"}, name) { // a token here would be in logs and histories
			return &refusal{status: http.StatusBadRequest, text: "the query has something else than follow, from and tail; a token belongs into the Authorization header"}
		}
	}
	q := question{Request: r, key: manifest.Key{Workspace: r.PathValue("workspace"), Project: r.PathValue("project")}, run: r.PathValue("run")}
	if follow := query.Get("follow"); follow != "" {
		if q.follow, err = strconv.ParseBool(follow); err != nil {
			return &refusal{status: http.StatusBadRequest, text: "follow is neither 1 nor 0"}
		}
	}
	q.follow = q.follow || isSocket(r)
	if q.guest, err = a.admit(r, q.key.Workspace); err != nil {
		return err
	}
	if len(manifest.CheckFolders("", q.key)) > 0 {
		return &refusal{status: http.StatusNotFound, text: "no project is called so"}
	}
	leave, err := a.enter(q.guest)
	if err != nil {
		return err
	}
	defer leave()
	return next(w, q)
}

// enter counts somebody in, if there is room.
func (a *API) enter(g *guest) (leave func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return nil, &refusal{status: http.StatusServiceUnavailable, text: "serve is stopping", after: 1}
	case a.readers >= a.Limits.Readers:
		return nil, &refusal{status: http.StatusServiceUnavailable, text: "too many are reading at the moment", after: 10}
	case !g.operator && a.persons[g.who.ID] >= a.Limits.PerPerson:
		return nil, &refusal{status: http.StatusTooManyRequests, text: fmt.Sprintf("you are reading in %d places already: close one of them", a.Limits.PerPerson), after: 10}
	}
	a.readers++
	a.persons[g.who.ID]++
	a.streams.Add(1)
	return func() {
		a.mu.Lock()
		a.readers--
		if a.persons[g.who.ID]--; a.persons[g.who.ID] == 0 {
			delete(a.persons, g.who.ID)
		}
		a.mu.Unlock()
		a.streams.Done()
	}, nil
}

// allowOrigin says whether a web page that asks may do so, and lets the browser know.
func (a *API) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if slices.ContainsFunc(a.Access.Origins, func(allowed string) bool { return strings.EqualFold(allowed, origin) }) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// preflight answers a browser that asks whether a page may ask.
func (a *API) preflight(w http.ResponseWriter, r *http.Request) {
	if !a.allowOrigin(w, r) {
		refuse(w, &refusal{status: http.StatusForbidden, text: "pages of this origin may not ask"})
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// refuse answers with an error, before anything else was answered. One that is no refusal is ours.
func refuse(w http.ResponseWriter, err error) {
	r := &refusal{status: http.StatusInternalServerError, text: "something went wrong here"}
	errors.As(err, &r)
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="plateform"`)
	}
	if r.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.after))
	}
	writeJSON(w, r.status, struct {
		Error string `json:"error"`
	}{r.text})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // whoever asked has gone
}
