package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// GitHubPath is where GitHub delivers.
const GitHubPath = "/webhooks/github"

// Result says what became of a delivery.
type Result string

// The results. Only what was accepted gives hints, but for a ping, which shows that all is set up.
const (
	Accepted  Result = "accepted"
	Ignored   Result = "ignored"   // there is nothing to do about such an event
	Duplicate Result = "duplicate" // it was there before
	Refused   Result = "refused"   // it is not signed, or not as it should be
	Malformed Result = "malformed" // it is signed, but no delivery of GitHub
	TooLarge  Result = "too large"
	Busy      Result = "busy"   // too much else was being received
	Unread    Result = "unread" // it did not arrive, or the secret cannot be read
)

// Results are all of them.
func Results() []Result {
	return []Result{Accepted, Ignored, Duplicate, Refused, Malformed, TooLarge, Busy, Unread}
}

// Events are all words for what a delivery is about, as Options.Count gets them.
func Events() []string {
	return append(decodedEvents(), eventPing, eventJenkins, eventOther)
}

// Options are what a GitHub is made of. All are needed.
type Options struct {
	// Secrets are one or two: that of GitHub, and the one before while it is replaced. They are asked for at each delivery, so
	// that they can be replaced under a running process.
	Secrets func() ([]Secret, error)
	// Hints takes what deliveries say, in Run.
	Hints Hints
	Clock func() time.Time
	Log   *slog.Logger
	// Count is told of each delivery. What is not known to be GitHub's is an "other" event. Both words are of a few only.
	Count func(event string, r Result)
}

// GitHub takes GitHub's deliveries. It answers as soon as it knows that one is genuine, and what comes of it happens
// later, in Run.
type GitHub struct {
	options Options
	seen    *seen
	room    *room
	queue   *Queue
	guard   guard
}

// NewGitHub checks the options: without a secret there is no webhook.
func NewGitHub(o Options) (*GitHub, error) {
	secrets, err := o.Secrets()
	if err == nil {
		err = checkSecrets(secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("the secret of GitHub's webhooks: %w", err)
	}
	return &GitHub{
		options: o, seen: newSeen(o.Clock), room: &room{limit: allBodies}, queue: NewQueue(o.Hints, o.Log),
		guard: guard{clock: o.Clock, log: o.Log, count: o.Count},
	}, nil
}

// Run hands hints on until the context ends.
func (g *GitHub) Run(ctx context.Context) error { return g.queue.Run(ctx) }

// refusal is an answer to what is not taken.
type refusal struct {
	status int
	result Result
	why    string
}

// ServeHTTP implements http.Handler.
func (g *GitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, done, genuine := g.genuine(w, r)
	defer done()
	if !genuine {
		return
	}
	event := r.Header.Get("X-GitHub-Event")
	known := knownEvent(event)
	result, err := g.take(event, r.Header.Get("X-GitHub-Delivery"), body)
	if err != nil {
		g.guard.refuse(w, known, &refusal{http.StatusBadRequest, Malformed, err.Error()})
		return
	}
	g.options.Count(known, result)
	g.options.Log.Debug("a webhook came", "event", known, "delivery", cut(r.Header.Get("X-GitHub-Delivery")), "result", result)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, result)
}

// genuine answers what is not; of all else it returns the body, which takes memory until done.
func (g *GitHub) genuine(w http.ResponseWriter, r *http.Request) (body []byte, done func(), genuine bool) {
	no := checkRequest(r)
	done = func() {}
	if no == nil {
		body, done, no = g.verified(w, r)
	}
	if no != nil {
		g.guard.refuse(w, eventOther, no)
	}
	return body, done, no == nil
}

// checkRequest checks what can be seen without the body.
func checkRequest(r *http.Request) *refusal {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		return &refusal{http.StatusMethodNotAllowed, Refused, "only POST is taken here"}
	case err != nil || kind != "application/json":
		return &refusal{http.StatusUnsupportedMediaType, Refused, "set the content type of the webhook to application/json"}
	case r.Header.Get("Content-Encoding") != "":
		return &refusal{http.StatusUnsupportedMediaType, Refused, "a body that is compressed is not taken"}
	case r.ContentLength > MaxBody:
		return &refusal{http.StatusRequestEntityTooLarge, TooLarge, tooLarge()}
	}
	return nil
}

func tooLarge() string { return fmt.Sprintf("the body is too large (at most %d bytes)", MaxBody) }

// verified reads the body, and returns it when it is signed.
func (g *GitHub) verified(w http.ResponseWriter, r *http.Request) (body []byte, done func(), no *refusal) {
	nothing := func() {}
	secrets, no := g.guard.secrets(g.options.Secrets)
	if no != nil {
		return nil, nothing, no
	}
	signature, there := signatureOf(r, signatureHeader)
	if !there {
		return nil, nothing, &refusal{http.StatusUnauthorized, Refused, "there is no signature in " + signatureHeader + ": set the secret of the webhook"}
	}
	body, done, err := g.room.read(w, r)
	if err != nil {
		return nil, done, bodyRefusal(err)
	}
	if !signed(body, signature, secrets) {
		return nil, done, &refusal{http.StatusForbidden, Refused, "the signature does not fit: the secret of the webhook is another one than that of serve.yaml"}
	}
	return body, done, nil
}

// bodyRefusal says why a body did not arrive.
func bodyRefusal(err error) *refusal {
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, errBusy):
		return &refusal{http.StatusTooManyRequests, Busy, err.Error()}
	case errors.As(err, &large):
		return &refusal{http.StatusRequestEntityTooLarge, TooLarge, tooLarge()}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{http.StatusRequestTimeout, Unread, "the body did not arrive in time"}
	}
	return &refusal{http.StatusBadRequest, Unread, "the body did not arrive"}
}

// take takes a delivery whose body is signed. Its other headers are not.
func (g *GitHub) take(event, id string, body []byte) (Result, error) {
	switch {
	case event == "":
		return "", errors.New("it has no X-GitHub-Event")
	case id == "":
		return "", errors.New("it has no X-GitHub-Delivery")
	}
	hints, err := decode(event, body)
	if err != nil {
		return "", err
	}
	if !g.seen.first(id, body) {
		return Duplicate, nil
	}
	if len(hints) == 0 && event != eventPing {
		return Ignored, nil
	}
	g.queue.Add(hints...)
	return Accepted, nil
}

// knownEvent is the word for an event in figures and in the log.
func knownEvent(event string) string {
	if event != eventJenkins && slices.Contains(Events(), event) {
		return event
	}
	return eventOther
}

// cut bounds what somebody else wrote, for a log line.
func cut(text string) string {
	const most = 200
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
