package api_test

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/api"
)

// Who is no member gets the same answer as for a workspace that is not there; what is not known of who asks is said.
func TestWhoMayRead(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.deployed(run)
	tests := []struct {
		name, path, token string
		status            int
	}{
		{"the owner", logPath(run), "token-of-carol", 200},
		{"a viewer", logPath(run), "token-of-bob", 200},
		{"a platform admin", logPath(run), "token-of-alice", 200},
		{"the operator", logPath(run), operator, 200},
		{"nobody", logPath(run), "", 401},
		{"a token of nobody", logPath(run), "nonsense", 401},
		{"no member", logPath(run), "token-of-mallory", 404},
		{"a member of another workspace", "/v1/workspaces/ws-2/projects/shop/runs", "token-of-bob", 404},
		{"a workspace that is not there", "/v1/workspaces/ws-3/projects/shop/runs", "token-of-bob", 404},
		{"no name of a workspace", "/v1/workspaces/%2e%2e%2fws-1/projects/shop/runs", "token-of-bob", 404},
		{"a project that is not there", "/v1/workspaces/ws-1/projects/blog/runs", "token-of-bob", 200},
		{"no name of a project", "/v1/workspaces/ws-1/projects/%2e%2e%2f/runs", "token-of-bob", 404},
		{"a path that is not there", "/v1/workspaces", "token-of-bob", 404},
		{"a token in the URL", logPath(run) + "?token=token-of-bob", "", 400},
		{"an offset that nobody gave out", logPath(run) + "?from=x", "token-of-bob", 400},
		{"an offset too long", logPath(run) + "?from=1." + strings.Repeat("a", 9000), "token-of-bob", 400},
		{"another offset", logPath(run) + "?from=1.a~b", "token-of-bob", 400},
		{"an offset of many builds", logPath(run) + "?from=1" + strings.Repeat(".a~b~1", 1000), "token-of-bob", 200},
		{"follow", logPath(run) + "?follow=perhaps", "token-of-bob", 400},
	}
	bodies := map[string]string{}
	for _, tt := range tests {
		res, body := w.get(tt.path, tt.token)
		if res.StatusCode != tt.status {
			t.Errorf("%s: got %d %s, want %d", tt.name, res.StatusCode, body, tt.status)
		}
		if bodies[tt.name] = body; strings.Contains(body, "token-of") {
			t.Errorf("%s: the token is in the answer: %s", tt.name, body)
		}
		if res.StatusCode == 401 && res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: nothing says how to log in", tt.name)
		}
	}
	if bodies["a member of another workspace"] != bodies["a workspace that is not there"] {
		t.Errorf("the answers tell whether a workspace is there: %s, %s", bodies["a member of another workspace"], bodies["a workspace that is not there"])
	}
	w.change(func() { w.now = w.now.Add(time.Hour) })
	if res, _ := w.get(runsPath+"/0123456789ab/log", "token-of-bob"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a run that is not there: %d", res.StatusCode)
	}
	w.change(func() { w.doubt = true })
	if res, body := w.get(logPath(run), "token-of-bob"); res.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "GitHub") {
		t.Errorf("while nobody can say who it is: %d %s", res.StatusCode, body)
	}
}

// Without anybody who could tell who people are, only the operator reads, and people are told what is missing.
func TestNobodyTellsWhoPeopleAre(t *testing.T) {
	w := newWorld(t, func(o *api.Options) { o.Access.Identities = nil })
	run := w.begin()
	w.deployed(run)
	if res, body := w.get(logPath(run), "token-of-bob"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "api.github or api.oidc") || !strings.Contains(body, "api/token of dataDir") {
		t.Errorf("a member: %d %s", res.StatusCode, body)
	}
	if res, body := w.get(logPath(run), operator); res.StatusCode != http.StatusOK {
		t.Errorf("the operator: %d %s", res.StatusCode, body)
	}
}

// What a proxy on this machine hands on is from anywhere: the token of the operator is not good for it.
func TestTheOperatorBehindAProxy(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.deployed(run)
	for _, header := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if res, body := w.get(logPath(run), operator, header, "203.0.113.7"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("with %s: %d %s", header, res.StatusCode, body)
		}
		if res, body := w.get(logPath(run), "token-of-bob", header, "203.0.113.7"); res.StatusCode != http.StatusOK {
			t.Errorf("a member with %s: %d %s", header, res.StatusCode, body)
		}
	}
}

// Whoever is not a member any more, or whose token has ended, is cut off in the middle, and told why. Who cannot be asked about reads on
// for a while.
func TestAReaderWhoMayNotReadAnyMore(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *world)
		reason string
		code   websocket.StatusCode
	}{
		{"a member who was removed", func(w *world) { w.files[manifest.WorkspaceFile("ws-1")] = workspace("ws-1", "") }, "not a member", websocket.StatusPolicyViolation},
		{"a workspace that was removed", func(w *world) { delete(w.files, manifest.WorkspaceFile("ws-1")) }, "not a member", websocket.StatusPolicyViolation},
		{"a token that was revoked", func(w *world) { delete(w.people, "token-of-bob") }, "it was revoked", websocket.StatusPolicyViolation},
		{"a token that is somebody else's now", func(w *world) { w.people["token-of-bob"] = 2 }, "not a member", websocket.StatusPolicyViolation},
		{"a member who was removed while nobody can say whose tokens are", func(w *world) { w.doubt, w.files[manifest.WorkspaceFile("ws-1")] = true, workspace("ws-1", "") }, "not a member", websocket.StatusPolicyViolation},
		{"a token that ends while nobody can say", func(w *world) { w.doubt, w.now = true, w.expires }, "it has ended", websocket.StatusPolicyViolation},
		{"nobody can say for long", func(w *world) { w.doubt, w.now = true, w.now.Add(time.Hour) }, "cannot be found out", websocket.StatusTryAgainLater},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.expires = w.now.Add(2 * time.Hour)
			run := w.begin()
			w.building(run)
			w.print(buildID, "one\n")
			r := w.follow(logPath(run), "token-of-bob")
			r.untilLine("one")
			w.change(func() { w.doubt = true })
			w.print(buildID, "two\n")
			r.untilLine("two")
			w.change(func() { w.doubt = false; tt.change(w) })
			bye := r.until("a goodbye", func(f api.Frame) bool { return f.Type == api.FrameBye })
			if !strings.Contains(bye.Text, tt.reason) || bye.Again != (tt.code == websocket.StatusTryAgainLater) {
				t.Errorf("it is told %+v", bye)
			}
			if code := r.rest(); code != tt.code {
				t.Errorf("it was closed with %d, want %d", code, tt.code)
			}
		})
	}
}

// A reader who always has something to read is asked about, too.
func TestABusyReaderIsAskedAbout(t *testing.T) {
	w := newWorld(t, func(o *api.Options) { o.Times.Recheck = time.Nanosecond })
	run := w.begin()
	w.building(run)
	w.print(buildID, strings.Repeat("a line\n", 100_000))
	r := w.follow(logPath(run), "token-of-bob")
	r.untilLine("a line")
	w.change(func() { delete(w.people, "token-of-bob") })
	r.rest()
	if last := r.frames[len(r.frames)-1]; last.Type != api.FrameBye {
		t.Errorf("the last is %+v", last)
	}
	if got := len(told(r.frames)); got > 90_000 {
		t.Errorf("%d lines were told all the same", got)
	}
}

// Only pages of the API itself and those that are listed may ask from a browser.
func TestOrigins(t *testing.T) {
	const console = "https://console.example.com"
	w := newWorld(t, func(o *api.Options) { o.Access.Origins = []string{console} })
	run := w.begin()
	w.deployed(run)
	for origin, want := range map[string]int{"": 200, console: 200, w.server.URL: 200, "https://evil.example": 403, "null": 403, "https://console.example.com.evil.example": 403} {
		res, _ := w.get(logPath(run), operator, "Origin", origin)
		if origin == "" {
			res, _ = w.get(logPath(run), operator)
		}
		allowed := res.Header.Get("Access-Control-Allow-Origin")
		if res.StatusCode != want || (allowed == console) != (origin == console) || allowed == "*" {
			t.Errorf("%q: got %d %q", origin, res.StatusCode, allowed)
		}
		_, answer, err := websocket.Dial(t.Context(), w.server.URL+logPath(run), &websocket.DialOptions{
			HTTPHeader: http.Header{"Origin": {origin}, "Authorization": {"Bearer " + operator}},
		})
		if (err == nil) != (want == 200) && origin != "" {
			t.Errorf("%q: a WebSocket is answered %v %v", origin, answer.Status, err)
		}
		preflight := w.ask(http.MethodOptions, logPath(run), "", "Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
		preflight.Body.Close()
		if (preflight.StatusCode == http.StatusNoContent) != (want == 200) {
			t.Errorf("%q: a preflight is answered %s", origin, preflight.Status)
		}
	}
}

// One person, and all together, read in a bounded number of places; who leaves makes room.
func TestReadersAreBounded(t *testing.T) {
	w := newWorld(t, func(o *api.Options) { o.Limits = api.Limits{Readers: 4, PerPerson: 2} })
	run := w.begin()
	w.building(run)
	open := func(token string) *reader {
		r := w.follow(logPath(run), token)
		r.until("a frame", func(api.Frame) bool { return true })
		return r
	}
	first := open("token-of-bob")
	open("token-of-bob")
	res, body := w.get(logPath(run), "token-of-bob")
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("a third place: %d %s", res.StatusCode, body)
	}
	open("token-of-carol")
	open(operator)
	if res, body := w.get(logPath(run), operator); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a fifth reader: %d %s", res.StatusCode, body)
	}
	if err := first.socket.CloseNow(); err != nil {
		t.Fatal(err)
	}
	w.await("room", func() bool { return w.api.Readers() == 3 })
	open("token-of-bob")
}

// await waits for something that other goroutines do.
func (w *world) await(what string, done func() bool) {
	w.Helper()
	ticker, deadline := time.NewTicker(time.Millisecond), time.After(patience)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			w.Fatalf("%s did not come", what)
		}
	}
}

// A reader who takes nothing is let go, and holds up nobody.
func TestASlowReader(t *testing.T) {
	w := newWorld(t, func(o *api.Options) { o.Times.Write = 50 * time.Millisecond })
	run := w.begin()
	w.building(run)
	w.print(buildID, strings.Repeat(strings.Repeat("x", 1000)+"\n", 15_000)) // more than the buffers of a connection hold
	w.follow(logPath(run), operator)
	slow := w.ask(http.MethodGet, logPath(run)+"?follow=1", operator)
	defer slow.Body.Close()
	w.await("the end of the slow ones", func() bool { return w.api.Readers() == 0 })
}

// A browser's token is in a subprotocol, of which the answer repeats nothing; a wrong one is refused before the WebSocket.
func TestTokensOfBrowsers(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	for protocol, want := range map[string]int{
		api.TokenProtocol + "!!!": 401, api.TokenProtocol: 401, "other": 401,
		api.TokenProtocol + base64.RawURLEncoding.EncodeToString([]byte("token-of-mallory")): 404,
		api.TokenProtocol + base64.RawURLEncoding.EncodeToString([]byte("token-of-bob")):     101,
	} {
		socket, answer, err := websocket.Dial(t.Context(), w.server.URL+logPath(run), &websocket.DialOptions{Subprotocols: []string{api.Protocol, protocol}})
		if answer == nil || answer.StatusCode != want {
			t.Errorf("%s: %v %v", protocol, answer, err)
			continue
		}
		if err == nil {
			_ = socket.CloseNow()
		}
		if slices.Contains(answer.Header.Values("Sec-WebSocket-Protocol"), protocol) {
			t.Errorf("the answer repeats %s", protocol)
		}
	}
	for _, header := range []string{"Basic abc", "Bearer", "Bearer " + strings.Repeat("x", 10_000)} {
		if res, body := w.get(logPath(run), "", "Authorization", header); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%.20q: %d %s", header, res.StatusCode, body)
		}
	}
}
