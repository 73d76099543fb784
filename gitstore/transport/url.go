package transport

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// The ways to reach a remote.
const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
	schemeSSH   = "ssh"
	schemeFile  = "file"
)

// CheckURL refuses what is no plain address of a repository. There is no helper transport to smuggle in: a URL is
// http, https, ssh, user@host:path, file, or a path, and whatever else begins with a scheme is an error.
func CheckURL(raw string) error {
	_, err := endpointOf(raw)
	return err
}

// endpointOf takes a URL apart.
func endpointOf(raw string) (*transport.Endpoint, error) {
	if raw == "" {
		return nil, errors.New("the URL of the repository is empty")
	}
	for _, r := range raw {
		if r < 0x20 || r == 0x7f {
			return nil, fmt.Errorf("the URL %q of the repository has a control character in it", Redact(raw))
		}
	}
	if helper, _, ok := strings.Cut(raw, "::"); ok && !strings.ContainsAny(helper, "/[") {
		return nil, fmt.Errorf("the URL %q asks for the transport %q; use https, ssh, file or a path", Redact(raw), helper)
	}
	ep, err := transport.NewEndpoint(raw)
	if err != nil {
		return nil, fmt.Errorf("%q is not the URL of a repository; use https, ssh, file or a path", Redact(raw))
	}
	switch ep.Protocol {
	case schemeHTTP, schemeHTTPS:
		if ep.Host == "" {
			return nil, fmt.Errorf("the URL %q has no host", Redact(raw))
		}
	case schemeSSH:
		if ep.Host == "" || strings.HasPrefix(ep.Host, "-") || strings.HasPrefix(ep.Path, "-") {
			return nil, fmt.Errorf("the URL %q has no host, or one that looks like an option", Redact(raw))
		}
	case schemeFile:
		if ep.Path, err = filepath.Abs(ep.Path); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("the URL %q has the scheme %q; use https, ssh, file or a path", Redact(raw), ep.Protocol)
	}
	return ep, nil
}

// Redact returns a URL without the password that may be in it, for messages.
func Redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	authority, path, more := strings.Cut(rest, "/")
	if more {
		path = "/" + path
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return raw
	}
	user, _, secret := strings.Cut(authority[:at], ":")
	if !secret {
		// What stands alone may be a token as well as a name; over ssh it is a name.
		if scheme == schemeSSH {
			return raw
		}
		return scheme + "://***@" + authority[at+1:] + path
	}
	return scheme + "://" + user + ":***@" + authority[at+1:] + path
}
