// Package claim takes a data folder for one process, and says which other process has it.
package claim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/plateform/plateform/cmd/plateform/exit"
)

// InUseError says that another process works with a data folder.
type InUseError struct {
	Dir string
	// PID of the other process; 0 when it is not known.
	PID int
}

// Error implements error.
func (e *InUseError) Error() string {
	return fmt.Sprintf("another serve works with the data folder %s: %s (stop it, or set another dataDir in serve.yaml)", e.Dir, e.Process())
}

// Process says which one the other process is.
func (e *InUseError) Process() string {
	if e.PID == 0 {
		return "a process that did not say which it is"
	}
	return fmt.Sprintf("process %d", e.PID)
}

// holder is the process that a lock file names; 0 when it names none.
func holder(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// Take takes a data folder for this process, and removes what a killed one left of its copies of repositories. release gives it back.
func Take(dir string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the data folder (set dataDir in serve.yaml): %w", err)
	}
	lock := flock.New(filepath.Join(dir, "serve.lock"))
	taken, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("taking the data folder %s: %w", dir, err)
	}
	if !taken {
		return nil, exit.Usage("%w", &InUseError{Dir: dir, PID: holder(lock.Path())})
	}
	release = func() error { return errors.Join(os.Truncate(lock.Path(), 0), lock.Close()) }
	if err := os.WriteFile(lock.Path(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("noting who has the data folder: %w", err), release())
	}
	if err := os.RemoveAll(filepath.Join(dir, "git")); err != nil {
		return nil, errors.Join(fmt.Errorf("clearing the data folder: %w", err), release())
	}
	return release, nil
}
