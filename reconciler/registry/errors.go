package registry

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/plateform/plateform/reconciler/logline"
)

// maxSaid bounds what is quoted of a registry's own words, in bytes.
const maxSaid = 200

// Error is what went wrong with a registry, in one line that says what to do.
type Error struct {
	// Registry host[:port], and Repository with it.
	Registry   string
	Repository string
	// Doing is what failed: pushing v1.0.0.
	Doing string
	// Status of the HTTP answer; 0 when none came.
	Status int
	// What is wrong, and the Fix.
	What string
	Fix  string

	temporary  bool
	retryAfter time.Duration
	err        error
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("registry %s: %s in %s: %s", e.Registry, e.Doing, e.Repository, e.What)
	if e.Fix != "" {
		s += " (" + e.Fix + ")"
	}
	return s
}

// Unwrap returns what the transport said.
func (e *Error) Unwrap() error { return e.err }

// Is makes what is not there fs.ErrNotExist.
func (e *Error) Is(target error) bool {
	return target == fs.ErrNotExist && e.Status == http.StatusNotFound && !e.temporary
}

// RetryAfter is how long the registry asks to be left alone; 0 when it does not say.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// leaveAlone says how long the registry asks to be left alone, and for how long it is.
func (e *Error) leaveAlone(wait time.Duration) {
	if !e.temporary || wait <= 0 {
		return
	}
	e.retryAfter = min(wait, maxRetryAfter)
	e.Fix = fmt.Sprintf("the registry asks to be left alone for %v; it goes on by itself then", wait.Round(time.Second))
	if wait > maxRetryAfter {
		e.Fix = fmt.Sprintf("the registry asks to be left alone for %v, which is too long; it is asked again in %v", wait.Round(time.Second), maxRetryAfter)
	}
	if e.Status == http.StatusTooManyRequests {
		e.Fix = "the registry limits how often it is asked, and " + strings.TrimPrefix(e.Fix, "the registry ")
	}
}

// Temporary says that the same request may go well later, with nothing mended by whoever asked.
func (e *Error) Temporary() bool { return e.temporary }

// refused says that what was asked for is no name of an image: asking again is of no use.
type refused struct{ error }

// Temporary is as that of Error.
func (refused) Temporary() bool { return false }

// Unwrap returns what is wrong with it.
func (r refused) Unwrap() error { return r.error }

// explain turns an error of the library into one for people.
func explain(err error, doing string, in name.Repository) *Error {
	e := &Error{Registry: hostOf(in), Repository: nameOf(in), Doing: doing, err: err}
	var answer *transport.Error
	var incomplete *incompleteError
	var left *quietError
	switch {
	case errors.As(err, &left):
		e.Status, e.What, e.temporary = left.Status, left.Error(), true
		e.leaveAlone(left.Wait)
	case errors.As(err, &incomplete):
		e.What, e.Fix = incomplete.Error(), "push it again with all that belongs to it, as docker buildx imagetools create and skopeo copy --all do"
	case errors.As(err, &answer):
		e.answered(answer)
	default:
		e.unanswered(err, in.Scheme())
	}
	return e
}

// apiRoot is the path that every registry answers.
const apiRoot = "/v2/"

// trustFix is how to make a certificate count.
const trustFix = "add that one to the system's, or name a file with all of them in SSL_CERT_FILE"

// plainToTLS says that a server that speaks HTTPS was spoken to without, as is tried where that is allowed and the certificate is not
// accepted.
func plainToTLS(answer *transport.Error) bool {
	text := strings.ToLower(answer.Error())
	return strings.Contains(text, "http request") && strings.Contains(text, "https")
}

// answered explains what the registry says.
func (e *Error) answered(answer *transport.Error) {
	e.Status = answer.StatusCode
	e.What = fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	if said := said(answer); said != "" {
		e.What += ": " + said
	}
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized:
		e.Fix = "the registry does not accept the credentials; check registry.usernameFile and registry.passwordFile in serve.yaml, or make the image public"
	case code == http.StatusForbidden:
		e.Fix = "the credentials have no right to do this; give the account access to the repository"
	case code == http.StatusNotFound && answer.Request != nil && answer.Request.URL.Path == apiRoot:
		e.temporary = true // what stands in front of a registry that is down says so too
		e.What += ": there is no registry at this address"
		e.Fix = "check registry.url in platform.yaml, or the name of the image, and what stands in front of the registry"
	case code == http.StatusBadRequest && plainToTLS(answer):
		e.Fix = "it speaks HTTPS, and this machine does not accept its certificate: without registry.insecure in serve.yaml it is said why"
	case code == http.StatusNotFound:
		e.Fix = "it does not exist there; check the name and the tag, or create the repository"
	case code == http.StatusTooManyRequests:
		e.temporary = true
		e.Fix = "the registry limits how often it is asked; try again later"
	case code >= 500 || code == http.StatusRequestTimeout:
		e.temporary = true
		e.Fix = "the registry is in trouble; try again when it is well"
	}
}

// unanswered explains why there is no answer, or none that could be used.
func (e *Error) unanswered(err error, scheme string) {
	var network *net.OpError
	var slow net.Error
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	e.What = oneLine(err.Error())
	switch {
	case errors.Is(err, errTooLarge):
		e.Fix = "no manifest is that large; check that the address is a registry's"
	case errors.Is(err, errNoImage):
		e.Fix = "name a container image or an image index"
	case errors.Is(err, errPlatform):
		e.Fix = "name an image for it; if the nodes of the cluster are others, set engine.platforms in serve.yaml"
	case errors.Is(err, errWebPage):
		e.temporary = true
		e.What, e.Fix = errWebPage.Error(), "check registry.url in platform.yaml, or the name of the image, and what stands in front of the registry: a proxy, a page to log in at"
	case errors.As(err, &authority):
		e.Fix = "its certificate is signed by an authority this machine does not know; " + trustFix
	case errors.As(err, &hostname):
		e.Fix = "its certificate is of another name; use the name that it is of, or have one made for this name"
	case errors.As(err, &invalid):
		e.Fix = "its certificate is not good now: renew it, and check the clock of this machine"
	case scheme == "https" && strings.Contains(err.Error(), http.ErrSchemeMismatch.Error()):
		e.Fix = "it speaks plain HTTP; set registry.insecure: true in serve.yaml if that is wanted"
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout():
		e.temporary = true
		e.What, e.Fix = "no answer in time", "check that the registry is reachable from here"
	case errors.As(err, &dns) && dns.IsNotFound:
		e.temporary = true
		e.Fix = "the host has no address; check the name"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		e.temporary = true
		e.Fix = "check that the registry is up and reachable from here"
	case strings.Contains(e.What, "does not match requested digest"):
		e.Fix = "the registry sends other content than it was asked for; do not trust it, and look at its storage"
	}
}

// said is what the registry itself says, in one line.
func said(answer *transport.Error) string {
	var words []string
	for _, d := range answer.Errors {
		words = append(words, strings.TrimSpace(string(d.Code)+" "+d.Message))
	}
	return oneLine(strings.Join(words, "; "))
}

// oneLine makes a foreign text fit for a line of a report.
func oneLine(s string) string { return logline.Short(strings.Join(strings.Fields(s), " "), maxSaid) }
