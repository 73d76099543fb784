package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/webhook"
)

// callee is where a Jenkins calls.
type callee struct {
	*webhook.Jenkins
	now     time.Time
	secrets []webhook.Secret
	err     error
	woken   int
	counted []string
	log     bytes.Buffer
}

func newCallee(t *testing.T) *callee {
	t.Helper()
	c := &callee{now: time.Unix(1795349095, 0), secrets: []webhook.Secret{"new", "old"}}
	var err error
	c.Jenkins, err = webhook.NewJenkins(webhook.JenkinsOptions{
		Secrets: func() ([]webhook.Secret, error) { return c.secrets, c.err },
		Wake:    func() { c.woken++ },
		Clock:   func() time.Time { return c.now },
		Log:     slog.New(slog.NewTextHandler(&c.log, nil)),
		Count:   func(event string, r webhook.Result) { c.counted = append(c.counted, event+" "+string(r)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signCall is what a Jenkins does.
func signCall(secret, at, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s\n%s", at, body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (c *callee) call(method, at, signature, body string) int {
	r := httptest.NewRequest(method, webhook.JenkinsPath, strings.NewReader(body))
	if at != "" {
		r.Header.Set("X-Plateform-Time", at)
	}
	if signature != "" {
		r.Header.Set("X-Plateform-Signature", signature)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Code
}

func TestCallsOfAJenkins(t *testing.T) {
	const now, body = "1795349095", `{"build":"a1"}`
	large := strings.Repeat("x", 16<<10+1)
	tests := []struct {
		name                        string
		method, at, signature, body string
		want                        int
		counted                     string
	}{
		{"good", "POST", now, signCall("new", now, body), body, 202, "jenkins accepted"},
		{"signed with the secret before", "POST", now, signCall("old", now, body), body, 202, "jenkins accepted"},
		{"nothing in it", "POST", now, signCall("new", now, ""), "", 202, "jenkins accepted"},
		{"a bit late", "POST", "1795348800", signCall("new", "1795348800", body), body, 202, "jenkins accepted"},
		{"too late", "POST", "1795348794", signCall("new", "1795348794", body), body, 403, "jenkins refused"},
		{"too early", "POST", "1795349396", signCall("new", "1795349396", body), body, 403, "jenkins refused"},
		{"another time than was signed", "POST", "1795349094", signCall("new", now, body), body, 403, "jenkins refused"},
		{"another body than was signed", "POST", now, signCall("new", now, body), body + " ", 403, "jenkins refused"},
		{"another secret", "POST", now, signCall("guess", now, body), body, 403, "jenkins refused"},
		{"no secret", "POST", now, signCall("", now, body), body, 403, "jenkins refused"},
		{"no signature", "POST", now, "", body, 401, "jenkins refused"},
		{"half a signature", "POST", now, signCall("new", now, body)[:40], body, 401, "jenkins refused"},
		{"no time", "POST", "", signCall("new", "", body), body, 401, "jenkins refused"},
		{"an odd time", "POST", "soon", signCall("new", "soon", body), body, 400, "jenkins malformed"},
		{"a time without end", "POST", strings.Repeat("9", 30), signCall("new", strings.Repeat("9", 30), body), body, 400, "jenkins malformed"},
		{"too large", "POST", now, signCall("new", now, large), large, 413, "jenkins too large"},
		{"another method", "GET", now, signCall("new", now, body), body, 405, "jenkins refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCallee(t)
			if got := c.call(tt.method, tt.at, tt.signature, tt.body); got != tt.want {
				t.Errorf("answered %d, want %d", got, tt.want)
			}
			if got := strings.Join(c.counted, ", "); got != tt.counted {
				t.Errorf("counted %q, want %q", got, tt.counted)
			}
			if woken := c.woken == 1; woken != (tt.want == http.StatusAccepted) {
				t.Errorf("woken %d times", c.woken)
			}
		})
	}
}

func TestAJenkinsWithoutASecret(t *testing.T) {
	for _, secrets := range [][]webhook.Secret{nil, {""}, {"a", "b", "c"}} {
		if _, err := webhook.NewJenkins(webhook.JenkinsOptions{Secrets: func() ([]webhook.Secret, error) { return secrets, nil }}); err == nil {
			t.Errorf("%d secrets are taken", len(secrets))
		}
	}
	c := newCallee(t)
	c.err = errors.New("its file is gone")
	const now = "1795349095"
	for range 2 {
		if got := c.call("POST", now, signCall("new", now, ""), ""); got != http.StatusServiceUnavailable {
			t.Errorf("answered %d, want 503", got)
		}
	}
	if got := strings.Count(c.log.String(), "its file is gone"); got != 1 || c.woken != 0 {
		t.Errorf("logged %d times, woken %d times", got, c.woken)
	}
}
