package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// relayedHeader marks what another process sends on, so that it goes on no second time.
const relayedHeader = "X-Plateform-Relayed"

// How many deliveries wait to be sent on at most, and how many bytes they have together.
const (
	maxRelayed      = 1024
	maxRelayedBytes = 2 * MaxBody
)

// Sender takes the deliveries of one sender.
type Sender interface {
	// Verified answers what is not genuine; of all else it returns the body, and leaves the answer to the caller.
	Verified(w http.ResponseWriter, r *http.Request) (body []byte, genuine bool)
}

// Verified implements Sender.
func (g *GitHub) Verified(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, done, genuine := g.genuine(w, r)
	done() // how much may wait is bounded by who keeps it
	return body, genuine
}

// Verified implements Sender.
func (j *Jenkins) Verified(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, no := j.verify(w, r)
	if no != nil {
		j.guard.refuse(w, eventJenkins, no)
		return nil, false
	}
	return body, true
}

// RelayOptions are what a Relay is made of. All are needed.
type RelayOptions struct {
	// Leader is where the process that acts on deliveries is reached, as host:port; empty while nobody does.
	Leader func() string
	// Client sends deliveries on.
	Client *http.Client
	// Pauses are the waits between the tries to send one; after the last it is dropped, as polling finds what it tells of.
	Pauses []time.Duration
	Log    *slog.Logger
}

// Relay takes deliveries for another process: what is genuine is answered, and sent on in Run as it came. There it is verified
// again.
type Relay struct {
	options RelayOptions
	woken   chan struct{}

	mu      sync.Mutex
	waiting []parcel
	bytes   int
}

// parcel is a delivery to be sent on.
type parcel struct {
	path   string
	header http.Header
	body   []byte
}

// NewRelay returns a Relay that sends nothing on until Run.
func NewRelay(o RelayOptions) *Relay { return &Relay{options: o, woken: make(chan struct{}, 1)} }

// Take answers a delivery, and has it sent on when it is genuine.
func (y *Relay) Take(from Sender, w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(relayedHeader) != "" {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "this process does not lead, and this was sent on already", http.StatusServiceUnavailable)
		return
	}
	body, genuine := from.Verified(w, r)
	if !genuine {
		return
	}
	y.add(parcel{r.URL.Path, relayed(r.Header), body})
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, Accepted)
}

// relayed are the headers that say what a delivery is, and that it is genuine.
func relayed(all http.Header) http.Header {
	some := http.Header{relayedHeader: {"1"}}
	for _, name := range []string{
		"Content-Type", "User-Agent", "X-Github-Event", "X-Github-Delivery", signatureHeader, timeHeader, jenkinsSignatureHeader,
	} {
		if values := all.Values(name); len(values) > 0 {
			some[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
	return some
}

// add has a delivery wait. The oldest go when there are too many: the newest are those that polling finds last.
func (y *Relay) add(p parcel) {
	y.mu.Lock()
	y.waiting = append(y.waiting, p)
	y.bytes += len(p.body)
	dropped := 0
	for len(y.waiting) > maxRelayed || y.bytes > maxRelayedBytes {
		y.bytes -= len(y.waiting[0].body)
		y.waiting = slices.Delete(y.waiting, 0, 1)
		dropped++
	}
	y.mu.Unlock()
	if dropped > 0 {
		y.options.Log.Warn("webhooks were not sent on to the process that leads; polling finds what they tell of", "count", dropped, "why", "more came than can wait")
	}
	select {
	case y.woken <- struct{}{}:
	default:
	}
}

// next is the delivery that waits longest.
func (y *Relay) next() (parcel, bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.waiting) == 0 {
		return parcel{}, false
	}
	p := y.waiting[0]
	y.waiting = slices.Delete(y.waiting, 0, 1)
	y.bytes -= len(p.body)
	return p, true
}

// Run sends deliveries on until the context ends. What waits then is dropped: whoever leads from then on looks at everything.
func (y *Relay) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-y.woken:
		}
		for p, there := y.next(); there && ctx.Err() == nil; p, there = y.next() {
			if err := y.send(ctx, p); err != nil && ctx.Err() == nil {
				y.options.Log.Warn("webhooks were not sent on to the process that leads; polling finds what they tell of", "count", 1, "why", err.Error())
			}
		}
	}
}

// send sends one on, and tries again for a while: the process that leads may just have ended.
func (y *Relay) send(ctx context.Context, p parcel) error {
	for n := 0; ; n++ {
		again, err := y.post(ctx, p)
		if err == nil || !again || n >= len(y.options.Pauses) {
			return err
		}
		timer := time.NewTimer(y.options.Pauses[n])
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// post is one try; again says that another one may do better.
func (y *Relay) post(ctx context.Context, p parcel) (again bool, err error) {
	leader := y.options.Leader()
	if leader == "" {
		return true, errors.New("no process leads")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+leader+p.path, bytes.NewReader(p.body))
	if err != nil {
		return false, err
	}
	request.Header = p.header.Clone()
	response, err := y.options.Client.Do(request)
	if err != nil {
		return true, err
	}
	said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	_ = response.Body.Close()
	if response.StatusCode/100 != 2 {
		return response.StatusCode/100 == 5 || response.StatusCode == http.StatusTooManyRequests, fmt.Errorf("%s answers %s: %s", leader, response.Status, cut(string(bytes.TrimSpace(said))))
	}
	return false, nil
}
