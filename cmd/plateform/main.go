// Command plateform is the whole of Plateform in one binary: the reconciler (`serve`), and the commands with which
// people look at and act on the two Git repositories it works on.
//
// This package is the only place that knows every other one. Each command is a file; what they share of the machine
// they run on is handed to them as an app, so that tests run them in process.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/plateform/plateform/reconciler/localrun/shim"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == shim.Argument { // no command: serve starts it to watch over an app
		os.Exit(shim.Main())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := newApp().run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
