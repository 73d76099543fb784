package api_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
)

// patience bounds every wait: nothing here takes nearly as long.
const patience = time.Minute

const (
	operator = "the-token-of-the-operator"
	secret   = "hunter2-of-the-registry"
	buildID  = "b1"
)

var shop = manifest.Key{Workspace: "ws-1", Project: "shop"}

// world is an API with a builder whose logs are written by the test, and people who show tokens.
type world struct {
	testing.TB
	recorder *api.Recorder
	api      *api.API
	server   *httptest.Server

	mu      sync.Mutex
	files   map[string]string // of the config repository, at any commit
	commits map[string]manifest.Commit
	// people are the ids that tokens are for.
	people map[string]int64
	// asker is the address that the last token was shown from.
	asker string
	// expires is when tokens end.
	expires time.Time
	doubt   bool
	logs    map[string]*log
	asked   int
	ready   bool
	now     time.Time
}

// log is the log of a build.
type log struct {
	try   string
	text  string
	ended bool
	fail  error
}

func newWorld(t *testing.T, change ...func(*api.Options)) *world {
	t.Helper()
	return newWorldFor(t, change...)
}

func newWorldFor(t testing.TB, change ...func(*api.Options)) *world {
	t.Helper()
	w := &world{
		TB: t, recorder: api.NewRecorder(), people: map[string]int64{}, logs: map[string]*log{}, ready: true, now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC),
		files: map[string]string{
			manifest.PlatformFile:          "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\nspec:\n  domain: apps.example.com\n  registry: {url: registry.example.com}\n  policy: {admins: [{github: alice, id: 1}]}\n",
			manifest.WorkspaceFile("ws-1"): workspace("ws-1", "bob, id: 4, role: viewer"), manifest.WorkspaceFile("ws-2"): workspace("ws-2", ""),
		},
	}
	for id, token := range map[int64]string{1: "alice", 2: "carol", 4: "bob", 9: "mallory"} {
		w.people["token-of-"+token] = id
	}
	o := api.Options{
		Runs: w.recorder, Logs: w,
		Access:  api.Access{Identities: w, Operator: operator, Config: w, Head: func() string { return "head" }},
		Secrets: func() []string { return []string{secret} },
		Ready:   func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.ready }, Dir: t.TempDir(),
		Times: api.Times{Now: w.clock, Every: time.Millisecond, Recheck: 5 * time.Millisecond},
	}
	for _, c := range change {
		c(&o)
	}
	w.start(o)
	return w
}

// start has an API answer, as a process that starts.
func (w *world) start(o api.Options) {
	w.Helper()
	var err error
	if w.api, err = api.New(o); err != nil {
		w.Fatal(err)
	}
	w.server = httptest.NewServer(w.api)
	answers, server := w.api, w.server
	w.Cleanup(func() {
		if err := answers.Close(); err != nil {
			w.Error(err)
		}
		server.Close()
	})
}

func workspace(name, member string) string {
	if member != "" {
		member = "\n  members: [{github: " + member + "}]"
	}
	return "apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: " + name + "}\nspec:\n  owner: {github: carol, id: 2}" + member + "\n"
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// Identify implements reconciler.Identities.
func (w *world) Identify(ctx context.Context, token string) (reconciler.Identity, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asker = reconciler.Asker(ctx)
	if w.doubt {
		return reconciler.Identity{}, fmt.Errorf("GitHub does not answer")
	}
	id, known := w.people[token]
	if !known {
		return reconciler.Identity{}, fmt.Errorf("%w: it was revoked", reconciler.ErrNoIdentity)
	}
	return reconciler.Identity{ID: id, Expires: w.expires}, nil
}

// Read implements reconciler.Reader.
func (w *world) Read(_, path string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, there := w.files[path]
	if !there {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

// List implements reconciler.Reader.
func (w *world) List(_, dir string) ([]manifest.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var entries []manifest.Entry
	for path := range w.files {
		if name, in := strings.CutPrefix(path, dir+"/"); in && !strings.Contains(name, "/") {
			entries = append(entries, manifest.Entry{Name: name})
		}
	}
	return entries, nil
}

// Commit implements reconciler.Reader.
func (w *world) Commit(hash string) (manifest.Commit, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	commit, there := w.commits[hash]
	if !there {
		return manifest.Commit{}, fs.ErrNotExist
	}
	return commit, nil
}

// Diff implements reconciler.Reader.
func (w *world) Diff(string, string) ([]manifest.Change, error) { return nil, fs.ErrNotExist }

// BuildLog implements reconciler.BuildLogs.
func (w *world) BuildLog(_ context.Context, q reconciler.BuildLogQuestion, to io.Writer) (reconciler.BuildLogEnd, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	l := w.logs[q.ID]
	if l == nil {
		return reconciler.BuildLogEnd{}, fs.ErrNotExist
	}
	end := reconciler.BuildLogEnd{Try: l.try}
	if q.Try != "" && q.Try != l.try {
		return end, nil
	}
	if q.From > int64(len(l.text)) {
		return end, nil
	}
	if _, err := io.WriteString(to, l.text[q.From:]); err != nil {
		return end, err
	}
	if l.fail != nil {
		return end, l.fail
	}
	end.Next, end.Ended = int64(len(l.text)), l.ended
	return end, nil
}

// print adds to the log of a build.
func (w *world) print(id, text string) {
	w.change(func() {
		if w.logs[id] == nil {
			w.logs[id] = &log{try: "1"}
		}
		w.logs[id].text += text
	})
}

// begin begins a run of the shop with one build.
func (w *world) begin() *reconciler.Run {
	cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: strings.Repeat("a", 40), Config: strings.Repeat("a", 40), By: "carol"}
	return w.beginFor(cause)
}

func (w *world) beginFor(cause manifest.Cause) *reconciler.Run {
	run := &reconciler.Run{ID: reconciler.RunID(shop, cause), Project: shop, Cause: cause, StartedAt: w.clock()}
	w.observe(reconciler.Event{Kind: reconciler.EventStarted, Project: shop, Runs: []*reconciler.Run{run}})
	w.build(run, buildID, "app")
	return run
}

func (w *world) build(run *reconciler.Run, id, image string) {
	w.observe(reconciler.Event{
		Kind: reconciler.EventBuildStarted, Project: shop, Runs: []*reconciler.Run{run}, Build: &reconciler.BuildRequest{ID: id, Image: image, Commit: strings.Repeat("c", 40)},
	})
}

func (w *world) observe(e reconciler.Event) {
	e.At = w.clock()
	w.recorder.Observe(e)
}

// report says how far a run is.
func (w *world) report(run *reconciler.Run, r reconciler.Report) {
	r.At = w.clock()
	r.Project = shop
	run.Take(r)
	w.observe(reconciler.Event{Kind: reconciler.EventReported, Project: shop, Runs: []*reconciler.Run{run}, Report: &r})
}

func (w *world) building(run *reconciler.Run) {
	w.report(run, reconciler.Report{State: reconciler.StatePending, Stage: reconciler.StageBuilding, Outcome: reconciler.OutcomeBuilding, Build: reconciler.BuildFacts{What: "cccc"}})
}

func (w *world) deployed(run *reconciler.Run) {
	w.change(func() {
		for _, l := range w.logs {
			l.ended = true
		}
	})
	w.report(run, reconciler.Report{
		State: reconciler.StateSuccess, Stage: reconciler.StageDeployed, Outcome: reconciler.OutcomeRuns, LiveURL: "https://shop.example.com",
		Release: reconciler.ReleaseFacts{Version: "v1.0.0"},
	})
}

const runsPath = "/v1/workspaces/ws-1/projects/shop/runs"

func logPath(run *reconciler.Run) string { return runsPath + "/" + run.ID + "/log" }

// get asks for something; headers come in pairs.
func (w *world) get(path, token string, headers ...string) (*http.Response, string) {
	w.Helper()
	res := w.ask(http.MethodGet, path, token, headers...)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return res, string(body)
}

func (w *world) ask(method, path, token string, headers ...string) *http.Response {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.server.URL+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	return res
}

// reader follows a stream over a WebSocket.
type reader struct {
	*world
	socket *websocket.Conn
	ctx    context.Context
	offset string
	frames []api.Frame
}

// follow opens a stream, as a browser does.
func (w *world) follow(path, token string) *reader {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	w.Cleanup(cancel)
	socket, _, err := websocket.Dial(ctx, w.server.URL+path, &websocket.DialOptions{
		Subprotocols: []string{api.Protocol, api.TokenProtocol + base64.RawURLEncoding.EncodeToString([]byte(token))},
	})
	if err != nil {
		w.Fatal(err)
	}
	socket.SetReadLimit(1 << 20)
	w.Cleanup(func() { _ = socket.CloseNow() })
	if socket.Subprotocol() != api.Protocol {
		w.Fatalf("the subprotocol is %q", socket.Subprotocol())
	}
	return &reader{world: w, socket: socket, ctx: ctx}
}

// next is the next frame; false when the stream has ended, with the code it was closed with.
func (r *reader) next() (api.Frame, websocket.StatusCode, bool) {
	r.Helper()
	_, data, err := r.socket.Read(r.ctx)
	if err != nil {
		code := websocket.CloseStatus(err)
		if code < 0 {
			r.Fatalf("after %.500s: %v", show(r.frames), err)
		}
		return api.Frame{}, code, false
	}
	var f api.Frame
	if err := json.Unmarshal(data, &f); err != nil {
		r.Fatalf("%v in %s", err, data)
	}
	if f.Offset != "" {
		r.offset = f.Offset
	}
	r.frames = append(r.frames, f)
	return f, 0, true
}

// until reads until a frame is the one.
func (r *reader) until(what string, is func(api.Frame) bool) api.Frame {
	r.Helper()
	for {
		f, code, more := r.next()
		if !more {
			r.Fatalf("the stream ended with %d before %s: %.500s", code, what, show(r.frames))
		}
		if is(f) {
			return f
		}
	}
}

func (r *reader) untilLine(line string) {
	r.Helper()
	r.until("the line "+line, func(f api.Frame) bool { return slices.Contains(f.Lines, line) })
}

// rest reads to the end, and returns how it was closed.
func (r *reader) rest() websocket.StatusCode {
	r.Helper()
	for {
		if _, code, more := r.next(); !more {
			return code
		}
	}
}

// told is what the stream has told beside how the run is: stages, lines, and the rest by their types.
func told(frames []api.Frame) []string {
	var all []string
	for _, f := range frames {
		switch f.Type {
		case api.FrameStage:
			all = append(all, "<"+string(f.Stage.Stage)+">")
		case api.FrameLog:
			all = append(all, f.Lines...)
		case api.FrameAnew, api.FrameEnd, api.FrameBye, api.FrameNote:
			all = append(all, "<"+string(f.Type)+">")
		}
	}
	return all
}

func show(frames []api.Frame) string { return strings.Join(told(frames), " ") }

func (r *reader) want(want string) {
	r.Helper()
	if got := show(r.frames); got != want {
		r.Errorf("the stream told\n%.1000s\nwant\n%.1000s", got, want)
	}
}

// lines reads a stream of lines until it ends.
func lines(t *testing.T, from io.Reader) []string {
	t.Helper()
	var all []string
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		all = append(all, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
