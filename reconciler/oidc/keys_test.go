package oidc_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/oidc"
	"github.com/plateform/plateform/test/oidcserver"
)

// asked is how often the issuer was asked for its keys since the last time.
func (r *realm) asked() int {
	n := 0
	for _, path := range r.Asked() {
		if path == oidcserver.KeysPath {
			n++
		}
	}
	return n
}

// identify asks who somebody is; id is 0 for nobody.
func (r *realm) identify(token string, id int64, asked int) {
	r.t.Helper()
	who, err := r.verifier.Identify(r.t.Context(), token)
	if who.ID != id || (err == nil) != (id != 0) || err != nil && !errors.Is(err, reconciler.ErrNoIdentity) {
		r.t.Errorf("it is %+v, %v, want %d", who, err, id)
	}
	if n := r.asked(); n != asked {
		r.t.Errorf("the issuer is asked %d times, want %d", n, asked)
	}
}

// Keys are asked for when somebody needs them, and kept for a while.
func TestKeysAreKept(t *testing.T) {
	r := start(t, "/realms/acme")
	if asked := r.Asked(); len(asked) > 0 {
		t.Errorf("making it asks for %q", asked)
	}
	r.identify(r.token(map[string]any{"iss": "https://other.example.com"}), 0, 0)
	r.identify(r.token(nil), ann, 1)
	r.identify(r.token(nil), ann, 0)
	r.pass(4*time.Minute + 59*time.Second)
	r.identify(r.token(nil), ann, 0)
	r.pass(time.Second)
	r.identify(r.token(nil), ann, 1)
}

// A new key is found at once, one that was withdrawn is good for some minutes at most, and names that are made up do not have the
// issuer asked all the time.
func TestKeysChange(t *testing.T) {
	r := start(t, "/realms/acme")
	old, before := r.token(map[string]any{"exp": r.Now().Add(time.Hour).Unix()}), r.Current()
	r.identify(old, ann, 1)
	r.pass(5 * time.Second)
	r.must(r.Rotate(jose.ES256))
	r.identify(r.token(nil), ann, 1)
	r.identify(old, ann, 0)
	made := func(n int) string {
		return r.sign(oidcserver.Key{ID: fmt.Sprint("made-up-", n), Algorithm: before.Algorithm, Private: before.Private}, "JWT")
	}
	for n := range 20 {
		r.identify(made(n), 0, 0)
	}
	r.pass(5 * time.Second)
	r.identify(made(20), 0, 1)
	r.identify(made(21), 0, 0)
	r.Withdraw()
	r.identify(old, ann, 0)
	r.pass(5 * time.Minute)
	r.identify(old, 0, 1)
	r.identify(r.token(nil), ann, 0)
}

// What an issuer tells beside its keys for signatures is no key for them.
func TestOnlyKeysForSignatures(t *testing.T) {
	r := start(t, "/realms/acme")
	r.Publish(
		`{"kty":"oct","kid":"shared","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ","alg":"HS256"}`,
		`{"kty":"LMS","kid":"new"}`, `7`, `{}`,
		`{"kty":"RSA","kid":"weak","e":"AQAB","n":"wJk4GSJl0pZsOEg5bJdIjWwOeFZcIb_kSVeHVnvbDuFsAKrnbJ9jNgZDxGvK7CU3nYKbE3qlB5yKu3qdkcvWVQ"}`,
		fmt.Sprintf(`{"kty":"RSA","use":"enc","kid":"enc","alg":"RSA-OAEP","e":"AQAB","n":%q}`, strings.Repeat("wJk4", 86)),
	)
	if n, err := r.verifier.Probe(t.Context()); err != nil || n != 1 {
		t.Errorf("it has %d keys, %v", n, err)
	}
	r.Asked()
	shared := oidcserver.Key{ID: "shared", Algorithm: jose.HS256, Private: []byte("secret-secret-secret-secret-1234")}
	r.identify(r.sign(shared, "JWT"), 0, 0)
	r.identify(r.token(nil), ann, 1)
}

// Whatever an issuer answers instead of its keys is no answer about a token, says how to mend it, and is believed for a while.
func TestIssuersThatDoNotAnswer(t *testing.T) {
	page := "<html>" + strings.Repeat("login ", 1000) + "</html>"
	for name, c := range map[string]struct {
		fault oidcserver.Fault
		says  string
	}{
		"a page":               {oidcserver.Fault{Status: 200, Type: "text/html", Body: page}, `with no JSON, but "text/html" (check api.oidc.issuer`},
		"a page for the keys":  {oidcserver.Fault{Path: oidcserver.KeysPath, Status: 200, Type: "text/html", Body: page}, oidcserver.KeysPath + " with no JSON"},
		"nothing there":        {oidcserver.Fault{Status: 404, Type: "text/html", Body: page}, "https://HOST/realms/REALM"},
		"an outage":            {oidcserver.Fault{Status: 503, Body: page}, "answers 503 at"},
		"too much":             {oidcserver.Fault{Status: 200, Body: `{"a":"` + strings.Repeat("a", 1<<20) + `"}`}, "more than 1024 KiB"},
		"somewhere else":       {oidcserver.Fault{Status: 302, Header: map[string]string{"Location": "https://other.example.com/"}}, `leads to "https://other.example.com/" (write the address`},
		"no keys":              {oidcserver.Fault{Path: oidcserver.KeysPath, Status: 200, Body: `{"keys":[]}`}, "has no key for signatures"},
		"keys of another kind": {oidcserver.Fault{Path: oidcserver.KeysPath, Status: 200, Body: `{"keys":[{"kty":"oct","k":"AAAA"}]}`}, "has no key for signatures"},
		"another issuer":       {oidcserver.Fault{Path: oidcserver.ConfigurationPath, Status: 200, Body: `{"issuer":"https://other.example.com","jwks_uri":"https://other.example.com/"}`}, `says that it is "https://other.example.com" (write in api.oidc.issuer`},
		"an empty object":      {oidcserver.Fault{Path: oidcserver.ConfigurationPath, Status: 200, Body: `{}`}, `says that it is ""`},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, "/realms/acme")
			r.Inject(c.fault)
			_, err := r.verifier.Identify(t.Context(), r.token(nil))
			var unreachable *oidc.UnreachableError
			if errors.Is(err, reconciler.ErrNoIdentity) || !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 600 || strings.Contains(err.Error(), "login login") {
				t.Errorf("it is %v, want %s", err, c.says)
			}
			if reconciler.RetryAfter(err) != 2*time.Second {
				t.Errorf("it is asked again in %s", reconciler.RetryAfter(err))
			}
			if _, err := r.verifier.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("a probe says %v, want %s", err, c.says)
			}
			r.Asked()
			if _, err := r.verifier.Identify(t.Context(), r.token(nil)); err == nil || len(r.Asked()) > 0 {
				t.Errorf("it is asked again at once: %v", err)
			}
			r.Heal()
			r.pass(2 * time.Second)
			r.identify(r.token(nil), ann, 1)
		})
	}
}

func TestKeysOverPlainHTTP(t *testing.T) {
	r := start(t, "/realms/acme")
	r.Inject(oidcserver.Fault{Path: oidcserver.ConfigurationPath, Status: 200, Body: fmt.Sprintf(`{"issuer":%q,"jwks_uri":"http://login.example.com/keys"}`, r.Issuer())})
	if _, err := r.verifier.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "over https only") {
		t.Errorf("keys that anybody on the way may change: %v", err)
	}
}

// An issuer that is down is asked less and less often. Keys that are known are good meanwhile, for an hour.
func TestIssuerGoesDown(t *testing.T) {
	r := start(t, "/realms/acme")
	long := r.token(map[string]any{"exp": r.Now().Add(3 * time.Hour).Unix()})
	r.identify(long, ann, 1)
	r.Inject(oidcserver.Fault{Path: oidcserver.KeysPath, Status: 500})
	r.pass(5 * time.Minute)
	r.identify(long, ann, 1)
	r.identify(long, ann, 0)
	current := r.Current()
	unknown := r.sign(oidcserver.Key{ID: "new", Algorithm: current.Algorithm, Private: current.Private}, "JWT")
	if _, err := r.verifier.Identify(t.Context(), unknown); err == nil || errors.Is(err, reconciler.ErrNoIdentity) || r.asked() != 0 {
		t.Errorf("a key that may be new: %v", err)
	}
	waits := []time.Duration{}
	for range 7 {
		_, err := r.verifier.Identify(t.Context(), unknown)
		wait := reconciler.RetryAfter(err)
		waits = append(waits, wait)
		r.pass(wait)
	}
	if want := []time.Duration{2, 4, 8, 16, 32, 60, 60}; !slices.EqualFunc(waits, want, func(a, b time.Duration) bool { return a == b*time.Second }) {
		t.Errorf("it is asked after %s", waits)
	}
	r.pass(time.Hour)
	if _, err := r.verifier.Identify(t.Context(), long); err == nil || errors.Is(err, reconciler.ErrNoIdentity) {
		t.Errorf("an hour later: %v", err)
	}
	r.Heal()
	r.pass(time.Minute)
	r.Asked()
	r.identify(long, ann, 1)
}

// Many who come at once have the issuer asked once, and whoever gives up does not wait. While it is slow, keys that are known do.
func TestSlowIssuer(t *testing.T) {
	r := start(t, "/realms/acme")
	asking, answer := make(chan struct{}, 1), make(chan struct{})
	r.Inject(oidcserver.Fault{Path: oidcserver.KeysPath, Before: func() { asking <- struct{}{}; <-answer }})
	const many = 20
	var all sync.WaitGroup
	results := make(chan error, many)
	for range many {
		token := r.token(nil)
		all.Go(func() {
			_, err := r.verifier.Identify(t.Context(), token)
			results <- err
		})
	}
	<-asking
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.verifier.Identify(impatient, r.token(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
	answer <- struct{}{}
	all.Wait()
	close(results)
	for err := range results {
		if err != nil {
			t.Error(err)
		}
	}
	if n := r.asked(); n != 1 {
		t.Errorf("the issuer is asked %d times", n)
	}
	r.pass(5 * time.Minute)
	slow := make(chan error, 1)
	first := r.token(nil)
	go func() {
		_, err := r.verifier.Identify(t.Context(), first)
		slow <- err
	}()
	<-asking
	if who, err := r.verifier.Identify(t.Context(), r.token(nil)); err != nil || who.ID != ann {
		t.Errorf("while somebody asks: %+v, %v", who, err)
	}
	close(answer)
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

// Who gives up while the issuer is asked is not told that it is down, and neither is anybody else.
func TestWhoGivesUpIsAlone(t *testing.T) {
	r := start(t, "/realms/acme")
	asking, answer := make(chan struct{}, 1), make(chan struct{})
	r.Inject(oidcserver.Fault{Path: oidcserver.KeysPath, Before: func() { asking <- struct{}{}; <-answer }})
	ctx, giveUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	token := r.token(nil)
	go func() {
		_, err := r.verifier.Identify(ctx, token)
		gone <- err
	}()
	<-asking
	giveUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	close(answer)
	if who, err := r.verifier.Identify(t.Context(), r.token(nil)); err != nil || who.ID != ann {
		t.Errorf("who comes after: %+v, %v", who, err)
	}
}

// An authority of one's own is trusted where it is named, and nowhere else.
func TestAuthorities(t *testing.T) {
	r := start(t, "/realms/acme")
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.ServeHTTP(w, req) }))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	var err error
	r.Server, err = oidcserver.New(secure.URL+"/realms/acme", r.Now)
	r.must(err)
	if _, err := r.as(oidc.Options{}).Identify(t.Context(), r.token(nil)); err == nil || errors.Is(err, reconciler.ErrNoIdentity) || !strings.Contains(err.Error(), "api.oidc.caFile") {
		t.Errorf("a certificate of nobody known: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	if who, err := r.as(oidc.Options{Authorities: pool}).Identify(t.Context(), r.token(nil)); err != nil || who.ID != ann {
		t.Errorf("with its authority: %+v, %v", who, err)
	}
	secure.Close()
	if _, err := r.as(oidc.Options{Authorities: pool}).Identify(t.Context(), r.token(nil)); err == nil || !strings.Contains(err.Error(), "is not reached at") {
		t.Errorf("an issuer that is not there: %v", err)
	}
}
