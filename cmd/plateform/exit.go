package main

import (
	"errors"
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// Exit codes. Scripts rely on them.
const (
	exitOK          = 0
	exitFindings    = 1 // something was found: invalid files, a failed run, a refusal
	exitUsage       = 2 // wrong usage or configuration
	exitCouldNotRun = 3 // network, disk, a repository that does not answer
)

// exitError is an error that knows the exit code of the process.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }

func (e *exitError) Unwrap() error { return e.err }

// usageError says that the command line or the configuration is wrong.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// finding says that the answer is no: what was asked for is refused, or something is wrong with what was looked at.
func finding(format string, args ...any) error {
	return &exitError{exitFindings, fmt.Errorf(format, args...)}
}

// alreadySaid ends a command that has printed what it found.
func alreadySaid() error { return &exitError{exitFindings, errors.New("")} }

// codeOf returns the exit code for an error: its own, or "could not run".
func codeOf(err error) int {
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	var problems manifest.Problems
	var refusal *config.Refusal
	if errors.As(err, &problems) || errors.As(err, &refusal) {
		return exitFindings
	}
	return exitCouldNotRun
}

// whereConfigIs says how to name the config repository, when that is what an error is about.
func whereConfigIs(err error) error {
	if errors.Is(err, config.ErrNoConfig) {
		return usageError("%w (go to its checkout, or name it with --config-repo)", err)
	}
	return err
}
