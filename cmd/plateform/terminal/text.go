package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
)

// TimeFormat is how times are shown, always in UTC.
const TimeFormat = "2006-01-02 15:04 UTC"

// Short shortens a commit hash or a digest for people.
func Short(hash string) string {
	const letters = 10
	prefix, hex, found := strings.Cut(hash, ":")
	if !found {
		prefix, hex = "", hash
	} else {
		prefix += ":"
	}
	return prefix + hex[:min(letters, len(hex))]
}

// Plain is manifest.Plain: what others wrote, with nothing in it that could do something to a terminal.
func Plain(s string) string { return manifest.Plain(s) }

// Count is manifest.Count: a number with its noun.
func Count(n int, noun string) string { return manifest.Count(n, noun) }

// OrDash is a text, or a dash where there is none.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// WriteJSON writes indented JSON.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// By names a person in brackets.
func By(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

// Clock shows a time that programs write as people read it.
func Clock(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.UTC().Format(TimeFormat)
}
