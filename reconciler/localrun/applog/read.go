package applog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// glance is how often a log that is followed is looked at.
const glance = 100 * time.Millisecond

// Read hands the last lines of a log to line, all of them when last is negative, and follows it until the context ends if it is to.
// It may run in another process than the one that writes. The error is fs.ErrNotExist when there is no log.
func Read(ctx context.Context, path string, last int, follow bool, line func(text string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the log of an app: %w", err)
	}
	r := &reader{path: path, file: file, line: line}
	defer func() { r.file.Close() }()
	if err := r.tail(last); err != nil || !follow {
		return err
	}
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := r.more(); err != nil {
			return err
		}
	}
}

// reader reads a log that may grow, and begin anew.
type reader struct {
	path string
	file *os.File
	line func(string) error
	// begun is a line that has no end yet.
	begun string
}

// tail hands on the last lines that are there.
func (r *reader) tail(last int) error {
	var kept []string
	keep := func(text string) error {
		kept = append(kept, text)
		if last >= 0 && len(kept) > last {
			kept = kept[1:]
		}
		return nil
	}
	before, err := os.Open(Previous(r.path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the log of an app: %w", err)
	}
	if err == nil {
		old := &reader{file: before, line: keep}
		err := old.rest()
		before.Close()
		if err != nil {
			return err
		}
	}
	hand := r.line
	r.line = keep
	err = r.rest()
	r.line = hand
	if err != nil {
		return err
	}
	for _, text := range kept {
		if err := r.line(text); err != nil {
			return err
		}
	}
	return nil
}

// rest hands on all whole lines up to the end of the file.
func (r *reader) rest() error {
	lines := bufio.NewReader(r.file)
	for {
		text, err := lines.ReadString('\n')
		r.begun += text
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the log of an app: %w", err)
		}
		whole := strings.TrimSuffix(r.begun, "\n")
		r.begun = ""
		if err := r.line(whole); err != nil {
			return err
		}
	}
}

// more hands on what has come since, also when the log has begun anew.
func (r *reader) more() error {
	if err := r.rest(); err != nil {
		return err
	}
	now, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) { // it is being renamed, or was removed
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the log of an app: %w", err)
	}
	mine, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("reading the log of an app: %w", err)
	}
	if os.SameFile(now, mine) {
		return nil
	}
	if err := r.rest(); err != nil { // what came before it was renamed
		return err
	}
	next, err := os.Open(r.path)
	if err != nil {
		return fmt.Errorf("reading the log of an app: %w", err)
	}
	r.file.Close()
	r.file = next
	return r.rest()
}
