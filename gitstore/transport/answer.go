package transport

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ServerError is what a server answers instead of doing what it was asked, in its own words.
type ServerError struct {
	// Status of the HTTP answer; 0 when the server speaks Git and refuses in it.
	Status int
	// Said are the words of the server, in one line; empty when it gives none.
	Said string
	// Wait is how long the server asks to be left alone; 0 when it does not say.
	Wait time.Duration
	// MovedTo is where the server has sent us, when that is another host, which gets no credentials; empty otherwise.
	MovedTo string
}

// statusWords say what an HTTP status means here.
var statusWords = map[int]string{
	http.StatusUnauthorized:    "authentication required",
	http.StatusForbidden:       "authorization failed",
	http.StatusNotFound:        "repository not found",
	http.StatusTooManyRequests: "too many requests",
}

// Error is one line.
func (e *ServerError) Error() string {
	text := "the server"
	if e.Status != 0 {
		words := statusWords[e.Status]
		if words == "" {
			words = strings.ToLower(http.StatusText(e.Status))
		}
		text = strings.TrimSpace(fmt.Sprintf("the server answers %d %s", e.Status, words))
	} else if e.Said != "" {
		text = "the server says"
	}
	if e.Said != "" {
		text += ": " + e.Said
	}
	if e.Wait > 0 {
		text += fmt.Sprintf(" (it asks to wait for %s%s)", e.Wait, e.tooLong())
	}
	if e.MovedTo != "" {
		text += fmt.Sprintf("; the repository has moved to %s, and credentials are not sent to another host: write the new address", e.MovedTo)
	}
	return text
}

// maxWait bounds for how long a server is left alone that asks for it.
const maxWait = time.Hour

// RetryAfter is for how long the server is to be left alone; 0 when it does not ask for it.
func (e *ServerError) RetryAfter() time.Duration { return min(e.Wait, maxWait) }

// tooLong says that the server is asked again before it wants that.
func (e *ServerError) tooLong() string {
	if e.Wait <= maxWait {
		return ""
	}
	return fmt.Sprintf(", which is too long: it is asked again in %s", maxWait)
}

// maxSaid bounds the words of a server in an error.
const maxSaid = 400

// refusalOf reads an answer that is an error.
func refusalOf(res *http.Response) *ServerError {
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // half of the words are better than none
	e := &ServerError{Status: res.StatusCode, Said: firstWords(body), Wait: retryAfter(res.Header)}
	if to := res.Header.Get("Location"); res.StatusCode/100 == 3 && to != "" {
		e.Said = strings.TrimSpace(fmt.Sprintf("it redirects to %s in the middle of the conversation %s", Redact(to), e.Said))
	}
	return e
}

// retryAfter reads how long a server asks to be left alone: seconds, or a time to compare with the server's own.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, math.MaxInt32)) * time.Second //nolint:gosec // it fits
	}
	until, err := http.ParseTime(value)
	now, err2 := http.ParseTime(h.Get("Date"))
	if err != nil || err2 != nil || !until.After(now) {
		return 0
	}
	return until.Sub(now)
}

var (
	pageTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	pageTag   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// firstWords is the first line of an answer as it can be shown; of a web page its title.
func firstWords(body []byte) string {
	text := strings.ToValidUTF8(string(body), "?")
	if looksLikePage(body) {
		if title := pageTitle.FindStringSubmatch(text); title != nil {
			text = title[1]
		}
		text = strings.Join(strings.Fields(html.UnescapeString(pageTag.ReplaceAllString(text, " "))), " ")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, line))
		if line == "" {
			continue
		}
		if runes := []rune(line); len(runes) > maxSaid {
			line = string(runes[:maxSaid]) + "..."
		}
		return line
	}
	return ""
}

func looksLikePage(body []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html")) || bytes.HasPrefix(start, []byte("<?xml"))
}

// dumbRefs is the listing of a folder of files, which old servers give.
var dumbRefs = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?\trefs/`)

// notGit says what came with a good status although it is not the protocol.
func notGit(h http.Header, body *bufio.Reader) error {
	start, _ := io.ReadAll(io.LimitReader(body, maxErrorBody)) // half of the words are better than none
	switch {
	case looksLikePage(start):
		return &ServerError{Said: fmt.Sprintf("a web page came in place of Git (%q): the address is not that of a repository, or a page to log in at stands before it", firstWords(start))}
	case dumbRefs.Match(start):
		return &ServerError{Said: "the repository is served as a folder of files (the dumb protocol); have git http-backend serve it"}
	case len(bytes.TrimSpace(start)) == 0:
		return &ServerError{Said: "an empty answer came in place of Git"}
	}
	return &ServerError{Said: fmt.Sprintf("what came is not Git but %q: %s", h.Get("Content-Type"), firstWords(start))}
}
