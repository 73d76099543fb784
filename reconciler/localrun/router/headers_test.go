package router_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/localrun/router"
)

// echo answers with the headers it got, as JSON.
func echo(w http.ResponseWriter, req *http.Request) { _ = json.NewEncoder(w).Encode(req.Header) }

func TestNobodySaysWhereARequestComesFrom(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, echo)))
	_, body := r.get("http://shop.localhost:8480/", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https",
		"X-Forwarded-Port: 443", "X-Forwarded-Prefix: /evil", "Forwarded: for=6.6.6.6", "X-Real-Ip: 6.6.6.6", "X_Forwarded_For: 6.6.6.6",
		"X-Forwarded_Host: evil", "X_real_ip: 6.6.6.6", "X-Request-Id: 1", "User-Agent: tester", "Accept-Encoding: br")
	var got http.Header
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"shop.localhost:8480"}, "X-Forwarded-Proto": {"http"}, "X-Real-Ip": {"127.0.0.1"},
		"X-Request-Id": {"1"}, "User-Agent": {"tester"}, "Accept-Encoding": {"br"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// A header that somebody calls hop-by-hop is not passed on, but those that the router makes are.
func TestHopByHopHeaders(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Connection", "X-Mine")
		w.Header().Set("X-Mine", "1")
		w.Header().Set("Keep-Alive", "timeout=1")
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.Header().Set("X-Theirs", "2")
		echo(w, req)
	})))
	for _, method := range []string{"GET", "DELETE"} { // one goes over a connection of our own, the other over one of net/http
		w := r.dial()
		w.send("%s / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: keep-alive, X-Secret, X-Forwarded-For, X-Real-Ip\r\nX-Secret: 1\r\n"+
			"Keep-Alive: 300\r\nProxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nX-Open: 2\r\n\r\n", method)
		response := w.response()
		var got http.Header
		if err := json.Unmarshal([]byte(readAll(t, response.Body)), &got); err != nil {
			t.Fatal(err)
		}
		want := http.Header{
			"X-Open": {"2"}, "X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"shop.localhost"}, "X-Forwarded-Proto": {"http"}, "X-Real-Ip": {"127.0.0.1"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: headers to the app (-want +got):\n%s", method, diff)
		}
		for _, name := range []string{"Connection", "X-Mine", "Keep-Alive", "Proxy-Authenticate"} {
			if value := response.Header.Get(name); value != "" {
				t.Errorf("%s: %s came back", name, value)
			}
		}
		if response.Header.Get("X-Theirs") != "2" {
			t.Errorf("headers of the app: %v", response.Header)
		}
	}
}

// What the router and an app take for the end of a request, and whose host they see, has to be the same.
func TestHostileRequests(t *testing.T) {
	tests := []struct {
		name, request string
		// want are the answers, each a status or what an app says: its name, the host, the body, and how its length was told.
		want []string
	}{
		{"two hosts", "GET / HTTP/1.1\r\nHost: shop.localhost\r\nHost: blog.localhost\r\n\r\n", []string{"400"}},
		{"no host", "GET / HTTP/1.1\r\n\r\n", []string{"400"}},
		{"a host with a path", "GET / HTTP/1.1\r\nHost: shop.localhost/x\r\n\r\n", []string{"400"}},
		{"a host with a line break", "GET / HTTP/1.1\r\nHost: shop.localhost\r\n blog.localhost\r\n\r\n", []string{"400"}},
		{"a target with another host", "GET http://blog.localhost/ HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n",
			[]string{"blog blog.localhost"}},
		{"a target with credentials", "GET http://shop.localhost@blog.localhost/ HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n",
			[]string{"blog blog.localhost"}},
		{"both lengths", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"2\r\nhi\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: blog.localhost\r\nConnection: close\r\n\r\n",
			[]string{"shop shop.localhost hi [chunked]", "blog blog.localhost"}},
		{"both lengths, the other way around", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 100\r\n\r\n" +
			"0\r\n\r\nGET / HTTP/1.1\r\nHost: blog.localhost\r\nConnection: close\r\n\r\n",
			[]string{"shop shop.localhost  [chunked]", "blog blog.localhost"}},
		{"two lengths", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\nhi", []string{"400"}},
		{"a length with a sign", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: +2\r\n\r\nhi", []string{"400"}},
		{"a coding nobody knows", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", []string{"501"}},
		{"two codings", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", []string{"501"}},
		{"a space before the colon", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", []string{"400"}},
		{"a chunk of no size", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhi\r\n0\r\n\r\n", []string{"400"}},
		{"a chunk that says more than it has", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi, there\r\n0\r\n\r\n", []string{"400"}},
		{"an upgrade to HTTP/2", "GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
			[]string{"shop shop.localhost"}},
		{"a broken body of a request that is answered before", "POST /early HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" +
			"GET / HTTP/1.1\r\nHost: blog.localhost\r\n\r\n", []string{"400"}},
		{"no HTTP", "HELO shop.localhost\r\n\r\n", []string{"400"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, router.Options{})
			for _, name := range []string{"shop", "blog"} {
				r.Set(name+".localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
					if req.Header.Get("Upgrade") != "" || req.Header.Get("Http2-Settings") != "" {
						t.Errorf("an upgrade reached the app: %v", req.Header)
					}
					body, err := io.ReadAll(req.Body)
					if err != nil {
						return
					}
					_, _ = fmt.Fprintf(w, "%s %s %s %v", name, req.Host, body, req.TransferEncoding)
				})))
			}
			w := r.dial()
			w.send("%s", tt.request)
			var got []string
			for range tt.want {
				response := w.response()
				body := readAll(t, response.Body)
				if response.StatusCode != http.StatusOK {
					body = fmt.Sprint(response.StatusCode)
				}
				got = append(got, strings.TrimSuffix(body, "  []"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if rest, _ := w.rest(); rest != "" {
				t.Errorf("then: %q", rest)
			}
		})
	}
}
