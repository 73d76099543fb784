package transport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/gitstore/environment"
)

// startProgram runs git upload-pack or receive-pack on a repository of this machine.
func startProgram(ctx context.Context, path, service string) (*pipes, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, &DeniedError{fmt.Errorf("the repository is not there: %w", err)}
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "git", strings.TrimPrefix(service, "git-"), path)
	cmd.WaitDelay = time.Second
	cmd.Env = append(environment.Clean(), "GIT_TERMINAL_PROMPT=0", "GIT_PROTOCOL=")
	killTree(cmd)
	said := &Tail{}
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting git, which reads repositories on this machine: %w", err)
	}
	stop := sync.OnceValue(func() error {
		_ = in.Close()
		defer cancel()
		timer := time.AfterFunc(time.Second, cancel)
		defer timer.Stop()
		_ = out.Close()
		err := cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
			// The error of the protocol says already what went wrong.
			return nil
		}
		return err
	})
	return &pipes{in: in, out: out, stop: stop, complaint: said}, nil
}
