package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// socketServer answers as webServer does, and at /socket with a protocol of lines: each that it gets comes back with the version in front.
func socketServer(version string) string {
	source := strings.Replace(webServer(version), "\"os\"\n", "\"os\"\n\t\"bufio\"\n\t\"log\"\n", 1)
	return strings.Replace(source, "func main() {\n", `func main() {
	http.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		c, lines, err := w.(http.Hijacker).Hijack()
		if err != nil {
			log.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		said := bufio.NewScanner(lines)
		for said.Scan() {
			fmt.Fprintf(c, "`+version+` %s\n", said.Text())
		}
	})
`, 1)
}

// socket is an open WebSocket, of which only lines matter here.
type socket struct {
	net.Conn
	lines *bufio.Reader
}

// open has the router switch a connection over to the app.
func (l *live) open() *socket {
	l.w.t.Helper()
	printed, err := os.ReadFile(l.w.serveLog())
	if err != nil {
		l.w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(printed), "Apps on http://")
	address, _, _ := strings.Cut(rest, "\n")
	c, err := net.Dial("tcp", address)
	if err != nil {
		l.w.t.Fatal(err)
	}
	l.w.t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET /socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", l.host)
	s := &socket{c, bufio.NewReader(c)}
	if err := s.SetReadDeadline(time.Now().Add(2 * patience)); err != nil {
		l.w.t.Fatal(err)
	}
	response, err := http.ReadResponse(s.lines, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		l.w.t.Fatalf("the upgrade: %+v, %v", response, err)
	}
	return s
}

// says sends a line and checks what comes back.
func (s *socket) says(t *testing.T, word, want string) {
	t.Helper()
	if _, err := fmt.Fprintln(s, word); err != nil {
		t.Fatal(err)
	}
	if got, err := s.lines.ReadString('\n'); err != nil || got != want+"\n" {
		t.Fatalf("it says %q, %v, want %q", got, err, want)
	}
}

// A WebSocket goes on over a rollout, with the process it was opened to, until that has had its grace and is ended; one that is opened
// meanwhile is answered by the new release.
func TestAWebSocketOverARollout(t *testing.T) {
	t.Parallel()
	shop := liveProject(t)
	w := shop.w
	shop.app.commit("Talk", files{"main.go": socketServer("one")})
	w.add(shop.project)
	shop.answers("one")
	before := shop.open()
	before.says(t, "hello", "one hello")
	shop.app.commit("Talk of two", files{"main.go": socketServer("two")})
	shop.answers("two")
	before.says(t, "are you there", "one are you there")
	after := shop.open()
	after.says(t, "hello", "two hello")
	before.says(t, "still", "one still")
	if _, err := before.lines.ReadString('\n'); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the old process is not ended: %v", err)
	}
	after.says(t, "and you", "two and you")
}
