package githubserver

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/plateform/plateform/test/githubserver/delivery"
)

// world is all that the server knows.
type world struct {
	url    string
	dir    string
	now    func() time.Time
	lastID int64
	people
	repos      map[int64]*repository
	budgets    budgets
	faults     []*Fault
	violations []Violation
	calls      []Call
	hooks      *delivery.Sender
}

// people are those who can do something.
type people struct {
	users         map[int64]*user
	apps          map[int64]*app
	installations map[int64]*installation
	tokens        map[string]*token
}

func newWorld(o Options, limits Limits, hooks *delivery.Sender) *world {
	return &world{
		url: strings.TrimSuffix(o.URL, "/"), dir: o.Dir, now: o.Now, lastID: 1000, hooks: hooks,
		people: people{users: map[int64]*user{}, apps: map[int64]*app{}, installations: map[int64]*installation{}, tokens: map[string]*token{}},
		repos:  map[int64]*repository{}, budgets: budgets{limits: limits, spent: map[string]*spent{}},
	}
}

// id is a new number, for whatever needs one.
func (w *world) id() int64 {
	w.lastID++
	return w.lastID
}

// object is a JSON object.
type object = map[string]any

// api is a link into the API; parts are what stands for the verbs of the format, escaped.
func (w *world) api(format string, parts ...any) string {
	return w.link(w.url+"/api/v3", format, parts)
}

// web is a link that people follow.
func (w *world) web(format string, parts ...any) string { return w.link(w.url, format, parts) }

func (w *world) link(root, format string, parts []any) string {
	for i, p := range parts {
		if text, isText := p.(string); isText {
			parts[i] = (&url.URL{Path: text}).EscapedPath()
		}
	}
	return root + fmt.Sprintf(format, parts...)
}

func nodeID(kind string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%03d:%s%d", len(kind), kind, id))
}

// stamp writes a time as GitHub does; null when there is none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// orNull is a text, or null for none.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
