// Package deliveries asks GitHub again for webhooks of an App that did not arrive: GitHub itself sends each once, and what was sent
// while nobody listened would be found by polling only.
package deliveries

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler/github/client"
)

const (
	// every is how often it is looked for deliveries that failed, and spread how much later at most; roundTimeout bounds one look.
	every        = 5 * time.Minute
	spread       = 30 * time.Second
	roundTimeout = 4 * time.Minute
	// oldest is how far back it is looked, in at most maxPages pages: what is older, polling has found long ago.
	oldest   = 24 * time.Hour
	maxPages = 10
	perPage  = 100
	// overlap is what is read once more of what was seen: a delivery takes GitHub ten seconds, and may be listed before it is over.
	overlap = time.Minute
	// maxAsked is how often one is asked for, and maxARound how many are in one round.
	maxAsked  = 2
	maxARound = 50
)

// Options of Deliveries.
type Options struct {
	Client *client.Client
	// Login is that of the App itself, and not one of its installations.
	Login client.Login
	Clock client.Clock
	// Jitter draws a time up to the one given, so that not everything happens at once.
	Jitter func(time.Duration) time.Duration
	Log    *slog.Logger
}

// Deliveries are those of an App's webhook. They are looked at by one goroutine.
type Deliveries struct {
	options Options
	api     *github.Client
	// seen is when the newest one happened that was listed, zero before.
	seen   time.Time
	failed failures
	// troubled says that the last round failed.
	troubled bool
}

// New returns Deliveries. It asks nobody anything yet.
func New(o Options) *Deliveries {
	return &Deliveries{options: o, api: o.Client.As(o.Login), failed: failures{}}
}

// Run looks at once, and then every few minutes until the context ends.
func (d *Deliveries) Run(ctx context.Context) error {
	for {
		wait := every + d.options.Jitter(spread)
		err := d.Round(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var busy *client.BusyError
		if errors.As(err, &busy) {
			wait = max(wait, busy.Wait)
		}
		d.tell(err)
		if err := d.options.Clock.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// tell logs that rounds fail, once until one succeeds.
func (d *Deliveries) tell(err error) {
	switch log := d.options.Log; {
	case err != nil && !d.troubled:
		log.Warn("webhooks that did not arrive are not asked for now; it is tried again", "error", err.Error())
	case err == nil && d.troubled:
		log.Info("webhooks that did not arrive are asked for again")
	}
	d.troubled = err != nil
}

// Round looks once, and asks for what did not arrive. What it does not come to is left for the next one.
func (d *Deliveries) Round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(client.WithPriority(ctx, client.Progress), roundTimeout)
	defer cancel()
	if err := d.list(ctx); err != nil {
		return fmt.Errorf("listing the webhooks that GitHub sent: %w", err)
	}
	asked := 0
	defer func() {
		if asked > 0 {
			d.options.Log.Info("GitHub was asked to send webhooks again that did not arrive", "deliveries", asked)
		}
	}()
	for _, e := range d.failed.due(maxARound) {
		err := d.ask(ctx, e.newest())
		switch {
		case err == nil:
			asked++
			e.asked++
			e.askedFor = e.newest()
		case gone(err): // whoever else is asked for may be there
			d.options.Log.Debug("GitHub does not send a webhook again", "delivery", e.guid, "error", err.Error())
			e.asked = maxAsked
		default:
			return fmt.Errorf("asking for a webhook again that did not arrive: %w", err)
		}
	}
	return nil
}

// list takes in what was sent since it was listed last, newest first.
func (d *Deliveries) list(ctx context.Context) error {
	end := d.options.Clock.Now().Add(-oldest)
	d.failed.forget(end)
	if known := d.seen.Add(-overlap); known.After(end) {
		end = known
	}
	newest := d.seen
	page := &github.ListCursorOptions{PerPage: perPage}
	for range maxPages {
		sent, res, err := d.api.Apps.ListHookDeliveries(ctx, page)
		if err = client.Explain(err); client.Answered(err, http.StatusNotFound) {
			return nil // the App has no webhook
		}
		if err != nil {
			return err
		}
		for _, s := range sent {
			at := s.GetDeliveredAt().Time
			if at.Before(end) {
				res.Cursor = ""
				break
			}
			if at.After(newest) {
				newest = at
			}
			d.failed.take(s)
		}
		if res.Cursor == "" {
			break
		}
		page.Cursor = res.Cursor
	}
	d.seen = newest // only now: after an error all of it is read once more
	d.failed.settle()
	return nil
}

// ask has GitHub send a delivery again.
func (d *Deliveries) ask(ctx context.Context, id int64) error {
	_, _, err := d.api.Apps.RedeliverHookDelivery(ctx, id)
	var accepted *github.AcceptedError
	if errors.As(err, &accepted) { // it is sent later, which is an error to go-github
		return nil
	}
	return client.Explain(err)
}

// gone says that GitHub cannot send a delivery again, whenever it is asked.
func gone(err error) bool {
	return client.Answered(err, http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity)
}
