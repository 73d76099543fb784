// Package exit has the exit codes of plateform, and the errors that know theirs. Scripts rely on them.
package exit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// The exit codes.
const (
	OK          = 0
	Findings    = 1 // something was found: invalid files, a failed run, a refusal
	WrongUsage  = 2 // wrong usage or configuration
	CouldNotRun = 3 // network, disk, a repository that does not answer
)

// codedError is an error that knows the exit code of the process.
type codedError struct {
	code int
	err  error
}

// Error implements error.
func (e *codedError) Error() string { return e.err.Error() }

// Unwrap returns the error without the code.
func (e *codedError) Unwrap() error { return e.err }

// Usage says that the command line or the configuration is wrong.
func Usage(format string, args ...any) error {
	return &codedError{WrongUsage, fmt.Errorf(format, args...)}
}

// Finding says that the answer is no: what was asked for is refused, or something is wrong with what was looked at.
func Finding(format string, args ...any) error {
	return &codedError{Findings, fmt.Errorf(format, args...)}
}

// OneOf refuses values of a flag that it does not know.
func OneOf(flag, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return Usage("--%s %q is not known (use %s)", flag, value, strings.Join(known, ", "))
}

// AlreadySaid ends a command that has printed what it found.
func AlreadySaid() error { return &codedError{Findings, errors.New("")} }

// CodeOf returns the exit code for an error: its own, or "could not run".
func CodeOf(err error) int {
	var e *codedError
	if errors.As(err, &e) {
		return e.code
	}
	var problems manifest.Problems
	var refusal *config.Refusal
	if errors.As(err, &problems) || errors.As(err, &refusal) {
		return Findings
	}
	return CouldNotRun
}

// WhereConfigIs says how to name the config repository, when that is what an error is about.
func WhereConfigIs(err error) error {
	if errors.Is(err, config.ErrNoConfig) {
		return Usage("%w (go to its checkout, or name it with --config-repo)", err)
	}
	return err
}
