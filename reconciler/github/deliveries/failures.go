package deliveries

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/go-github/v60/github"
)

// maxFailures bounds how many events are remembered that did not arrive; the oldest are forgotten first.
const maxFailures = 4096

// event is one that GitHub tells of, in one attempt or several: all of them have its guid.
type event struct {
	guid string
	// at is when its newest attempt was.
	at       time.Time
	attempts map[int64]attempt
	// asked is how often it was asked for by this process, and askedFor the attempt that was named last.
	asked    int
	askedFor int64
}

// attempt is one delivery of an event.
type attempt struct{ pending, arrived, again bool }

// newest is the id of the newest attempt.
func (e *event) newest() (id int64) {
	for other := range e.attempts {
		id = max(id, other)
	}
	return id
}

// arrived says that an attempt succeeded.
func (e *event) arrived() bool {
	for _, a := range e.attempts {
		if a.arrived {
			return true
		}
	}
	return false
}

// due says that it, which did not arrive, is to be asked for. What was asked for before this process began counts, whoever did.
func (e *event) due() bool {
	again := 0
	for _, a := range e.attempts {
		if a.again {
			again++
		}
	}
	newest := e.newest()
	return max(e.asked, again) < maxAsked && newest != e.askedFor && !e.attempts[newest].pending
}

// failures are events that did not arrive, by guid.
type failures map[string]*event

// take takes in an attempt, as often as it is listed.
func (f failures) take(d *github.HookDelivery) {
	guid := d.GetGUID()
	if guid == "" || d.GetID() == 0 {
		return
	}
	e := f[guid]
	if e == nil {
		e = &event{guid: guid, attempts: map[int64]attempt{}}
		f[guid] = e
	}
	if at := d.GetDeliveredAt().Time; at.After(e.at) {
		e.at = at
	}
	code := d.GetStatusCode()
	e.attempts[d.GetID()] = attempt{
		pending: code == 0 && (d.GetStatus() == "" || d.GetStatus() == "pending"),
		arrived: code >= 200 && code < 300,
		again:   d.GetRedelivery(),
	}
}

// settle forgets what arrived, and what is too much.
func (f failures) settle() {
	for guid, e := range f {
		if e.arrived() {
			delete(f, guid)
		}
	}
	if len(f) > maxFailures {
		for _, e := range f.sorted()[:len(f)-maxFailures] {
			delete(f, e.guid)
		}
	}
}

// forget forgets what was before a time.
func (f failures) forget(before time.Time) {
	for guid, e := range f {
		if e.at.Before(before) {
			delete(f, guid)
		}
	}
}

// due are those to be asked for, oldest first, at most so many.
func (f failures) due(most int) []*event {
	due := slices.DeleteFunc(f.sorted(), func(e *event) bool { return !e.due() })
	return due[:min(most, len(due))]
}

// sorted are all, oldest first.
func (f failures) sorted() []*event {
	all := make([]*event, 0, len(f))
	for _, e := range f {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *event) int { return cmp.Compare(a.newest(), b.newest()) })
	return all
}
