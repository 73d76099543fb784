package wire

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"time"

	"github.com/plateform/plateform/test/githubserver/model"
)

// Writer writes things as GitHub shows them.
type Writer struct {
	URL   string
	Known *model.Directory
}

// Object is a JSON object.
type Object = map[string]any

// API is a link into the API; parts are what stands for the verbs of the format, escaped.
func (w *Writer) API(format string, parts ...any) string {
	return w.link(w.URL+"/api/v3", format, parts)
}

// Web is a link that people follow.
func (w *Writer) Web(format string, parts ...any) string { return w.link(w.URL, format, parts) }

func (w *Writer) link(root, format string, parts []any) string {
	for i, p := range parts {
		if text, isText := p.(string); isText {
			parts[i] = (&url.URL{Path: text}).EscapedPath()
		}
	}
	return root + fmt.Sprintf(format, parts...)
}

// NodeID is the id that GraphQL knows something by.
func NodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%03d:%s%d", len(kind), kind, id))
}

// Stamp writes a time as GitHub does; null when there is none.
func Stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// OrNull is a text, or null for none.
func OrNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
