// Package harbor reads what the scanner of a Harbor has found in the images that it has, and has it look at those that it has not looked at.
package harbor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler/scan"
)

// Secret is a password. It prints as ***.
type Secret string

// String hides the password.
func (Secret) String() string { return "***" }

// GoString hides the password.
func (Secret) GoString() string { return "***" }

// Login is a username with its password.
type Login struct {
	Username string
	Password Secret
}

// Options of a Client.
type Options struct {
	// Host returns the host[:port] of the Harbor: of other hosts nothing is asked.
	Host func() string
	// Username and Password log in; a robot account has to be allowed to read artifacts and to create scans.
	Username string
	Password Secret
	// Login returns what to log in with for a repository in place of those, where there may be something of its own for it.
	Login func(repository string) Login
	// Insecure allows plain HTTP. Loopback addresses are always allowed it.
	Insecure bool
	// Clock tells the time, for Retry-After; time.Now when nil.
	Clock func() time.Time
}

// Client asks a Harbor. It is safe for use by several goroutines.
type Client struct {
	options Options
	http    *http.Client
}

var _ scan.Results = (*Client)(nil)

// New returns a Client. It makes no network call.
func New(o Options) *Client {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Client{options: o, http: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
	}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// The kinds of reports that are asked for, the newer first.
const (
	newReport = "application/vnd.security.vulnerability.report; version=1.1"
	oldReport = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
)

// artifact is what is read of an image.
type artifact struct {
	// ScanOverview by the kind of report.
	ScanOverview map[string]report `json:"scan_overview"`
}

type report struct {
	Status  string `json:"scan_status"`
	Summary struct {
		Summary map[string]int `json:"summary"`
	} `json:"summary"`
}

// Result implements scan.Results.
func (c *Client) Result(ctx context.Context, repository, digest string, again bool) (*manifest.ScanResult, error) {
	path, err := c.artifact(repository, digest)
	if err != nil {
		return nil, err
	}
	login := c.loginOf(repository)
	if again {
		return nil, c.call(ctx, login, http.MethodPost, path+"/scan", nil)
	}
	var image artifact
	if err := c.call(ctx, login, http.MethodGet, path+"?with_scan_overview=true", &image); err != nil {
		return nil, err
	}
	newest, found := image.ScanOverview[newReport]
	if !found {
		newest = image.ScanOverview[oldReport]
	}
	switch newest.Status {
	case "Success":
		counts := newest.Summary.Summary
		return &manifest.ScanResult{Critical: counts["Critical"], High: counts["High"], Medium: counts["Medium"], Low: counts["Low"]}, nil
	case "Pending", "Running", "Scheduled":
		return nil, nil
	case "Error":
		if err := c.call(ctx, login, http.MethodPost, path+"/scan", nil); err != nil {
			return nil, err
		}
		return nil, errors.New("harbor's scanner has failed, and was asked to look again (its log is in Harbor, at the artifact)")
	}
	return nil, c.call(ctx, login, http.MethodPost, path+"/scan", nil) // nobody has looked, or somebody stopped it
}

// loginOf is what to log in with for a repository.
func (c *Client) loginOf(repository string) Login {
	if c.options.Login != nil {
		return c.options.Login(repository)
	}
	return Login{c.options.Username, c.options.Password}
}

// artifact is the URL of an image in the API. The name of a repository is escaped twice, as Harbor wants it.
func (c *Client) artifact(repository, digest string) (string, error) {
	host, rest, _ := strings.Cut(repository, "/")
	project, name, found := strings.Cut(rest, "/")
	if host != c.options.Host() || !found {
		return "", fmt.Errorf("%s is not in a project of the Harbor %s", repository, c.options.Host())
	}
	scheme := "https"
	if c.options.Insecure || repourl.IsHere(host) {
		scheme = "http"
	}
	return fmt.Sprintf("%s://%s/api/v2.0/projects/%s/repositories/%s/artifacts/%s",
		scheme, host, url.PathEscape(project), url.PathEscape(url.PathEscape(name)), url.PathEscape(digest)), nil
}

// maxAnswer bounds an answer.
const maxAnswer = 1 << 20

// call makes one request, and reads the answer into result unless that is nil.
func (c *Client) call(ctx context.Context, login Login, method, at string, result any) (err error) {
	r, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("X-Accept-Vulnerabilities", newReport+", "+oldReport)
	if login.Username != "" {
		r.SetBasicAuth(login.Username, string(login.Password))
	}
	answer, err := c.http.Do(r)
	if err != nil {
		var unreachable *url.Error
		if errors.As(err, &unreachable) {
			err = unreachable.Err // the URL says nothing to people
		}
		return fmt.Errorf("harbor %s: %w", r.URL.Host, err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("harbor %s: %w", r.URL.Host, err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return c.refusal(r, answer, body)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(body, result); err != nil {
		return fmt.Errorf("harbor %s does not answer as Harbor does (is registry.kind in serve.yaml right, and is that a Harbor of version 2?)", r.URL.Host)
	}
	return nil
}

// Error is an answer that refuses.
type Error struct {
	// Status of the answer.
	Status int
	text   string
	wait   time.Duration
}

// Error implements error.
func (e *Error) Error() string { return e.text }

// RetryAfter is how long Harbor asks to be left alone; 0 when it does not say.
func (e *Error) RetryAfter() time.Duration { return e.wait }

// refusal says what an answer means, with what to do.
func (c *Client) refusal(r *http.Request, answer *http.Response, body []byte) error {
	var said struct {
		Errors []struct{ Message string }
	}
	what := http.StatusText(answer.StatusCode)
	if json.Unmarshal(body, &said) == nil && len(said.Errors) > 0 {
		what = scan.OneWord(said.Errors[0].Message)
	}
	fix := ""
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		fix = " (the account of registry.usernameFile in serve.yaml, or that of its workspace in registry.workspaces, has to be allowed to read artifacts and to create scans)"
	case http.StatusNotFound:
		fix = " (the image has been removed, or the account may not see the project)"
	}
	e := &Error{Status: answer.StatusCode, text: fmt.Sprintf("harbor %s: %d %s%s", r.URL.Host, answer.StatusCode, cmp.Or(what, "no reason"), fix)}
	if after := answer.Header.Get("Retry-After"); after != "" {
		if seconds, err := strconv.Atoi(after); err == nil {
			e.wait = time.Duration(seconds) * time.Second
		} else if at, err := http.ParseTime(after); err == nil {
			e.wait = at.Sub(c.options.Clock())
		}
	}
	return e
}
