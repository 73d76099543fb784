package router_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/localrun/router"
)

// clients are those of the two protocols that the router speaks.
func clients(r *running) map[string]*http.Client {
	return map[string]*http.Client{"HTTP/1.1": r.client, "HTTP/2.0": r.newClient((*http.Protocols).SetUnencryptedHTTP2)}
}

func TestBothProtocols(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = fmt.Fprint(w, req.Proto, " ", req.Host, " ", req.RequestURI)
	})))
	for protocol, client := range clients(r) {
		response, err := client.Do(request(t, "GET", "http://shop.localhost:8480/a%2Fb//c?q=1;2&x=%zz", nil))
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, response.Body); response.Proto != protocol || body != "HTTP/1.1 shop.localhost:8480 /a%2Fb//c?q=1;2&x=%zz" {
			t.Errorf("%s: answered in %s: %s", protocol, response.Proto, body)
		}
	}
}

// A server that speaks gRPC speaks nothing but HTTP/2.
func TestGRPCReachesTheInstanceAsHTTP2(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = fmt.Fprintf(w, "%s te=%s ", req.Proto, req.Header.Get("Te"))
		_, _ = io.Copy(w, req.Body)
		w.Header().Set("Grpc-Status", "0")
	})))
	client := r.newClient((*http.Protocols).SetUnencryptedHTTP2)
	response, err := client.Do(request(t, "POST", "http://shop.localhost/", strings.NewReader("hello"), "Content-Type: application/grpc+proto", "Te: trailers"))
	if err != nil {
		t.Fatal(err)
	}
	if body, status := readAll(t, response.Body), response.Trailer.Get("Grpc-Status"); body != "HTTP/2.0 te=trailers hello" || status != "0" {
		t.Errorf("%q, Grpc-Status %q", body, status)
	}
}

func TestTrailers(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Trailer", "Announced")
		_, _ = io.Copy(w, req.Body)
		w.Header().Set("Announced", req.Trailer.Get("Asked"))
		w.Header().Set(http.TrailerPrefix+"Sudden", "yes")
	})))
	for protocol, client := range clients(r) {
		req := request(t, "POST", "http://shop.localhost/", io.MultiReader(strings.NewReader("body")))
		req.Trailer = http.Header{"Asked": {"a question"}}
		response, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := readAll(t, response.Body)
		if body != "body" || response.Trailer.Get("Announced") != "a question" || response.Trailer.Get("Sudden") != "yes" {
			t.Errorf("%s: %q, trailers %v", protocol, body, response.Trailer)
		}
		if response, err = client.Do(request(t, "GET", "http://shop.localhost/", nil)); err != nil {
			t.Fatal(err)
		}
		if readAll(t, response.Body); response.Trailer.Get("Sudden") != "yes" {
			t.Errorf("%s: GET, trailers %v", protocol, response.Trailer)
		}
	}
}

// Each side waits for the other's word before it says its next one, so anything that is held back ends in a timeout.
func TestStreamsInBothDirections(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		_ = control.Flush()
		word := make([]byte, 5)
		for {
			if _, err := io.ReadFull(req.Body, word); err != nil {
				return
			}
			_, _ = fmt.Fprintf(w, "<%s>", word)
			_ = control.Flush()
		}
	})))
	for protocol, client := range clients(r) {
		body, say := io.Pipe()
		response, err := client.Do(request(t, "POST", "http://shop.localhost/", body))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			word, answer := fmt.Sprintf("%05d", n), make([]byte, 7)
			if _, err := io.WriteString(say, word); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(response.Body, answer); err != nil || string(answer) != "<"+word+">" {
				t.Fatalf("%s: said %s, heard %s, %v", protocol, word, answer, err)
			}
		}
		_ = say.Close()
		if rest := readAll(t, response.Body); rest != "" {
			t.Errorf("%s: %q at the end", protocol, rest)
		}
	}
}

func TestResponsesAreNotHeldBack(t *testing.T) {
	for name, header := range map[string][2]string{
		"an event stream": {"Content-Type", "text/event-stream"},
		"a known length":  {"Content-Length", "22"},
		"unknown length":  {"Content-Type", "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			next := make(chan bool)
			r := start(t, router.Options{})
			r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(header[0], header[1])
				for range 2 {
					_ = http.NewResponseController(w).Flush()
					receive(t, next)
					_, _ = fmt.Fprint(w, "data: hello") // 11 bytes
				}
			})))
			response := r.do(request(t, "GET", "http://shop.localhost/", nil)) // comes with the headers alone
			for range 2 {
				next <- true
				data := make([]byte, 11)
				if _, err := io.ReadFull(response.Body, data); err != nil || string(data) != "data: hello" {
					t.Fatalf("%q, %v", data, err)
				}
			}
			readAll(t, response.Body)
		})
	}
}

// noise is as many bytes as asked for, always the same.
func noise(size int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }

func sum(t *testing.T, from io.Reader) string {
	h := sha256.New()
	n, err := io.Copy(h, from)
	if err != nil {
		t.Errorf("after %d bytes: %v", n, err)
	}
	return fmt.Sprintf("%d %x", n, h.Sum(nil))
}

func TestLargeBodiesAreNotKeptInMemory(t *testing.T) {
	const size = 100 << 20
	want := sum(t, noise(size))
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPut {
			_, _ = fmt.Fprint(w, sum(t, req.Body))
			return
		}
		_, _ = io.Copy(w, noise(size))
	})))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for protocol, client := range clients(r) {
		for _, length := range []int64{size, -1} {
			req := request(t, "PUT", "http://shop.localhost/", noise(size))
			req.ContentLength = length
			response, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, response.Body); got != want {
				t.Errorf("%s: put %s, want %s", protocol, got, want)
			}
		}
		response, err := client.Do(request(t, "GET", "http://shop.localhost/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := sum(t, response.Body); got != want {
			t.Errorf("%s: got %s, want %s", protocol, got, want)
		}
		_ = response.Body.Close()
	}
	runtime.ReadMemStats(&after)
	if grown := after.Sys - min(after.Sys, before.Sys); grown > size/2 {
		t.Errorf("%d MiB more memory for bodies of %d MiB", grown>>20, size>>20)
	}
}

func TestExpectContinue(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/refused" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.Copy(w, req.Body)
	})))
	w := r.dial()
	w.send("POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if line := w.line(); line != "HTTP/1.1 100 Continue" {
		t.Fatalf("answered %q", line)
	}
	w.line()
	w.send("hello")
	if body := readAll(t, w.response().Body); body != "hello" {
		t.Errorf("answered %q", body)
	}
	w.send("POST /refused HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if status := w.response().StatusCode; status != http.StatusUnauthorized {
		t.Errorf("a body that nobody wants: %d", status)
	}
}

func TestEarlyHints(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		_, _ = fmt.Fprint(w, "page")
	})))
	for protocol, client := range clients(r) {
		var hints []string
		req := request(t, "GET", "http://shop.localhost/", nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, " ", header.Get("Link")))
			return nil
		}}))
		response, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, response.Body); body != "page" || response.Header.Get("Link") != "" || !slices.Equal(hints, []string{"103 </style.css>; rel=preload"}) {
			t.Errorf("%s: %q, hints %q", protocol, body, hints)
		}
	}
}

// An instance that answers before it has read the request is heard, also by a client that waits with the rest.
func TestAnswersBeforeTheBodyIsThere(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	})))
	w := r.dial()
	w.send("POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 1000000\r\n\r\nthe beginning")
	response := w.response()
	if body := readAll(t, response.Body); response.StatusCode != http.StatusRequestEntityTooLarge || body != "too large\n" {
		t.Errorf("%d %q", response.StatusCode, body)
	}
}

func TestMethods(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Saw", req.Method)
		w.Header().Set("Content-Length", "1000")
		if req.Method != http.MethodHead {
			w.Header().Del("Content-Length")
			w.WriteHeader(http.StatusNoContent)
		}
	})))
	for _, method := range []string{"HEAD", "OPTIONS", "PROPFIND", "DELETE"} {
		response := r.do(request(t, method, "http://shop.localhost/", nil))
		if saw := response.Header.Get("Saw"); saw != method || readAll(t, response.Body) != "" {
			t.Errorf("%s: the app saw %q", method, saw)
		}
		if method == "HEAD" && response.ContentLength != 1000 {
			t.Errorf("HEAD: length %d", response.ContentLength)
		}
	}
	w := r.dial()
	w.send("CONNECT shop.localhost:80 HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
	if status := w.response().StatusCode; status != http.StatusMethodNotAllowed {
		t.Errorf("CONNECT: %d", status)
	}
	if response := r.do(request(t, "TRACE", "http://shop.localhost/", nil)); response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Saw") != "" {
		t.Errorf("TRACE: %d", response.StatusCode)
	}
}
