package api

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"

	"github.com/plateform/plateform/manifest"
)

// serveRuns answers which runs of a project there were lately, or goes on telling of them.
func (a *API) serveRuns(w http.ResponseWriter, q question) error {
	if !a.Ready() {
		return starting()
	}
	if q.follow {
		return a.deliver(w, q, false, func(ctx context.Context, send sender) error { return a.followRuns(ctx, q, send) })
	}
	runs, _, err := a.recent(q.Context(), q.key)
	if err != nil {
		return a.unread(err)
	}
	writeJSON(w, http.StatusOK, struct {
		Runs []Run `json:"runs"`
	}{append([]Run{}, runs...)})
	return nil
}

// recent are the recent runs of a project that memory or Git knows of, the newest first, and the version that memory is at.
func (a *API) recent(ctx context.Context, key manifest.Key) ([]Run, uint64, error) {
	runs, version := a.Runs.since(key, 0)
	earlier, err := a.past.runs(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	for _, run := range earlier {
		if !slices.ContainsFunc(runs, func(known Run) bool { return known.ID == run.ID }) {
			runs = append(runs, run)
		}
	}
	slices.SortStableFunc(runs, func(x, y Run) int { return y.StartedAt.Compare(x.StartedAt) })
	return runs[:min(len(runs), maxRuns)], version, nil
}

// followRuns sends each recent run of a project as it is, the oldest first, and again whenever something of it is new.
func (a *API) followRuns(ctx context.Context, q question, send sender) error {
	news := make(chan struct{}, 1)
	defer a.Runs.watch(q.key, news)()
	runs, version, err := a.recent(ctx, q.key)
	if err != nil {
		return err
	}
	slices.Reverse(runs)
	for {
		for _, run := range runs {
			if err := send(Frame{Type: FrameRun, Run: &run}); err != nil {
				return err
			}
		}
		if _, err := q.guest.wait(ctx, news, nil, send); err != nil {
			return err
		}
		runs, version = a.Runs.since(q.key, version)
	}
}

// serveRun answers how one run is.
func (a *API) serveRun(w http.ResponseWriter, q question) error {
	run, err := a.known(q)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, run)
	return nil
}

// serveLog answers with the stages and the log of a run.
func (a *API) serveLog(w http.ResponseWriter, q question) error {
	from, err := parseOffset(q.URL.Query().Get("from"))
	if err != nil {
		return &refusal{status: http.StatusBadRequest, text: err.Error()}
	}
	if _, err := a.known(q); err != nil {
		return err
	}
	return a.deliver(w, q, !wantsFrames(q.Request), func(ctx context.Context, send sender) error {
		s := &stream{
			API: a, key: q.key, id: q.run, offset: from, send: send, news: make(chan struct{}, 1), tails: map[string]*tail{}, troubled: map[string]bool{},
		}
		return s.follow(ctx, !q.follow, q.guest)
	})
}

// known is the run that a question is about.
func (a *API) known(q question) (Run, error) {
	run, _, found, err := a.find(q.Context(), q.key, q.run)
	switch {
	case err != nil:
		return run, a.unread(err)
	case found:
		return run, nil
	case !a.Ready() || a.Times.Now().Sub(a.started) < settles:
		return run, starting()
	}
	return run, &refusal{status: http.StatusNotFound, text: "no run of " + q.key.String() + " is known by this ID (those that are: " + RunsPath(q.key) + ")"}
}

// RunsPath is where the runs of a project are listed, below the address of the API.
func RunsPath(k manifest.Key) string {
	return "/v1/workspaces/" + url.PathEscape(k.Workspace) + "/projects/" + url.PathEscape(k.Project) + "/runs"
}

// find is a run, of which memory or Git knows, and the version it is at.
func (a *API) find(ctx context.Context, key manifest.Key, id string) (Run, uint64, bool, error) {
	known, version, found := a.Runs.run(key, id)
	if found && (len(known.Builds) > 0 || !known.Ended()) || !a.Ready() {
		return known, version, found, nil
	}
	earlier, err := a.past.runs(ctx, key)
	for _, run := range earlier {
		if run.ID == id && found { // an earlier process had it built
			known.Builds = run.Builds
		} else if run.ID == id {
			return run, 0, true, nil
		}
	}
	return known, version, found, err
}

// unread is the answer when Git cannot be read.
func (a *API) unread(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return starting()
	}
	a.Log.Warn("the runs of a project cannot be read out of Git", "error", err)
	return &refusal{status: http.StatusServiceUnavailable, text: "the runs cannot be read at the moment", after: 5}
}
