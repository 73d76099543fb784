//go:build crash

// Package crash has a test build end itself at a certain moment.
package crash

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/loop"
)

// This file is part of a test build alone. There, the process kills itself before or after the n-th thing it does to the
// world: the tests start the product again on what is left.
const (
	// crashAt is the variable with the moment at which to end, counted from 1; none when it is empty.
	crashAt = "PLATEFORM_CRASH_AT"
	// crashLog is the variable with the file that gets a line for each moment.
	crashLog = "PLATEFORM_CRASH_LOG"
)

// Fragile are the ports with a moment before and after everything that they change, and after each look that brings news.
// Looks that find nothing new are no moments: how many there are depends on the time.
func Fragile(o loop.Options) loop.Options {
	last, _ := strconv.Atoi(os.Getenv(crashAt)) // 0 never comes
	m := &moments{last: last, log: os.Getenv(crashLog)}
	o.Config = &fragileRepository{Repository: o.Config, name: "config", moments: m}
	o.GitOps = &fragileRepository{Repository: o.GitOps, name: "gitops", moments: m}
	o.Forge = fragileForge{o.Forge, m}
	o.Registry = fragileRegistry{o.Registry, m}
	if o.Builder != nil {
		o.Builder = fragileBuilder{o.Builder, m}
	}
	return o
}

// moments counts.
type moments struct {
	last int
	log  string

	mu    sync.Mutex
	count int
}

// reach is one moment: perhaps the last one.
func (m *moments) reach(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	if err := m.note(what); err != nil {
		panic(err)
	}
	if m.count != m.last {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until the signal arrives
}

func (m *moments) note(what string) error {
	if m.log == "" {
		return nil
	}
	file, err := os.OpenFile(m.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = fmt.Fprintf(file, "%d %s\n", m.count, what)
	return err
}

// around are the moments before and after something that is done.
func (m *moments) around(what string, do func() error) error {
	m.reach("before " + what)
	err := do()
	m.reach("after " + what)
	return err
}

type fragileRepository struct {
	reconciler.Repository
	name    string
	moments *moments
	head    string
}

// Fetch implements reconciler.Repository.
func (r *fragileRepository) Fetch(ctx context.Context) (string, error) {
	head, err := r.Repository.Fetch(ctx)
	if err == nil && head != r.head {
		r.head = head
		r.moments.reach("after news from " + r.name)
	}
	return head, err
}

// Push implements reconciler.Repository.
func (r *fragileRepository) Push(ctx context.Context, base string, edits []manifest.Edit) (commits []string, err error) {
	err = r.moments.around("a push to "+r.name, func() error {
		commits, err = r.Repository.Push(ctx, base, edits)
		if err == nil && len(commits) > 0 {
			r.head = commits[len(commits)-1]
		}
		return err
	})
	return commits, err
}

type fragileForge struct {
	reconciler.Forge
	moments *moments
}

// Report implements reconciler.Forge.
func (f fragileForge) Report(ctx context.Context, reports []reconciler.Report) error {
	return f.moments.around("reports", func() error { return f.Forge.Report(ctx, reports) })
}

type fragileRegistry struct {
	reconciler.Registry
	moments *moments
}

// Tag implements reconciler.Registry.
func (r fragileRegistry) Tag(ctx context.Context, repository, digest, tag string) error {
	return r.moments.around("a tag", func() error { return r.Registry.Tag(ctx, repository, digest, tag) })
}

type fragileBuilder struct {
	reconciler.Builder
	moments *moments
}

// Start implements reconciler.Builder.
func (b fragileBuilder) Start(ctx context.Context, request reconciler.BuildRequest) error {
	return b.moments.around("the start of a build", func() error { return b.Builder.Start(ctx, request) })
}

// Statuses implements reconciler.Builder.
func (b fragileBuilder) Statuses(ctx context.Context, ids []string) (map[string]reconciler.BuildStatus, error) {
	statuses, err := b.Builder.Statuses(ctx, ids)
	for _, status := range statuses {
		if status.Done {
			b.moments.reach("after the end of a build")
		}
	}
	return statuses, err
}

// Cancel implements reconciler.Builder.
func (b fragileBuilder) Cancel(ctx context.Context, id string) error {
	return b.moments.around("the end of a build that nobody wants", func() error { return b.Builder.Cancel(ctx, id) })
}
