package githubserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
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
	fault := s.fault(service, true)
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
	if fault.DropAnswer {
		hangUp(w)
		return
	}
	for key, values := range rec.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // a client that is gone has given up
}

func (s *Server) logGit(call Call) {
	_ = s.locked(func(w *world) error {
		w.record(call)
		return nil
	})
}

// gitAnswer does what a git client asks for. A push holds the lock until everything that follows from it has happened;
// fetches do not wait for each other.
func (s *Server) gitAnswer(request *bare.Request, name string, expire bool) *httptest.ResponseRecorder {
	call, repo, rec := s.begin(request, name, expire)
	if rec == nil {
		var err error
		if rec, err = repo.git.Serve(request); err != nil {
			rec = plain(http.StatusInternalServerError, err.Error())
		}
	}
	call.Status = rec.Code
	s.logGit(call)
	return rec
}

// begin says whether a git client may do what it asks for, and does it when it is a push. Without an answer, it is a fetch.
func (s *Server) begin(request *bare.Request, name string, expire bool) (Call, *repository, *httptest.ResponseRecorder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if expire {
		s.world.expire(request.HTTP)
	}
	who, repo, rec := s.world.admit(request, name)
	call := Call{Operation: request.Service(), Path: request.HTTP.URL.Path, Who: who.name(), Write: request.Below == bare.Push}
	if rec != nil || request.Below != bare.Push {
		return call, repo, rec
	}
	request.User = who.name()
	rec, err := s.world.push(request.HTTP.Context(), repo, request, who)
	if err != nil {
		rec = plain(http.StatusInternalServerError, err.Error())
	}
	return call, repo, rec
}

func plain(status int, text string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	http.Error(rec, text, status)
	return rec
}

// admit says who a git client is, and whether it may do what it asks for. Nobody learns of a private repository.
func (w *world) admit(request *bare.Request, name string) (principal, *repository, *httptest.ResponseRecorder) {
	unknown := func() *httptest.ResponseRecorder {
		rec := plain(http.StatusUnauthorized, "Repository not found.")
		rec.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		return rec
	}
	who, err := w.authenticate(request.HTTP)
	if err != nil || who.app != nil {
		return principal{}, nil, unknown()
	}
	r := w.repoByName(name)
	level, role := "read", Read
	if request.Service() == bare.Push {
		level, role = "write", Write
	}
	anonymous := who.user == nil
	switch {
	case r == nil && anonymous, r != nil && anonymous && (r.private || level == "write"):
		return who, nil, unknown()
	case r == nil || !who.sees(r):
		return who, nil, plain(http.StatusNotFound, "Repository not found.")
	case !who.permitted(r, "contents:"+level), who.installed() == nil && r.role(who.user) < role:
		if level == "write" {
			return who, nil, plain(http.StatusForbidden, fmt.Sprintf("Permission to %s.git denied to %s.", r.fullName(), who.name()))
		}
		return who, nil, plain(http.StatusForbidden, "Write access to repository not granted.")
	}
	return who, r, nil
}

// push does a push, unless rules forbid a part of it: then nothing is done.
func (w *world) push(ctx context.Context, r *repository, request *bare.Request, who principal) (*httptest.ResponseRecorder, error) {
	commands, err := request.Commands()
	if err != nil {
		return nil, err
	}
	if len(r.rules.sets)+len(r.rules.protected) > 0 {
		if err := r.git.Keep(ctx, request); err != nil {
			return nil, err
		}
	}
	for _, c := range commands {
		m := move{c.Ref, c.Old, c.New}
		if strings.HasPrefix(m.ref, "refs/pull/") {
			return request.Refuse(bare.Refusal{Reason: "deny updating a hidden ref"})
		}
		if no := r.refuses(ctx, m, who); len(no.why) > 0 {
			return request.Refuse(no.text(m.ref))
		}
	}
	rec, err := r.git.Serve(request)
	if err != nil {
		return nil, err
	}
	for _, c := range commands {
		now, err := r.git.Ref(ctx, c.Ref)
		if err != nil {
			now = bare.Zero
		}
		if now != c.New || c.Old == c.New {
			continue // git refused it
		}
		if err := w.moved(ctx, r, move{c.Ref, c.Old, c.New}, who); err != nil {
			return nil, err
		}
	}
	return rec, nil
}

// text is a refusal as GitHub's hooks say it.
func (n refusal) text(ref string) bare.Refusal {
	if n.classic {
		out := bare.Refusal{Reason: "protected branch hook declined", Remote: []string{"error: GH006: Protected branch update failed for " + ref + "."}}
		for _, why := range n.why {
			out.Remote = append(out.Remote, "error: "+why)
		}
		return out
	}
	out := bare.Refusal{Reason: "push declined due to repository rule violations",
		Remote: []string{"error: GH013: Repository rule violations found for " + ref + ".", ""}}
	for _, why := range n.why {
		out.Remote = append(out.Remote, "- "+why, "")
	}
	return out
}

// Commit makes a commit on a branch as somebody who edits files on the page, and returns its hash. Rules do not hold it up.
func (s *Server) Commit(ctx context.Context, n NewCommit) (string, error) {
	var hash string
	err := s.locked(func(w *world) error {
		r, u := w.repoByName(n.Repo), w.users[n.Author]
		if r == nil || u == nil {
			return fmt.Errorf("there is no repository %s, or no user %d", n.Repo, n.Author)
		}
		if n.Branch == "" {
			n.Branch = defaultBranch
		}
		var err error
		hash, err = w.commit(ctx, r, u, n)
		return err
	})
	return hash, err
}

// NewCommit is a commit to be made.
type NewCommit struct {
	// Repo is OWNER/NAME, Branch is main when empty. A branch that is not there begins where From is; main when empty.
	Repo, Branch, From string
	// Author is a user's id.
	Author  int64
	Message string
	// Files to set, and paths to remove.
	Files  map[string]string
	Remove []string
}

func (w *world) commit(ctx context.Context, r *repository, u *user, n NewCommit) (string, error) {
	ref := "refs/heads/" + n.Branch
	old, err := r.git.Ref(ctx, ref)
	base := old
	if err != nil {
		old = bare.Zero
		if n.From == "" {
			n.From = defaultBranch
		}
		if base, err = r.git.Resolve(ctx, n.From); err != nil {
			base = "" // the first commit of all
		}
	}
	tree, err := r.git.Tree(ctx, base, n.Files, n.Remove)
	if err != nil {
		return "", err
	}
	who := bare.Person{Name: u.login, Email: u.email(), When: w.now()}
	m := bare.NewCommit{Tree: tree, Author: who, Committer: bare.Person{Name: "GitHub", Email: "noreply@github.com", When: w.now()}, Message: n.Message}
	if base != "" {
		m.Parents = []string{base}
	}
	hash, err := r.git.Make(ctx, m)
	if err != nil {
		return "", err
	}
	if err := r.git.Move(ctx, ref, old, hash); err != nil {
		return "", err
	}
	return hash, w.moved(ctx, r, move{ref, old, hash}, principal{user: u})
}
