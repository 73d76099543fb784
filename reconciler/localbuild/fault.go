package localbuild

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
func (f *Fault) Error() string {
	s := f.What
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	if f.Fix != "" {
		s += " (" + f.Fix + ")"
	}
	return s
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// summary is why a build failed, in one line that says what to do. retry is the command that starts it again.
func summary(err error, retry string) string {
	what, fix := err, retry+" starts it again"
	var f *Fault
	if errors.As(err, &f) {
		what, fix = &Fault{What: f.What, Err: f.Err}, f.Fix
		if fix == "" {
			fix = "mend the source and push"
		}
	}
	return clean(what.Error()) + " (" + fix + ")"
}
