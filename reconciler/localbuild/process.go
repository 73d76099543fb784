package localbuild

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// lastOutput is how long output is waited for after a command has ended: something it left behind may hold the pipe.
const lastOutput = 2 * time.Second

// command is a program to run to its end.
type command struct {
	name string
	args []string
	dir  string
	// env is all of the environment; nothing is inherited.
	env    []string
	stdout io.Writer
	stderr io.Writer
}

// run runs a command. Whatever it started is gone when run returns, and also when this process dies in between.
func run(ctx context.Context, c command) error {
	g, err := newGroup()
	if err != nil {
		return err
	}
	defer g.close()
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.env, c.stdout, c.stderr
	cmd.WaitDelay = lastOutput
	cmd.Cancel = func() error {
		g.kill()
		return cmd.Process.Kill() // where there are no groups
	}
	g.join(cmd)
	err = cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // the command itself went well
	}
	return err
}

// fromHost picks variables of this process's environment by name.
func fromHost(names ...string) []string {
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// network is what a tool needs to know to reach the network from here.
func network() []string {
	return fromHost("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
}
