package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
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
	var running, turns atomic.Int32
	bubble(t, queue.Options{Turn: func(context.Context, string) (time.Duration, error) {
		turns.Add(1)
		if running.Add(1) > 1 {
			t.Error("two turns of one key at the same time")
		}
		defer running.Add(-1)
		<-time.After(time.Minute)
		return 0, nil
	}}, func(t *testing.T, q *queue.Queue) {
		q.Add("shop")
		synctest.Wait()
		for range 5 { // all while it is worked on: they come to one more turn
			q.Add("shop")
		}
		<-time.After(time.Hour)
		if n := turns.Load(); n != 2 {
			t.Errorf("six adds, five of them during one turn, came to %d turns, want 2", n)
		}
	})
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
				select {
				case answered <- key:
				case <-ctx.Done(): // nobody counts them any more
				}
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

// bubble runs a queue in a bubble of its own time until the test in it ends.
func bubble(t *testing.T, o queue.Options, test func(t *testing.T, q *queue.Queue)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		q := queue.New(o)
		var running sync.WaitGroup
		running.Go(func() {
			if err := q.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run ended with %v", err)
			}
		})
		test(t, q)
		stop()
		running.Wait()
	})
}

// Keys that fail together do not come back together, and each within a quarter of its backoff.
func TestBackoffsAreSpread(t *testing.T) {
	var mu sync.Mutex
	waits := map[time.Duration]bool{}
	var begun time.Time
	failed := map[string]bool{}
	bubble(t, queue.Options{MinBackoff: time.Minute, Turn: func(_ context.Context, key string) (time.Duration, error) {
		mu.Lock()
		defer mu.Unlock()
		if failed[key] {
			waits[time.Since(begun)] = true
			return 0, nil
		}
		failed[key] = true
		return 0, errors.New("no answer")
	}}, func(t *testing.T, q *queue.Queue) {
		begun = time.Now()
		for i := range 50 {
			q.Add(fmt.Sprint(i))
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if len(waits) < 40 {
			t.Errorf("50 keys came back at %d times only", len(waits))
		}
		for wait := range waits {
			if wait < 45*time.Second || wait > 76*time.Second {
				t.Errorf("a key came back after %v", wait)
			}
		}
	})
}

// A turn that ends well ends a row of failures: the next failure waits as little as the first.
func TestAGoodTurnEndsARowOfFailures(t *testing.T) {
	var turns []time.Time
	bubble(t, queue.Options{MinBackoff: time.Minute, MaxBackoff: time.Hour, Turn: func(context.Context, string) (time.Duration, error) {
		turns = append(turns, time.Now())
		if n := len(turns); n == 5 || n == 7 {
			return 0, nil
		}
		return 0, errors.New("no answer")
	}}, func(t *testing.T, q *queue.Queue) {
		q.Add("shop")
		<-time.After(3 * time.Hour)
		q.Add("shop")
		<-time.After(3 * time.Hour)
		synctest.Wait()
		if len(turns) != 7 {
			t.Fatalf("%d turns, want 7", len(turns))
		}
		if wait := turns[4].Sub(turns[3]); wait < 6*time.Minute {
			t.Errorf("after four failures it waited %v, want about 8 minutes", wait)
		}
		if wait := turns[6].Sub(turns[5]); wait > 2*time.Minute {
			t.Errorf("the first failure after a good turn waited %v, want about a minute", wait)
		}
	})
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

// busy is an error of who asks to be left alone.
type busy time.Duration

func (b busy) Error() string             { return "429" }
func (b busy) RetryAfter() time.Duration { return time.Duration(b) }

// Who asks to be left alone is not asked before, whoever adds the key; other keys go on.
func TestAKeyIsLeftAloneAsLongAsItAsksFor(t *testing.T) {
	var mu sync.Mutex
	turns := map[string]int{}
	count := func(key string) int {
		mu.Lock()
		defer mu.Unlock()
		return turns[key]
	}
	bubble(t, queue.Options{PerHost: 1, Turn: func(_ context.Context, key string) (time.Duration, error) {
		mu.Lock()
		defer mu.Unlock()
		if turns[key]++; key == "busy" && turns[key] == 1 {
			return 0, fmt.Errorf("looking: %w", busy(10*time.Minute))
		}
		return 0, nil
	}}, func(t *testing.T, q *queue.Queue) {
		q.Add("busy")
		for range 9 {
			<-time.After(time.Minute)
			q.Add("busy")
			q.Add("other")
		}
		synctest.Wait()
		if count("busy") != 1 || count("other") != 9 {
			t.Errorf("turns within the ten minutes: %d and %d of the other", count("busy"), count("other"))
		}
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if count("busy") != 2 {
			t.Errorf("after them it had %d turns, want one more", count("busy"))
		}
		q.Add("busy")
		<-time.After(time.Second)
		synctest.Wait()
		if count("busy") != 3 {
			t.Error("once it has answered it is still left alone")
		}
	})
}

// What one key is told counts for all keys of its host, also for those that wait for their turn there; other hosts go on.
func TestAHostIsLeftAloneAsLongAsItAsksFor(t *testing.T) {
	var mu sync.Mutex
	turns := map[string]int{}
	check := func(t *testing.T, when string, want map[string]int) {
		t.Helper()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff(want, turns); diff != "" {
			t.Errorf("turns %s (-want +got):\n%s", when, diff)
		}
	}
	host := func(key string) string { host, _, _ := strings.Cut(key, "/"); return host }
	bubble(t, queue.Options{PerHost: 1, Host: host, Turn: func(_ context.Context, key string) (time.Duration, error) {
		mu.Lock()
		turns[key]++
		first := key == "busy/a" && turns[key] == 1
		mu.Unlock()
		if first {
			<-time.After(time.Second) // the others wait for their turn meanwhile
			return 0, busy(24 * time.Hour)
		}
		return 0, nil
	}}, func(t *testing.T, q *queue.Queue) {
		q.Add("busy/a")
		<-time.After(time.Millisecond)
		q.Add("busy/b")
		q.Add("well/a")
		<-time.After(59 * time.Minute)
		q.Add("busy/c")
		q.Add("well/b")
		check(t, "within the hour", map[string]int{"busy/a": 1, "well/a": 1, "well/b": 1})
		<-time.After(2 * time.Minute) // it asks for a day, and nobody waits longer than an hour
		check(t, "after it", map[string]int{"busy/a": 2, "busy/b": 1, "busy/c": 1, "well/a": 1, "well/b": 1})
	})
}
