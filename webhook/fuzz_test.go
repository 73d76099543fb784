package webhook_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/plateform/plateform/webhook"
)

// Whatever is sent, signed or not, is answered with what it is, and never with a failure of ours; what is not signed is no
// hint.
func FuzzDelivery(f *testing.F) {
	for _, example := range examples(f) {
		f.Add(example.Event, "application/json", "1", []byte(example.Bodies[0]), true)
	}
	for _, body := range []string{
		"", "null", "[]", `{"ref": null, "repository": null}`, `{"ref": "", "repository": {"clone_url": 1}}`, strings.Repeat(`{"a":[`, 6000),
		`{"action": "created", "installation": {"html_url": "://"}, "repositories": [null, {}]}`, "\xef\xbb\xbf{}", `{"ref": "\ud800"}`,
	} {
		for _, event := range []string{"push", "installation", "star", ""} {
			f.Add(event, "application/json", "1", []byte(body), true)
		}
		f.Add("push", "text/plain; a=\"", "", []byte(body), false)
	}
	f.Fuzz(func(t *testing.T, event, kind, id string, body []byte, signed bool) {
		e := newEdge(t)
		r := httptest.NewRequest(http.MethodPost, webhook.GitHubPath, strings.NewReader(string(body)))
		r.Header["Content-Type"] = []string{kind}
		r.Header["X-Github-Event"] = []string{event}
		r.Header["X-Github-Delivery"] = []string{id}
		if signed {
			r.Header["X-Hub-Signature-256"] = []string{sign(sha256.New, "sha256", secret, body)}
		} else {
			r.Header["X-Hub-Signature-256"] = []string{string(body)}
		}
		w := e.answer(r)
		if w.Code != http.StatusAccepted && (w.Code < 400 || w.Code >= 500) {
			t.Fatalf("answered %d %s", w.Code, w.Body)
		}
		if hints := e.handed(); !signed && len(hints) > 0 {
			t.Errorf("what is not signed hints at %+v", hints)
		}
		if again := e.answer(r.Clone(t.Context())); again.Code >= 500 {
			t.Fatalf("answered %d the second time", again.Code)
		}
	})
}
