// Package client sends requests to one GitHub, for all who have something to ask or to say there: within one budget, with
// answers that did not change taken from memory, with limits that GitHub names obeyed, and with every body bounded.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

const (
	// requestTimeout bounds one request, with its answer.
	requestTimeout = 30 * time.Second
	// maxAnswer bounds an answer.
	maxAnswer = 16 << 20
	userAgent = "plateform"
)

// Clock tells the time and waits.
type Clock interface {
	// Now is the time.
	Now() time.Time
	// Sleep returns after a while, or with the context's error when that ends before.
	Sleep(ctx context.Context, d time.Duration) error
}

// Login says who a request comes from.
type Login interface {
	// Authorization returns the value of the header Authorization.
	Authorization(ctx context.Context) (Secret, error)
	// Rejected says that GitHub did not take what Authorization returned. It returns true when another one may be.
	Rejected(Secret) bool
}

// Secret is never shown.
type Secret string

// String hides the secret.
func (Secret) String() string { return "***" }

// GoString hides the secret.
func (Secret) GoString() string { return "***" }

// Options of a Client.
type Options struct {
	// API is the address of the REST API, as https://api.github.com/.
	API *url.URL
	// Transport sends requests; http.DefaultTransport when nil.
	Transport http.RoundTripper
	Clock     Clock
}

// Client is safe for use by several goroutines.
type Client struct {
	api       *url.URL
	transport http.RoundTripper
	budget    *budget
	cache     *cache
}

// New returns a Client. It asks nobody anything yet.
func New(o Options) (*Client, error) {
	if o.API == nil || o.Clock == nil {
		return nil, errors.New("a client of GitHub needs an address and a clock")
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	known, err := newCache()
	if err != nil {
		return nil, err
	}
	api := *o.API
	api.Path = strings.TrimRight(api.Path, "/") + "/"
	return &Client{api: &api, transport: o.Transport, budget: &budget{clock: o.Clock, left: map[string]left{}}, cache: known}, nil
}

// As returns the API of GitHub as somebody sees it. Its errors are to be explained with Explain.
func (c *Client) As(login Login) *github.Client {
	api := github.NewClient(&http.Client{Transport: &caller{client: c, login: login}})
	base := *c.api
	api.BaseURL, api.UserAgent = &base, userAgent
	return api
}

// at says that a URL is at this GitHub: what was renamed is followed there, and no other host gets the login.
func (c *Client) at(u *url.URL) bool { return u.Scheme == c.api.Scheme && u.Host == c.api.Host }

// priorityKey is where a context keeps the priority of calls.
type priorityKey struct{}

// WithPriority returns a context whose calls have a priority; others are Final.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

// caller sends requests as somebody.
type caller struct {
	client *Client
	login  Login
}

// RoundTrip implements http.RoundTripper. A request that is refused because of its login is sent once more when there is another
// one: it has done nothing.
func (c *caller) RoundTrip(req *http.Request) (*http.Response, error) {
	if !c.client.at(req.URL) {
		return nil, fmt.Errorf("it leads away from %s, where no login of GitHub is sent", c.client.api.Host)
	}
	var body []byte
	if req.Body != nil {
		read, err := io.ReadAll(req.Body)
		if err := errors.Join(err, req.Body.Close()); err != nil {
			return nil, err
		}
		body = read
	}
	for again := false; ; again = true {
		secret, err := c.login.Authorization(req.Context())
		if err != nil {
			return nil, err
		}
		res, err := c.client.send(req, body, secret)
		if err == nil && res.StatusCode == http.StatusUnauthorized && c.login.Rejected(secret) && !again {
			continue
		}
		return res, err
	}
}

// send sends a request with its body within the budget. What GitHub says of its limits becomes a *BusyError.
func (c *Client) send(req *http.Request, body []byte, secret Secret) (*http.Response, error) {
	s := c.spendingOf(req)
	if err := c.budget.take(req.Context(), s); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), requestTimeout)
	defer cancel()
	out := req.Clone(ctx)
	out.Header.Set("Authorization", string(secret))
	if body != nil {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	known, remembered := c.remember(out)
	res, err := c.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	answer, err := readAnswer(res)
	if err != nil {
		return nil, err
	}
	c.budget.note(s.account, leftIn(res.Header))
	if busy := c.limited(res, answer); busy != nil {
		return nil, busy
	}
	res.Header.Del(rateReset) // go-github would keep account of it as well, by another clock
	if res.StatusCode == http.StatusNotModified && remembered {
		c.budget.refund(s.points)
		return known.answer(res, req), nil
	}
	if res.StatusCode >= http.StatusBadRequest { // who refuses something may quote it
		answer = bytes.ReplaceAll(answer, []byte(tokenOf(secret)), []byte("***"))
	} else {
		c.budget.calm()
		c.keep(req, res, answer)
	}
	res.Request, res.Body = req, io.NopCloser(bytes.NewReader(answer))
	return res, nil
}

// tokenOf is the part of a header Authorization that is secret.
func tokenOf(secret Secret) string {
	if _, token, ok := strings.Cut(string(secret), " "); ok {
		return token
	}
	return string(secret)
}

// readAnswer reads a body as far as it may go.
func readAnswer(res *http.Response) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("the answer has more than %d MiB", maxAnswer>>20)
	}
	return answer, nil
}

// spendingOf says what a request costs. A token that is minted, and one that is asked about, are nothing that people see.
func (c *Client) spendingOf(req *http.Request) spending {
	account := c.accountOf(req.URL.Path)
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return spending{points: pointsOfRead, account: account}
	}
	asks := strings.HasSuffix(req.URL.Path, "/access_tokens") || strings.HasPrefix(account, applications)
	s := spending{points: pointsOfWrite, content: !asks, priority: Final, account: account}
	if p, ok := req.Context().Value(priorityKey{}).(Priority); ok {
		s.priority = p
	}
	return s
}
