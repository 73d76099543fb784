package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestHandler(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/":        {200, "Hello, acme! This is version v1.\n"},
		"/healthz": {200, "ok\n"},
		"/other":   {404, "404 page not found\n"},
	} {
		w := httptest.NewRecorder()
		handler("acme", "v1").ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want.status || w.Body.String() != want.body {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
}

// TestShutdownLetsRequestsEnd stops the server while it answers.
func TestShutdownLetsRequestsEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-ctx.Done()
		io.WriteString(w, "late")
	})
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, slow) }()
	answered := make(chan string, 1)
	go func() {
		client := http.Client{Timeout: 10 * time.Second}
		response, err := client.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-arrived
	stop()
	if body := <-answered; body != "late" {
		t.Errorf("the request that ran got %q", body)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
