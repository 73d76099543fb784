package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plateform/plateform/reconciler/queue"
)

// run runs a queue until the test ends, and checks that nothing of it is left.
func run(t *testing.T, q *queue.Queue) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		goleak.VerifyNone(t)
	})
}

// await receives so many values, or gives up with the test.
func await[T any](t *testing.T, from <-chan T, n int) (all []T) {
	t.Helper()
	deadline := time.After(time.Minute)
	for len(all) < n {
		select {
		case v := <-from:
			all = append(all, v)
		case <-deadline:
			t.Fatalf("only %d of %d came: %v", len(all), n, all)
		}
	}
	return all
}

func TestAKeyIsWorkedOnByOneAtATimeAndComesAgain(t *testing.T) {
	var running atomic.Int32
	entered, proceed := make(chan string), make(chan struct{})
	q := queue.New(queue.Options{Turn: func(ctx context.Context, key string) (time.Duration, error) {
		if running.Add(1) > 1 {
			t.Error("two turns of one key at the same time")
		}
		defer running.Add(-1)
		select {
		case entered <- key:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		select {
		case <-proceed:
		case <-ctx.Done():
		}
		return 0, nil
	}})
	run(t, q)
	q.Add("shop")
	await(t, entered, 1)
	for range 5 { // all while it is worked on: they come to one more turn
		q.Add("shop")
	}
	proceed <- struct{}{}
	await(t, entered, 1)
	proceed <- struct{}{}
	select {
	case <-entered:
		t.Error("five adds during one turn came to more than one turn")
	case <-time.After(50 * time.Millisecond):
	}
}

func TestAFailingKeyComesAgainByItself(t *testing.T) {
	turns := make(chan int, 100)
	n := 0
	q := queue.New(queue.Options{MinBackoff: time.Millisecond, MaxBackoff: 4 * time.Millisecond,
		Turn: func(context.Context, string) (time.Duration, error) {
			n++
			turns <- n
			if n < 4 {
				return 0, errors.New("no answer")
			}
			return 0, nil
		}})
	run(t, q)
	q.Add("shop")
	await(t, turns, 4)
}

func TestATurnMayAskForAnother(t *testing.T) {
	turns := make(chan string, 100)
	q := queue.New(queue.Options{Turn: func(_ context.Context, key string) (time.Duration, error) {
		turns <- key
		return time.Millisecond, nil
	}})
	run(t, q)
	q.Add("shop")
	await(t, turns, 3)
}

func TestATurnIsBounded(t *testing.T) {
	ended := make(chan error, 10)
	q := queue.New(queue.Options{Timeout: time.Millisecond, Turn: func(ctx context.Context, _ string) (time.Duration, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return 0, nil
	}})
	run(t, q)
	q.Add("shop")
	if err := await(t, ended, 1)[0]; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the turn ended with %v", err)
	}
}

// A host that never answers takes its own turns alone, and keys that failed there leave turns to those that did not.
func TestSilentHostsLeaveTurnsToTheOthers(t *testing.T) {
	answered, silent := make(chan string, 1000), make(chan string, 1000)
	var again sync.Map
	q := queue.New(queue.Options{
		Host:    func(key string) string { host, _, _ := strings.Cut(key, "/"); return host },
		PerHost: 4, Failing: 2, MinBackoff: time.Nanosecond, MaxBackoff: time.Nanosecond, Timeout: time.Hour,
		Turn: func(ctx context.Context, key string) (time.Duration, error) {
			_, failed := again.LoadOrStore(key, true)
			switch {
			case strings.HasSuffix(key, "/fine"):
				answered <- key
				return time.Nanosecond, nil
			case strings.HasPrefix(key, "half.test/") && !failed:
				return 0, errors.New("connection refused")
			}
			silent <- key
			<-ctx.Done()
			return 0, ctx.Err()
		},
	})
	run(t, q)
	for i := range 20 {
		q.Add(fmt.Sprintf("silent.test/%d", i))
		q.Add(fmt.Sprintf("half.test/%d", i))
	}
	await(t, silent, 6) // four of the one, two of the other
	q.Add("half.test/fine")
	q.Add("other.test/fine")
	seen := map[string]int{}
	for deadline := time.After(time.Minute); seen["half.test/fine"] < 3 || seen["other.test/fine"] < 3; {
		select {
		case key := <-answered:
			seen[key]++
		case <-deadline:
			t.Fatalf("those that answer get no turns: %v", seen)
		}
	}
	if n := len(silent); n != 0 {
		t.Errorf("%d more turns wait for hosts that do not answer", n)
	}
}

func TestBackoffGrowsUpToItsBound(t *testing.T) {
	for failures, want := range []time.Duration{1, 1, 2, 4, 8, 10, 10, 10} {
		if got := queue.Backoff(failures, 1, 10); got != want {
			t.Errorf("Backoff(%d) = %d, want %d", failures, got, want)
		}
	}
	if got := queue.Backoff(1<<30, time.Second, time.Minute); got != time.Minute {
		t.Errorf("Backoff of very many failures = %v", got)
	}
}

// Keys that are added during their turn get the next one right after it, also while much else is asked of the queue.
func TestKeysThatComeAgainAtOnce(t *testing.T) {
	const turns, keys = 100_000, 8
	var taken atomic.Int32
	ended := make(chan int, 1)
	var q *queue.Queue
	q = queue.New(queue.Options{PerHost: keys, Turn: func(_ context.Context, key string) (time.Duration, error) {
		switch n := taken.Add(1); {
		case n == turns:
			ended <- turns
		case n < turns:
			q.Add(key)
		}
		return 0, nil
	}})
	run(t, q)
	for i := range keys {
		q.Add(fmt.Sprint(i))
	}
	await(t, ended, 1)
}
