package queue

import "time"

// Deadlines say when keys want another turn although nothing happens.
type Deadlines[K comparable] map[K]time.Time

// Set gives a key its turn at a time, or earlier: who still waits then says so again.
func (d Deadlines[K]) Set(k K, at time.Time) {
	if before, found := d[k]; !found || at.Before(before) {
		d[k] = at
	}
}

// Due returns the keys whose time has come, and forgets their deadlines.
func (d Deadlines[K]) Due(now time.Time) []K {
	var due []K
	for k, at := range d {
		if !at.After(now) {
			due = append(due, k)
			delete(d, k)
		}
	}
	return due
}

// Next is the earliest of them; zero when there is none.
func (d Deadlines[K]) Next() (next time.Time) {
	for _, at := range d {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
