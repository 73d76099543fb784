//go:build !crash

// Package crash has a test build end itself at a certain moment.
package crash

import "github.com/plateform/plateform/reconciler/loop"

// Fragile are the ports as they are. Only a test build makes them end the process.
func Fragile(o loop.Options) loop.Options { return o }
