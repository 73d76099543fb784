package webhook_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/plateform/plateform/webhook"
)

// BenchmarkDelivery is a push of GitHub's examples, from its request to the answer.
func BenchmarkDelivery(b *testing.B) {
	var body []byte
	for _, example := range examples(b) {
		if example.Event == "push" {
			body = example.Bodies[0]
		}
	}
	e := &edge{secrets: []webhook.Secret{secret}, counted: map[string]int{}}
	o := e.options()
	o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if e.GitHub, err = webhook.NewGitHub(o); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		r := e.request("push", fmt.Appendf(nil, "%s%*s", body, i%1000+1, ""))
		b.StartTimer()
		w := httptest.NewRecorder()
		if e.ServeHTTP(w, r); w.Code != http.StatusAccepted {
			b.Fatal(w.Code, w.Body)
		}
	}
}
