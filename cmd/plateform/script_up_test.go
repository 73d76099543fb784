package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptPatience is how long scripts wait for something that happens beside them.
const scriptPatience = 2 * time.Minute

// scriptUntil waits until a file says something: until FILE TEXT.
func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE TEXT")
	}
	var text []byte
	found := poll(func() bool {
		text, _ = os.ReadFile(ts.MkAbs(args[0])) // it may not be there yet
		return strings.Contains(string(text), args[1])
	})
	if !found {
		ts.Fatalf("%s does not say %q:\n%s", args[0], args[1], text)
	}
}

// scriptAnswers asks the URL that a file names for a host until its answer is as wanted, for there may be another one before:
// answers FILE HOST TEXT. With a ! it waits until nobody answers there any more.
func scriptAnswers(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 && !neg || len(args) < 2 {
		ts.Fatalf("usage: answers FILE HOST TEXT, or ! answers FILE HOST")
	}
	address := urlIn(ts.ReadFile(args[0]), args[1])
	if address == nil {
		ts.Fatalf("%s names no URL of %s", args[0], args[1])
	}
	client := &http.Client{Timeout: scriptPatience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", address.Port()))
		},
	}}
	last := ""
	ok := poll(func() bool {
		answer, err := client.Get(address.String())
		if err != nil {
			last = err.Error()
			return neg
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			last = err.Error()
			return false
		}
		last = answer.Status + " " + string(body)
		if neg {
			return answer.StatusCode != http.StatusOK
		}
		return answer.StatusCode == http.StatusOK && strings.TrimSpace(string(body)) == args[2]
	})
	if !ok {
		ts.Fatalf("%s answers last: %s", address, last)
	}
}

// urlIn is the newest URL in a text whose host begins with a name.
func urlIn(text, host string) (found *url.URL) {
	for _, word := range strings.Fields(text) {
		if at, err := url.Parse(word); err == nil && at.Scheme == "http" && strings.HasPrefix(at.Host, host) {
			found = at
		}
	}
	return found
}

func poll(done func() bool) bool {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(scriptPatience); ; {
		if done() {
			return true
		}
		select {
		case <-ticker.C:
		case <-deadline:
			return false
		}
	}
}
