package direct

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// An API server that takes questions and answers none of them holds nobody up for longer than one call may take.
func TestASilentClusterHoldsNobodyUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	c, err := newCluster(&rest.Config{Host: server.URL}, 50*time.Millisecond, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for what, ask := range map[string]func() error{
		"which version it is": func() error { _, err := newRenderer(Options{}, c).capabilities(t.Context()); return err },
		"where a kind is": func() error {
			_, err := c.mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		answered := make(chan error, 1)
		go func() { answered <- ask() }()
		select {
		case err := <-answered:
			if err == nil || errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		case <-ctx.Done():
			server.CloseClientConnections()
			t.Errorf("%s: nobody says anything", what)
			<-answered
		}
		cancel()
	}
}
