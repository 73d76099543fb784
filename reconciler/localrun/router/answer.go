package router

import (
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// retryAfter is when a client may ask again while nothing answers: a rollout takes seconds.
const retryAfter = 2 * time.Second

//go:embed answer.html
var pageText string

var page = template.Must(template.New("answer").Parse(pageText))

// answer is what the router says by itself, as a page to browsers and as text to others.
type answer struct {
	Status int
	Title  string
	// Text has a sentence a line.
	Text []string
	// Hosts that there are.
	Hosts []hostLine
}

type hostLine struct {
	URL, Project, State string
}

func (r *Router) answerUnavailable(w http.ResponseWriter, req *http.Request, s *site) {
	why := s.Unavailable
	if why == "" {
		why = "no instance runs"
	}
	lines := []string{why}
	if !s.Since.IsZero() {
		since := s.Since.UTC().Format("2006-01-02 15:04:05 UTC")
		if ago := r.options.Clock().Sub(s.Since).Truncate(time.Second); ago >= 0 {
			since += fmt.Sprintf(" (%s ago)", ago)
		}
		lines = append(lines, "Since "+since+".")
	}
	unavailable(w, req, s, lines)
}

func (r *Router) answerUnreachable(w http.ResponseWriter, req *http.Request, s *site) {
	unavailable(w, req, s, []string{"Its instances take no connections. If one has just died, it is started again."})
}

func unavailable(w http.ResponseWriter, req *http.Request, s *site, lines []string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	answer{Status: http.StatusServiceUnavailable, Title: s.name() + " does not answer", Text: lines}.write(w, req)
}

func (r *Router) answerBroken(w http.ResponseWriter, req *http.Request, s *site) {
	answer{
		Status: http.StatusBadGateway, Title: s.name() + " broke off",
		Text: []string{"The instance that had the request ended the connection before it answered, or answered something that is no HTTP."},
	}.write(w, req)
}

// NothingAt begins the page for hosts that no app has. A router is known by it.
const NothingAt = "Nothing is at "

// answerUnknown tells who works on this machine which hosts there are, and others nothing.
func (r *Router) answerUnknown(w http.ResponseWriter, req *http.Request, host string) {
	if !isLocal(req) {
		http.NotFound(w, req)
		return
	}
	hosts, akin := r.hosts(req, host)
	if !akin {
		http.NotFound(w, req)
		return
	}
	a := answer{Status: http.StatusNotFound, Title: NothingAt + host, Hosts: hosts, Text: []string{"These hosts answer here:"}}
	if len(hosts) == 0 {
		a.Text = []string{"No app runs here yet."}
	}
	a.write(w, req)
}

// hosts lists all sites, for a request that asked for another host. They are akin if that host could be meant: one of this
// machine, or a neighbour of a site. A page elsewhere whose name leads to this machine must not learn what runs here.
func (r *Router) hosts(req *http.Request, asked string) (lines []hostLine, akin bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, domain, _ := strings.Cut(asked, ".")
	akin = isLocalHost(asked)
	for _, host := range slices.Sorted(maps.Keys(r.sites)) {
		s := r.sites[host]
		line := hostLine{URL: "http://" + host + portOf(req.Host) + "/", Project: s.name(), State: "answers"}
		if len(s.instances) == 0 {
			line.State = "does not answer: " + s.Unavailable
		}
		lines = append(lines, line)
		_, other, _ := strings.Cut(host, ".")
		akin = akin || domain != "" && domain == other
	}
	return lines, akin
}

// isLocal says that a request comes from this machine, and not through a proxy on it.
func isLocal(req *http.Request) bool {
	for name := range req.Header {
		if tellsOrigin(name) {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(req.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// isLocalHost says that a name means this machine wherever it is used.
func isLocalHost(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// portOf is the port of a Host header, with its colon.
func portOf(host string) string {
	if _, port, err := net.SplitHostPort(host); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			return fmt.Sprintf(":%d", n)
		}
	}
	return ""
}

func (s *site) name() string {
	if s.Service == "" {
		return s.Project.String()
	}
	return s.Project.String() + " " + s.Service
}

func (a answer) write(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.Contains(req.Header.Get("Accept"), "text/html") {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		w.WriteHeader(a.Status)
		_ = page.Execute(w, a) // fails only if the client is gone
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(a.Status)
	_, _ = w.Write([]byte(a.text()))
}

func (a answer) text() string {
	lines := append([]string{a.Title}, a.Text...)
	for _, h := range a.Hosts {
		lines = append(lines, fmt.Sprintf("  %s  %s  %s", h.URL, h.Project, h.State))
	}
	for i, line := range lines {
		lines[i] = strings.Map(printable, line)
	}
	return strings.Join(lines, "\n") + "\n"
}

// printable takes out what would make a terminal do something.
func printable(letter rune) rune {
	if strconv.IsPrint(letter) {
		return letter
	}
	return ' '
}
