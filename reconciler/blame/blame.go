// Package blame tells whose fault it is that a build failed: the source's, or that of the machine that builds, the network
// or a service. It goes by what tools say, in their own words.
package blame

import "errors"

// Fault is why a build cannot go on, for the people whose source it is.
type Fault struct {
	// What is wrong in one line, and the Fix.
	What string
	Fix  string
	// Err is what caused it; nil when What says it all.
	Err error
}

// Error implements error.
func (f *Fault) Error() string { return sentence(f.What, f.Err, f.Fix) }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Trouble is why a build cannot go on when that is not the source's fault: the machine that builds, the network, or a
// service at the other end. The same build may go well later, so it is tried again.
type Trouble struct {
	// What is wrong in a few words that are the same for each try, and the Fix, for whoever runs the machine.
	What string
	Fix  string
	// Err is what was said; nil when What says it all.
	Err error
	// Doubtful says that the source may be the cause nevertheless: it is tried a few times only.
	Doubtful bool
	// Lasting says that trying again is of no use before somebody has mended it.
	Lasting bool
}

// Error implements error.
func (t *Trouble) Error() string { return sentence(t.What, t.Err, t.Fix) }

// Unwrap returns the cause.
func (t *Trouble) Unwrap() error { return t.Err }

func sentence(what string, err error, fix string) string {
	if err != nil {
		what += ": " + err.Error()
	}
	if fix != "" {
		what += " (" + fix + ")"
	}
	return what
}

// Of is the trouble that an error is; false when it is a Fault. What is nobody's Fault in particular happened to this machine; it is in doubt
// when nothing is known about it.
func Of(err error) (*Trouble, bool) {
	var f *Fault
	if errors.As(err, &f) {
		return nil, false
	}
	var t *Trouble
	if errors.As(err, &t) {
		return t, true
	}
	if t := troubleIn([]string{err.Error()}, signs()); t != nil {
		return &Trouble{What: t.What, Fix: t.Fix, Err: err}, true
	}
	return &Trouble{What: "the machine that builds could not finish the build", Err: err, Doubtful: true}, true
}
