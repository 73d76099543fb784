package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/logline"
)

const (
	// maxTails is how many logs are followed at a time.
	maxTails = 128
	// lingers is how long a log is kept after its last reader, who may come back.
	lingers = 30 * time.Second
	// secretsFor is how long it may take until a secret that was renewed is hidden, too.
	secretsFor = 30 * time.Second
	// slower is how much more seldom a log is asked for that has ended or cannot be read.
	slower = 8
)

// errBusy says that too many logs are read at a time.
var errBusy = errors.New("too many logs are being read at the moment: come back in a while")

// tails are the logs that somebody reads, each followed once.
type tails struct {
	options Options
	// follow ends with all of them.
	follow context.Context
	stop   context.CancelFunc
	wait   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[string]*shared

	hiding sync.Mutex
	hide   *logline.Masks
	asked  time.Time
}

// shared is a tail with those who read it.
type shared struct {
	*tail
	readers int
	// left is when the last of them left.
	left time.Time
}

func newTails(o Options) *tails {
	t := &tails{options: o, open: map[string]*shared{}}
	t.follow, t.stop = context.WithCancel(context.Background())
	return t
}

// read has a channel told of what comes of a log, until done is called.
func (t *tails) read(key manifest.Key, id string, c chan struct{}) (_ *tail, done func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open[id]
	switch {
	case s != nil:
	case t.closed || len(t.open) >= maxTails:
		return nil, nil, errBusy
	default:
		if s, err = t.begin(key, id); err != nil {
			return nil, nil, err
		}
	}
	s.readers++
	s.tail.mu.Lock()
	s.watchers[c] = true
	s.tail.mu.Unlock()
	return s.tail, func() {
		s.tail.mu.Lock()
		delete(s.watchers, c)
		s.tail.mu.Unlock()
		t.mu.Lock()
		defer t.mu.Unlock()
		if s.readers--; s.readers == 0 {
			s.left = t.options.Times.Now()
		}
	}, nil
}

// begin follows a log. The caller holds the lock.
func (t *tails) begin(key manifest.Key, id string) (*shared, error) {
	file, err := os.CreateTemp(t.options.Dir, "log-*")
	if err != nil {
		return nil, fmt.Errorf("making a file for a log: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil { // it goes with whoever has it open
		return nil, errors.Join(fmt.Errorf("making a file for a log: %w", err), file.Close())
	}
	s := &shared{tail: &tail{
		ask: reconciler.BuildLogQuestion{Key: key, ID: id}, logs: t.options.Logs, masks: t.masks,
		cleaner: &logline.Cleaner{}, file: file, watchers: map[chan struct{}]bool{},
	}}
	t.open[id] = s
	t.wait.Go(func() { t.keep(s) })
	return s, nil
}

// keep asks for more of a log until it has had no reader for a while.
func (t *tails) keep(s *shared) {
	defer s.file.Close()
	for {
		pause := t.options.Times.Every
		if t.wanted(s) {
			if s.take(t.follow) {
				continue
			}
			pause = s.pause(pause)
		}
		select {
		case <-t.follow.Done():
		case <-t.options.Times.After(pause):
		}
		if t.leave(s) {
			return
		}
	}
}

// wanted says that somebody reads a log.
func (t *tails) wanted(s *shared) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.readers > 0
}

// leave gives a log up that nobody has read for a while, or all of them at the end.
func (t *tails) leave(s *shared) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.follow.Err() == nil && (s.readers > 0 || t.options.Times.Now().Sub(s.left) < lingers) {
		return false
	}
	delete(t.open, s.ask.ID)
	return true
}

// pause is how long to wait before a log is asked for again.
func (t *tail) pause(usual time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == tailEnded || t.state == tailTrouble {
		return usual * slower
	}
	return usual
}

// masks hide the secrets of the installation as they are now, or were a moment ago.
func (t *tails) masks() *logline.Masks {
	t.hiding.Lock()
	defer t.hiding.Unlock()
	if now := t.options.Times.Now(); t.hide == nil || now.Sub(t.asked) >= secretsFor {
		t.hide, t.asked = logline.NewMasks(t.options.Secrets()), now
	}
	return t.hide
}

// close ends all of them. Their readers have gone.
func (t *tails) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	t.wait.Wait()
}
