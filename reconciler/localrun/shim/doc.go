// Package shim runs one program as the child of a small process of ours, the shim, so that nothing of it outlives whoever
// asked for it, however that ends.
//
// The shim is this binary, started anew. It holds the reading end of a pipe, the lifeline, whose other end only its parent
// has: when that is closed, by the parent or by the kernel because the parent was killed, the shim kills the program and
// all that came of it. Processes that leave the program's process group do not get away either, since the shim is where
// the kernel puts orphans (PR_SET_CHILD_SUBREAPER). When the shim itself is killed the program dies with it
// (PR_SET_PDEATHSIG). A Record on disk lets the next process find what is left all the same.
package shim

// Argument makes this binary the shim when it is the first and only one: see Main.
const Argument = "__plateform-shim"

// Files that a shim is started with, besides its standard ones: the lifeline, and where it reports.
const (
	lifelineFile = 3
	reportFile   = 4
)

// Spec is a program to run.
type Spec struct {
	// Path of the program, as it is called after Root became the root.
	Path string
	// Args without the program's own name.
	Args []string
	// Env is all of its environment; nothing is inherited.
	Env []string
	// Dir it starts in, as it is called after Root became the root.
	Dir string
	// Root becomes the root of its file system, and UID and GID whom it runs as. That takes a shim that is root; with an
	// empty Root the program runs as whoever runs the shim.
	Root     string
	UID, GID uint32
	// StopSignal asks the program to end, by name or number; SIGTERM when it is empty or unknown.
	StopSignal string
	// AllowSetuid lets the program gain rights through setuid programs, as container tools do that run without root.
	AllowSetuid bool
	// After is a command line that is run with the same environment once the program has ended, however that came. It is for
	// what is not the program's child, such as a container of a daemon.
	After []string
}

// report is what a shim says, one JSON object each: that the program runs, and how it ended; or that it cannot run.
type report struct {
	PID     int    `json:"pid,omitempty"`
	Failure string `json:"failure,omitempty"`
	Exit    *Exit  `json:"exit,omitempty"`
}

// Exit is how a program ended.
type Exit struct {
	// Code it ended with, when no signal ended it.
	Code int `json:"code"`
	// Signal that ended it, as SIGKILL.
	Signal string `json:"signal,omitempty"`
}
