package router

// tally counts what is under way, and tells when that is nothing. It is guarded by whoever has it.
type tally struct {
	n       int
	waiters []chan struct{}
}

func (t *tally) add() { t.n++ }

func (t *tally) sub() {
	t.n--
	if t.n > 0 {
		return
	}
	for _, w := range t.waiters {
		close(w)
	}
	t.waiters = nil
}

// idle is closed once nothing is under way.
func (t *tally) idle() <-chan struct{} {
	w := make(chan struct{})
	if t.n == 0 {
		close(w)
		return w
	}
	t.waiters = append(t.waiters, w)
	return w
}
