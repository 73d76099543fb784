package jenkinsserver_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/test/jenkinsserver"
)

func (r *recorded) status(t *testing.T, method, target, body string) (int, http.Header, string) {
	t.Helper()
	answer, content := r.ask(t, exchange{
		method: method, target: target, body: body, auth: "Basic <user:apitoken>", kind: "application/x-www-form-urlencoded", answer: &http.Response{},
	})
	return answer.StatusCode, answer.Header, content
}

func TestAKilledJenkinsLosesYoungItemsAndGivesTheirNumbersOutAgain(t *testing.T) {
	r := newRecorded(t)
	trigger := func(id string) string {
		_, header, _ := r.status(t, http.MethodPost, "/job/team/job/rel/buildWithParameters?delay=600sec", "RELEASE_ID="+id)
		return strings.TrimPrefix(header.Get("Location"), recordedRoot)
	}
	old := trigger("old")
	r.clock.advance(2 * time.Minute)
	young := trigger("young")
	r.Kill()
	r.Start()
	if code, _, body := r.status(t, http.MethodGet, old+"api/json", ""); code != http.StatusOK || !strings.Contains(body, `"old"`) {
		t.Errorf("the old item is %d: %s", code, body)
	}
	if code, _, _ := r.status(t, http.MethodGet, young+"api/json", ""); code != http.StatusNotFound {
		t.Errorf("the young item is %d, want 404", code)
	}
	if again := trigger("another"); again != young {
		t.Errorf("the next item is %s, want %s again", again, young)
	}
}

func TestAStartingJenkins(t *testing.T) {
	r := newRecorded(t)
	_, before, _ := r.status(t, http.MethodGet, "/api/json", "")
	r.Shutdown()
	r.Starting()
	if code, _, _ := r.status(t, http.MethodGet, "/api/json", ""); code != http.StatusServiceUnavailable {
		t.Errorf("GET is %d, want 503", code)
	}
	if code, _, _ := r.status(t, http.MethodPost, "/job/par/buildWithParameters", "RELEASE_ID=1"); code != http.StatusForbidden {
		t.Errorf("POST is %d, want 403", code)
	}
	r.Start()
	code, after, _ := r.status(t, http.MethodGet, "/api/json", "")
	if code != http.StatusOK || before.Get("X-Jenkins-Session") == after.Get("X-Jenkins-Session") {
		t.Errorf("it is %d with session %s, before %s", code, after.Get("X-Jenkins-Session"), before.Get("X-Jenkins-Session"))
	}
}

func TestFreestyleBuildsVanishWithAKilledJenkins(t *testing.T) {
	r := newRecorded(t)
	r.Put(jenkinsserver.Job{Name: "long", Run: func(ctx context.Context, _ *jenkinsserver.Build) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	if code, _, _ := r.status(t, http.MethodPost, "/job/long/build", ""); code != http.StatusCreated {
		t.Fatalf("it is not started: %d", code)
	}
	r.Kill()
	r.Start()
	if code, _, _ := r.status(t, http.MethodGet, "/job/long/1/api/json", ""); code != http.StatusNotFound {
		t.Errorf("the build is %d, want 404", code)
	}
}

func TestFaults(t *testing.T) {
	r := newRecorded(t)
	r.Inject(jenkinsserver.Fault{Path: "/queue", Status: http.StatusOK, Page: "<html>log in</html>", Times: 1})
	if _, header, body := r.status(t, http.MethodGet, "/queue/api/json", ""); body != "<html>log in</html>" || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Errorf("got %q", body)
	}
	if code, _, body := r.status(t, http.MethodGet, "/queue/api/json", ""); code != http.StatusOK || !strings.HasPrefix(body, "{") {
		t.Errorf("after that: %d %q", code, body)
	}
	stalled := make(chan struct{})
	close(stalled)
	for _, f := range []jenkinsserver.Fault{{Stall: stalled}, {Drop: true}} {
		r.Inject(f)
		if answer, err := http.Get(r.URL + "/api/json"); err == nil {
			answer.Body.Close()
			t.Errorf("%+v is answered %s", f, answer.Status)
		}
		r.Heal()
	}
	r.Inject(jenkinsserver.Fault{Slow: time.Millisecond, Times: 1})
	if code, _, _ := r.status(t, http.MethodGet, "/api/json", ""); code != http.StatusOK {
		t.Errorf("a slow answer is %d, want 200", code)
	}
	r.Inject(jenkinsserver.Fault{Method: http.MethodPost, DropAnswer: true, Times: 1})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/job/par/buildWithParameters", strings.NewReader("RELEASE_ID=kept"))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("admin", "token")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if answer, err := http.DefaultClient.Do(request); err == nil {
		answer.Body.Close()
		t.Errorf("there is an answer: %s", answer.Status)
	}
	if len(r.Builds("par")) != 1 {
		t.Errorf("the build was not begun: %v", r.Builds("par"))
	}
}
