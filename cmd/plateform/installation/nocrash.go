//go:build !crash

package installation

import "github.com/plateform/plateform/reconciler/loop"

// fragile are the ports as they are. Only a test build makes them end the process.
func fragile(o loop.Options) loop.Options { return o }
