package webhook

import (
	"crypto/sha256"
	"sync"
	"time"
)

// How many deliveries are remembered, and for how long. What is sent again later is one more look, and no harm.
const (
	rememberedDeliveries = 1 << 14
	rememberedFor        = 10 * time.Minute
)

// digest stands for a text of any length.
type digest [16]byte

func digestOf(text []byte) digest {
	sum := sha256.Sum256(text)
	return digest(sum[:16])
}

// seen remembers deliveries by their id, which no signature covers, and by their body, which one does.
type seen struct {
	clock func() time.Time
	limit int

	mu         sync.Mutex
	deliveries []delivered // a ring, once it has grown to the limit
	oldest     int
	ids        map[digest]time.Time
	bodies     map[digest]time.Time
}

// delivered is what is remembered of a delivery.
type delivered struct{ id, body digest }

func newSeen(clock func() time.Time) *seen {
	return &seen{clock: clock, limit: rememberedDeliveries, ids: map[digest]time.Time{}, bodies: map[digest]time.Time{}}
}

// first says that a delivery is none of those before, and remembers it. One that is there already leaves nothing behind: with
// an old body somebody else could take an id away that is yet to come.
func (s *seen) first(id string, body []byte) bool {
	d := delivered{id: digestOf([]byte(id)), body: digestOf(body)}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if s.known(s.ids, d.id, now) || s.known(s.bodies, d.body, now) {
		return false
	}
	s.ids[d.id], s.bodies[d.body] = now, now
	if len(s.deliveries) < s.limit {
		s.deliveries = append(s.deliveries, d)
		return true
	}
	s.forget(s.deliveries[s.oldest], d)
	s.deliveries[s.oldest] = d
	s.oldest = (s.oldest + 1) % s.limit
	return true
}

// known says that a digest was remembered not long ago.
func (s *seen) known(at map[digest]time.Time, d digest, now time.Time) bool {
	when, there := at[d]
	return there && now.Sub(when) < rememberedFor
}

// forget forgets the oldest delivery for a new one. It may have come once more after its time, so that it is in the ring
// twice and forgotten a little early.
func (s *seen) forget(old, instead delivered) {
	if old.id != instead.id {
		delete(s.ids, old.id)
	}
	if old.body != instead.body {
		delete(s.bodies, old.body)
	}
}
