package localbuild

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/localbuild/buildlog"
)

// run waits for a slot, builds, and ends the job, unless this process ends first.
func (b *Builder) run(j *job) {
	// The context is the job's: when it is over, its cause says what to tell.
	if b.slots.Acquire(j.ctx, 1) != nil {
		b.fail(j, context.Cause(j.ctx), "", 0)
		return
	}
	defer b.slots.Release(1)
	begin := b.options.Clock()
	made, log, err := b.build(j)
	seconds := int(math.Round(b.options.Clock().Sub(begin).Seconds()))
	if err != nil {
		b.fail(j, err, log, seconds)
		return
	}
	if made.Reused != "" {
		seconds = 0 // nothing was built
	}
	b.options.Log.Info("build: done", "build", j.request.ID, "project", j.request.Key.String(), "digest", made.Image.Digest, "seconds", seconds, "reused", made.Reused)
	b.finish(j, reconciler.BuildStatus{Stages: j.status.Stages, Done: true, Image: &made.Image, Scan: made.Scan, Seconds: seconds, Reused: made.Reused})
}

// fail ends a job without an image.
func (b *Builder) fail(j *job, err error, log string, seconds int) {
	failure := &reconciler.BuildFailure{Log: log}
	switch cause := context.Cause(j.ctx); {
	case errors.Is(cause, errClosed):
		b.drop(j)
		return
	case errors.Is(cause, errCanceled):
		failure.Summary, failure.Canceled = errCanceled.Error(), true
	default:
		b.judge(j, err, failure)
	}
	if failure.Temporary {
		failure.Log = ""
		b.options.Log.Warn("build: to be tried again", "build", j.request.ID, "project", j.request.Key.String(), "error", failure.Summary, "seconds", seconds)
	} else {
		b.options.Log.Warn("build: failed", "build", j.request.ID, "project", j.request.Key.String(), "error", failure.Summary, "seconds", seconds)
	}
	b.finish(j, reconciler.BuildStatus{Stages: j.status.Stages, Done: true, Failure: failure, Seconds: seconds})
}

// judge says whose fault it is that a build has failed. The same trouble has the same words at each try, so that it is
// told once.
func (b *Builder) judge(j *job, err error, failure *reconciler.BuildFailure) {
	if errors.Is(err, errTimeout) {
		err = &Trouble{What: fmt.Sprintf("%v: it was stopped after %v", errTimeout, b.options.Timeout), Doubtful: true,
			Fix: "make it faster, or whoever runs the machine that builds makes it faster"}
	}
	trouble, found := blame.Of(err)
	if !found || trouble.Lasting || trouble.Doubtful && j.before.doubts+1 >= maxTries {
		failure.Summary = failureText(err, b.options.Dir, "plateform retry "+j.request.Key.String())
		return
	}
	failure.Temporary, failure.Summary, failure.RetryAfter = true, troubleText(trouble, b.options.Dir), reconciler.RetryAfter(err)
	if j.before.trouble == trouble.What {
		failure.Summary = j.before.status.Failure.Summary
	}
	j.trouble, j.doubts = trouble.What, j.before.doubts
	if trouble.Doubtful {
		j.doubts++
	}
}

// build makes the image and pushes it. It returns the last lines of the log too.
func (b *Builder) build(j *job) (made *Made, log string, err error) {
	ctx, cancel := context.WithTimeoutCause(j.ctx, b.options.Timeout, errTimeout)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx) // whatever broke, it broke because of this
		}
	}()
	b.enter(j, reconciler.StageBuilding)
	work, err := b.prepare(j.request)
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(work)
	lines, err := b.openLog(j.request)
	if err != nil {
		return nil, "", err
	}
	made, err = b.steps(ctx, j, work, lines)
	if err != nil {
		lines.Printf("failed: %v", err)
	}
	if broken := lines.Close(); broken != nil {
		b.options.Log.Warn("the log of a build is not complete", "build", j.request.ID, "project", j.request.Key.String(), "error", broken)
	}
	return made, lines.End(), err
}

// steps fetch the source and turn it into an image in the registry.
func (b *Builder) steps(ctx context.Context, j *job, work string, log *buildlog.File) (*Made, error) {
	r := j.request
	log.Printf("build %s of %s for %s%s%s", r.ID, r.Key, r.Image, begun, b.options.Clock().UTC().Format(time.RFC3339))
	log.Printf("source: %s at %s %s", r.Repository, r.Commit, r.Path)
	source := Source{Root: filepath.Join(work, sourceFolder), Path: r.Path}
	made := filepath.Join(work, "made")
	for _, dir := range []string{source.Root, made} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("preparing the build: %w", err)
		}
	}
	if err := b.options.Checkout(ctx, r.Repository, r.Commit, source.Root); err != nil {
		return nil, Unfetched(err)
	}
	steps := Steps{
		Name: r.ID, Work: made, Cache: filepath.Join(b.options.Dir, "cache"), GoCommand: b.options.GoCommand,
		MaxSource: b.options.MaxSource, Mirrors: b.options.Mirrors, Log: log,
	}
	return steps.Run(ctx, r, source, b.options.Registry, func(stage reconciler.Stage) { b.enter(j, stage) })
}

// Unfetched says whose fault it is that a source is not there. A repository that is away may come back.
func Unfetched(err error) error {
	trouble, found := blame.Of(err)
	var known *Trouble
	switch {
	case !found, errors.As(err, &known):
		return err
	case trouble.Doubtful:
		return &Trouble{What: "the source cannot be fetched", Err: err, Fix: "it goes on by itself when the repository can be read"}
	}
	return trouble
}

// claim makes Dir this process's own, once, and clears away what a killed process left behind.
func (b *Builder) claim() error {
	b.claiming.Lock()
	defer b.claiming.Unlock()
	if b.lock.Locked() || b.ctx.Err() != nil {
		return nil
	}
	if err := os.MkdirAll(b.options.Dir, 0o700); err != nil {
		return fmt.Errorf("preparing for builds: %w", err)
	}
	free, err := b.lock.TryLock()
	if err != nil {
		return fmt.Errorf("preparing for builds: %w", err)
	}
	if !free {
		return fmt.Errorf("another process builds in %s: give each its own dataDir", b.options.Dir)
	}
	if err := os.RemoveAll(b.workDir()); err != nil {
		b.options.Log.Warn("what earlier builds left behind cannot be removed", "error", err)
	}
	return nil
}

func (b *Builder) workDir() string { return filepath.Join(b.options.Dir, workFolder) }

// prepare makes an empty folder for a build.
func (b *Builder) prepare(r reconciler.BuildRequest) (string, error) {
	dir := filepath.Join(b.workDir(), r.ID)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("preparing the build: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("preparing the build: %w", err)
	}
	return dir, nil
}
