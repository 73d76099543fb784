// Package githubserver is a GitHub for tests and demos: users, repositories served by git http-backend, pull requests that
// become merged when their head is reachable from the base, statuses, checks, comments, deployments, rulesets, Apps with
// installations, rate limits, and webhooks, all with the state that GitHub keeps and the limits that GitHub has.
//
// Every request and every response is checked against GitHub's own description of the API; what does not fit is a
// violation that a test can ask for. Faults of one endpoint, and the fate of each webhook, can be scripted.
//
// The API is served as that of a GitHub Enterprise, below /api/v3, and as that of github.com, at the root; repositories at
// /OWNER/NAME.git.
package githubserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/plateform/plateform/test/githubserver/delivery"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/openapi"
)

// Options are what a server needs.
type Options struct {
	// URL is where clients reach it, without a slash at the end: links and payloads begin with it.
	URL string
	// Dir holds the repositories.
	Dir string
	// Now is the server's clock; the time of this machine when nil. Tokens expire and budgets are renewed by it.
	Now func() time.Time
	// Limits of requests; GitHub's own when nil.
	Limits *Limits
	// Client sends webhooks; one of its own when nil.
	Client *http.Client
	// Spec is GitHub's description, for those who make many servers; it is loaded when nil.
	Spec *openapi.Spec
}

// Server is a GitHub. All methods may be called by many at once.
type Server struct {
	*forge.Forge
	spec      *openapi.Spec
	endpoints map[string]endpoint
	desk      desk
}

// desk is what the server remembers of requests; the forge's lock guards it too.
type desk struct {
	budgets    budgets
	faults     []*Fault
	violations []Violation
	calls      []Call
}

// New makes a server. Serve starts it; as an http.Handler it works without, and only sends no webhooks.
func New(o Options) (*Server, error) {
	if o.URL == "" || o.Dir == "" {
		return nil, errors.New("a GitHub needs the URL it is reached at and a folder for its repositories")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = &http.Client{}
	}
	limits := GitHubLimits()
	if o.Limits != nil {
		limits = *o.Limits
	}
	if o.Spec == nil {
		var err error
		if o.Spec, err = openapi.Load(); err != nil {
			return nil, err
		}
	}
	s := &Server{Forge: forge.NewForge(o.URL, o.Dir, o.Now, delivery.New(o.Client, o.Now)), spec: o.Spec, endpoints: routes()}
	s.desk.budgets = budgets{now: o.Now, limits: limits, spent: map[string]*spent{}}
	return s, nil
}

// patience is how long a server that ends waits for what is under way.
const patience = 5 * time.Second

// Serve answers requests and sends webhooks until the context ends.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	ended := make(chan error, 1)
	go func() { ended <- s.Hooks().Run(ctx) }()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		<-ctx.Done()
		// What is under way ends with the context; who is in the middle of sending a request is cut off after a while.
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer stop()
		if server.Shutdown(last) != nil {
			_ = server.Close()
		}
	}()
	err := server.Serve(listener)
	cancel()
	<-closed
	<-ended
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving GitHub: %w", err)
}

// Missing are the operations that GitHub's description has and this server has not: who asks for one gets a 404 and a
// violation.
func (s *Server) Missing() []string {
	return slices.DeleteFunc(s.spec.Operations(), func(name string) bool {
		_, there := s.endpoints[name]
		return there
	})
}

// Violation is something that is not as GitHub describes it.
type Violation struct {
	// Operation that was asked for, or the method and path when there is none such.
	Operation string
	// Server says that the answer was wrong and not the request: a mistake in this package.
	Server bool
	// Problem says what is wrong.
	Problem string
}

// Violations are all that there were, oldest first.
func (s *Server) Violations() []Violation {
	var all []Violation
	_ = s.Locked(func(*forge.World) error {
		all = slices.Clone(s.desk.violations)
		return nil
	})
	return all
}

// TakeViolations returns all that there were, oldest first, and forgets them.
func (s *Server) TakeViolations() []Violation {
	var taken []Violation
	_ = s.Locked(func(*forge.World) error {
		taken, s.desk.violations = s.desk.violations, nil
		return nil
	})
	return taken
}

// Call is one request that was answered.
type Call struct {
	// Operation as GitHub describes it, such as "GET /user"; of git, "git-upload-pack" or "git-receive-pack".
	Operation string
	// Path that was asked for.
	Path string
	// Who asked: a login, the slug of an App with [bot] behind it, or "" for nobody known.
	Who    string
	Status int
	// Write says that it was to change something.
	Write bool
	// Sent is the body of the request.
	Sent string
}

// Calls are the requests that were answered, oldest first; the last 100,000.
func (s *Server) Calls() []Call {
	var all []Call
	_ = s.Locked(func(*forge.World) error {
		all = slices.Clone(s.desk.calls)
		return nil
	})
	return all
}
