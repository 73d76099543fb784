package router

import "time"

// Limits are how much clients and instances may take. What is zero has the default that is named.
type Limits struct {
	// HeaderBytes a request may have; 64 KiB.
	HeaderBytes int
	// HeaderTimeout is how long a client may take to send them; 15 s.
	HeaderTimeout time.Duration
	// IdleTimeout is how long a connection of a client stays open without a request; 2 min.
	IdleTimeout time.Duration
	// StallTimeout is how long a client may take nothing of what is sent to it; 2 min.
	StallTimeout time.Duration
	// DialTimeout is how long an instance may take to take a connection; 3 s.
	DialTimeout time.Duration
	// Connections of clients at a time; further ones wait. 4096.
	Connections int
	// Grace is how long requests under way may take when Serve ends; 5 s.
	Grace time.Duration
}

func (l Limits) orDefaults() Limits {
	orDefault(&l.HeaderBytes, 64<<10)
	orDefault(&l.HeaderTimeout, 15*time.Second)
	orDefault(&l.IdleTimeout, 2*time.Minute)
	orDefault(&l.StallTimeout, 2*time.Minute)
	orDefault(&l.DialTimeout, 3*time.Second)
	orDefault(&l.Connections, 4096)
	orDefault(&l.Grace, 5*time.Second)
	return l
}

func orDefault[T int | time.Duration](limit *T, value T) {
	if *limit == 0 {
		*limit = value
	}
}
