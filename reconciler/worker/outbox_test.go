package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// people is a forge.
type people struct {
	mu      sync.Mutex
	reports []reconciler.Report
	refused int
}

func (p *people) Report(_ context.Context, reports []reconciler.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused > 0 {
		p.refused--
		return errors.New("502")
	}
	p.reports = append(p.reports, reports...)
	return nil
}

func (p *people) Recall(context.Context, string) ([]reconciler.Recalled, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused > 0 {
		p.refused--
		return nil, errors.New("502")
	}
	return []reconciler.Recalled{{Commit: "c1"}}, nil
}

func TestReportsLandInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		p := &people{refused: 2}
		o := worker.NewOutbox(p, slog.New(slog.DiscardHandler), common)
		for i := range 10 {
			if n := o.Add(reconciler.Report{Detail: fmt.Sprint(i)}); n != i+1 {
				t.Errorf("report %d has number %d", i, n)
			}
		}
		if o.Landed() != 0 {
			t.Errorf("%d landed before anything was sent", o.Landed())
		}
		run(o.Run)
		pass(time.Minute)
		if o.Landed() != 10 || len(p.reports) != 10 || p.reports[9].Detail != "9" {
			t.Errorf("%d landed, people know %v", o.Landed(), p.reports)
		}
	})
}

// patient is a forge that publishes what is urgent, and says of the rest that it is for later.
type patient struct {
	people
	calls [][]string
}

func (p *patient) Report(_ context.Context, reports []reconciler.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var details []string
	landed := -1
	for i, r := range reports {
		details = append(details, r.Detail)
		if r.Detail == "later" && landed < 0 {
			landed = i
		}
	}
	p.calls = append(p.calls, details)
	if landed >= 0 && len(p.calls) < 3 {
		return &reconciler.LaterError{Wait: 10 * time.Second, Landed: landed}
	}
	return nil
}

// called are the calls so far.
func (p *patient) called() [][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// What a forge says is for later is no trouble: it is handed over again after a while, or with what is new until then.
func TestReportsForLater(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		p := &patient{}
		var log bytes.Buffer
		o := worker.NewOutbox(p, slog.New(slog.NewTextHandler(&log, nil)), common)
		for _, detail := range []string{"a", "later", "b"} {
			o.Add(reconciler.Report{Detail: detail})
		}
		run(o.Run)
		pass(time.Second)
		if o.Landed() != 1 || o.Trouble() != nil || log.Len() > 0 {
			t.Errorf("%d landed, trouble %v: %s", o.Landed(), o.Trouble(), log.String())
		}
		o.Add(reconciler.Report{Detail: "urgent"})
		pass(time.Second)
		if calls := p.called(); len(calls) != 2 {
			t.Errorf("what is new waits: %v", calls)
		}
		pass(20 * time.Second)
		if calls := p.called(); o.Landed() != 4 || len(calls) != 3 {
			t.Errorf("%d landed after %v", o.Landed(), calls)
		}
	})
}

// More reports than go out at once go out one after the other, all without another push.
func TestVeryManyReportsLand(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		const many = 12_000
		p := &people{}
		o := worker.NewOutbox(p, slog.New(slog.DiscardHandler), common)
		for range many {
			o.Add(reconciler.Report{})
		}
		run(o.Run)
		pass(time.Second)
		if o.Landed() != many || len(p.reports) != many {
			t.Errorf("%d landed, people know %d", o.Landed(), len(p.reports))
		}
	})
}

func TestRecallIsAskedUntilItIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		p := &people{refused: 2}
		o := worker.NewOutbox(p, slog.New(slog.DiscardHandler), common)
		o.AskRecall("head")
		run(o.Run)
		synctest.Wait()
		if r := o.Recall(); r.Answered || r.Failures != 1 {
			t.Errorf("after one try: %+v", r)
		}
		pass(time.Minute)
		if r := o.Recall(); !r.Answered || len(r.Said) != 1 {
			t.Errorf("in the end: %+v", r)
		}
	})
}

// slowForge answers about each head when it is let.
type slowForge struct {
	people
	answers map[string]chan error
}

func (f *slowForge) Recall(ctx context.Context, head string) ([]reconciler.Recalled, error) {
	select {
	case err := <-f.answers[head]:
		return []reconciler.Recalled{{Commit: head}}, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// What the forge says of an old head, late, is no answer about the new one, nor is that it does not answer.
func TestOnlyTheNewestHeadIsRecalled(t *testing.T) {
	for _, late := range []error{nil, errors.New("502")} {
		bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
			f := &slowForge{answers: map[string]chan error{"one": make(chan error, 1), "two": make(chan error, 1)}}
			o := worker.NewOutbox(f, slog.New(slog.DiscardHandler), common)
			run(o.Run)
			o.AskRecall("one")
			pass(time.Second)
			o.AskRecall("two")
			pass(time.Second)
			f.answers["one"] <- late
			pass(10 * time.Second)
			if r := o.Recall(); r.Answered || r.Failures != 0 {
				t.Errorf("about two it heard of one: %+v", r)
			}
			f.answers["two"] <- nil
			pass(time.Second)
			if r := o.Recall(); !r.Answered || r.Said[0].Commit != "two" {
				t.Errorf("about two: %+v", r)
			}
		})
	}
}

// refusal is what a server says to notes that it does not take.
type refusal string

func (r refusal) Error() string   { return "the server refused the push: " + string(r) }
func (r refusal) Refusal() string { return string(r) }

// That reports do not land is known, with the reason, and logged once for each; when they do, that goes.
func TestReportsThatAreRefusedAreTold(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		forge := &refusingForge{}
		var log bytes.Buffer
		outbox := worker.NewOutbox(forge, slog.New(slog.NewTextHandler(&log, nil)), common)
		run(outbox.Run)
		for _, why := range []error{errors.New("connection reset"), refusal("protected"), refusal("quota")} {
			forge.set(why)
			outbox.Add(reconciler.Report{})
			pass(5 * time.Minute)
			if got := outbox.Trouble(); !errors.Is(got, why) {
				t.Errorf("the trouble is %v, want %v", got, why)
			}
		}
		forge.set(nil)
		pass(5 * time.Minute)
		if got := outbox.Trouble(); got != nil || outbox.Landed() != 3 {
			t.Errorf("%d have landed, and the trouble is %v", outbox.Landed(), got)
		}
		if told := strings.Count(log.String(), "people cannot be told now"); told != 3 || strings.Count(log.String(), "people can be told again") != 1 {
			t.Errorf("the log is\n%s", log.String())
		}
	})
}

// refusingForge takes reports, or not.
type refusingForge struct {
	mu  sync.Mutex
	err error
}

func (f *refusingForge) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *refusingForge) Report(context.Context, []reconciler.Report) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return fmt.Errorf("writing notes: %w", f.err)
	}
	return nil
}

func (f *refusingForge) Recall(context.Context, string) ([]reconciler.Recalled, error) {
	return nil, nil
}
