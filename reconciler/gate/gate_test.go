package gate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// refusal is what a server says to a push that it does not take.
type refusal string

func (r refusal) Error() string { return "the server refused the push: " + string(r) }

// Refusal implements reconciler.Refusal.
func (r refusal) Refusal() string { return string(r) }

var (
	errSilent = errors.New("the other side does not answer")
	start     = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

func noJitter(time.Duration) time.Duration { return 0 }

// A gate waits longer each time up to half a minute, opens between passes only, and tells a reason once while it is the same.
func TestGate(t *testing.T) {
	g, now := New("gitops", "plateform-gitops"), start
	refused := fmt.Errorf("pushing: %w", refusal("GH006: protected"))
	if !g.Failed(refused, now, noJitter) || !g.shut {
		t.Fatal("a refusal is no news, or leaves the gate open")
	}
	if want := "the server refuses Plateform's push of plateform-gitops: GH006: protected"; g.stuck.why != want || g.Report().Outcome != reconciler.OutcomePushRefused {
		t.Errorf("it is told as %+v", g.Report())
	}
	g.Wait(manifest.Key{Workspace: "ws-1", Project: "shop"})
	if keys := g.Begin(now); len(keys) != 0 || !g.shut || !g.Due().Equal(now.Add(firstRetry)) {
		t.Errorf("at once, %v go on, and the next try is at %v", keys, g.Due())
	}
	now = now.Add(firstRetry)
	if keys := g.Begin(now); len(keys) != 1 || g.shut || !g.Due().IsZero() {
		t.Errorf("when it is time, %v go on", keys)
	}
	for range 10 {
		if g.Failed(refused, now, noJitter) {
			t.Error("the same reason is told again")
		}
	}
	if wait := g.next.Sub(now); wait != lastRetry {
		t.Errorf("in the end it waits %v", wait)
	}
	if g.Failed(fmt.Errorf("pushing: %w", refusal("GH006: protected (request 7)")), now, noJitter) {
		t.Error("other numbers of a request are told as another reason")
	}
	if !g.Failed(errSilent, now, noJitter) || g.Report().Outcome != reconciler.OutcomePushUnanswered {
		t.Errorf("that nobody answers is told as %+v", g.Report())
	}
	if !g.Failed(refused, now, noJitter) {
		t.Error("a refusal after silence is not told")
	}
	if !g.Landed() || g.Landed() || g.stuck != nil || g.shut {
		t.Error("a push that got in is not told once")
	}
}

// Others who are faster are answered at once; only when that does not end it is told, and the pushes become fewer.
func TestGateOfABranchThatAlwaysMoves(t *testing.T) {
	g := New("config", "platform-config")
	for i := range movesInARow - 1 {
		if g.Failed(manifest.ErrMoved, start, noJitter) || g.shut {
			t.Fatalf("after %d pushes it waits", i+1)
		}
	}
	if !g.Failed(manifest.ErrMoved, start, noJitter) || !g.shut || !strings.Contains(g.stuck.why, "platform-config has moved before each of the last 10 pushes") {
		t.Errorf("then it says %+v", g.stuck)
	}
	for range 9 {
		g.Failed(manifest.ErrMoved, start, noJitter)
	}
	if wait := g.next.Sub(start); wait != movedRetry {
		t.Errorf("it waits %v", wait)
	}
}

// busy is a server that asks to be left alone.
type busy time.Duration

func (b busy) Error() string             { return "429" }
func (b busy) RetryAfter() time.Duration { return time.Duration(b) }

// A server that asks to be left alone gets no push before, but after an hour at most.
func TestGateOfAServerThatAsksToWait(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{time.Millisecond: firstRetry, 10 * time.Minute: 10 * time.Minute, 48 * time.Hour: time.Hour} {
		g := New("gitops", "plateform-gitops")
		g.Failed(fmt.Errorf("pushing: %w", busy(asked)), start, noJitter)
		if wait := g.next.Sub(start); wait != want {
			t.Errorf("asked to wait %v, it waits %v, want %v", asked, wait, want)
		}
	}
}

// A push that hangs is followed by a pause that is as long; one that fails at once by its backoff.
func TestGateAfterAPushThatHangs(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{0: firstRetry, 30 * time.Second: 30 * time.Second} {
		g := New("gitops", "plateform-gitops")
		g.Failed(errSilent, start, noJitter)
		g.Spare(took, start)
		if wait := g.next.Sub(start); wait != want {
			t.Errorf("after a push of %v it waits %v, want %v", took, wait, want)
		}
	}
	g := New("gitops", "plateform-gitops")
	g.Failed(manifest.ErrMoved, start, noJitter)
	if g.Spare(30*time.Second, start); !g.next.IsZero() {
		t.Error("a branch that has moved is waited for")
	}
}

// A gate without anybody who needs it is open again, unless it was shut for this pass.
func TestAGateThatNobodyNeeds(t *testing.T) {
	g := New("gitops", "plateform-gitops")
	g.Failed(errSilent, start, noJitter)
	if g.Idle(); g.Why() == "" {
		t.Error("nothing was tried, and the reason is gone")
	}
	g.Begin(start.Add(time.Minute))
	if g.Idle(); g.Why() != "" {
		t.Errorf("nobody waits any more, and it says %q", g.Why())
	}
}

// Passes that fail are worth telling after three, or when they take long; their words stay while only numbers in them change.
func TestPasses(t *testing.T) {
	var p Passes
	for i := range 5 {
		p.Note(fmt.Errorf("reading tcp 127.0.0.1:%d\nmore", i), start, start.Add(time.Duration(i)*time.Second))
		if p.Long() != (i >= 2) || p.Why() != "reading tcp 127.0.0.1:0" {
			t.Errorf("after %d passes: %v, %q", i+1, p.Long(), p.Why())
		}
	}
	if p.Note(manifest.ErrMoved, start, start); !p.Long() {
		t.Error("that somebody else was faster mends it")
	}
	if p.Note(nil, start, start); p.Long() || p.Why() != "" {
		t.Errorf("a pass that ended well leaves %q", p.Why())
	}
	if p.Note(errSilent, start, start.Add(30*time.Second)); !p.Long() {
		t.Error("half a minute without an answer is not worth telling")
	}
}
