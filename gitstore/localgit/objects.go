package localgit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/transport"
)

// Objects are objects that git is asked for, by one process that starts with the first question: what a partial clone
// left at its remote, and what is kept in ways that are not read here.
type Objects struct {
	Git Git

	mu        sync.Mutex
	process   *exec.Cmd
	in        io.WriteCloser
	out       *bufio.Reader
	complaint transport.Tail
	// ended is over when the process has to end, by end or with what it was made for.
	ended context.Context
	end   context.CancelCauseFunc
}

// Object implements pack.Source.
func (a *Objects) Object(h plumbing.Hash) (pack.Object, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, ok, err := a.ask(h)
	if err != nil {
		err = fmt.Errorf("asking git for %s: %w: %s", h, err, strings.Join(strings.Fields(a.complaint.String()), " "))
	}
	return o, ok, err
}

func (a *Objects) ask(h plumbing.Hash) (o pack.Object, ok bool, err error) {
	if a.process == nil {
		if err := a.start(); err != nil {
			return o, false, err
		}
	}
	silent := time.AfterFunc(a.Git.object, func() { a.end(&transport.SilenceError{Limit: a.Git.object}) })
	defer silent.Stop()
	if o, ok, err = a.answer(h); err != nil && a.ended.Err() != nil {
		err = context.Cause(a.ended)
	}
	return o, ok, err
}

// answer asks the process that runs.
func (a *Objects) answer(h plumbing.Hash) (o pack.Object, ok bool, err error) {
	if _, err := fmt.Fprintln(a.in, h); err != nil {
		return o, false, err
	}
	line, err := a.out.ReadString('\n')
	if err != nil {
		return o, false, err
	}
	words := strings.Fields(line) // name, kind and length, or name and "missing"
	if len(words) != 3 {
		return o, false, nil
	}
	size, err := strconv.Atoi(words[2])
	if err != nil {
		return o, false, err
	}
	if o.Kind, err = plumbing.ParseObjectType(words[1]); err != nil {
		return o, false, err
	}
	data := make([]byte, size+1) // with a line break behind
	if _, err := io.ReadFull(a.out, data); err != nil {
		return o, false, err
	}
	o.Data = slices.Clip(data[:size])
	return o, true, nil
}

func (a *Objects) start() (err error) {
	a.ended, a.end = context.WithCancelCause(a.Git.ctx)
	c := a.Git.command(a.ended, "cat-file", "--batch")
	c.Stderr = &a.complaint
	if a.in, err = c.StdinPipe(); err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	a.process, a.out = c, bufio.NewReader(out)
	return nil
}

// Close ends the process.
func (a *Objects) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.process == nil {
		return nil
	}
	defer a.end(nil)
	err := a.in.Close()
	var exit *exec.ExitError
	if wait := a.process.Wait(); !errors.As(wait, &exit) { // one that failed has answered with an error already
		err = errors.Join(err, wait)
	}
	a.process = nil
	return err
}
