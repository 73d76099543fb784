package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// taken are hints that were taken, as words.
type taken struct {
	mu    sync.Mutex
	words []string
}

func (k *taken) Hint(h Hint) { k.add(h.Repository) }

func (k *taken) Everything() { k.add("everything") }

func (k *taken) add(word string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.words = append(k.words, word)
}

func TestQueueKeepsEachHintOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got taken
		q := NewQueue(&got, slog.New(slog.DiscardHandler))
		about := func(repository string) Hint { return Hint{Subject: Push, Repository: repository} }
		q.Add(about("a"), about("b"))
		q.Add(about("a"))
		q.Add()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		synctest.Wait()
		q.Add(about("a"))
		synctest.Wait()
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
		if diff := cmp.Diff([]string{"a", "b", "a"}, got.words); diff != "" {
			t.Errorf("handed on (-want +got):\n%s", diff)
		}
	})
}

// What does not fit is not lost: everything is looked at, once, and what fits is handed on besides.
func TestQueueThatIsFull(t *testing.T) {
	var got taken
	var log strings.Builder
	q := NewQueue(&got, slog.New(slog.NewTextHandler(&log, nil)))
	q.limit = 2
	for i := range 5 {
		q.Add(Hint{Subject: Push, Repository: fmt.Sprint(i)})
	}
	q.hand()
	q.Add(Hint{Subject: Push, Repository: "4"})
	q.hand()
	if diff := cmp.Diff([]string{"everything", "0", "1", "4"}, got.words); diff != "" {
		t.Errorf("handed on (-want +got):\n%s", diff)
	}
	if strings.Count(log.String(), "\n") != 1 {
		t.Errorf("logged:\n%s", log.String())
	}
}

// However many deliveries come, a bounded number is remembered, and the newest are.
func TestSeenIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	s := newSeen(func() time.Time { return now })
	s.limit = 10
	first := func(i int) bool { return s.first(fmt.Sprint("id ", i), fmt.Append(nil, "body ", i)) }
	for i := range 1000 {
		if !first(i) {
			t.Fatalf("delivery %d was there before", i)
		}
		if i%7 == 0 {
			now = now.Add(rememberedFor) // and the same once more, after its time
			if !first(i) {
				t.Fatalf("delivery %d is remembered too long", i)
			}
		}
	}
	if len(s.deliveries) > 10 || len(s.ids) > 10 || len(s.bodies) > 10 {
		t.Errorf("%d deliveries, %d ids and %d bodies are remembered, want 10 at most", len(s.deliveries), len(s.ids), len(s.bodies))
	}
	for i := 995; i < 1000; i++ {
		if first(i) {
			t.Errorf("delivery %d is forgotten", i)
		}
	}
	if !first(900) {
		t.Error("an old one is remembered")
	}
}
