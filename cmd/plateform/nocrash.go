//go:build !crash

package main

import "github.com/plateform/plateform/reconciler"

// fragile are the ports as they are. Only a test build makes them end the process.
func fragile(o reconciler.Options) reconciler.Options { return o }
