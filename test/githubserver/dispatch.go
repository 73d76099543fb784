package githubserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/openapi"
)

// call is one request to the API while it is answered. The lock is held all the time.
type call struct {
	ctx     context.Context
	world   *forge.World
	desk    *desk
	request *http.Request
	op      openapi.Operation
	vars    map[string]string
	body    []byte
	who     model.Principal
	// repo that it is about, when it is about one.
	repo *model.Repository
}

// decode reads the body, which has been checked before.
func (c *call) decode(into any) error { return json.Unmarshal(c.body, into) }

// number reads a number out of the path.
func (c *call) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(c.vars[name], 10, 64)
	return n, err == nil
}

// limits of what is read.
const (
	maxBody = 25 << 20
	maxPush = 512 << 20
	maxLog  = 100000
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, below, isGit := gitPath(r.URL.Path); isGit {
		s.serveGit(w, r, name, below)
		return
	}
	path := r.URL.EscapedPath()
	for _, prefix := range []string{"/api/v3", "/api/uploads"} {
		if rest, found := strings.CutPrefix(path, prefix); found {
			path = rest
			break
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.send(w, problem(http.StatusRequestEntityTooLarge, "the request is too large"))
		return
	}
	if string(bytes.TrimSpace(body)) == "null" {
		body = nil // clients that have nothing to say send that, and GitHub takes it
	}
	op, found := s.spec.Find(r.Method, path)
	if !found {
		op.Name = r.Method + " " + path
	}
	fault := s.fault(asked{operation: op.Name})
	if fault.Before != nil {
		fault.Before()
	}
	if fault.Drop {
		hangUp(w)
		return
	}
	c := &call{ctx: r.Context(), request: r, op: op, vars: op.Vars, body: body}
	a := s.answer(c, fault, found)
	if !fault.end(w) {
		return
	}
	s.send(w, a)
}

// answer does what a call asks for, and checks both the request and the answer.
func (s *Server) answer(c *call, fault Fault, known bool) answer {
	var a answer
	_ = s.Locked(func(w *forge.World) error {
		c.world, c.desk = w, &s.desk
		if fault.Expire {
			w.Expire(c.request)
		}
		who, err := w.Authenticate(c.request)
		c.who = who
		scripted, answered := fault.answer()
		switch {
		case answered:
			a = scripted
		case err != nil:
			a = problem(http.StatusUnauthorized, err.Error())
		default:
			a = s.checked(c, known)
		}
		s.desk.budgets.rateHeaders(c.who, a.header)
		s.desk.record(Call{Operation: c.op.Name, Path: c.request.URL.RequestURI(), Who: c.who.Name(), Status: a.status, Write: isWrite(c.request.Method), Sent: string(c.body)})
		return nil
	})
	a.header.Set("X-GitHub-Media-Type", "github.v3; format=json")
	if c.who.Token != nil && c.who.Token.Scopes != "" {
		a.header.Set("X-OAuth-Scopes", c.who.Token.Scopes)
	}
	return a
}

// record remembers a call, and forgets the oldest.
func (d *desk) record(call Call) {
	d.calls = append(d.calls, call)
	d.calls = d.calls[max(0, len(d.calls)-maxLog):]
}

func isWrite(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// checked answers a call whose request, answer, or both may be wrong.
func (s *Server) checked(c *call, known bool) answer {
	who, write := c.who, isWrite(c.request.Method)
	content := write && !strings.HasPrefix(c.op.Name, "POST /app/") && !strings.HasPrefix(c.op.Name, "POST /applications/")
	if c.op.Name != "GET /rate_limit" {
		if refused, allowed := c.desk.budgets.spend(who, write, content); !allowed {
			return refused
		}
	}
	if !known {
		c.desk.violate(c.op.Name, false, errors.New("GitHub has no such operation, or it is not among those that may be used"))
		return notFound()
	}
	checked := openapi.Request{Operation: c.op, HTTP: c.request, Body: c.body}
	if err := s.spec.CheckRequest(c.ctx, checked); err != nil {
		c.desk.violate(c.op.Name, false, err)
		if len(c.body) > 0 && !json.Valid(c.body) {
			return problem(http.StatusBadRequest, "Problems parsing JSON")
		}
		return unprocessable("Invalid request.\n\n" + err.Error())
	}
	a := s.handle(c)
	body, err := a.encode()
	if err == nil {
		a.raw = body
		a.header.Set("Content-Type", "application/json; charset=utf-8")
		err = s.spec.CheckResponse(c.ctx, checked, openapi.Response{Status: a.status, Header: a.header, Body: body})
	}
	if err != nil {
		c.desk.violate(c.op.Name, true, err)
	}
	return c.conditional(a)
}

// conditional answers 304, for nothing, when the client has what it asks for.
func (c *call) conditional(a answer) answer {
	if a.status != http.StatusOK || c.request.Method != http.MethodGet {
		return a
	}
	tag := etag(c.who, a.raw)
	a.header.Set("ETag", tag)
	a.header.Set("Cache-Control", "private, max-age=60, s-maxage=60")
	if known := c.request.Header.Get("If-None-Match"); known != "" && matches(known, tag) {
		c.desk.budgets.refund(c.who)
		a.status, a.body, a.raw = http.StatusNotModified, nil, nil
		a.header.Del("Content-Type")
	}
	return a
}

func (d *desk) violate(operation string, server bool, err error) {
	if len(d.violations) < maxLog {
		d.violations = append(d.violations, Violation{Operation: operation, Server: server, Problem: err.Error()})
	}
}

// handle finds who is to answer, and whether the call is allowed.
func (s *Server) handle(c *call) answer {
	e, there := s.endpoints[c.op.Name]
	if !there {
		c.desk.violate(c.op.Name, true, errors.New("GitHub has this operation, and this server has not"))
		return notFound()
	}
	if c.vars["repo"] != "" {
		if c.repo = c.world.RepoByName(c.vars["owner"] + "/" + c.vars["repo"]); c.repo == nil {
			return notFound()
		}
	}
	if refused, allowed := c.allowed(e); !allowed {
		return refused
	}
	return e.do(c)
}

func (s *Server) send(w http.ResponseWriter, a answer) {
	body, err := a.encode()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if len(body) > 0 && w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a client that is gone has given up
}
