package shim

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Record says on disk which processes belong to a program, so that what is left of a killed parent is found. The time a
// process started at, and the boot, tell it from another one with the same number.
type Record struct {
	Boot    string   `json:"boot"`
	Program identity `json:"program"`
	Shim    identity `json:"shim"`
}

type identity struct {
	PID     int    `json:"pid"`
	Started string `json:"started"`
}

// Write writes the record of a process.
func (p *Process) Write(file string) error {
	boot, err := bootID()
	if err != nil {
		return err
	}
	content, err := json.Marshal(Record{Boot: boot, Program: identify(p.PID), Shim: identify(p.Shim)})
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return fmt.Errorf("noting a process: %w", err)
	}
	return nil
}

func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// identify returns what is alive under a number; empty when nothing is.
func identify(pid int) identity {
	s, err := readStat(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil || s.state == "Z" || s.state == "X" {
		return identity{}
	}
	return identity{PID: pid, Started: s.started}
}

// Sweep ends what is left of the process that a record names, and removes the record. A record that cannot be read names
// nothing.
func Sweep(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading which processes are left: %w", err)
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	var r Record
	if json.Unmarshal(content, &r) == nil && r.Boot == boot {
		for _, left := range []identity{r.Program, r.Shim} {
			if err := left.end(ctx); err != nil {
				return err
			}
		}
	}
	return os.Remove(file)
}

// end kills a process, and the group it leads, and waits until it is gone.
func (i identity) end(ctx context.Context) error {
	const glance = 10 * time.Millisecond
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for i.PID > 1 && i.Started != "" && identify(i.PID) == i {
		if group, err := syscall.Getpgid(i.PID); err == nil && group == i.PID {
			_ = syscall.Kill(-i.PID, syscall.SIGKILL) // looked at again below
		}
		_ = syscall.Kill(i.PID, syscall.SIGKILL)
		select {
		case <-ctx.Done():
			return fmt.Errorf("ending process %d, which an earlier serve left: %w", i.PID, context.Cause(ctx))
		case <-ticker.C:
		}
	}
	return nil
}
