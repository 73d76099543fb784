package githubserver

import (
	"net"
	"net/http"

	"github.com/plateform/plateform/test/githubserver/forge"
)

// Fault is something that goes wrong with requests.
type Fault struct {
	// Operation as GitHub describes it, such as "POST /repos/{owner}/{repo}/statuses/{sha}"; git's are "git-upload-pack"
	// and "git-receive-pack". An empty one is every operation of the API.
	Operation string
	// Skip so many before it happens, and have it happen so many times; 0 is every time.
	Skip, Times int
	// Before is called before the request is looked at.
	Before func()

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

// fault is what goes wrong with a request, if anything. It counts.
func (s *Server) fault(operation string, ofGit bool) Fault {
	var found Fault
	_ = s.Locked(func(*forge.World) error {
		found = s.desk.fault(operation, ofGit)
		return nil
	})
	return found
}

func (d *desk) fault(operation string, ofGit bool) Fault {
	for _, f := range d.faults {
		if f.Operation != operation && (f.Operation != "" || ofGit) || f.Times > 0 && f.done >= f.Times {
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
