package lease

import (
	"log/slog"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// testLease is a Lease of a cluster that is not there, with a clock of its own.
func testLease(t *testing.T, now *time.Time) *Lease {
	t.Helper()
	l, err := New(Options{
		Cluster: &rest.Config{Host: "http://127.0.0.1:1"}, Namespace: "plateform", Name: "plateform", Duration: 8 * time.Second,
		Clock: func() time.Time { return *now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	l.identity = self().identity()
	return l
}

func self() Address { return Address{Listen: "10.0.0.5:8080", API: "10.0.0.5:8081"} }

// A process may write from when it asked for the Lease until a while before it runs out, and not after another one was seen to have it.
func TestCheck(t *testing.T) {
	begin := time.Now()
	for name, tt := range map[string]struct {
		after func(l *Lease, now *time.Time)
		may   bool
	}{
		"it never led":       {func(*Lease, *time.Time) {}, false},
		"it leads":           {func(l *Lease, now *time.Time) { l.held(*now); *now = now.Add(4 * time.Second) }, true},
		"it was not renewed": {func(l *Lease, now *time.Time) { l.held(*now); *now = now.Add(5 * time.Second) }, false},
		"it was renewed": {func(l *Lease, now *time.Time) {
			l.held(*now)
			*now = now.Add(4 * time.Second)
			l.held(*now)
			*now = now.Add(4 * time.Second)
		}, true},
		"the answer came late": {func(l *Lease, now *time.Time) {
			sent := *now
			*now = now.Add(6 * time.Second)
			l.held(sent)
		}, false},
		// a machine that slept: the clock that only goes forward stood still
		"the wall clock went on": {func(l *Lease, now *time.Time) { l.held(now.Add(-time.Hour).Round(0)) }, false},
		"another one was seen":   {func(l *Lease, now *time.Time) { l.held(*now); l.seen("10.0.0.6:8080,,X") }, false},
		"nobody was seen":        {func(l *Lease, now *time.Time) { l.held(*now); l.seen("") }, false},
		"it was seen":            {func(l *Lease, now *time.Time) { l.held(*now); l.seen(l.identity) }, true},
		"it gave it back":        {func(l *Lease, now *time.Time) { l.held(*now); l.forget() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := begin
			l := testLease(t, &now)
			tt.after(l, &now)
			if err := l.Check(); (err == nil) != tt.may {
				t.Errorf("it says %v, may write is %v", err, tt.may)
			}
		})
	}
}

// age goes by the clock that says more.
func TestAge(t *testing.T) {
	then := time.Now()
	for name, tt := range map[string]struct {
		now  time.Time
		want time.Duration
	}{
		"both agree":       {then.Add(3 * time.Second), 3 * time.Second},
		"only on the wall": {then.Round(0).Add(time.Hour), time.Hour},
		"set back":         {then.Round(0).Add(-time.Hour), -time.Hour}, // with nothing else to go by
	} {
		if got := age(then, tt.now); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// Who leads is known by where it is; a process that was started anew at the same place is another one.
func TestIdentity(t *testing.T) {
	now := time.Now()
	one, two := testLease(t, &now), testLease(t, &now)
	if one.identity == two.identity {
		t.Errorf("two processes are both %s", one.identity)
	}
	one.seen(two.identity)
	if got := one.Leader(); got != self() || !one.Led() {
		t.Errorf("the leader is at %+v", got)
	}
	one.seen("somebody-else_3f2a") // a Lease of the same name that is not ours
	if got := one.Leader(); got != (Address{}) {
		t.Errorf("a stranger is at %+v", got)
	}
}

func TestDurations(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, 3500 * time.Millisecond} {
		if _, err := New(Options{Cluster: &rest.Config{Host: "http://127.0.0.1:1"}, Duration: d}); err == nil {
			t.Errorf("%s is taken", d)
		}
	}
}
