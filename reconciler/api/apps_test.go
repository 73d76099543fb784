package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
)

const (
	statePath  = "/v1/workspaces/ws-1/projects/shop/state"
	appLogPath = "/v1/workspaces/ws-1/projects/shop/log"
)

// app is one that runs, and prints.
type app struct {
	running reconciler.Running
	fail    error

	mu    sync.Mutex
	lines []string
	// absent says that it was never deployed, which whoever follows it is told over refused.
	absent  bool
	refused chan struct{}
	more    chan struct{}
	asked   reconciler.AppLogQuestion
}

func (a *app) Running(_ context.Context, k manifest.Key) (reconciler.Running, error) {
	if k != shopKey {
		return reconciler.Running{}, fmt.Errorf("%s: %w", k, fs.ErrNotExist)
	}
	return a.running, a.fail
}

func (a *app) AppLog(ctx context.Context, k manifest.Key, ask reconciler.AppLogQuestion, line func(string) error) error {
	if k != shopKey {
		return fmt.Errorf("%s: %w", k, fs.ErrNotExist)
	}
	a.mu.Lock()
	a.asked = ask
	absent := a.absent
	a.mu.Unlock()
	if absent && ask.Follow {
		a.refused <- struct{}{}
	}
	if absent {
		return fmt.Errorf("%s: %w", k, fs.ErrNotExist)
	}
	for next := 0; ; {
		a.mu.Lock()
		lines, more := a.lines[next:], a.more
		a.mu.Unlock()
		for _, text := range lines {
			if err := line(text); err != nil {
				return err
			}
		}
		next += len(lines)
		if !ask.Follow {
			return a.fail
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *app) print(lines ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, lines...)
	close(a.more)
	a.more = make(chan struct{})
}

var shopKey = manifest.Key{Workspace: "ws-1", Project: "shop"}

func appWorld(t *testing.T) (*world, *app) {
	a := &app{more: make(chan struct{})}
	return newWorld(t, func(o *api.Options) { o.Apps = api.Apps{Logs: a, Overseer: a} }), a
}

// Members read how an app does, and nobody else.
func TestState(t *testing.T) {
	w, a := appWorld(t)
	a.running = reconciler.Running{
		Rollout:   reconciler.Rollout{Release: "v1.0.0", Phase: reconciler.PhaseHealthy, Reach: reconciler.Reach{Live: true}, Drift: "Deployment shop has another spec.replicas by somebody"},
		Namespace: "ws-1", Ready: 1, Wanted: 2, Pods: []reconciler.Pod{{Name: "shop-a", State: "ready", Ready: true, Restarts: 3}},
	}
	res, body := w.get(statePath, "token-of-bob")
	var got api.State
	if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if !got.Live || got.Reach != "live" || got.Ready != 1 || got.Wanted != 2 || len(got.Pods) != 1 || got.Pods[0].Restarts != 3 || got.Drift == "" || got.Release != "v1.0.0" {
		t.Errorf("%+v", got)
	}
	for _, path := range []string{statePath, appLogPath} {
		if res, body := w.get(path, "token-of-mallory"); res.StatusCode != http.StatusNotFound || strings.Contains(body, "shop") {
			t.Errorf("mallory gets %d %s", res.StatusCode, body)
		}
		if res, body := w.get(path, ""); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("nobody gets %d %s", res.StatusCode, body)
		}
	}
	if res, body := w.get(strings.Replace(statePath, "shop", "blog", 1), "token-of-bob"); res.StatusCode != http.StatusNotFound {
		t.Errorf("what does not run gets %d %s", res.StatusCode, body)
	}
	a.fail = errors.New("no route to " + secret)
	if res, body := w.get(statePath, "token-of-bob"); res.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, secret) {
		t.Errorf("trouble gets %d %s", res.StatusCode, body)
	}
}

// What an app prints is text for people or frames, without what nobody may see.
func TestAppLog(t *testing.T) {
	w, a := appWorld(t)
	a.print("hello", "my password is "+secret, "\x1b[2Jgone")
	res, body := w.get(appLogPath+"?tail=7", "token-of-bob")
	if want := "hello\nmy password is ***\ngone\n"; res.StatusCode != http.StatusOK || body != want {
		t.Errorf("%d %q, want %q", res.StatusCode, body, want)
	}
	if a.asked != (reconciler.AppLogQuestion{Last: 7}) {
		t.Errorf("it is asked %+v", a.asked)
	}
	if res, body := w.get(appLogPath+"?tail=x", "token-of-bob"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if _, body := w.get(strings.Replace(appLogPath, "shop", "blog", 1), "token-of-bob"); !strings.Contains(body, "nothing of ws-1/blog has printed anything") {
		t.Errorf("it is %q", body)
	}
	if res, body := newWorld(t).get(appLogPath, "token-of-bob"); res.StatusCode != http.StatusNotImplemented || !strings.Contains(body, "does not keep what apps print") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// A log that is followed goes on with what is printed, until the reader may not read it any more.
func TestFollowAppLog(t *testing.T) {
	w, a := appWorld(t)
	a.print("one")
	r := w.follow(appLogPath, "token-of-bob")
	want := func(text string) {
		t.Helper()
		for {
			f, _, more := r.next()
			if !more {
				t.Fatalf("it ends before %q", text)
			}
			if f.Type == api.FrameLog {
				if len(f.Lines) != 1 || f.Lines[0] != text {
					t.Fatalf("got %q, want %q", f.Lines, text)
				}
				return
			}
		}
	}
	want("one")
	a.print("two")
	want("two")
	w.change(func() { w.files[manifest.WorkspaceFile("ws-1")] = workspace("ws-1", "") })
	for {
		f, code, more := r.next()
		if more && f.Type != api.FrameBye {
			continue
		}
		if more && f.Again {
			t.Errorf("it says to come back: %+v", f)
		}
		if !more {
			if code != websocket.StatusPolicyViolation {
				t.Errorf("it is closed with %d", code)
			}
			return
		}
	}
}

// Who follows an app before it is deployed reads what it prints once it is.
func TestFollowAnAppThatIsNotDeployed(t *testing.T) {
	w, a := appWorld(t)
	a.absent, a.refused = true, make(chan struct{})
	if _, body := w.get(appLogPath, "token-of-bob"); !strings.Contains(body, "nothing of ws-1/shop has printed anything") {
		t.Errorf("who does not follow it reads %q", body)
	}
	r := w.follow(appLogPath, "token-of-bob")
	<-a.refused
	run := w.begin()
	a.mu.Lock()
	a.absent = false
	a.mu.Unlock()
	a.print("hello")
	go func() { // it may have looked once more before it was there
		for range a.refused {
		}
	}()
	w.deployed(run)
	r.untilLine("hello")
	close(a.refused)
	if a.asked.Last < 100 {
		t.Errorf("only the last %d lines of what is all new are read", a.asked.Last)
	}
}
