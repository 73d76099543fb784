package router_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localrun/router"
)

const asBrowser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"

// hostile is what must reach neither a browser nor a terminal as it is.
const hostile = "<script>alert(1)</script>\x1b[31m\nred\u202e"

func TestASiteThatDoesNotAnswerSaysWhy(t *testing.T) {
	r := start(t, router.Options{})
	s := site()
	s.Service, s.Unavailable, s.Since = "gateway", "it stopped with exit code 1 "+hostile, now.Add(-90*time.Second)
	r.Set("shop.localhost", s)
	want := "ws-1/shop gateway does not answer\nit stopped with exit code 1 <script>alert(1)</script> [31m red \nSince 2026-11-27 09:58:30 UTC (1m30s ago).\n"
	for range 2 { // what is wrong with an app is no reason to end a connection
		response := r.do(request(t, "GET", "http://shop.localhost/", nil))
		if body := readAll(t, response.Body); response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "2" || body != want {
			t.Errorf("%d, Retry-After %s:\n%s", response.StatusCode, response.Header.Get("Retry-After"), body)
		}
	}
	response := r.do(request(t, "GET", "http://shop.localhost/", nil, asBrowser))
	body := readAll(t, response.Body)
	for _, part := range []string{"<h1>ws-1/shop gateway does not answer</h1>", "&lt;script&gt;alert(1)&lt;/script&gt;", "1m30s ago"} {
		if !strings.Contains(body, part) {
			t.Errorf("the page has no %s:\n%s", part, body)
		}
	}
	if strings.Contains(body, "<script>") || response.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		!strings.Contains(response.Header.Get("Content-Security-Policy"), "default-src 'none'") || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v:\n%s", response.Header, body)
	}
}

func TestInstancesThatTakeNoConnections(t *testing.T) {
	r := start(t, router.Options{})
	a := newApp(t, says(""))
	a.stop()
	r.Set("shop.localhost", site(a))
	response := r.do(request(t, "POST", "http://shop.localhost/", strings.NewReader("body")))
	if body := readAll(t, response.Body); response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "2" ||
		!strings.HasPrefix(body, "ws-1/shop does not answer\nIts instances take no connections.") {
		t.Errorf("%d:\n%s", response.StatusCode, body)
	}
}

func TestAnUnknownHostListsThoseThatThereAre(t *testing.T) {
	r := start(t, router.Options{})
	if status, body := r.get("http://shop.localhost/"); status != http.StatusNotFound || body != "Nothing is at shop.localhost\nNo app runs here yet.\n" {
		t.Errorf("without a site: %d\n%s", status, body)
	}
	r.Set("shop-ws-1.apps.example.com", site(newApp(t, says("shop"))))
	s := site()
	s.Project.Project, s.Unavailable = "blog", "its probe failed"+hostile
	r.Set("blog-ws-1.apps.example.com", s)
	const list = "Nothing is at %\nThese hosts answer here:\n" +
		"  http://blog-ws-1.apps.example.com:8480/  ws-1/blog  does not answer: its probe failed<script>alert(1)</script> [31m red \n" +
		"  http://shop-ws-1.apps.example.com:8480/  ws-1/shop  answers\n"
	const nothing = "404 page not found\n"
	tests := []struct {
		name, host string
		header     []string
		want       string
	}{
		{"this machine by name", "localhost:8480", nil, list},
		{"this machine by address", "127.0.0.1:8480", nil, list},
		{"this machine by its other address", "[::1]:8480", nil, list},
		{"a name below localhost", "x.localhost:8480", nil, list},
		{"a neighbour", "shopp-ws-1.apps.example.com:8480", nil, list},
		{"the name of somebody's page", "evil.example.com:8480", nil, nothing},
		{"a name without a domain", "evil:8480", nil, nothing},
		{"an address of a network", "192.168.0.1:8480", nil, nothing},
		{"through a proxy on this machine", "localhost:8480", []string{"X-Forwarded-For: 1.2.3.4"}, nothing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := r.get("http://router/", append(tt.header, "Host: "+tt.host)...)
			name, _, err := net.SplitHostPort(tt.host)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Replace(tt.want, "%", name, 1), body); diff != "" || status != http.StatusNotFound {
				t.Errorf("%d (-want +got):\n%s", status, diff)
			}
		})
	}
	_, body := r.get("http://router/", "Host: localhost:8480", asBrowser)
	if !strings.Contains(body, `<a href="http://shop-ws-1.apps.example.com:8480/">`) || strings.Contains(body, "<script>") {
		t.Errorf("the page:\n%s", body)
	}
}

// elsewhere is a connection that comes from another machine.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000}
}

type listenElsewhere struct{ net.Listener }

func (l listenElsewhere) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return elsewhere{c}, err
}

func TestOthersAreToldNothingOfHosts(t *testing.T) {
	r := startOn(t, listenElsewhere{listen(t)}, router.Options{})
	r.Set("shop.localhost", router.Site{Project: manifest.Key{Workspace: "ws-1", Project: "shop"}})
	if status, body := r.get("http://localhost/", asBrowser); status != http.StatusNotFound || body != "404 page not found\n" {
		t.Errorf("%d %s", status, body)
	}
}
