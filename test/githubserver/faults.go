package githubserver

import (
	"net"
	"net/http"
	"slices"

	"github.com/plateform/plateform/test/githubserver/forge"
)

// Fault is something that goes wrong with requests.
type Fault struct {
	// Operation as GitHub describes it, such as "POST /repos/{owner}/{repo}/statuses/{sha}"; git's are "git-upload-pack"
	// and "git-receive-pack". An empty one is every operation of the API.
	Operation string
	// Ref is what a push has to move, as refs/heads/main; any when empty. Repo is OWNER/NAME, for git; any when empty.
	Ref, Repo string
	// Skip so many before it happens, and have it happen so many times; 0 is every time.
	Skip, Times int
	// Before is called before the request is looked at, After when it was done and is not answered yet.
	Before, After func()

	// Status is answered instead of what was asked for, with Header and Body. A body that is empty is GitHub's for a
	// server error.
	Status int
	Header map[string]string
	Body   string
	// Drop breaks the connection before anything is done, DropAnswer after.
	Drop, DropAnswer bool
	// Expire has the token that the request comes with be worth nothing from now on.
	Expire bool

	seen, done int
}

// Inject has a fault happen. Of several that fit a request, the first injected happens.
func (s *Server) Inject(f Fault) {
	_ = s.Locked(func(*forge.World) error {
		s.desk.faults = append(s.desk.faults, &f)
		return nil
	})
}

// Heal takes all faults away.
func (s *Server) Heal() {
	_ = s.Locked(func(*forge.World) error {
		s.desk.faults = nil
		return nil
	})
}

// asked is what a fault has to fit.
type asked struct {
	operation string
	// ofGit says that it is git's, of a repository, and that it moves some refs.
	ofGit bool
	repo  string
	refs  []string
}

// fault is what goes wrong with a request, if anything. It counts.
func (s *Server) fault(a asked) Fault {
	var found Fault
	_ = s.Locked(func(*forge.World) error {
		found = s.desk.fault(a)
		return nil
	})
	return found
}

// fits says whether a fault is about a request.
func (f *Fault) fits(a asked) bool {
	switch {
	case f.Operation != a.operation && (f.Operation != "" || a.ofGit), f.Times > 0 && f.done >= f.Times:
		return false
	case f.Repo != "" && f.Repo != a.repo, f.Ref != "" && !slices.Contains(a.refs, f.Ref):
		return false
	}
	return true
}

func (d *desk) fault(a asked) Fault {
	for _, f := range d.faults {
		if !f.fits(a) {
			continue
		}
		if f.seen++; f.seen <= f.Skip {
			continue
		}
		f.done++
		return *f
	}
	return Fault{}
}

// answer is what a fault says itself; ok is false when it leaves that to the server.
func (f Fault) answer() (answer, bool) {
	if f.Status == 0 {
		return answer{}, false
	}
	a := problem(f.Status, "Server Error")
	if f.Body != "" {
		a.body, a.raw = nil, []byte(f.Body)
	}
	for name, value := range f.Header {
		a.header.Set(name, value)
	}
	return a, true
}

// end is what is left to do once a request was done. ok is false when it is not to be answered.
func (f Fault) end(w http.ResponseWriter) (ok bool) {
	if f.After != nil {
		f.After()
	}
	if f.DropAnswer {
		hangUp(w)
	}
	return !f.DropAnswer
}

// hangUp breaks the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, isTCP := conn.(*net.TCPConn); isTCP {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
