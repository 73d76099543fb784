package registry

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// The library refuses token servers and storage at private addresses, so that a registry that anybody may name cannot have us ask
// machines of the inside. The platform's own registry is on the inside as often as not, with its token server and its storage
// beside it, and was named by whoever runs the platform.

// neighbourly lets a registry have its token server, and the platform's own also its storage, at a private address.
type neighbourly struct {
	inner http.RoundTripper
	// own says that all that is asked is the platform's own registry. Any other may only name its own machine.
	own bool
}

// realmPath begins the path that stands for a token server elsewhere, as if it were the registry's: those are not refused.
const realmPath = "/.plateform-realm/"

// maxRedirects bounds how often storage sends us on.
const maxRedirects = 5

// RoundTrip implements http.RoundTripper.
func (n neighbourly) RoundTrip(request *http.Request) (*http.Response, error) {
	asked := request
	if at, found := strings.CutPrefix(request.URL.Path, realmPath); found {
		realm, err := realmOf(at, request.URL.RawQuery)
		if err != nil {
			return nil, err
		}
		if !n.mayName(request.URL, realm) { // the path is the registry's own invention
			return nil, fmt.Errorf("the registry names a token server at %s, which is not its own machine", oneLine(realm.Host))
		}
		asked = request.Clone(request.Context())
		asked.URL, asked.Host = realm, realm.Host
	}
	response, err := n.inner.RoundTrip(asked)
	if err != nil {
		return response, err
	}
	n.takeRealms(request.URL, response.Header)
	for range maxRedirects {
		next := n.redirect(asked, response)
		if next == nil {
			return response, nil
		}
		response.Body.Close()
		if response, err = n.inner.RoundTrip(next); err != nil {
			return nil, err
		}
		asked = next
	}
	return response, nil
}

// realmOf is the token server that a path stands for.
func realmOf(encoded, query string) (*url.URL, error) {
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("reading where the token server is: %w", err)
	}
	realm, err := url.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading where the token server is: %w", err)
	}
	if realm.RawQuery != "" && query != "" {
		query = "&" + query
	}
	realm.RawQuery += query
	return realm, nil
}

// takeRealms writes challenges so that their token server counts as the registry's.
func (n neighbourly) takeRealms(registry *url.URL, header http.Header) {
	for i, challenge := range header.Values("WWW-Authenticate") {
		before, rest, found := strings.Cut(challenge, `realm="`)
		text, after, closed := strings.Cut(rest, `"`)
		realm, err := url.Parse(text)
		if !found || !closed || err != nil || realm.Host == "" || realm.Host == registry.Host || !strings.HasPrefix(strings.ToLower(challenge), "bearer ") {
			continue
		}
		if !n.mayName(registry, realm) {
			continue
		}
		path := realmPath + base64.RawURLEncoding.EncodeToString([]byte(text))
		header["Www-Authenticate"][i] = before + `realm="` + registry.Scheme + "://" + registry.Host + path + `"` + after
	}
}

// mayName says that a registry may have its token server at a URL, whatever address that is.
func (n neighbourly) mayName(registry, realm *url.URL) bool {
	return (realm.Scheme == registry.Scheme || realm.Scheme == "https") && (n.own || realm.Hostname() == registry.Hostname())
}

// redirect is the request that an answer of the platform's own registry leads on to; nil when it does not. Nobody else is sent
// the credentials.
func (n neighbourly) redirect(request *http.Request, response *http.Response) *http.Request {
	if !n.own || request.Method != http.MethodGet && request.Method != http.MethodHead {
		return nil
	}
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	to, err := response.Location()
	if err != nil || to.Scheme != "https" && to.Scheme != request.URL.Scheme {
		return nil
	}
	next := request.Clone(request.Context())
	next.URL, next.Host = to, to.Host
	if to.Host != request.URL.Host {
		next.Header.Del("Authorization")
		next.Header.Del("Cookie")
	}
	return next
}
