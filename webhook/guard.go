package webhook

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// guard answers those whose deliveries are not taken, for one sender.
type guard struct {
	clock func() time.Time
	log   *slog.Logger
	count func(event string, r Result)

	mu sync.Mutex
	// quiet is until when refusals are not logged, and trouble why the secrets could not be read at the last delivery.
	quiet   time.Time
	trouble string
}

// secrets reads them, for one delivery.
func (g *guard) secrets(read func() ([]Secret, error)) ([]Secret, *refusal) {
	secrets, err := read()
	if err == nil {
		err = checkSecrets(secrets)
	}
	g.note(err)
	if err != nil {
		return nil, &refusal{http.StatusServiceUnavailable, Unread, "signatures cannot be checked now"}
	}
	return secrets, nil
}

// quietFor is how often it is logged that a delivery was refused: anybody can have one refused.
const quietFor = time.Minute

// refuse answers what is not taken.
func (g *guard) refuse(w http.ResponseWriter, event string, no *refusal) {
	g.count(event, no.result)
	switch no.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusRequestEntityTooLarge:
		w.Header().Set("Connection", "close")
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "10")
	}
	if g.mayLog() {
		g.log.Warn("a webhook was refused", "event", event, "status", no.status, "why", cut(no.why))
	}
	http.Error(w, no.why, no.status)
}

// mayLog says that no refusal was logged for a while.
func (g *guard) mayLog() bool {
	now := g.clock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.quiet) {
		return false
	}
	g.quiet = now.Add(quietFor)
	return true
}

// note logs that the secrets cannot be read, once for a reason.
func (g *guard) note(err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	g.mu.Lock()
	news := why != g.trouble
	g.trouble = why
	g.mu.Unlock()
	if news && err != nil {
		g.log.Error("the secret of the webhooks cannot be used; none is taken until it can", "error", err)
	}
}
