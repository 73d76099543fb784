package rollout

import (
	"strings"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/tenant"
)

// Course is how the turns of a project have gone: what the cluster did not take, and what was well once. It is for the goroutine of the
// project alone, but for State.
type Course struct {
	state *State
	// first is the wait after what was not taken, doubled each further time up to longest.
	first, longest time.Duration
	// tries is how often in a row the cluster did not take what is wanted.
	tries int
	// proven was healthy.
	proven Wanted
}

// NewCourse returns the course of a project that nothing was tried of. What is not taken is tried again after a first wait, doubled each
// further time up to the longest.
func NewCourse(s *State, first, longest time.Duration) Course {
	return Course{state: s, first: first, longest: longest}
}

// State is what is wanted of the project, and what is said.
func (c *Course) State() *State { return c.state }

// Refused says that what is wanted was not taken in the turn before: a Turner is that.
func (c *Course) Refused() bool { return c.tries > 0 }

// Taken notes that it was.
func (c *Course) Taken() { c.tries = 0 }

// Prove notes that what is wanted is healthy, and Forget that nothing is left of what was.
func (c *Course) Prove(w Wanted) { c.proven = w }

// Forget notes that nothing is left of what was healthy.
func (c *Course) Forget() { c.proven = Wanted{} }

// HasLapsed says of a failure that what fails was healthy before.
func (c *Course) HasLapsed(w Wanted, phase reconciler.Phase) bool {
	return phase == reconciler.PhaseFailed && c.proven.Same(w)
}

// soon is the longest wait for what ends by itself, and nobody tells when.
const soon = 2 * time.Second

// Trouble notes that the cluster does not take what is wanted, and says when to try again. What is final is a failure.
func (c *Course) Trouble(w Wanted, err error) (again time.Duration) {
	longest := c.longest
	if tenant.IsEnding(err) {
		longest = min(longest, soon)
	}
	again = min(c.first<<min(c.tries, 16), longest)
	c.tries++
	phase := reconciler.PhaseProgressing
	if tenant.IsFinal(err) {
		phase, again = reconciler.PhaseFailed, c.longest
	}
	c.state.Conclude(w, func(r *reconciler.Rollout) {
		r.Phase, r.Cause, r.Lapsed = phase, strings.Join(strings.Fields(err.Error()), " "), c.HasLapsed(w, phase)
	})
	return again
}
