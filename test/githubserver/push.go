package githubserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

// gitPath takes the path of a git client apart: the repository, and what of it is asked for.
func gitPath(path string) (repo, below string, isGit bool) {
	for _, end := range []string{"info/refs", bare.Fetch, bare.Push} {
		if name, found := strings.CutSuffix(path, "/"+end); found && strings.Count(name, "/") == 2 {
			return strings.TrimSuffix(strings.TrimPrefix(name, "/"), ".git"), end, true
		}
	}
	return "", "", false
}

// serveGit answers a git client.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, name, below string) {
	request := &bare.Request{HTTP: r, Below: below}
	service := request.Service()
	if err := request.Spool(maxPush); err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, bare.ErrTooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), status)
		return
	}
	fault := s.fault(asked{operation: service, ofGit: true, repo: name, refs: request.Refs()})
	if fault.Before != nil {
		fault.Before()
	}
	if fault.Drop {
		hangUp(w)
		return
	}
	if a, scripted := fault.answer(); scripted {
		s.logGit(Call{Operation: service, Path: r.URL.Path, Status: a.status})
		s.send(w, a)
		return
	}
	rec := s.gitAnswer(request, name, fault.Expire)
	if !fault.end(w) {
		return
	}
	for key, values := range rec.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // a client that is gone has given up
}

func (s *Server) logGit(call Call) {
	_ = s.Locked(func(*forge.World) error {
		s.desk.record(call)
		return nil
	})
}

// gitAnswer does what a git client asks for. A push holds the lock until everything that follows from it has happened;
// fetches do not wait for each other.
func (s *Server) gitAnswer(request *bare.Request, name string, expire bool) *httptest.ResponseRecorder {
	call, repo, rec := s.begin(request, name, expire)
	if rec == nil {
		var err error
		if rec, err = repo.Git.Serve(request); err != nil {
			rec = plain(http.StatusInternalServerError, err.Error())
		}
	}
	call.Status = rec.Code
	s.logGit(call)
	return rec
}

// begin says whether a git client may do what it asks for, and does it when it is a push. Without an answer, it is a fetch.
func (s *Server) begin(request *bare.Request, name string, expire bool) (call Call, repo *model.Repository, rec *httptest.ResponseRecorder) {
	_ = s.Locked(func(w *forge.World) error {
		if expire {
			w.Expire(request.HTTP)
		}
		var who model.Principal
		who, repo, rec = admit(w, request, name)
		call = Call{Operation: request.Service(), Path: request.HTTP.URL.Path, Who: who.Name(), Write: request.Below == bare.Push}
		if rec != nil || request.Below != bare.Push {
			return nil
		}
		request.User = who.Name()
		var err error
		if rec, err = push(request.HTTP.Context(), w, repo, request, who); err != nil {
			rec = plain(http.StatusInternalServerError, err.Error())
		}
		return nil
	})
	return call, repo, rec
}

func plain(status int, text string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	http.Error(rec, text, status)
	return rec
}

// admit says who a git client is, and whether it may do what it asks for. Nobody learns of a private repository.
func admit(w *forge.World, request *bare.Request, name string) (model.Principal, *model.Repository, *httptest.ResponseRecorder) {
	unknown := func() *httptest.ResponseRecorder {
		rec := plain(http.StatusUnauthorized, "Repository not found.")
		rec.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		return rec
	}
	who, err := w.Authenticate(request.HTTP)
	if err != nil || who.App != nil {
		return model.Principal{}, nil, unknown()
	}
	r := w.RepoByName(name)
	level, role := "read", model.Read
	if request.Service() == bare.Push {
		level, role = "write", model.Write
	}
	anonymous := who.User == nil
	switch {
	case r == nil && anonymous, r != nil && anonymous && (r.Private || level == "write"):
		return who, nil, unknown()
	case r == nil || !who.Sees(r):
		return who, nil, plain(http.StatusNotFound, "Repository not found.")
	case !who.Permitted(r, "contents:"+level), who.Installed() == nil && r.Role(who.User) < role:
		if level == "write" {
			return who, nil, plain(http.StatusForbidden, fmt.Sprintf("Permission to %s.git denied to %s.", r.FullName(), who.Name()))
		}
		return who, nil, plain(http.StatusForbidden, "Write access to repository not granted.")
	}
	return who, r, nil
}

// push does a push, unless rules forbid a part of it: then nothing is done.
func push(ctx context.Context, w *forge.World, r *model.Repository, request *bare.Request, who model.Principal) (*httptest.ResponseRecorder, error) {
	commands, err := request.Commands()
	if err != nil {
		return nil, err
	}
	if len(r.Rules.Sets)+len(r.Rules.Protected) > 0 {
		if err := r.Git.Keep(ctx, request); err != nil {
			return nil, err
		}
	}
	for _, c := range commands {
		m := model.Move{Ref: c.Ref, Old: c.Old, To: c.New}
		if strings.HasPrefix(m.Ref, "refs/pull/") {
			return request.Refuse(bare.Refusal{Reason: "deny updating a hidden ref"})
		}
		if no := r.Refuses(ctx, m, who); len(no.Why) > 0 {
			return request.Refuse(no.Text(m.Ref))
		}
	}
	rec, err := r.Git.Serve(request)
	if err != nil {
		return nil, err
	}
	for _, c := range commands {
		now, err := r.Git.Ref(ctx, c.Ref)
		if err != nil {
			now = bare.Zero
		}
		if now != c.New || c.Old == c.New {
			continue // git refused it
		}
		if err := w.Moved(ctx, r, model.Move{Ref: c.Ref, Old: c.Old, To: c.New}, who); err != nil {
			return nil, err
		}
	}
	return rec, nil
}
