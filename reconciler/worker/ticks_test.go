package worker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// ticked counts what was due.
type ticked struct {
	mu                         sync.Mutex
	config, gitops, everything int
}

func (d *ticked) take(t worker.Tick) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, due := range []struct {
		is    bool
		count *int
	}{{t.Config, &d.config}, {t.GitOps, &d.gitops}, {t.Everything, &d.everything}} {
		if due.is {
			*due.count++
		}
	}
}

// since says what was due since the last time.
func (d *ticked) since() (config, gitops, everything int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	config, gitops, everything = d.config, d.gitops, d.everything
	d.config, d.gitops, d.everything = 0, 0, 0
	return config, gitops, everything
}

// A repository of which hints come is fetched without one now and then only; right after a hint as often as ever, as the
// server may not show yet what it told of; and as often as ever once hints do not come any more.
func TestTicksAreRareWhereHintsCome(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		var due ticked
		ticks := worker.NewTicks(worker.TickOptions{Poll: 2 * time.Second, Clock: common.Clock, Jitter: common.Jitter, Due: due.take})
		run(ticks.Run)
		want := func(what string, config, gitops int) {
			t.Helper()
			if c, g, _ := due.since(); c < config-1 || c > config+1 || g < gitops-1 || g > gitops+1 {
				t.Errorf("%s: config was due %d times and gitops %d times, want about %d and %d", what, c, g, config, gitops)
			}
		}
		pass(10 * time.Minute)
		want("without hints", 300, 300)
		ticks.Hinted(true, false)
		pass(time.Minute)
		want("right after a hint", 30, 30)
		pass(10 * time.Minute)
		want("some time after a hint", 15, 300)
		pass(24 * time.Hour)
		due.since()
		pass(10 * time.Minute)
		want("a day after the last hint", 300, 300)
	})
}

func TestTicksOfResync(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		schedule, err := cron.ParseStandard("*/5 * * * *")
		if err != nil {
			t.Fatal(err)
		}
		var due ticked
		ticks := worker.NewTicks(worker.TickOptions{Resync: schedule, Clock: common.Clock, Jitter: common.Jitter, Due: due.take})
		run(ticks.Run)
		pass(time.Hour)
		if config, gitops, everything := due.since(); config != 12 || gitops != 12 || everything != 12 {
			t.Errorf("due %d, %d and %d times in an hour, want 12 each", config, gitops, everything)
		}
	})
}

// A server may tell of a push before it shows it: who was told looks again soon.
func TestAHintThatIsAheadOfItsServer(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, time.Second, common)
		s.Add(watch("main", ""))
		run(s.Run)
		pass(time.Hour)
		s.Hint("https://git.test/shop")
		synctest.Wait()
		s.Take()
		r.set(func() { r.heads["main"] = "c2" })
		pass(10 * time.Second)
		if news := s.Take(); len(news) != 1 || news[0].Tip.Commit != "c2" {
			t.Errorf("ten seconds after the hint got %+v, want the push", news)
		}
	})
}

// However many repositories there are, a hint finds its own, in any spelling; and one that nobody has finds none.
func TestHintsFindTheirRepository(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, 0, common)
		spellings := []string{"https://github.com/Acme/shop.git", "git@github.com:acme/shop", "https://github.com/acme/other"}
		for _, url := range spellings {
			s.Add(worker.Watch{Repository: url, Place: reconciler.Place{Branch: "main"}})
		}
		run(s.Run)
		want := func(what string, asked ...int) {
			t.Helper()
			synctest.Wait()
			r.set(func() {
				for i, url := range spellings {
					if r.asked[url] != asked[i] {
						t.Errorf("%s: %s was asked %d times, want %d", what, url, r.asked[url], asked[i])
					}
				}
			})
		}
		want("at first", 1, 1, 1)
		s.Hint("https://github.com/acme/Shop.git")
		want("after a hint", 2, 2, 1)
		s.Hint("https://github.com/acme/nobodys")
		want("after a hint about another", 2, 2, 1)
		s.Drop(worker.Watch{Repository: spellings[1], Place: reconciler.Place{Branch: "main"}})
		s.Hint("ssh://git@ssh.github.com:443/acme/shop.git")
		want("after one is not watched any more", 3, 2, 1)
	})
}

// When hints were lost every repository is looked at, at a pace that their host can bear.
func TestHintAllAsksForEach(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		r := &repositories{heads: map[string]string{"main": "c1"}, asked: map[string]int{}}
		s := worker.NewSources(r, time.Hour, common)
		const many = 200
		for i := range many {
			s.Add(worker.Watch{Repository: fmt.Sprint("https://git.test/app-", i), Place: reconciler.Place{Branch: "main"}})
		}
		run(s.Run)
		pass(time.Second)
		s.HintAll()
		pass(time.Second)
		twice := func() (n int) {
			r.set(func() {
				for _, asked := range r.asked {
					if asked == 2 {
						n++
					}
				}
			})
			return n
		}
		if n := twice(); n > many/4 {
			t.Errorf("%d of %d were asked within a second", n, many)
		}
		pass(10 * time.Second)
		if n := twice(); n != many {
			t.Errorf("%d of %d were asked again", n, many)
		}
	})
}
