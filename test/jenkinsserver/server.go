// Package jenkinsserver is a Jenkins for tests: folders, parameters, a queue, builds that really do something, stages,
// logs, artifacts, logins and crumbs, answering as the exchanges in testdata/wire do, which were recorded on a real one.
// It can be restarted, killed with what that loses, slow, silent, or hidden behind a page of HTML.
package jenkinsserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Options of a Server.
type Options struct {
	// Now is its clock; time.Now when nil.
	Now func() time.Time
	// Prefix is the path that Jenkins is below, as /ci; none when empty.
	Prefix string
	// Root is the URL that is configured in Jenkins, which is in the links that it answers with; its own when empty.
	Root string
	// Modern answers as current releases do, where they differ from the recorded one.
	Modern bool
	// NoStageView is a Jenkins without the plugin that shows stages.
	NoStageView bool
	// TLS serves https, with a certificate that nobody trusts by itself.
	TLS bool
	// FirstItem is the number of the first item in the queue; 1 when 0.
	FirstItem int
}

// User may log in.
type User struct {
	Name, Token, Password string
	// Lacks are the permissions that the user does not have: Job.Build, Job.Cancel, Job.Read.
	Lacks []string
}

// Server is a running Jenkins.
type Server struct {
	// URL it is reached at, without a slash at the end.
	URL string
	// Certificate is what it shows with TLS, as PEM.
	Certificate []byte

	options Options
	ctx     context.Context
	running sync.WaitGroup

	mu      sync.Mutex
	state   state
	session string
	crumbs  map[string]string // by session cookie
	users   []User
	jobs    map[string]*job
	queue   queue
	faults  []*Fault
	calls   []string
	watch   []func(Change)
}

// state is how far Jenkins is up.
type state int

const (
	up state = iota
	starting
	down
)

// Change is something that happened to a build.
type Change struct {
	// Job is its full name, Number that of the build, Parameters those it has.
	Job        string
	Number     int
	Parameters map[string]string
}

// New starts a Jenkins without jobs that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &Server{options: o, ctx: ctx, session: random(), crumbs: map[string]string{}, jobs: map[string]*job{}}
	s.queue.next = max(o.FirstItem, 1)
	server := httptest.NewUnstartedServer(s)
	if o.TLS {
		server.StartTLS()
		s.Certificate = pemOf(server.Certificate())
	} else {
		server.Start()
	}
	s.URL = server.URL + o.Prefix
	if s.options.Root == "" {
		s.options.Root = s.URL
	}
	s.options.Root = strings.TrimSuffix(s.options.Root, "/") + "/"
	t.Cleanup(func() {
		cancel()
		server.CloseClientConnections()
		server.Close()
		s.running.Wait()
	})
	return s
}

func random() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Add has a user who may log in; who was there by that name is replaced.
func (s *Server) Add(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(slices.DeleteFunc(s.users, func(o User) bool { return o.Name == u.Name }), u)
}

// Watch has a function called after each change of a build, by the build itself.
func (s *Server) Watch(changed func(Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = append(s.watch, changed)
}

// Calls are the requests that arrived, as METHOD and path without what is asked for, oldest first.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Builds are those of a job that are known, by number.
func (s *Server) Builds(name string) map[int]*Build {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[name]; j != nil {
		return maps.Clone(j.builds)
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	fault := s.fault(r)
	s.mu.Unlock()
	if fault != nil && fault.before(w, r) {
		return
	}
	answer := s.answer(r)
	if fault != nil && fault.DropAnswer {
		panic(http.ErrAbortHandler)
	}
	answer.write(w, s.options.Now())
}

// answer is what there is to say to a request.
func (s *Server) answer(r *http.Request) answer {
	_ = r.ParseForm() // what cannot be read is not there
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == down {
		panic(http.ErrAbortHandler)
	}
	path, within := strings.CutPrefix(r.URL.EscapedPath(), s.options.Prefix)
	if !within {
		return notFound(r)
	}
	who, refused := s.login(r)
	if refused != nil {
		return *refused
	}
	if s.state == starting {
		if r.Method == http.MethodPost {
			return s.forbidden(who.Name, "hudson.model.Item.Build", r)
		}
		return s.page(http.StatusServiceUnavailable, "Starting Jenkins")
	}
	s.letGo()
	return s.route(r, who, path)
}
