package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"testing"
	"time"

	"github.com/plateform/plateform/test/gitserver"
)

// stage is where everything happens: a folder, a Git server, and the repositories and the binary that several measures
// use. It stands in for the test that the Git server wants to belong to: what goes wrong ends the measure.
type stage struct {
	testing.TB // only the methods below are called
	ctx        context.Context
	dir        string
	profiles   string
	cleanups   []func()

	server *gitserver.Server
	fleets map[shape]*fleet
	binary string
	// sequence makes names of folders and repositories.
	sequence int
}

func newStage(ctx context.Context, profiles string) (*stage, error) {
	dir, err := os.MkdirTemp("", "plateform-bench-")
	if err != nil {
		return nil, err
	}
	return &stage{ctx: ctx, dir: dir, profiles: profiles, fleets: map[shape]*fleet{}}, nil
}

// close ends what was started and removes the folder.
func (s *stage) close() error {
	for _, cleanup := range slices.Backward(s.cleanups) {
		cleanup()
	}
	return os.RemoveAll(s.dir)
}

// failure ends a measure.
type failure struct{ error }

// measure finds rows, and turns what went wrong on the way into an error.
func (s *stage) measure(m measure) (rows []Row, err error) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case failure:
			err = thrown.error
		default:
			panic(thrown)
		}
	}()
	if s.server == nil {
		s.server = gitserver.New(s)
	}
	return m.run(s), nil
}

// Helper, Fatal, Fatalf, Cleanup, TempDir and Context are what the Git server uses of a test.

func (s *stage) Helper() {}

func (s *stage) Fatal(args ...any) { panic(failure{errors.New(fmt.Sprint(args...))}) }

func (s *stage) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *stage) TempDir() string {
	dir := filepath.Join(s.dir, s.name("temp"))
	s.must(os.MkdirAll(dir, 0o750))
	return dir
}

func (s *stage) Context() context.Context { return s.ctx }

// must ends the measure on an error.
func (s *stage) must(err error) {
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) name(what string) string {
	s.sequence++
	return fmt.Sprintf("%s-%d", what, s.sequence)
}

// profiled runs f with profiles of it, when they are wanted. Rows are measured without.
func (s *stage) profiled(name string, f func()) {
	if s.profiles == "" {
		f()
		return
	}
	s.must(os.MkdirAll(s.profiles, 0o750))
	cpu, err := os.Create(filepath.Join(s.profiles, name+".cpu"))
	s.must(err)
	s.must(pprof.StartCPUProfile(cpu))
	f()
	pprof.StopCPUProfile()
	s.must(cpu.Close())
	allocs, err := os.Create(filepath.Join(s.profiles, name+".allocs"))
	s.must(err)
	runtime.GC()
	s.must(pprof.Lookup("allocs").WriteTo(allocs, 0))
	s.must(allocs.Close())
}

// command runs a program and returns how long it took.
func (s *stage) command(dir, name string, args ...string) time.Duration {
	c := exec.CommandContext(s.ctx, name, args...)
	c.Dir, c.Env = dir, gitserver.Environment()
	begin := time.Now()
	out, err := c.CombinedOutput()
	took := time.Since(begin)
	if err != nil {
		s.Fatalf("%s %v in %s: %w\n%s", name, args, dir, err, out)
	}
	return took
}

// plateform builds the binary once and returns where it is.
func (s *stage) plateform() string {
	if s.binary != "" {
		return s.binary
	}
	binary := filepath.Join(s.dir, "plateform")
	build := exec.CommandContext(s.ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/plateform")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		s.Fatalf("go build: %w\n%s", err, out)
	}
	s.binary = binary
	return s.binary
}

// copyRepo puts a copy of a bare repository on the server.
func (s *stage) copyRepo(from *gitserver.Repo, what string) *gitserver.Repo {
	name := s.name(what)
	to := filepath.Join(s.server.Dir, name+".git")
	s.must(os.CopyFS(to, os.DirFS(from.Dir)))
	s.must(filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o750)
		}
		return err
	}))
	return s.server.Open(s, name)
}

// alias is the same repository under another name, so that the server tells apart who asks.
func (s *stage) alias(of *gitserver.Repo) *gitserver.Repo {
	name := s.name("alias")
	s.must(os.Symlink(of.Dir, filepath.Join(s.server.Dir, name+".git")))
	return s.server.Open(s, name)
}

// median of some durations, in milliseconds.
func median(durations []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(durations))
	n := len(sorted)
	middle := (sorted[(n-1)/2] + sorted[n/2]) / 2
	return float64(middle) / float64(time.Millisecond)
}
