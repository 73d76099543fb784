package webhook_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/webhook"
)

func TestSignatures(t *testing.T) {
	body := push(hello, "refs/heads/main", "")
	right := sign(sha256.New, "sha256", secret, body)
	tests := []struct {
		name       string
		signatures []string
		want       int
	}{
		{"right", []string{right}, http.StatusAccepted},
		{"right, in capitals", []string{"sha256=" + strings.ToUpper(right[7:])}, http.StatusAccepted},
		{"none", nil, http.StatusUnauthorized},
		{"empty", []string{""}, http.StatusUnauthorized},
		{"empty after its name", []string{"sha256="}, http.StatusUnauthorized},
		{"short", []string{right[:len(right)-2]}, http.StatusUnauthorized},
		{"long", []string{right + "00"}, http.StatusUnauthorized},
		{"half a byte", []string{right[:len(right)-1]}, http.StatusUnauthorized},
		{"no hexadecimal", []string{"sha256=" + strings.Repeat("x", 64)}, http.StatusUnauthorized},
		{"without its name", []string{right[7:]}, http.StatusUnauthorized},
		{"two", []string{right, right}, http.StatusUnauthorized},
		{"SHA-1", []string{sign(sha1.New, "sha1", secret, body)}, http.StatusUnauthorized},
		{"SHA-1 under another name", []string{"sha256=" + sign(sha1.New, "sha1", secret, body)[5:]}, http.StatusUnauthorized},
		{"over other bytes", []string{sign(sha256.New, "sha256", secret, append(slices.Clone(body), '\n'))}, http.StatusForbidden},
		{"over nothing", []string{sign(sha256.New, "sha256", secret, nil)}, http.StatusForbidden},
		{"with another secret", []string{sign(sha256.New, "sha256", "guess", body)}, http.StatusForbidden},
		{"with an empty secret", []string{sign(sha256.New, "sha256", "", body)}, http.StatusForbidden},
		{"with a part of the secret", []string{sign(sha256.New, "sha256", secret[:5], body)}, http.StatusForbidden},
		{"with one digit changed", []string{right[:len(right)-1] + string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", right[len(right)-1])+1)%16])}, http.StatusForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t)
			r := e.request("push", body)
			r.Header["X-Hub-Signature-256"] = tt.signatures
			r.Header.Set("X-Hub-Signature", sign(sha1.New, "sha1", secret, body)) // never enough
			if w := e.answer(r); w.Code != tt.want {
				t.Errorf("answered %d %s, want %d", w.Code, w.Body, tt.want)
			}
			if hints := e.handed(); (len(hints) > 0) != (tt.want == http.StatusAccepted) {
				t.Errorf("hints at %+v", hints)
			}
			if strings.Contains(e.log.String(), secret) {
				t.Errorf("the secret is in the log:\n%s", e.log.String())
			}
		})
	}
}

// While a secret is replaced both are good; then the old one is not; and all that while the process runs.
func TestSecretsAreReplaced(t *testing.T) {
	e := newEdge(t)
	deliver := func(key, what string) int {
		body := push(hello, "refs/heads/main", what)
		r := e.request("push", body)
		r.Header.Set("X-Hub-Signature-256", sign(sha256.New, "sha256", key, body))
		return e.answer(r).Code
	}
	e.secrets = []webhook.Secret{"new", secret}
	if old, young := deliver(secret, "1"), deliver("new", "2"); old != http.StatusAccepted || young != http.StatusAccepted {
		t.Errorf("with both answered %d to the old one and %d to the new one", old, young)
	}
	e.secrets = []webhook.Secret{"new"}
	if old, young := deliver(secret, "3"), deliver("new", "4"); old != http.StatusForbidden || young != http.StatusAccepted {
		t.Errorf("afterwards answered %d to the old one and %d to the new one", old, young)
	}
	for _, unusable := range []func(){
		func() { e.trouble = errors.New("no such file") },
		func() { e.trouble, e.secrets = nil, nil },
		func() { e.secrets = []webhook.Secret{"new", " \n"} },
	} {
		e.set(unusable)
		if got := deliver("new", "5"); got != http.StatusServiceUnavailable {
			t.Errorf("with %d secrets and %v answered %d", len(e.secrets), e.trouble, got)
		}
		if got := deliver("", "6"); got != http.StatusServiceUnavailable {
			t.Errorf("with an empty secret answered %d", got)
		}
	}
	if n := strings.Count(e.log.String(), "cannot be used"); n != 3 {
		t.Errorf("the log tells of %d reasons, want each of 3 once:\n%s", n, e.log.String())
	}
	e.set(func() { e.secrets = []webhook.Secret{"new"} })
	if got := deliver("new", "7"); got != http.StatusAccepted {
		t.Errorf("once they can be read answered %d", got)
	}
}

func TestThereIsNoWebhookWithoutASecret(t *testing.T) {
	for _, tt := range []struct {
		name    string
		secrets []webhook.Secret
		err     error
	}{
		{"none", nil, nil}, {"an empty one", []webhook.Secret{""}, nil}, {"a blank one", []webhook.Secret{" \t"}, nil},
		{"an empty one beside a good one", []webhook.Secret{secret, ""}, nil}, {"three", []webhook.Secret{"a", "b", "c"}, nil},
		{"one that cannot be read", nil, errors.New("no such file")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t)
			e.secrets, e.trouble = tt.secrets, tt.err
			if _, err := webhook.NewGitHub(e.options()); err == nil {
				t.Error("there is one")
			}
		})
	}
	if text := fmt.Sprintf("%v %+v %#v %s", webhook.Secret(secret), webhook.Secret(secret), webhook.Secret(secret), []webhook.Secret{secret}); strings.Contains(text, secret) {
		t.Errorf("a secret is written as %s", text)
	}
}
