package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// askTimeout bounds one look at the configuration and the keys of an issuer.
	askTimeout = 10 * time.Second
	// maxAnswer bounds an answer of it.
	maxAnswer = 1 << 20
	// maxQuoted bounds what is quoted of one.
	maxQuoted = 200
)

// UnreachableError says that an issuer did not tell its keys. Nothing is known then of a token.
type UnreachableError struct {
	// What is the reason, Fix how to mend it.
	What, Fix string
	// Wait is how long it takes until it is asked again; 0 when nobody said.
	Wait time.Duration
}

func (e *UnreachableError) Error() string {
	text := fmt.Sprintf("%s (%s)", e.What, e.Fix)
	if e.Wait > 0 {
		text += fmt.Sprintf("; it is asked again in %s", max(e.Wait.Round(time.Second), time.Second))
	}
	return text
}

// RetryAfter says how long it takes until it is asked again.
func (e *UnreachableError) RetryAfter() time.Duration { return e.Wait }

// configurationOf is where an issuer says what it is.
func configurationOf(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// get asks for JSON. Any error is an *UnreachableError.
func (k *keys) get(ctx context.Context, address string, into any) error {
	failed := func(fix, format string, args ...any) error {
		return &UnreachableError{What: "the issuer " + k.issuer + fmt.Sprintf(format, args...), Fix: fix}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return failed("check api.oidc.issuer in serve.yaml", ": %v", err)
	}
	req.Header.Set("Accept", "application/json")
	res, err := k.client.Do(req)
	if err != nil {
		return failed(reachFix(err), " is not reached at %s: %v", address, inner(err))
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return failed("see that this machine reaches it; it is asked again by itself", ": the answer of %s broke off: %v", address, inner(err))
	case res.StatusCode/100 == 3:
		return failed("write the address that it leads to in api.oidc.issuer", " answers %d at %s, and leads to %q", res.StatusCode, address, quoted(res.Header.Get("Location")))
	case res.StatusCode == http.StatusNotFound:
		return failed("check api.oidc.issuer in serve.yaml: that of a Keycloak is https://HOST/realms/REALM", " answers 404 at %s", address)
	case res.StatusCode != http.StatusOK:
		return failed("see the log of the issuer; it is asked again by itself", " answers %d at %s", res.StatusCode, address)
	case len(body) > maxAnswer:
		return failed("check api.oidc.issuer in serve.yaml", " answers more than %d KiB at %s", maxAnswer>>10, address)
	case json.Unmarshal(body, into) != nil:
		return failed("check api.oidc.issuer in serve.yaml, and what stands in front of it", " answers at %s with no JSON, but %q", address, quoted(res.Header.Get("Content-Type")))
	}
	return nil
}

// inner is an error of a request without the address, which is said already.
func inner(err error) error {
	var address *url.Error
	if errors.As(err, &address) {
		return address.Err
	}
	return err
}

// reachFix is how to mend that an issuer is not reached.
func reachFix(err error) string {
	var unknown x509.UnknownAuthorityError
	var invalid *tls.CertificateVerificationError
	if errors.As(err, &unknown) || errors.As(err, &invalid) {
		return "name the authorities that sign its certificate with api.oidc.caFile in serve.yaml"
	}
	return "check api.oidc.issuer in serve.yaml, and that this machine reaches it"
}

// quoted is what an issuer says, no longer than a line.
func quoted(text string) string {
	if len(text) > maxQuoted {
		return strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	}
	return text
}
