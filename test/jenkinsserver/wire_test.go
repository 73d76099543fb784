package jenkinsserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/test/jenkinsserver"
)

// exchange is one that was recorded on a real Jenkins.
type exchange struct {
	name                 string
	method, target, auth string
	kind, body           string
	answer               *http.Response
	content              string
	// cut says that the recording ends before the body does.
	cut bool
}

// recordedRoot is the root URL of the Jenkins that was recorded.
const recordedRoot = "http://127.0.0.1:18080"

func readExchange(t *testing.T, file string) exchange {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	request, response, found := strings.Cut(string(data), "\n--- response ---\n")
	head, body, _ := strings.Cut(request, "\n\n")
	lines := strings.Split(head, "\n")
	first, _, versioned := strings.Cut(lines[0], " HTTP/1.1")
	method, target, ok := strings.Cut(first, " ")
	if !found || !versioned || !ok {
		t.Fatalf("%s is no recorded exchange", file)
	}
	e := exchange{name: filepath.Base(file), method: method, target: target, body: strings.TrimSpace(body)}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Authorization":
			e.auth = value
		case "Content-Type":
			e.kind = value
		}
	}
	head, e.content, _ = strings.Cut(response, "\n\n")
	e.answer, e.cut = parseHead(t, head), false
	if length := e.answer.ContentLength; length > int64(len(e.content)) {
		e.cut = true
	}
	return e
}

func parseHead(t *testing.T, head string) *http.Response {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(head), "\n")
	answer := &http.Response{Header: http.Header{}, ContentLength: -1}
	if _, err := fmt.Sscanf(lines[0], "HTTP/1.1 %d", &answer.StatusCode); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		answer.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		if name == "Content-Length" {
			_, _ = fmt.Sscan(value, &answer.ContentLength)
		}
	}
	return answer
}

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// recorded is the Jenkins that was recorded: its jobs, and what happened to them.
type recorded struct {
	*jenkinsserver.Server
	clock *clock
	// goOn has the build go on that waits.
	goOn chan struct{}
}

func newRecorded(t *testing.T) *recorded {
	t.Helper()
	r := &recorded{clock: &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, goOn: make(chan struct{})}
	r.Server = jenkinsserver.New(t, jenkinsserver.Options{Now: r.clock.Now, Root: recordedRoot, FirstItem: 22})
	r.Add(jenkinsserver.User{Name: "admin", Token: "token", Password: "password"})
	text := []jenkinsserver.Parameter{{Name: "RELEASE_ID"}, {Name: "REF", Default: "main"}}
	rel := jenkinsserver.Job{Name: "team/rel", Pipeline: true, Parameters: text, Config: "<?xml version='1.1' encoding='UTF-8'?>\n<flow-definition/>"}
	rel.Run = func(_ context.Context, b *jenkinsserver.Build) error {
		if b.Number == 6 {
			return errors.New("it does not compile")
		}
		return nil
	}
	r.Put(rel)
	r.Put(jenkinsserver.Job{Name: "team/rel2", Pipeline: true})
	r.Put(jenkinsserver.Job{Name: "hold", Pipeline: true})
	r.Put(jenkinsserver.Job{Name: "plain"})
	r.Put(jenkinsserver.Job{Name: "par", Parameters: append(slices.Clone(text),
		jenkinsserver.Parameter{Name: "DRY", Bool: true}, jenkinsserver.Parameter{Name: "ENVN", Default: "dev", Choices: []string{"dev", "prod"}})})
	for n := range 7 {
		r.trigger(t, "team/rel", fmt.Sprintf("RELEASE_ID=r%d", n+1), "")
		r.wait(t, "team/rel", n+1)
	}
	rel.DisableResume, rel.Run = true, r.run
	r.Put(rel)
	r.trigger(t, "team/rel", "RELEASE_ID=noresume", "")
	r.clock.advance(2 * time.Minute)
	r.Kill() // build 8 never ends
	r.Start()
	for _, id := range []string{"qs1", "afterkill1", "afterkill2"} {
		r.trigger(t, "par", "RELEASE_ID="+id, "300sec")
	}
	return r
}

// run is what the recorded pipeline does, once it is told to.
func (r *recorded) run(ctx context.Context, b *jenkinsserver.Build) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.goOn:
	}
	for _, step := range []string{"Start of Pipeline", "node"} {
		b.Step(step)
	}
	b.Println("Running on Jenkins in /var/jenkins_home/workspace/team/rel")
	b.Step("{")
	b.Step("timeout")
	b.Println("Timeout set to expire in 10 min")
	b.Step("{")
	lines := func(step string, lines ...string) func() error {
		return func() error {
			b.Step(step)
			for _, line := range lines {
				b.Println(line)
			}
			return nil
		}
	}
	_ = b.Stage("Checkout", func() error {
		_ = lines("echo", "checkout v1")()
		return lines("sh", "+ sleep 2")()
	})
	_ = b.Stage("Build", lines("sh", "+ echo building 1", "building 1", "+ sleep 1", "+ echo building 2", "building 2", "+ sleep 1",
		"+ echo building 3", "building 3", "+ sleep 1"))
	_ = b.Stage("Publish", func() error {
		_ = lines("sh", `+ echo {"digest":"sha256:abc"}`)()
		b.Archive("release.json", []byte("{\"digest\":\"sha256:abc\"}\n"))
		return lines("archiveArtifacts", "Archiving artifacts")()
	})
	for _, step := range []string{"}", "// timeout", "}", "// node"} {
		b.Step(step)
	}
	return nil
}

func (r *recorded) trigger(t *testing.T, job, form, delay string) {
	t.Helper()
	target := r.URL + "/job/" + strings.ReplaceAll(job, "/", "/job/") + "/buildWithParameters?delay=" + delay
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("admin", "token")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("triggering %s: %s", job, response.Status)
	}
}

// wait waits for the end of a build.
func (r *recorded) wait(t *testing.T, job string, number int) {
	t.Helper()
	ticker, deadline := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer ticker.Stop()
	for {
		if b := r.Builds(job)[number]; b != nil && b.Result() != "" {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("build %d of %s does not end", number, job)
		}
	}
}

// before is what happened before an exchange.
func (r *recorded) before(t *testing.T, e exchange) {
	t.Helper()
	switch e.name[:2] {
	case "13":
		r.clock.advance(8 * time.Second)
	case "18":
		r.goOn <- struct{}{}
		r.wait(t, "team/rel", 9)
	case "33":
		r.trigger(t, "par", "RELEASE_ID=one+more", "300sec")
		r.trigger(t, "team/rel", "RELEASE_ID=tocancel", "300sec")
	case "37":
		r.trigger(t, "team/rel", "RELEASE_ID=tostop", "")
	case "38":
		r.wait(t, "team/rel", 10)
	case "41":
		r.Put(jenkinsserver.Job{Name: "plain", Disabled: true})
	}
}

func (r *recorded) ask(t *testing.T, e exchange) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), e.method, r.URL+e.target, strings.NewReader(e.body))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case e.auth == "Basic <user:apitoken>":
		request.SetBasicAuth("admin", "token")
	case e.auth == "Basic <user:password>" && e.answer.StatusCode == http.StatusUnauthorized:
		request.SetBasicAuth("admin", "wrong")
	case e.auth == "Basic <user:password>":
		request.SetBasicAuth("admin", "password")
	}
	if e.kind != "" {
		request.Header.Set("Content-Type", e.kind)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestEveryRecordedExchange(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.http")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 48 {
		t.Fatalf("there are %d recorded exchanges, want 48", len(files))
	}
	jenkins := newRecorded(t)
	size := map[string]string{} // how long a log was then, and is here
	for _, file := range files {
		e := readExchange(t, file)
		jenkins.before(t, e)
		if at, start, found := strings.Cut(e.target, "?start="); found && size[start] != "" {
			e.target = at + "?start=" + size[start]
		}
		answer, body := jenkins.ask(t, e)
		size[e.answer.Header.Get("X-Text-Size")] = answer.Header.Get("X-Text-Size")
		for _, problem := range e.compare(answer, body) {
			t.Errorf("%s: %s", e.name, problem)
		}
		if t.Failed() {
			t.Fatalf("%s %s: %s\n%v\n%.2000s", e.method, e.target, answer.Status, answer.Header, body)
		}
	}
}

// Headers that a client goes by: some by their value, others differ in each answer.
var (
	sameHeaders = []string{
		"Content-Type", "Location", "Allow", "WWW-Authenticate", "X-Required-Permission", "X-Error", "X-You-Are-Authenticated-As",
		"X-More-Data", "X-Content-Type-Options", "X-Frame-Options", "X-Jenkins", "Accept-Ranges", "Server", "Cache-Control",
	}
	anyHeaders = []string{"X-Jenkins-Session", "X-Text-Size", "Set-Cookie", "Last-Modified"}
)

func (e exchange) compare(got *http.Response, body string) []string {
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if got.StatusCode != e.answer.StatusCode {
		problem("status %d, want %d", got.StatusCode, e.answer.StatusCode)
	}
	for _, name := range sameHeaders {
		if g, w := got.Header.Get(name), e.answer.Header.Get(name); g != w {
			problem("%s: %q, want %q", name, g, w)
		}
	}
	for _, name := range anyHeaders {
		if g, w := got.Header.Get(name) != "", e.answer.Header.Get(name) != ""; g != w {
			problem("%s is there: %t, want %t", name, g, w)
		}
	}
	switch kind := got.Header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "application/json") && strings.Contains(e.target, "artifact"), strings.HasPrefix(kind, "text/plain"):
		if strings.TrimSpace(body) != strings.TrimSpace(e.content) {
			problem("body %q, want %q", body, e.content)
		}
	case strings.HasPrefix(kind, "application/json"):
		return append(problems, e.compareJSON(body)...)
	case strings.HasPrefix(kind, "text/html"):
		if g, w := titleOf(body), titleOf(e.content); g != w {
			problem("the page is %q, want %q", g, w)
		}
		if g, w := strings.Contains(body, "<!DOCTYPE html>"), strings.Contains(e.content, "<!DOCTYPE html>"); g != w {
			problem("the page has a document type: %t, want %t", g, w)
		}
	case strings.HasPrefix(kind, "application/xml"):
		if !strings.HasPrefix(body, "<?xml version='1.1' encoding='UTF-8'?>\n<flow-definition") {
			problem("no configuration of a pipeline: %s", body)
		}
	default:
		if (body == "") != (e.content == "") {
			problem("body %q, want %q", body, e.content)
		}
	}
	return problems
}

var title = regexp.MustCompile(`<title>([^<]*)</title>`)

func titleOf(page string) string {
	if found := title.FindStringSubmatch(page); found != nil {
		return found[1]
	}
	return ""
}

func (e exchange) compareJSON(body string) []string {
	want, complete := partOf(e.content)
	got, whole := partOf(body)
	if !whole {
		return []string{"the body is no JSON: " + body}
	}
	if complete == e.cut {
		return []string{fmt.Sprintf("the recording is cut: %t, and is complete JSON: %t", e.cut, complete)}
	}
	return differences("", want, got, complete)
}

// partOf reads JSON that may be cut off: what has arrived of it. complete says that it was all there.
func partOf(text string) (value any, complete bool) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	return readPart(decoder)
}

func readPart(d *json.Decoder) (value any, complete bool) {
	token, err := d.Token()
	if err != nil {
		return missing{}, false
	}
	switch token {
	case json.Delim('{'):
		o := map[string]any{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return o, false
			}
			value, complete := readPart(d)
			o[key.(string)] = value
			if !complete {
				return o, false
			}
		}
		_, err := d.Token()
		return o, err == nil
	case json.Delim('['):
		a := []any{}
		for d.More() {
			value, complete := readPart(d)
			a = append(a, value)
			if !complete {
				return a, false
			}
		}
		_, err := d.Token()
		return a, err == nil
	}
	return token, true
}

// missing is a value that was cut off.
type missing struct{}

// differences in shape between what was recorded and what was answered: the same keys, the same kinds of values, the same classes. Of
// an incomplete recording only what it has is compared.
func differences(path string, want, got any, complete bool) []string {
	switch want := want.(type) {
	case missing:
		return nil
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, want an object", path, got)}
		}
		return compareObjects(path, want, object, complete)
	case []any:
		array, ok := got.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, want a list", path, got)}
		}
		want, array = told(want), told(array)
		if (len(want) == 0) != (len(array) == 0) {
			return []string{fmt.Sprintf("%s has %d elements, want %d", path, len(array), len(want))}
		}
		var problems []string
		for i := range min(len(want), len(array)) {
			problems = append(problems, differences(fmt.Sprintf("%s[%d]", path, i), want[i], array[i], complete)...)
		}
		return problems
	}
	if g, w := fmt.Sprintf("%T", got), fmt.Sprintf("%T", want); g != w {
		return []string{fmt.Sprintf("%s is %v, want something like %v", path, got, want)}
	}
	if _, is := want.(bool); is && got != want || strings.HasSuffix(path, "._class") && got != want {
		return []string{fmt.Sprintf("%s is %v, want %v", path, got, want)}
	}
	return nil
}

func compareObjects(path string, want, got map[string]any, complete bool) []string {
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if _, there := got[key]; !there {
			problems = append(problems, fmt.Sprintf("%s.%s is not there", path, key))
			continue
		}
		problems = append(problems, differences(path+"."+key, want[key], got[key], complete)...)
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[key]; !there && complete {
			problems = append(problems, fmt.Sprintf("%s.%s was not recorded", path, key))
		}
	}
	return problems
}

// told leaves out the objects of a list that say nothing but their class: what plugins add to builds.
func told(list []any) []any {
	return slices.DeleteFunc(slices.Clone(list), func(element any) bool {
		o, ok := element.(map[string]any)
		_, classed := o["_class"]
		return ok && (len(o) == 0 || len(o) == 1 && classed)
	})
}
