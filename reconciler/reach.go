package reconciler

// Reach says whether a project answers at its URL. The zero value says that nobody asked: it has none, or runs where that needs no
// asking.
type Reach struct {
	// Live says that it answers through the ingress, by the host of its URL.
	Live bool
	// Missing says in one line what keeps people from reaching it all the same; empty when nothing does.
	Missing string
	// Unasked says that it could not be asked from where Plateform runs: Missing says why.
	Unasked bool
	// Asleep says that no pod is wanted that could answer.
	Asleep bool
}

// String says it in a few words; nothing when nobody asked.
func (r Reach) String() string {
	switch {
	case r.Live && r.Missing == "":
		return "live"
	case r.Live:
		return "answers through the ingress; " + r.Missing
	case r.Unasked:
		return "whether it answers is not known; " + r.Missing
	}
	return r.Missing
}
