// Package gitserver is a real Git server for tests: git http-backend behind net/http on this machine, with basic auth
// per repository and faults to inject. Repositories are bare ones on disk, changed with the git command line.
package gitserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/subtle"
	"fmt"
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
	"time"
)

// Server serves the bare repositories of a folder.
type Server struct {
	// Dir holds the repositories.
	Dir     string
	http    *httptest.Server
	backend *cgi.Handler
	quit    chan struct{}

	mu      sync.Mutex
	users   map[string]login
	faults  map[string][]*Fault
	counts  map[string]int
	hanging map[int]hanging // by number
	hung    int             // how many there ever were
	spent   map[string]time.Duration
	kinds   map[string]Kind
}

type login struct{ user, password string }

// hanging is a request that is not answered.
type hanging struct {
	repo string
	drop func() // breaks its connection
}

// New starts a server on a port of 127.0.0.1. It ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	exe, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Dir:     t.TempDir(),
		quit:    make(chan struct{}),
		users:   map[string]login{},
		faults:  map[string][]*Fault{},
		counts:  map[string]int{},
		hanging: map[int]hanging{},
		spent:   map[string]time.Duration{},
		kinds:   map[string]Kind{},
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

// Hanging returns the numbers of the requests to a repository that hang now. Each request that hangs has another number.
func (s *Server) Hanging(repo string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers []int
	for number, h := range s.hanging {
		if h.repo == repo {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// Spent returns how long the server has worked on requests of a repository that it has answered.
func (s *Server) Spent(repo string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spent[repo]
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	repo, op := s.request(r)
	begun := time.Now()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.spent[repo] += time.Since(begun)
	}()
	s.mu.Lock()
	s.counts[repo+" "+string(op)]++
	want, locked := s.users[repo]
	s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); locked && !same(want, login{user, password}) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	fault := s.fault(repo, op, r)
	if fault == nil {
		s.serveAs(repo, op, w, r)
		return
	}
	s.misbehave(fault, repo, w, r)
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
	// Ref limits it to pushes that begin with this ref, such as refs/notes/plateform; with PushPack only.
	Ref string
	// Times it happens; 0 is every time.
	Times int
	// Exactly one of these says what.

	// Status is answered instead, with Header and Body; "an injected fault" when there is none.
	Status int
	Header map[string]string
	Body   string
	// Refuse answers a push with this as the reason why the ref is not moved, as servers do that have rules of their own.
	Refuse string
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

// Heal takes all faults of a repository away. What hangs there gets no answer any more, but its connection is broken.
func (s *Server) Heal(repo string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, repo)
	for _, h := range s.hanging {
		if h.repo == repo {
			h.drop()
		}
	}
}

// fault returns what goes wrong with this request, if anything.
func (s *Server) fault(repo string, op Op, r *http.Request) *Fault {
	ref := ""
	if op == PushPack {
		ref = pushedRef(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults[repo] {
		if f.Op != op || f.Ref != "" && f.Ref != ref {
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

// pushedRef is the first ref that a push moves. What it reads of the request is still there for the one that answers.
func pushedRef(r *http.Request) string {
	const hash = 40
	body := bufio.NewReader(r.Body)
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	line, err := body.Peek(4 + 2*(hash+1)) // a length, two hashes and blanks
	for n := len(line); err == nil && line[len(line)-1] != 0; n++ {
		line, err = body.Peek(n)
	}
	if err != nil {
		return ""
	}
	return string(line[4+2*(hash+1) : len(line)-1])
}

func (s *Server) misbehave(f *Fault, repo string, w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Status != 0:
		for name, value := range f.Header {
			w.Header().Set(name, value)
		}
		if f.Body == "" {
			http.Error(w, "an injected fault", f.Status)
			return
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body) // a client that is gone has given up
	case f.Refuse != "":
		s.refuse(f.Refuse, w, r)
	case f.Hang:
		if f.Cut > 0 {
			rec := httptest.NewRecorder()
			s.backend.ServeHTTP(rec, r)
			maps.Copy(w.Header(), rec.Result().Header)
			_, _ = w.Write(rec.Body.Bytes()[:f.Cut])
			_ = http.NewResponseController(w).Flush() // a client that is gone has given up
		}
		s.hang(repo, w, r)
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

// refuse answers a push as git-receive-pack does that took the objects and does not move the ref.
func (s *Server) refuse(reason string, w http.ResponseWriter, r *http.Request) {
	ref := pushedRef(r)
	_, _ = io.Copy(io.Discard, r.Body)
	packet := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	report := packet("unpack ok\n") + packet("ng "+ref+" "+reason+"\n") + "0000"
	w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	_, _ = io.WriteString(w, packet("\x01"+report)+"0000") // a client that is gone has given up
}

// hang answers nothing until the client gives up or the repository is healed.
func (s *Server) hang(repo string, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then it shows that the client is gone
	ctx, drop := context.WithCancel(r.Context())
	defer drop()
	s.mu.Lock()
	s.hung++
	number := s.hung
	s.hanging[number] = hanging{repo, drop}
	s.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-s.quit:
	}
	s.mu.Lock()
	delete(s.hanging, number)
	s.mu.Unlock()
	s.hangUp(w, nil, nil, 0)
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
