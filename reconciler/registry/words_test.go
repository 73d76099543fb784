package registry_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

// questions are all that a registry is asked on the way to a release: before one and while one waits, about what people name, about
// what was built, and by doctor.
func questions(c *registry.Client, repository, digest string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"resolving a name":    func(ctx context.Context) error { _, err := c.Resolve(ctx, repository+":build-1"); return err },
		"resolving a digest":  func(ctx context.Context) error { _, err := c.Resolve(ctx, repository+"@"+digest); return err },
		"looking for it":      func(ctx context.Context) error { _, err := c.Has(ctx, repository, digest); return err },
		"reading it":          func(ctx context.Context) error { _, _, err := c.Lookup(ctx, repository, digest); return err },
		"tagging it":          func(ctx context.Context) error { return c.Tag(ctx, repository, digest, "v1.0.0") },
		"checking the access": func(ctx context.Context) error { _, err := c.Check(ctx, repository); return err },
	}
}

// Whatever is asked, what is wrong with a registry is said in one line with where, what and what to do, and with whether it goes away.
func TestTroubleInWords(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "\n<!doctype html><title>Log in, hunter2</title>")
		return true
	}
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "<html>\nhunter2", code)
			return true
		}
	}
	for _, tt := range []struct {
		name      string
		answer    func(http.ResponseWriter, *http.Request) bool
		temporary bool
		says      []string
	}{
		{"401", status(http.StatusUnauthorized), false, []string{"401 Unauthorized", "check registry.usernameFile and registry.passwordFile in serve.yaml"}},
		{"403", status(http.StatusForbidden), false, []string{"403 Forbidden", "give the account access to the repository"}},
		{"404", status(http.StatusNotFound), true, []string{"404 Not Found: there is no registry at this address", "check registry.url in platform.yaml"}},
		{"429", status(http.StatusTooManyRequests), true, []string{"429 Too Many Requests", "limits how often it is asked"}},
		{"500", status(http.StatusInternalServerError), true, []string{"500 Internal Server Error", "try again when it is well"}},
		{"503", status(http.StatusServiceUnavailable), true, []string{"503 Service Unavailable", "try again when it is well"}},
		{"a web page", page, true, []string{"answers with a web page, and not as a registry does", "check registry.url in platform.yaml"}},
		{"a page to log in at", func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/login" {
				return page(w, r)
			}
			http.Redirect(w, r, "/login", http.StatusFound)
			return true
		}, true, []string{"answers with a web page, and not as a registry does"}},
		{"silence", silent, true, []string{"no answer in time", "check that the registry is reachable from here"}},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "{")
			return true
		}, true, []string{"unexpected EOF", "check that the registry is up and reachable from here"}},
	} {
		server := ociregistry.New(t)
		repository := server.Host + "/ws-1/shop"
		digest := push(t, newClient(t, registry.Options{}), repository, "build-1", newImage(t, v1.Config{}))
		server.Answer(tt.answer)
		c := newClient(t, registry.Options{Username: "robot", Password: "hunter2", Host: func() string { return server.Host }, Timeout: 50 * time.Millisecond})
		for what, ask := range questions(c, repository, digest) {
			if tt.name == "half an answer" && what == "checking the access" {
				continue // nothing is read of it
			}
			t.Run(tt.name+"/"+what, func(t *testing.T) { inWords(t, ask(t.Context()), server.Host, tt.temporary, tt.says...) })
		}
	}
}

// inWords holds an error to what people are to read.
func inWords(t *testing.T, err error, host string, temporary bool, says ...string) {
	t.Helper()
	var e *registry.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *registry.Error", err)
	}
	if e.Registry != host || e.Doing == "" || e.What == "" || e.Fix == "" || e.Temporary() != temporary {
		t.Errorf("got %+v, temporary %t, want %t", e, e.Temporary(), temporary)
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v counts as an answer that it is not there", err)
	}
	for _, part := range append(says, host+"/ws-1/shop") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n<") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%q quotes the server's page", err)
	}
}

// A registry that calls its answer a web page, and answers as a registry does, is one.
func TestAnswersThatAreOnlyCalledAWebPage(t *testing.T) {
	server := ociregistry.New(t)
	server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v2/" {
			return false
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "true")
		return true
	})
	if _, err := newClient(t, registry.Options{}).Check(t.Context(), server.Host+"/ws-1/shop"); err != nil {
		t.Error(err)
	}
}

// What is wrong with a certificate is said, and what to do, also where a registry may be spoken to without one.
func TestCertificatesThatAreNotAccepted(t *testing.T) {
	const host = "registry.example.com"
	now := time.Now()
	for _, tt := range []struct {
		name    string
		of      string
		ends    time.Time
		options registry.Options
		says    string
	}{
		{"of an unknown authority", host, now.Add(time.Hour), registry.Options{}, "signed by an authority this machine does not know; add that one to the system's, or name a file with all of them in SSL_CERT_FILE"},
		{"of an unknown authority, where plain HTTP is allowed", host, now.Add(time.Hour), registry.Options{Insecure: true}, "it speaks HTTPS, and this machine does not accept its certificate"},
		{"of another name", "elsewhere.example.com", now.Add(time.Hour), registry.Options{}, "its certificate is of another name"},
		{"that has ended", host, now.Add(-time.Hour), registry.Options{}, "renew it, and check the clock of this machine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, tt.of, tt.ends)}}
			server.StartTLS()
			defer server.Close()
			tt.options.Host = func() string { return host }
			c := newClient(t, tt.options)
			c.Dial(server.Listener.Addr().String())
			for what, ask := range questions(c, host+"/ws-1/shop", "sha256:"+strings.Repeat("a", 64)) {
				t.Run(what, func(t *testing.T) { inWords(t, ask(t.Context()), host, false, tt.says) })
			}
		})
	}
}

// certificate is one that signs itself.
func certificate(t *testing.T, of string, ends time.Time) tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ends.Add(-24 * time.Hour), NotAfter: ends, DNSNames: []string{of}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}
