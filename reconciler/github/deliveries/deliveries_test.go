package deliveries_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
	"github.com/plateform/plateform/reconciler/github/deliveries"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/delivery"
	"github.com/plateform/plateform/test/githubserver/forge"
)

const appID = 7

// clock is the time of GitHub and of Plateform: it goes on when something sleeps, or as it is told.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	// end is called by the last sleep, which has this number.
	last int
	end  context.CancelFunc
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.pass(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	if c.end != nil && len(c.slept) == c.last {
		c.end()
	}
	return ctx.Err()
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a GitHub with an App whose webhook takes everything, but for what the script has fail.
type world struct {
	*githubserver.Server
	*clock
	t       *testing.T
	log     bytes.Buffer
	options deliveries.Options
	looks   *deliveries.Deliveries
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Now().Truncate(time.Second)}}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	w.must(err)
	url := "http://" + listener.Addr().String()
	// what it sends is answered with 200, so that only the script has something fail
	sink := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	})}
	w.Server, err = githubserver.New(githubserver.Options{URL: url, Dir: t.TempDir(), Now: w.Now, Client: sink})
	w.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		for _, v := range w.Violations() {
			t.Errorf("%+v", v)
		}
	})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	w.must(err)
	w.must(w.AddOrganization(10, "acme"))
	w.must(w.AddApp(forge.NewApp{ID: appID, Slug: "plateform", Owner: "acme", Key: &key.PublicKey, HookURL: "http://hooks.example.com", Secret: "secret"}))
	file := filepath.Join(t.TempDir(), "app.pem")
	w.must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	site, err := auth.SiteAt(url)
	w.must(err)
	api, err := client.New(client.Options{API: site.API, Clock: w.clock})
	w.must(err)
	app, err := auth.NewApp(auth.AppOptions{ID: appID, KeyFile: file, Client: api, Now: w.Now})
	w.must(err)
	w.options = deliveries.Options{
		Client: api, Login: app.Itself(), Clock: w.clock, Jitter: func(time.Duration) time.Duration { return 0 },
		Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w.begin()
	return w
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// begin is a process that begins, and remembers nothing.
func (w *world) begin() { w.looks = deliveries.New(w.options) }

// failing has deliveries fail, or arrive.
func (w *world) failing(fails bool) {
	w.Hooks().Script(func(delivery.Delivery) delivery.Fate {
		if fails {
			return delivery.Fail
		}
		return delivery.Send
	})
}

// happen sends so many events, each a second after the other.
func (w *world) happen(events int) {
	w.t.Helper()
	for range events {
		w.pass(time.Second)
		w.must(w.Hooks().Emit(-appID, delivery.Event{Name: "push", Payload: map[string]any{}}))
	}
	w.sent()
}

func (w *world) sent() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	w.must(w.Hooks().Idle(ctx))
}

// round is one look, five minutes after the last one.
func (w *world) round() {
	w.t.Helper()
	w.pass(5 * time.Minute)
	w.must(w.looks.Round(w.t.Context()))
	w.sent()
}

// again counts what was asked for, and how much of it arrived.
func (w *world) again() (asked, arrived int) {
	for _, d := range w.Hooks().List(-appID) {
		if d.Redelivery {
			asked++
			if d.Delivered() {
				arrived++
			}
		}
	}
	return asked, arrived
}

func (w *world) want(asked, arrived int) {
	w.t.Helper()
	if a, b := w.again(); a != asked || b != arrived {
		w.t.Errorf("%d were asked for again and %d arrived, want %d and %d\n%s", a, b, asked, arrived, w.log.String())
	}
}

// calls counts the requests of one kind.
func (w *world) calls(operation string) (n int) {
	for _, c := range w.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

const (
	listing = "GET /app/hook/deliveries"
	asking  = "POST /app/hook/deliveries/{delivery_id}/attempts"
)

func TestWhatFailedIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.happen(2)
	w.failing(true)
	w.happen(3)
	w.failing(false)
	w.round()
	w.want(3, 3)
	w.round()
	w.begin()
	w.round()
	w.want(3, 3)
}

func TestWhatFailsAgainIsAskedForTwice(t *testing.T) {
	for name, restart := range map[string]bool{"by one process": false, "by one after the other": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.failing(true)
			w.happen(1)
			for range 4 {
				w.round()
				if restart {
					w.begin()
				}
			}
			w.want(2, 0)
		})
	}
}

// An attempt that GitHub took and that is not listed yet is not asked for once more.
func TestWhatIsOnItsWay(t *testing.T) {
	w := newWorld(t)
	w.failing(true)
	w.happen(1)
	w.Hooks().Script(func(delivery.Delivery) delivery.Fate { return delivery.Hold })
	w.round()
	w.round()
	if n := len(w.Hooks().Held()); n != 1 {
		t.Errorf("%d are on their way", n)
	}
}

// What is listed before it is over is neither taken for a failure nor for seen.
func TestWhatIsNotOverYet(t *testing.T) {
	w := newWorld(t)
	w.failing(true)
	w.happen(1)
	w.failing(false)
	d := w.Hooks().List(-appID)[0]
	w.Inject(githubserver.Fault{Operation: listing, Times: 1, Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"},
		Body: fmt.Sprintf(`[{"id":%d,"guid":%q,"delivered_at":%q,"redelivery":false,"status":"pending","status_code":0}]`, d.ID, d.GUID, d.At.UTC().Format(time.RFC3339))})
	w.round()
	w.want(0, 0)
	w.round()
	w.want(1, 1)
}

func TestWhatSomebodyElseAskedFor(t *testing.T) {
	w := newWorld(t)
	w.failing(true)
	w.happen(1)
	w.failing(false)
	w.Hooks().Redeliver(-appID, w.Hooks().List(-appID)[0].ID)
	w.sent()
	w.round()
	w.want(1, 1)
}

// A round asks for so many, the oldest first, and the next one goes on.
func TestARoundIsBounded(t *testing.T) {
	w := newWorld(t)
	w.failing(true)
	w.happen(60)
	w.failing(false)
	w.round()
	w.want(50, 50)
	w.round()
	w.want(60, 60)
}

// It is looked as far back as it was not seen before, a day at most, and so many pages.
func TestHowFarBackItIsLooked(t *testing.T) {
	w := newWorld(t)
	w.failing(true)
	w.happen(1)
	w.failing(false)
	w.pass(24 * time.Hour)
	w.happen(250)
	w.round()
	w.want(0, 0)
	if n := w.calls(listing); n != 3 {
		t.Errorf("%d pages, want 3", n)
	}
	w.happen(1)
	w.round()
	if n := w.calls(listing); n != 4 {
		t.Errorf("%d pages after the second round, want one more", n)
	}
	w.happen(1200)
	w.round()
	if n := w.calls(listing); n != 14 {
		t.Errorf("%d pages after the third round, want 10 more", n)
	}
}

// What broke off goes on, and loses nothing.
func TestAPageThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	w.failing(true)
	w.happen(1)
	w.failing(false)
	w.happen(150)
	w.Inject(githubserver.Fault{Operation: listing, Skip: 1, Times: 1, Status: http.StatusBadGateway})
	if err := w.looks.Round(t.Context()); err == nil {
		t.Error("no error")
	}
	w.round()
	w.want(1, 1)
}

// One that GitHub does not send again is left alone, and keeps no other waiting.
func TestOneThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.failing(true)
	w.happen(2)
	w.failing(false)
	w.Inject(githubserver.Fault{Operation: asking, Times: 1, Status: http.StatusUnprocessableEntity, Body: `{"message":"no"}`})
	w.round()
	w.round()
	w.want(1, 1)
	if n := w.calls(asking); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

func TestAnAppWithoutAWebhook(t *testing.T) {
	w := newWorld(t)
	w.Inject(githubserver.Fault{Operation: listing, Status: http.StatusNotFound, Body: `{"message":"Not Found"}`})
	w.round()
}

// Trouble is told once until it goes on, and GitHub is left alone as long as it asks for.
func TestRun(t *testing.T) {
	w := newWorld(t)
	w.failing(true)
	w.happen(1)
	w.failing(false)
	w.Inject(githubserver.Fault{Operation: asking, Times: 1, Status: http.StatusForbidden, Header: map[string]string{"Retry-After": "1200"}, Body: `{"message":"slow down"}`})
	w.Inject(githubserver.Fault{Operation: asking, Times: 1, Status: http.StatusBadGateway})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.last, w.end = 4, cancel
	if err := w.looks.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	w.sent()
	w.want(1, 1)
	if w.slept[0] != 20*time.Minute || w.slept[1] != 5*time.Minute {
		t.Errorf("waited %v", w.slept)
	}
	for _, once := range []string{"are not asked for now", "webhooks that did not arrive are asked for again", "GitHub was asked to send webhooks again"} {
		if n := strings.Count(w.log.String(), once); n != 1 {
			t.Errorf("%q is told %d times:\n%s", once, n, w.log.String())
		}
	}
}
