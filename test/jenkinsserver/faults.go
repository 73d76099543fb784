package jenkinsserver

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is something that goes wrong with requests.
type Fault struct {
	// Method and Path that it concerns; a path is a part of the request's. Empty ones are all.
	Method, Path string
	// Times it happens; 0 is until Heal.
	Times int

	// Status is answered with a page of HTML, instead of what was asked for.
	Status int
	// Page is the body instead of the usual page; it is HTML, whatever was asked for.
	Page string
	// Header of that page.
	Header map[string]string
	// Drop breaks the connection before anything is done, DropAnswer after.
	Drop, DropAnswer bool
	// Stall accepts, and answers only when the client has gone or the channel is closed.
	Stall <-chan struct{}
	// Slow is waited for before anything is done.
	Slow time.Duration

	done int
}

// Inject has a fault happen. Of several that fit a request, the first happens.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal takes all faults away.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault is what goes wrong with a request, if anything. It counts. The caller holds the lock.
func (s *Server) fault(r *http.Request) *Fault {
	for _, f := range s.faults {
		if f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.Path, f.Path) || f.Times > 0 && f.done >= f.Times {
			continue
		}
		f.done++
		return f
	}
	return nil
}

// before does what goes wrong before a request is looked at. It returns true when that was all.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	if f.Slow > 0 {
		timer := time.NewTimer(f.Slow)
		defer timer.Stop()
		select {
		case <-r.Context().Done():
		case <-timer.C:
		}
	}
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Stall != nil:
		select {
		case <-r.Context().Done():
		case <-f.Stall:
		}
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		a := jetty(f.Status, "Something is in the way", r.URL.Path)
		if f.Page != "" {
			a.body = []byte(f.Page)
		}
		for name, value := range f.Header {
			a.header.Set(name, value)
		}
		a.write(w, time.Now())
		return true
	}
	return false
}

// Hold keeps everything in the queue, as when no agent is free, until Release.
func (s *Server) Hold() { s.HoldFor("") }

// HoldFor is Hold, with what Jenkins gives as its reason.
func (s *Server) HoldFor(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.held, s.queue.why = true, why
}

// Release lets go of what Hold kept.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.held = false
	s.letGo()
}

// Shutdown ends Jenkins in an orderly way: until Start nobody answers. The queue is kept, and pipelines go on later.
func (s *Server) Shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = down
	s.queue.forgetLeft()
}

// Kill ends Jenkins as a power failure does. Items younger than a minute are lost and their numbers given out again; running
// builds vanish that are no pipelines, and pipelines that are not resumed go on for ever without doing anything.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = down
	s.queue.forgetLeft()
	s.queue.lose(s.options.Now().Add(-time.Minute))
	for _, j := range s.jobs {
		for number, b := range j.builds {
			switch {
			case !b.building:
			case !j.Pipeline:
				delete(j.builds, number)
				b.abandon()
			case j.DisableResume:
				b.abandon()
			}
		}
	}
}

// Vanish removes a build, whatever it is doing.
func (s *Server) Vanish(name string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[name]; j != nil && j.builds[number] != nil {
		j.builds[number].abandon()
		delete(j.builds, number)
	}
}

// Starting is Jenkins on its way up: it answers, but knows nothing yet.
func (s *Server) Starting() { s.come(starting) }

// Start is Jenkins up again, or for the first time, as another session.
func (s *Server) Start() { s.come(up) }

func (s *Server) come(to state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == down {
		s.session = random()
		clear(s.crumbs)
	}
	s.state = to
	if to == up {
		s.letGo()
	}
}

// names are the full names of all jobs, in order. The caller holds the lock.
func (s *Server) names() []string {
	var names []string
	for name := range s.jobs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
