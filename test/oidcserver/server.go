// Package oidcserver is an OpenID Connect issuer for tests: it tells its configuration and its keys as a Keycloak does, signs tokens,
// changes its keys, and goes wrong where a test wants it to.
package oidcserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Paths below the issuer's.
const (
	ConfigurationPath = "/.well-known/openid-configuration"
	KeysPath          = "/protocol/openid-connect/certs"
)

// life is how long tokens are good.
const life = 5 * time.Minute

// Fault is an answer that takes the place of the right one.
type Fault struct {
	// Path below the issuer's; both when empty.
	Path string
	// Before is called before anything is answered.
	Before func()
	// Status, Type and Body are answered; the right answer when Status is 0.
	Status     int
	Type, Body string
	// Header is added.
	Header map[string]string
}

// Server is one issuer. All methods may be called by many at once.
type Server struct {
	issuer string
	now    func() time.Time

	mu sync.Mutex
	// signing are the keys, of which the first signs; made counts them.
	signing []Key
	made    int
	foreign []json.RawMessage
	claims  string
	fault   Fault
	asked   []string
}

// Key is a key pair of the issuer.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	// Private is an *rsa.PrivateKey or an *ecdsa.PrivateKey.
	Private any
}

// New makes an issuer that is reached at a URL, as http://127.0.0.1:1234/realms/acme, with a key for RS256. It is to be served at the
// root of its host.
func New(issuer string, now func() time.Time) (*Server, error) {
	s := &Server{issuer: issuer, now: now, claims: issuer}
	return s, s.Rotate(jose.RS256)
}

// Issuer is its URL.
func (s *Server) Issuer() string { return s.issuer }

// base is what its paths begin with.
func (s *Server) base() string { return strings.TrimSuffix(s.issuer, "/") }

// Rotate makes another key, which signs from now on. Those before are still told.
func (s *Server) Rotate(algorithm jose.SignatureAlgorithm) error {
	private, err := makeKey(algorithm)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	s.signing = append([]Key{{ID: fmt.Sprintf("key-%d", s.made), Algorithm: algorithm, Private: private}}, s.signing...)
	return nil
}

func makeKey(algorithm jose.SignatureAlgorithm) (any, error) {
	switch algorithm {
	case jose.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.RS256, jose.PS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("there is no key for %s here", algorithm)
}

// Withdraw forgets all keys but the one that signs.
func (s *Server) Withdraw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signing = s.signing[:1]
}

// Current is the key that signs.
func (s *Server) Current() Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signing[0]
}

// Publish has something be told among the keys, as it is; nothing any more when nothing is named.
func (s *Server) Publish(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foreign = nil
	for _, key := range keys {
		s.foreign = append(s.foreign, json.RawMessage(key))
	}
}

// Claim has the configuration say that the issuer is another.
func (s *Server) Claim(issuer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = issuer
}

// Inject has something go wrong until Heal.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Heal takes away what Inject did.
func (s *Server) Heal() { s.Inject(Fault{}) }

// Asked are the paths that were asked for since the last time.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// Token signs a token for an audience with claims, which take the place of the usual ones; nil takes one away.
func (s *Server) Token(audience string, claims map[string]any) (string, error) {
	return Sign(s.Current(), "JWT", s.Claims(audience, claims))
}

// Claims are those of a token of a Keycloak.
func (s *Server) Claims(audience string, claims map[string]any) map[string]any {
	now := s.now()
	all := map[string]any{
		"iss": s.issuer, "aud": []string{audience, "account"}, "azp": "portal", "sub": "f3b2c1d0-0000-4000-8000-000000000001", "typ": "Bearer",
		"iat": now.Unix(), "exp": now.Add(life).Unix(), "jti": rand.Text(), "preferred_username": "ann",
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

// Sign signs claims with a key, whatever they say. The kind is the header typ.
func Sign(key Key, kind string, claims map[string]any) (string, error) {
	options := &jose.SignerOptions{}
	if kind != "" {
		options = options.WithType(jose.ContentType(kind))
	}
	if key.ID != "" {
		options = options.WithHeader("kid", key.ID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.Algorithm, Key: key.Private}, options)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed.CompactSerialize()
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, below := strings.CutPrefix(s.url(r), s.base())
	s.mu.Lock()
	s.asked = append(s.asked, path)
	fault := s.fault
	s.mu.Unlock()
	if fault.Path == "" || fault.Path == path {
		if fault.Before != nil {
			fault.Before()
		}
		for name, value := range fault.Header {
			w.Header().Set(name, value)
		}
		if fault.Status != 0 {
			w.Header().Set("Content-Type", fault.Type)
			w.WriteHeader(fault.Status)
			_, _ = w.Write([]byte(fault.Body)) // a client that is gone has given up
			return
		}
	}
	switch {
	case below && path == ConfigurationPath:
		reply(w, s.configuration())
	case below && path == KeysPath:
		reply(w, map[string]any{"keys": s.published()})
	default:
		http.NotFound(w, r)
	}
}

// url is what was asked for.
func (s *Server) url(r *http.Request) string {
	scheme, _, _ := strings.Cut(s.issuer, "://")
	return scheme + "://" + r.Host + r.URL.Path
}

// configuration is what an issuer says of itself, as far as anybody asks here.
func (s *Server) configuration() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]any{
		"issuer": s.claims, "jwks_uri": s.base() + KeysPath, "authorization_endpoint": s.base() + "/protocol/openid-connect/auth",
		"token_endpoint": s.base() + "/protocol/openid-connect/token", "response_types_supported": []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "PS256", "ES256", "HS256"},
	}
}

// published are the public halves of the keys, and what else is told among them.
func (s *Server) published() []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []any{}
	for _, raw := range s.foreign {
		all = append(all, raw)
	}
	for _, key := range s.signing {
		pair := jose.JSONWebKey{Key: key.Private, KeyID: key.ID, Algorithm: string(key.Algorithm), Use: "sig"}
		all = append(all, pair.Public())
	}
	return all
}

func reply(w http.ResponseWriter, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // a client that is gone has given up
}
