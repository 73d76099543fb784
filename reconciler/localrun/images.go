package localrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localrun/container"
	"github.com/plateform/plateform/reconciler/localrun/program"
)

// keptImages are how many unpacked images a project keeps, those that run included: a rollback needs the one before.
const keptImages = 3

// images has what one project runs brought to this machine, and removed when it is not needed any more.
type images struct {
	key     manifest.Key
	options *Options
	dirs    dirs
	tools   *tools
	// progress is told what is waited for.
	progress func(cause string)
}

// goneError is about an image that its registry does not have.
type goneError struct {
	image string
	retry string // the project to try again
	err   error
}

// Error implements error.
func (e *goneError) Error() string {
	return fmt.Sprintf("the image %s is gone: the registry does not have it any more (plateform retry %s builds again what comes from a source)", e.image, e.retry)
}

// Unwrap returns what the registry said.
func (e *goneError) Unwrap() error { return e.err }

// fetch has what all services run on this machine. What may go better by itself is tried until the context ends.
func (i *images) fetch(ctx context.Context, services []service) (map[string]launcher, error) {
	launchers := map[string]launcher{}
	for _, s := range services {
		backoff := i.options.Times.Backoff
		for launchers[s.name] == nil {
			found, err := i.bring(ctx, s)
			switch {
			case err == nil:
				launchers[s.name] = found
				continue
			case ctx.Err() != nil:
				return nil, context.Cause(ctx)
			case lasting(err):
				return nil, named(s, err)
			}
			i.progress(fmt.Sprintf("%v; tried again in %v", named(s, err), backoff))
			sleep(ctx, backoff)
			backoff = min(2*backoff, i.options.Times.MaxBackoff)
		}
	}
	return launchers, nil
}

// lasting says that an image will not run here at another try either.
func lasting(err error) bool {
	var other *program.OtherError
	var large *program.TooLargeError
	var tooLarge *container.TooLargeError
	return errors.As(err, &other) || errors.As(err, &large) || errors.As(err, &tooLarge) || errors.Is(err, fs.ErrNotExist) || container.IsMissing(err)
}

// onDisk returns how to run a service with what is on this machine. The error is fs.ErrNotExist when its image is not.
func (i *images) onDisk(ctx context.Context, s service) (launcher, error) {
	if s.engine == "" {
		one, err := program.Load(i.dirs.image(s.digest))
		if !errors.Is(err, fs.ErrNotExist) {
			return programLauncher{one}, err
		}
	}
	noted, err := readOther(i.otherImage(s))
	if err != nil {
		return nil, err
	}
	tool, err := i.tools.find(ctx)
	if err != nil {
		return nil, err
	}
	if !tool.Has(ctx, noted.Name) {
		return nil, fmt.Errorf("%s has the image %s no more: %w", tool.Name, noted.Name, fs.ErrNotExist)
	}
	return containerLauncher{tools: i.tools, tool: tool, image: noted}, nil
}

// bring has what a service runs brought to this machine.
func (i *images) bring(ctx context.Context, s service) (launcher, error) {
	found, err := i.onDisk(ctx, s)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return found, err
	}
	i.progress("fetching the image")
	if s.engine != "" {
		return i.bringDatabase(ctx, s)
	}
	image, err := i.options.Images.Pull(ctx, s.repository, s.digest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &goneError{image: s.repository + "@" + s.digest, retry: i.key.String(), err: err}
	}
	if err != nil {
		return nil, err
	}
	one, err := program.Unpack(ctx, image, i.dirs.image(s.digest), i.options.Limits)
	var other *program.OtherError
	if !errors.As(err, &other) {
		return programLauncher{one}, err
	}
	tool, missing := i.tools.find(ctx)
	if missing != nil {
		return nil, fmt.Errorf("%w, and %w", other, missing)
	}
	return i.load(ctx, s, tool, image)
}

// prune removes images that nothing runs, but for the newest ones.
func (i *images) prune(ctx context.Context, services []service) {
	entries, err := os.ReadDir(i.dirs.images)
	if err != nil {
		i.options.Log.Warn("old images cannot be removed", "project", i.key.String(), "error", err)
		return
	}
	type image struct {
		dir  string
		used time.Time
	}
	var unused []image
	for _, e := range entries {
		dir := filepath.Join(i.dirs.images, e.Name())
		runs := slices.ContainsFunc(services, func(s service) bool { return i.dirs.image(s.digest) == dir || i.otherImage(s) == dir })
		if info, err := e.Info(); err == nil && !runs {
			unused = append(unused, image{dir, info.ModTime()})
		} else if err == nil {
			now := i.options.Clock()
			_ = os.Chtimes(dir, now, now) // only the order in which they go depends on it
		}
	}
	slices.SortFunc(unused, func(a, b image) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.dir, b.dir)) })
	kept := max(1, keptImages-len(services))
	for _, old := range unused[min(kept, len(unused)):] {
		if err := i.remove(ctx, old.dir); err != nil {
			i.options.Log.Warn("an old image cannot be removed", "project", i.key.String(), "error", err)
		}
	}
}
