package jenkins

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// shelf is a registry that has an image, or answers after a while.
type shelf struct {
	has   bool
	after time.Duration
	asked int
}

func (s *shelf) Has(ctx context.Context, _, _ string) (bool, error) {
	s.asked++
	there := s.has
	select {
	case <-time.After(s.after):
		return there, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// An answer that nobody took is not good for ever: the image may have come in the meantime.
func TestAnAnswerThatNobodyTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &shelf{after: 5 * time.Second}
		c := newChecks(in, time.Now)
		defer c.close()
		ask := func() (bool, error) { return c.has(t.Context(), "registry.example.com/ws-1/shop", "sha256:1") }
		if _, err := ask(); err == nil || !strings.Contains(err.Error(), "registry registry.example.com has not said yet") {
			t.Fatalf("it is %v", err)
		}
		<-time.After(10 * time.Second)
		if there, err := ask(); there || err != nil || in.asked != 1 {
			t.Fatalf("it is %v, %v, asked %d times", there, err, in.asked)
		}
		if _, err := ask(); err == nil {
			t.Fatal("an answer is taken twice")
		}
		<-time.After(time.Hour)
		synctest.Wait()
		in.has, in.after = true, 0
		if there, err := ask(); !there || err != nil {
			t.Errorf("what the registry said an hour ago is taken: %v, %v", there, err)
		}
		if len(c.asked) != 0 {
			t.Errorf("%d questions are kept", len(c.asked))
		}
	})
}

// Giving up ends the questions.
func TestChecksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChecks(&shelf{after: time.Hour}, time.Now)
		if _, err := c.has(t.Context(), "registry.example.com/ws-1/shop", "sha256:1"); err == nil {
			t.Error("it is known")
		}
		c.close()
	})
}
