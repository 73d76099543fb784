package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/test/jenkinsserver"
	"github.com/plateform/plateform/test/oidcserver"
)

// readers are people with tokens who read what the API tells of runs.
type readers struct {
	w      *world
	issuer *oidcserver.Server
}

// withReaders has serve answer people who show tokens of an issuer.
func (w *world) withReaders() *readers {
	w.t.Helper()
	answers := http.NewServeMux()
	server := httptest.NewServer(answers)
	w.t.Cleanup(server.Close)
	issuer, err := oidcserver.New(server.URL+"/realms/acme", time.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	answers.Handle("/", issuer)
	w.settings = append(w.settings, "api: {listen: '127.0.0.1:0', url: 'https://plateform.example.com', oidc: {issuer: '"+issuer.Issuer()+"', audience: plateform}}")
	return &readers{w: w, issuer: issuer}
}

// token is one of a person.
func (r *readers) token(id int64) string {
	r.w.t.Helper()
	token, err := r.issuer.Token("plateform", map[string]any{"github_id": id})
	if err != nil {
		r.w.t.Fatal(err)
	}
	return token
}

// address is where the serve that was started last answers; an error while that is not known.
func (r *readers) address() (string, error) {
	data, err := os.ReadFile(filepath.Join(r.w.dir, "data", "api", "address"))
	return "http://" + strings.TrimSpace(string(data)), err
}

// get asks for something.
func (r *readers) get(path, token string) (int, string, error) {
	base, err := r.address()
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(r.w.t.Context(), http.MethodGet, base+path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// run waits for a run of a project that a commit of its app began, and returns its ID.
func (r *readers) run(p *project, token, source string) (id string) {
	r.w.t.Helper()
	r.w.await("a run to be listed", func() error {
		status, body, err := r.get("/v1/workspaces/"+p.workspace+"/projects/"+p.name+"/runs", token)
		var answer struct{ Runs []api.Run }
		if err == nil && status == http.StatusOK {
			err = json.Unmarshal([]byte(body), &answer)
		}
		for _, run := range answer.Runs {
			if run.Cause.Commit == source {
				id = run.ID
				return nil
			}
		}
		return fmt.Errorf("%d %s %v", status, body, err)
	})
	return id
}

// following is a stream that is read on over restarts of serve.
type following struct {
	offset string
	// told are the stages and lines in the order they came.
	told   []string
	closed websocket.StatusCode
	last   api.Frame
}

// follow reads a run until enough was told, or the stream has ended for good. It comes back with its offset whenever serve is away.
func (r *readers) follow(f *following, p *project, run, token string, enough func() bool) {
	r.w.t.Helper()
	ctx, cancel := context.WithTimeout(r.w.t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil && !enough() {
		base, err := r.address()
		if err != nil {
			r.w.t.Fatal(err)
		}
		socket, _, err := websocket.Dial(ctx, base+"/v1/workspaces/"+p.workspace+"/projects/"+p.name+"/runs/"+run+"/log?from="+f.offset, &websocket.DialOptions{
			HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
		})
		if err != nil {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		socket.SetReadLimit(1 << 20)
		for !enough() {
			_, data, err := socket.Read(ctx)
			if err != nil {
				f.closed = websocket.CloseStatus(err)
				break
			}
			f.take(r.w.t, data)
		}
		_ = socket.CloseNow()
		if f.closed == websocket.StatusNormalClosure || f.closed == websocket.StatusPolicyViolation {
			return
		}
	}
	if ctx.Err() != nil {
		r.w.t.Fatalf("the stream told only %q", f.told)
	}
}

func (f *following) take(t *testing.T, data []byte) {
	t.Helper()
	var frame api.Frame
	if err := json.Unmarshal(data, &frame); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	if f.last = frame; frame.Offset != "" {
		f.offset = frame.Offset
	}
	if frame.Type == api.FrameStage {
		f.told = append(f.told, "<"+string(frame.Stage.Stage)+">")
	}
	f.told = append(f.told, frame.Lines...)
}

func (f *following) has(text string) bool {
	return slices.ContainsFunc(f.told, func(line string) bool { return strings.Contains(line, text) })
}

// wantOnce fails unless each of these is told once, and in this order.
func (f *following) wantOnce(t *testing.T, want ...string) {
	t.Helper()
	at := -1
	for _, text := range want {
		var places []int
		for i, line := range f.told {
			if strings.Contains(line, text) {
				places = append(places, i)
			}
		}
		if len(places) != 1 || places[0] < at {
			t.Errorf("%q is at %v of what was told, want once and behind %d:\n%s", text, places, at, strings.Join(f.told, "\n"))
			continue
		}
		at = places[0]
	}
}

// A member follows a build in Jenkins from its beginning to its release, over a serve that is killed in the middle and one that is
// stopped: every stage and every line comes once. Whoever is no member gets nothing, and a member who is removed is cut off.
func TestFollowingAJenkinsBuildOverARestart(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	people := w.withReaders()
	steps := make(chan string)
	pipeline := ci.pipeline
	ci.pipeline = func(ctx context.Context, b *jenkinsserver.Build) error {
		for line := range steps {
			b.Println(line)
		}
		return pipeline(ctx, b)
	}
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	close(steps)
	shop.runs("v1.0.0")
	w.config.commit("Add Bob", files{workspaceFile("ws-1"): object("Workspace", "ws-1", "owner: {github: alice, id: 1001}", "members: [{github: bob, id: 42, role: viewer}]")})
	steps = make(chan string)
	source := shop.push("two")
	alice, bob := people.token(1001), people.token(42)
	run := people.run(shop, alice, source)
	path := "/v1/workspaces/ws-1/projects/shop/runs/" + run + "/log"
	for _, token := range []string{people.token(7), "nonsense"} {
		if status, body, err := people.get(path, token); err != nil || status == http.StatusOK {
			t.Errorf("a stranger is answered %d %s %v", status, body, err)
		}
	}
	w.await("Bob to be a member", func() error {
		if status, body, err := people.get(path, bob); status != http.StatusOK {
			return fmt.Errorf("%d %s %v", status, body, err)
		}
		return nil
	})

	var f following
	steps <- "step one, logged in with " + jenkinsToken
	people.follow(&f, shop, run, alice, func() bool { return f.has("step one") })
	w.server.kill()
	steps <- "step two"
	w.start()
	people.follow(&f, shop, run, alice, func() bool { return f.has("step two") })
	w.stop()
	steps <- "step three"
	w.start()
	people.follow(&f, shop, run, alice, func() bool { return f.has("step three") })

	var ofBob following
	people.follow(&ofBob, shop, run, bob, func() bool { return ofBob.has("step three") })
	removed := make(chan struct{})
	go func() {
		defer close(removed)
		people.follow(&ofBob, shop, run, bob, func() bool { return false })
	}()
	w.config.commit("Remove Bob", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001)})
	<-removed
	if ofBob.closed != websocket.StatusPolicyViolation || !strings.Contains(ofBob.last.Text, "not a member") {
		t.Errorf("Bob, who was removed, was cut off with %d %+v", ofBob.closed, ofBob.last)
	}
	close(steps)
	people.follow(&f, shop, run, alice, func() bool { return false })
	f.wantOnce(t, "<queued>", "step one, logged in with ***", "step two", "step three", "Finished: SUCCESS", "<updating GitOps>")
	f.wantOnce(t, "<queued>", "<building>", "<updating GitOps>") // a stage is told when serve has noticed it: lines may be ahead
	if f.last.Type != api.FrameEnd || f.last.Run.Release != "v1.0.1" {
		t.Errorf("the last frame is %+v", f.last)
	}
	shop.runs("v1.0.1")
	linked := func(r report) bool { return r.URL == "https://plateform.example.com/logs/ws-1/shop/"+run }
	if notes := shop.sourceNotes(source); !slices.ContainsFunc(notes, linked) {
		t.Errorf("no report links to the log: %+v", notes)
	}
	w.restart()
	w.settle()
	w.await("the log of a run that ended before", func() error {
		status, body, err := people.get(path, alice)
		if status != http.StatusOK || !strings.Contains(body, "step two") {
			return fmt.Errorf("%d %s %v", status, body, err)
		}
		return nil
	})
}
