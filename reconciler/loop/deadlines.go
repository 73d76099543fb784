package loop

import (
	"time"

	"github.com/plateform/plateform/manifest"
)

// deadlines say when projects want another decision although nothing happens.
type deadlines map[manifest.Key]time.Time

// set has a project decided on again at a time, or earlier: who still waits then says so again.
func (d deadlines) set(k manifest.Key, at time.Time) {
	if before, found := d[k]; !found || at.Before(before) {
		d[k] = at
	}
}

// due returns the projects whose time has come, and forgets their deadlines.
func (d deadlines) due(now time.Time) []manifest.Key {
	var due []manifest.Key
	for k, at := range d {
		if !at.After(now) {
			due = append(due, k)
			delete(d, k)
		}
	}
	return due
}

// next is the earliest of them; zero when there is none.
func (d deadlines) next() (next time.Time) {
	for _, at := range d {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
