package api

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/logline"
)

// How many lines of an app come first: usually, and at most.
const (
	usualTail = 100
	mostTail  = 10_000
)

// State is how what runs of a project does now.
type State struct {
	Release string           `json:"release"`
	Phase   reconciler.Phase `json:"phase"`
	// Cause says why it is not healthy.
	Cause string `json:"cause,omitempty"`
	// Live says that it answers at its URL; Reach says so in words, or what is missing.
	Live  bool   `json:"live"`
	Reach string `json:"reach,omitempty"`
	// Drift is what somebody else changed last, and was put back.
	Drift     string           `json:"drift,omitempty"`
	Namespace string           `json:"namespace,omitempty"`
	Ready     int              `json:"ready"`
	Wanted    int              `json:"wanted"`
	Pods      []reconciler.Pod `json:"pods"`
}

// serveState answers how what runs of a project does.
func (a *API) serveState(w http.ResponseWriter, q question) error {
	if a.Apps.Overseer == nil {
		return &refusal{status: http.StatusNotImplemented, text: "the engine of this installation does not say how what runs does (engine.kind in serve.yaml)"}
	}
	r, err := a.Apps.Overseer.Running(q.Context(), q.key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &refusal{status: http.StatusNotFound, text: "nothing of " + q.key.String() + " runs"}
	case err != nil:
		a.Log.Warn("how an app does cannot be found out", "project", q.key.String(), "error", err)
		return &refusal{status: http.StatusServiceUnavailable, text: "how it does cannot be found out at the moment", after: 5}
	}
	writeJSON(w, http.StatusOK, State{
		Release: r.Release, Phase: r.Phase, Cause: r.Cause, Live: r.Reach.Live && r.Reach.Missing == "", Reach: r.Reach.String(), Drift: r.Drift,
		Namespace: r.Namespace, Ready: r.Ready, Wanted: r.Wanted, Pods: append([]reconciler.Pod{}, r.Pods...),
	})
	return nil
}

// serveAppLog answers with what an app prints.
func (a *API) serveAppLog(w http.ResponseWriter, q question) error {
	if a.Apps.Logs == nil {
		return &refusal{status: http.StatusNotImplemented, text: "the engine of this installation does not keep what apps print (engine.kind in serve.yaml)"}
	}
	last := usualTail
	if tail := q.URL.Query().Get("tail"); tail != "" {
		var err error
		if last, err = strconv.Atoi(tail); err != nil || last < 0 {
			return &refusal{status: http.StatusBadRequest, text: "tail is no number of lines"}
		}
	}
	return a.deliver(w, q, !wantsFrames(q.Request), func(ctx context.Context, send sender) error {
		return a.sendAppLog(ctx, q, min(last, mostTail), send)
	})
}

// maxBatch is how many lines are sent at once.
const maxBatch = 256

// untilItPrints is how often an app is looked at that somebody follows, and that has printed nothing yet; news of its runs come sooner.
const untilItPrints = 15 * time.Second

// appReader reads what an app prints.
type appReader struct {
	Apps
	times Times
	// news are told when something of the app's runs is new.
	news <-chan struct{}
}

// read hands on what the app prints. One that has printed nothing yet is waited for when it is followed.
func (r appReader) read(ctx context.Context, key manifest.Key, ask reconciler.AppLogQuestion, line func(string) error) error {
	for {
		err := r.Logs.AppLog(ctx, key, ask, line)
		if !ask.Follow || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		ask.Last = max(ask.Last, usualTail) // it is all new
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.news:
		case <-r.times.After(untilItPrints):
		}
	}
}

// sendAppLog sends what an app prints, until there is nothing more.
func (a *API) sendAppLog(ctx context.Context, q question, last int, send sender) error {
	ctx, stop := context.WithCancel(ctx)
	lines, news := make(chan string, maxBatch), make(chan struct{}, 1)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	var failed error
	runs := make(chan struct{}, 1)
	defer a.Runs.watch(q.key, runs)()
	reader := appReader{Apps: a.Apps, times: a.Times, news: runs}
	reading.Go(func() {
		defer wake(news)
		defer close(lines)
		failed = reader.read(ctx, q.key, reconciler.AppLogQuestion{Last: last, Follow: q.follow}, func(text string) error {
			select {
			case lines <- text:
				wake(news)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	c := &logline.Cleaner{Masks: a.tails.masks()}
	since := a.Times.Now()
	for {
		if now := a.Times.Now(); now.Sub(since) >= secretsFor {
			c.Masks, since = a.tails.masks(), now
		}
		batch, open := take(lines, c)
		if len(batch) > 0 {
			if err := send(Frame{Type: FrameLog, Lines: batch}); err != nil {
				return err
			}
			continue
		}
		if !open {
			return a.endAppLog(ctx, q, failed)
		}
		if _, err := q.guest.wait(ctx, news, nil, send); err != nil {
			return err
		}
	}
}

// take takes the lines that are there, made harmless. open is false when no more will come.
func take(lines <-chan string, c *logline.Cleaner) (batch []string, open bool) {
	for len(batch) < maxBatch {
		select {
		case text, more := <-lines:
			if !more {
				return batch, false
			}
			_ = c.Write([]byte(text+"\n"), func(clean string) error { // which fails with what this returns
				batch = append(batch, clean)
				return nil
			})
		default:
			return batch, true
		}
	}
	return batch, true
}

// endAppLog says how a log ended.
func (a *API) endAppLog(ctx context.Context, q question, err error) error {
	switch {
	case err == nil || ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return &endError{reason: "nothing of " + q.key.String() + " has printed anything", code: codeGone}
	}
	a.Log.Warn("what an app prints cannot be read", "project", q.key.String(), "error", err)
	return &endError{reason: "what it prints cannot be read at the moment", code: codeLater}
}

// Apps are what is known of the apps that run. What is nil is not known.
type Apps struct {
	Logs     reconciler.AppLogs
	Overseer reconciler.Overseer
}

// AppsOf is what an engine knows of the apps that it runs.
func AppsOf(engine reconciler.Engine) (a Apps) {
	a.Logs, _ = engine.(reconciler.AppLogs)
	a.Overseer, _ = engine.(reconciler.Overseer)
	return a
}
