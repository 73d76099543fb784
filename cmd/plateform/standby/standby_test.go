package standby

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/lease"
)

// alone is one of several whose cluster is not there: it never leads.
func alone(t *testing.T, host string) *Standby {
	t.Helper()
	s, err := New(lease.Options{
		Cluster: &rest.Config{Host: "http://127.0.0.1:1"}, Namespace: "plateform", Name: "plateform", Duration: 8 * time.Second,
		Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	}, host)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A process that does not lead sends nothing that changes something, to nobody, and reads as it likes.
func TestFenced(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Method) }))
	defer server.Close()
	send := func(through http.RoundTripper, method string) error {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := through.RoundTrip(r)
		if err == nil {
			err = answer.Body.Close()
		}
		return err
	}
	s := alone(t, "")
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if err := send(s.Fenced(http.DefaultTransport), method); err == nil || !strings.Contains(err.Error(), "does not lead") {
			t.Errorf("%s: %v", method, err)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		if err := send(s.Fenced(http.DefaultTransport), method); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	if want := "GET HEAD OPTIONS"; strings.Join(got, " ") != want {
		t.Errorf("the server got %v, want %s", got, want)
	}
	if through := (*Standby)(nil).Fenced(http.DefaultTransport); through != http.DefaultTransport {
		t.Error("one that is alone is behind a fence")
	}
}

// No build is begun or stopped.
func TestBuilds(t *testing.T) {
	s := alone(t, "")
	if s.Fence(nil) != nil {
		t.Error("there is a builder now")
	}
	b := s.Fence(noBuilder{t: t})
	if b.Start(t.Context(), reconciler.BuildRequest{}) == nil || b.Cancel(t.Context(), "1") == nil {
		t.Error("a build is begun, or stopped")
	}
}

// noBuilder is a builder that is not to be asked.
type noBuilder struct {
	reconciler.Builder
	t *testing.T
}

func (n noBuilder) Start(context.Context, reconciler.BuildRequest) error {
	n.t.Error("the builder is asked")
	return nil
}

func (n noBuilder) Cancel(context.Context, string) error {
	n.t.Error("the builder is asked")
	return nil
}

// Whoever asks one that stands by while nobody leads is told so, and when to ask again; one that is alone answers.
func TestAPIWhileNobodyLeads(t *testing.T) {
	answers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	w := httptest.NewRecorder()
	alone(t, "").API(answers).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/x", http.NoBody))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "no process is known to lead (Lease plateform/plateform)") {
		t.Errorf("it is answered with %d %v %s", w.Code, w.Header(), w.Body)
	}
	w = httptest.NewRecorder()
	(*Standby)(nil).API(answers).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/x", http.NoBody))
	if w.Body.String() != "here" {
		t.Errorf("one that is alone answers %s", w.Body)
	}
}

// Others reach a process where it listens, or where somebody says; nowhere is no answer.
func TestWhereItIsReached(t *testing.T) {
	for _, tt := range []struct{ host, listens, want string }{
		{"", "127.0.0.1:8080", "127.0.0.1:8080"},
		{"", "[::]:8080", ""},
		{"", "0.0.0.0:8080", ""},
		{"10.0.0.5", "[::]:8080", "10.0.0.5:8080"},
		{"fd00::5", "[::]:8080", "[fd00::5]:8080"},
	} {
		s := alone(t, tt.host)
		err := s.Listens(tt.listens)
		if s.self.Listen != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q at %q is reached at %q, %v; want %q", tt.listens, tt.host, s.self.Listen, err, tt.want)
		}
		if err != nil && !strings.Contains(err.Error(), "--advertise") {
			t.Errorf("it does not say what to do: %v", err)
		}
	}
}
