// Package gitserver is a real Git server for tests: git http-backend behind net/http on this machine, with basic auth
// per repository and faults to inject. Repositories are bare ones on disk, changed with the git command line.
package gitserver

import (
	"bytes"
	"crypto/subtle"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Server serves the bare repositories of a folder.
type Server struct {
	// Dir holds the repositories.
	Dir     string
	http    *httptest.Server
	backend *cgi.Handler
	quit    chan struct{}

	mu     sync.Mutex
	users  map[string]login
	faults map[string][]*Fault
	counts map[string]int
}

type login struct{ user, password string }

// New starts a server on a port of 127.0.0.1. It ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	exe, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Dir:    t.TempDir(),
		quit:   make(chan struct{}),
		users:  map[string]login{},
		faults: map[string][]*Fault{},
		counts: map[string]int{},
	}
	s.backend = &cgi.Handler{
		Path:   exe,
		Args:   []string{"http-backend"},
		Stderr: io.Discard,
		Env:    append(Environment(), "GIT_PROJECT_ROOT="+s.Dir, "GIT_HTTP_EXPORT_ALL=1"),
	}
	s.http = httptest.NewServer(s)
	t.Cleanup(func() {
		close(s.quit)
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

// URL of the server, without a slash at the end.
func (s *Server) URL() string { return s.http.URL }

// RequireLogin asks for a username and a password at a repository.
func (s *Server) RequireLogin(repo, user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[repo] = login{user, password}
}

// Op is one kind of request.
type Op string

// The requests of the protocol.
const (
	// FetchRefs lists refs before a fetch, PushRefs before a push.
	FetchRefs Op = "GET git-upload-pack"
	PushRefs  Op = "GET git-receive-pack"
	// FetchPack asks for objects, PushPack sends them.
	FetchPack Op = "POST git-upload-pack"
	PushPack  Op = "POST git-receive-pack"
)

// Count returns how many requests of a kind a repository has got.
func (s *Server) Count(repo string, op Op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[repo+" "+string(op)]
}

// Counts returns the number of all requests by repository and kind.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	repo, op := s.request(r)
	s.mu.Lock()
	s.counts[repo+" "+string(op)]++
	want, locked := s.users[repo]
	s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); locked && !same(want, login{user, password}) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	fault := s.fault(repo, op)
	if fault == nil {
		s.backend.ServeHTTP(w, r)
		return
	}
	s.misbehave(fault, w, r)
}

func same(a, b login) bool {
	return subtle.ConstantTimeCompare([]byte(a.user+"\x00"+a.password), []byte(b.user+"\x00"+b.password)) == 1
}

// request tells what is asked of which repository.
func (s *Server) request(r *http.Request) (repo string, op Op) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	service := r.URL.Query().Get("service")
	if p, ok := strings.CutSuffix(path, "/info/refs"); ok {
		path = p
	} else {
		path, service = filepath.Dir(path), filepath.Base(path)
	}
	return strings.TrimSuffix(path, ".git"), Op(r.Method + " " + service)
}

// Fault is something that goes wrong with a request.
type Fault struct {
	Op Op
	// Times it happens; 0 is every time.
	Times int
	// Exactly one of these says what.

	// Status is answered instead.
	Status int
	// Hang answers nothing until the client gives up, or nothing more after so many bytes as Cut says.
	Hang bool
	// DropAnswer does what was asked, but breaks the connection instead of answering.
	DropAnswer bool
	// Cut breaks the connection after so many bytes of the answer.
	Cut int
	// Before is called before the request is served in the ordinary way; After once it has been done but before the
	// answer is dropped, with DropAnswer.
	Before func()
	After  func()

	left int
}

// Inject makes a fault happen at a repository.
func (s *Server) Inject(repo string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.left = f.Times
	s.faults[repo] = append(s.faults[repo], &f)
}

// Heal takes all faults of a repository away.
func (s *Server) Heal(repo string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, repo)
}

// fault returns what goes wrong with this request, if anything.
func (s *Server) fault(repo string, op Op) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults[repo] {
		if f.Op != op {
			continue
		}
		if f.Times == 0 {
			return f
		}
		if f.left > 0 {
			f.left--
			return f
		}
	}
	return nil
}

func (s *Server) misbehave(f *Fault, w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Status != 0:
		http.Error(w, "an injected fault", f.Status)
	case f.Hang:
		if f.Cut > 0 {
			rec := httptest.NewRecorder()
			s.backend.ServeHTTP(rec, r)
			maps.Copy(w.Header(), rec.Result().Header)
			_, _ = w.Write(rec.Body.Bytes()[:f.Cut])
			_ = http.NewResponseController(w).Flush() // a client that is gone has given up
		}
		select {
		case <-r.Context().Done():
		case <-s.quit:
		}
	case f.DropAnswer, f.Cut > 0:
		rec := httptest.NewRecorder()
		s.backend.ServeHTTP(rec, r)
		if f.After != nil {
			f.After()
		}
		s.hangUp(w, rec.Result().Header, rec.Body.Bytes(), f.Cut)
	default:
		if f.Before != nil {
			f.Before()
		}
		s.backend.ServeHTTP(w, r)
	}
}

// hangUp breaks the connection after some bytes of the answer.
func (s *Server) hangUp(w http.ResponseWriter, head http.Header, body []byte, cut int) {
	if cut > 0 {
		maps.Copy(w.Header(), head)
		_, _ = w.Write(bytes.Clone(body[:min(cut, len(body))]))
		_ = http.NewResponseController(w).Flush()
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
