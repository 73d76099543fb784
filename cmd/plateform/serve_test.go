package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
)

// buffer is a place to write to from one goroutine and to look at from another.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *buffer) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *buffer) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// testApp is an app with nothing of this machine.
func testApp() (*app, *buffer, *buffer) {
	stdout, stderr := &buffer{}, &buffer{}
	return &app{stdin: strings.NewReader(""), output: output{stdout: stdout, stderr: stderr, now: time.Now}}, stdout, stderr
}

// scaffolded is a new installation in a temporary folder.
func scaffolded(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "acme")
	a, _, stderr := testApp()
	if code := a.run(t.Context(), []string{"init", dir, "--registry", "127.0.0.1:1"}); code != exit.OK {
		t.Fatalf("init: exit code %d\n%s", code, stderr)
	}
	return dir
}

// get asks until there is an answer with that status.
func get(t *testing.T, url string, status int) string {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(30 * time.Second)
	for {
		body, err := ask(t, url, status)
		if err == nil {
			return body
		}
		select {
		case <-deadline:
			t.Fatalf("GET %s: %v", url, err)
		case <-ticker.C:
		}
	}
}

func ask(t *testing.T, url string, status int) (string, error) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != status {
		err = errors.Join(err, fmt.Errorf("status %d, want %d: %s", answer.StatusCode, status, body))
	}
	return string(body), errors.Join(err, answer.Body.Close())
}

func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := scaffolded(t)
	settings := filepath.Join(dir, "serve.yaml")
	port0 := filepath.Join(dir, "port0.yaml")
	text := atAnyPort(readText(t, settings))
	if err := writeFile(port0, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a, stdout, stderr := testApp()
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"serve", "--config", port0, "--log", "json"}) }()

	address := awaitLine(t, stdout, "Listening on ")
	if body := get(t, address+"/healthz", http.StatusOK); body != "ok\n" {
		t.Errorf("/healthz says %q", body)
	}
	if body := get(t, address+"/readyz", http.StatusOK); body != "ready\n" {
		t.Errorf("/readyz says %q", body)
	}

	other, _, complaint := testApp()
	if code := other.run(t.Context(), []string{"serve", "--config", port0}); code != exit.WrongUsage {
		t.Errorf("a second serve on the same data folder: exit code %d, want %d", code, exit.WrongUsage)
	}
	for _, want := range []string{"another serve works with the data folder", fmt.Sprintf("process %d (stop it", os.Getpid())} {
		if !strings.Contains(complaint.String(), want) {
			t.Errorf("a second serve says %q, want %q", complaint, want)
		}
	}

	stop()
	if code := <-ended; code != exit.OK {
		t.Errorf("serve: exit code %d, want 0\n%s", code, stderr)
	}
	for line := range strings.Lines(stderr.String()) {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("a log line is no JSON: %s", line)
		}
	}
}

// TestServeRefusesWhatIsTooLarge: at both addresses, before anything is read.
func TestServeRefusesWhatIsTooLarge(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := scaffolded(t)
	file := filepath.Join(dir, "serve.yaml")
	text := atAnyPort(readText(t, file))
	if err := writeFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a, stdout, stderr := testApp()
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"serve", "--config", file}) }()

	public, private := awaitLine(t, stdout, "Listening on "), awaitLine(t, stdout, "Metrics on ")
	for _, address := range []string{public + "/healthz", private} {
		if got := statusOf(t, address, fmt.Sprintf("Content-Length: %d", 100<<10)); got != http.StatusRequestEntityTooLarge {
			t.Errorf("a large body at %s: status %d, want %d", address, got, http.StatusRequestEntityTooLarge)
		}
		if got := statusOf(t, address, "X-Large: "+strings.Repeat("x", 32<<10)); got != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a large header at %s: status %d, want %d", address, got, http.StatusRequestHeaderFieldsTooLarge)
		}
	}
	stop()
	if code := <-ended; code != exit.OK {
		t.Errorf("serve: exit code %d, want 0\n%s", code, stderr)
	}
}

// statusOf is the status of the answer to a request with a header, of which nothing follows. It is written at once and by
// hand: for a client of net/http it is an error when the answer comes, and the connection ends, before all is written.
func statusOf(t *testing.T, address, header string) int {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", at.Path, at.Host, header); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// TestServeCannotListen: it says where, and what to do.
func TestServeCannotListen(t *testing.T) {
	dir := scaffolded(t)
	a, _, stderr := testApp()
	file := filepath.Join(dir, "bad.yaml")
	text := strings.ReplaceAll(atAnyPort(readText(t, filepath.Join(dir, "serve.yaml"))), "\nlisten: 127.0.0.1:0", "\nlisten: 127.0.0.1:99999")
	if err := writeFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := a.run(t.Context(), []string{"serve", "--config", file}); code != exit.CouldNotRun {
		t.Errorf("exit code %d, want %d", code, exit.CouldNotRun)
	}
	if want := "listening on 127.0.0.1:99999"; !strings.Contains(stderr.String(), want) {
		t.Errorf("serve says %q, want %q", stderr, want)
	}
}

// TestServeTellsOfURLsThatLeadElsewhere: in the log and at /readyz, and goes on, for something in front may lead there.
func TestServeTellsOfURLsThatLeadElsewhere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("apps run on Linux")
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := scaffolded(t)
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	apps := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "serve.yaml")
	text := strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:0", scaffold.DefaultApps, apps).Replace(readText(t, file))
	if err := writeFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a, stdout, stderr := testApp()
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"serve", "--config", file}) }()
	told := "URLs lead to port 8480, and apps answer at " + apps
	if body := get(t, awaitLine(t, stdout, "Listening on ")+"/readyz", http.StatusOK); !strings.Contains(body, told) {
		t.Errorf("/readyz says %q, want %q", body, told)
	}
	stop()
	if code := <-ended; code != exit.OK {
		t.Errorf("serve: exit code %d, want 0", code)
	}
	if log := stderr.String(); !strings.Contains(log, "apps do not answer where their URLs lead") || !strings.Contains(log, told) {
		t.Errorf("the log says\n%s", log)
	}
}

// atAnyPort has what init has made listen where it disturbs nobody.
func atAnyPort(settings string) string {
	return strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:0", scaffold.DefaultApps, "127.0.0.1:0").Replace(settings)
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// awaitLine waits for a line that begins with prefix, and returns the rest of it.
func awaitLine(t *testing.T, o *buffer, prefix string) string {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(30 * time.Second)
	for {
		for line := range strings.Lines(o.String()) {
			if rest, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(rest, "\n") {
				return strings.TrimSpace(rest)
			}
		}
		select {
		case <-deadline:
			t.Fatalf("there is no line %q in:\n%s", prefix, o)
		case <-ticker.C:
		}
	}
}
