package jenkinsserver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Job is something that can be built.
type Job struct {
	// Name with its folders: team/rel.
	Name string
	// Pipeline has stages and outlives a crash; else it is a freestyle job.
	Pipeline bool
	// DisableResume has a pipeline not go on after a crash, though it looks as if it did.
	DisableResume bool
	// Disabled takes no builds.
	Disabled bool
	// Parameters that the configuration of the job names.
	Parameters []Parameter
	// Config is config.xml.
	Config string
	// Run is what a build does; nothing when nil. An error fails it. The context ends when the build is stopped.
	Run func(ctx context.Context, b *Build) error
}

// Parameter of a job.
type Parameter struct {
	Name, Default string
	// Choices that there are; any value when empty.
	Choices []string
	// Bool is true or false.
	Bool bool
}

// ErrUnstable ends a build as UNSTABLE.
var ErrUnstable = errors.New("unstable")

type job struct {
	Job
	builds map[int]*Build
	last   int
	items  int // in the queue
}

// Put adds a job, or changes one and keeps its builds.
func (s *Server) Put(j Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(j)
}

func (s *Server) put(j Job) {
	if j.Run == nil {
		j.Run = func(context.Context, *Build) error { return nil }
	}
	if known := s.jobs[j.Name]; known != nil {
		known.Job = j
		return
	}
	s.jobs[j.Name] = &job{Job: j, builds: map[int]*Build{}}
}

// Delete removes a job and its builds.
func (s *Server) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[name]; j != nil {
		for _, b := range j.builds {
			b.abandon()
		}
		delete(s.jobs, name)
	}
}

// Build is one build of a job. Its methods are for what the job runs.
type Build struct {
	// Number of the build.
	Number int

	server     *Server
	job        *job
	queueID    int
	parameters []value
	causes     int
	log        []byte
	stages     []*stage
	artifacts  []artifact
	building   bool
	result     string
	started    time.Time
	ended      time.Time
	cancel     context.CancelFunc
	// given up: what it does has no effect any more.
	abandoned bool
}

type value struct {
	class, name string
	value       any
}

type artifact struct {
	name string
	data []byte
	at   time.Time
}

type stage struct {
	name, status string
	begun, ended time.Time
	message      string
}

// Parameter is the value of a parameter.
func (b *Build) Parameter(name string) string { return b.Parameters()[name] }

// Parameters are all of them.
func (b *Build) Parameters() map[string]string {
	all := map[string]string{}
	for _, p := range b.parameters {
		all[p.name] = fmt.Sprint(p.value)
	}
	return all
}

// Println writes a line into the log.
func (b *Build) Println(line string) { b.Print(line + "\n") }

// Print writes into the log.
func (b *Build) Print(text string) {
	b.change(func() { b.log = append(b.log, text...) })
}

// Step writes what a step of a pipeline does into the log, with the note that Jenkins hides there.
func (b *Build) Step(text string) { b.Print(hidden("[Pipeline]") + "[Pipeline] " + text + "\n") }

// hidden is a note in a log that its readers do not get to see.
func hidden(about string) string {
	note := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(about, 20)))
	return "\x1b[8mha:" + note + "\x1b[0m"
}

// visible is a log without its notes.
func visible(log []byte) string {
	var text strings.Builder
	rest := string(log)
	for {
		before, after, found := strings.Cut(rest, "\x1b[8mha:")
		text.WriteString(before)
		if !found {
			return text.String()
		}
		_, rest, _ = strings.Cut(after, "\x1b[0m")
	}
}

// Stage does a part of the build as a stage of its own.
func (b *Build) Stage(name string, do func() error) error {
	st := &stage{name: name, status: "IN_PROGRESS", begun: b.server.options.Now()}
	b.Step("stage")
	b.Step("{ (" + name + ")")
	b.change(func() { b.stages = append(b.stages, st) })
	b.tell()
	err := do()
	b.change(func() {
		st.ended, st.status = b.server.options.Now(), "SUCCESS"
		if err != nil {
			st.status, st.message = "FAILED", err.Error()
		}
		if errors.Is(err, context.Canceled) {
			st.status = "ABORTED"
		}
	})
	b.Step("}")
	b.Step("// stage")
	return err
}

// Archive keeps a file of the build.
func (b *Build) Archive(name string, data []byte) {
	b.change(func() { b.artifacts = append(b.artifacts, artifact{name, slices.Clone(data), b.server.options.Now()}) })
}

// change changes the build, unless it was given up.
func (b *Build) change(do func()) {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	if !b.abandoned {
		do()
	}
}

// tell calls those who watch.
func (b *Build) tell() {
	b.server.mu.Lock()
	watch := slices.Clone(b.server.watch)
	b.server.mu.Unlock()
	for _, changed := range watch {
		changed(Change{Job: b.job.Name, Number: b.Number, Parameters: b.Parameters()})
	}
}

// abandon has the build do nothing more. The caller holds the lock.
func (b *Build) abandon() {
	b.abandoned = true
	b.cancel()
}

// begin starts a build of an item. The caller holds the lock.
func (s *Server) begin(it *item) *Build {
	j := it.job
	j.last++
	ctx, cancel := context.WithCancel(s.ctx)
	b := &Build{
		Number: j.last, server: s, job: j, queueID: it.id, parameters: it.parameters, causes: it.causes,
		building: true, started: s.options.Now(), cancel: cancel,
	}
	for range it.causes {
		b.log = append(b.log, "Started by user admin\n"...)
	}
	if j.DisableResume {
		b.log = append(b.log, "Resume disabled by user, switching to high-performance, low-durability mode.\n"...)
	}
	j.builds[b.Number] = b
	s.running.Go(func() {
		defer cancel()
		b.tell()
		err := j.Run(ctx, b)
		b.end(err, ctx.Err() != nil)
		b.tell()
	})
	return b
}

// end ends a build.
func (b *Build) end(err error, stopped bool) {
	b.change(func() {
		b.building, b.ended = false, b.server.options.Now()
		switch {
		case stopped:
			b.result = "ABORTED"
		case errors.Is(err, ErrUnstable):
			b.result = "UNSTABLE"
		case err != nil:
			b.result = "FAILURE"
			b.log = append(b.log, "ERROR: "+err.Error()+"\n"...)
		default:
			b.result = "SUCCESS"
		}
		if b.job.Pipeline {
			b.log = append(b.log, hidden("[Pipeline]")+"[Pipeline] End of Pipeline\n"...)
		}
		b.log = append(b.log, "Finished: "+b.result+"\n"...)
	})
}

// path of a build below that of Jenkins, without a slash at the end.
func (b *Build) path() string { return b.job.path() + "/" + strconv.Itoa(b.Number) }

// Result is how the build ended; empty while it runs.
func (b *Build) Result() string {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	return b.result
}

// Log is what people see of the log.
func (b *Build) Log() string {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	return visible(b.log)
}
