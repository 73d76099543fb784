// Package oidc tells who somebody is by a token of an OpenID Connect issuer, such as a realm of a Keycloak: its signature, for whom it
// was made and until when it is good are checked here, with the keys that the issuer publishes, and a claim names the account on GitHub.
package oidc

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler"
)

const (
	// leeway is how far the clocks of the issuer and of this machine may be apart.
	leeway = 30 * time.Second
	// maxToken bounds a token. Those of a Keycloak that lists many roles have some kilobytes.
	maxToken = 16 << 10
)

// algorithms are those with a public key. None that is symmetric is among them: its key would be the one that everybody knows.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}
}

// Options of a Verifier.
type Options struct {
	// Issuer is the URL that tokens name as theirs, letter by letter, and below which its configuration is.
	Issuer string
	// Audience is what tokens have to name as whom they are for.
	Audience string
	// Claim is the one that holds the numeric id of a GitHub account.
	Claim string
	// Authorities sign the certificate of the issuer; those that this machine trusts when nil.
	Authorities *x509.CertPool
	Now         func() time.Time
}

// Verifier tells whom one issuer names. It is a reconciler.Identities, and safe for use by several goroutines.
type Verifier struct {
	options Options
	keys    *keys
}

var _ reconciler.Identities = (*Verifier)(nil)

// CheckIssuer says what is wrong with the URL of an issuer.
func CheckIssuer(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		return errors.New("it does not read as an address")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("it holds more than https://, a host and a path")
	case u.Scheme != "https" && (u.Scheme != "http" || !repourl.IsHere(u.Host)):
		return errors.New("keys are believed over https only")
	}
	return nil
}

// New returns a Verifier. It asks nobody anything yet.
func New(o Options) (*Verifier, error) {
	if err := CheckIssuer(o.Issuer); err != nil {
		return nil, fmt.Errorf("the issuer %s: %w", o.Issuer, err)
	}
	if o.Audience == "" || o.Claim == "" || o.Now == nil {
		return nil, errors.New("who somebody is by a token of an issuer needs an audience, a claim and a clock")
	}
	return &Verifier{options: o, keys: newKeys(o)}, nil
}

// Probe asks the issuer for its configuration and its keys, and returns how many of these are for signatures.
func (v *Verifier) Probe(ctx context.Context) (int, error) {
	found, err := v.keys.fetch(ctx)
	return len(found), err
}

// nobody refuses a token.
func nobody(format string, args ...any) error {
	return fmt.Errorf("%w: %s", reconciler.ErrNoIdentity, fmt.Sprintf(format, args...))
}

// Identify implements reconciler.Identities.
func (v *Verifier) Identify(ctx context.Context, token string) (reconciler.Identity, error) {
	signed, err := v.parse(token)
	if err != nil {
		return reconciler.Identity{}, err
	}
	held := &signature{token: signed, keys: v.keys}
	verifier := oidc.NewVerifier(v.options.Issuer, held, &oidc.Config{
		ClientID: v.options.Audience, SupportedSigningAlgs: names(algorithms()), SkipExpiryCheck: true,
	})
	verified, err := verifier.Verify(ctx, token)
	switch {
	case held.err != nil:
		return reconciler.Identity{}, held.err
	case err != nil && !held.good:
		return reconciler.Identity{}, nobody("its signature cannot be checked")
	case err != nil:
		return reconciler.Identity{}, v.refused(signed)
	}
	return v.identity(verified)
}

// header is what a token says before it says anything.
type header struct {
	kid, kind string
}

// headerOf reads the header of a token, of which parse has seen that there is one.
func headerOf(signed *jose.JSONWebSignature) header {
	h := signed.Signatures[0].Protected
	kind, _ := h.ExtraHeaders[jose.HeaderType].(string)
	return header{kid: h.KeyID, kind: strings.TrimPrefix(strings.ToLower(kind), "application/")}
}

// parse takes a token apart, and refuses what the issuer need not be asked about.
func (v *Verifier) parse(token string) (*jose.JSONWebSignature, error) {
	if len(token) > maxToken {
		return nil, nobody("it has more than %d KiB", maxToken>>10)
	}
	if strings.Count(token, ".") != 2 {
		return nil, nobody("it is no JSON Web Token")
	}
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil || len(signed.Signatures) != 1 {
		return nil, nobody("it is no JSON Web Token that is signed with a key pair")
	}
	switch headerOf(signed).kind {
	case "", "jwt", "at+jwt":
	default:
		return nil, nobody("it is a token for something else")
	}
	var said struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &said) != nil {
		return nil, nobody("it is no JSON Web Token")
	}
	if said.Issuer != v.options.Issuer {
		return nil, nobody("it was not issued by %s", v.options.Issuer)
	}
	return signed, nil
}

// refused says why a token is not taken whose signature is right.
func (v *Verifier) refused(signed *jose.JSONWebSignature) error {
	var said struct {
		Audience json.RawMessage `json:"aud"`
	}
	_ = json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &said) // parse has read it
	var list []string
	if json.Unmarshal(said.Audience, &list) != nil {
		list = make([]string, 1)
		_ = json.Unmarshal(said.Audience, &list[0]) // what is no text is for nobody
	}
	for _, name := range list {
		if name == v.options.Audience {
			return nobody("its claims are not written as those of a token are")
		}
	}
	return nobody("it is not for %s (have the issuer add that audience to the tokens of the client that you sign in with)", v.options.Audience)
}

// signature is that of one token. It is an oidc.KeySet, and keeps what the verifier would make text of.
type signature struct {
	token *jose.JSONWebSignature
	keys  *keys
	// good says that it is right, err why that could not be found out or is not so.
	good bool
	err  error
}

// VerifySignature implements oidc.KeySet.
func (s *signature) VerifySignature(ctx context.Context, _ string) ([]byte, error) {
	h := headerOf(s.token)
	known, err := s.keys.find(ctx, h.kid)
	if err != nil {
		s.err = err
		return nil, err
	}
	algorithm := s.token.Signatures[0].Protected.Algorithm
	for _, key := range known {
		if h.kid != "" && key.KeyID != h.kid || key.Algorithm != "" && key.Algorithm != algorithm {
			continue
		}
		if payload, err := s.token.Verify(key); err == nil {
			s.good = true
			return payload, nil
		}
	}
	s.err = nobody("it is signed with no key of %s", s.keys.issuer)
	return nil, s.err
}

func names(algorithms []jose.SignatureAlgorithm) []string {
	var all []string
	for _, a := range algorithms {
		all = append(all, string(a))
	}
	return all
}

// client asks the issuer.
func client(authorities *x509.CertPool) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // there are minutes between two questions
	if authorities != nil {
		transport.TLSClientConfig.RootCAs = authorities
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
