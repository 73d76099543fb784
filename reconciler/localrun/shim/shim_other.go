//go:build !linux

package shim

import (
	"context"
	"errors"
)

var errNoLinux = errors.New("programs out of images run on Linux only")

// Main is a shim where there is Linux.
func Main() int { return 1 }

// Write writes the record of a process where there is Linux.
func (*Process) Write(string) error { return errNoLinux }

// Sweep ends what is left of a process where there is Linux.
func Sweep(context.Context, string) error { return errNoLinux }
