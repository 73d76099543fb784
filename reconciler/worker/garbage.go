package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
)

// ImageStore is a registry that nobody else tidies.
type ImageStore interface {
	// Sweep removes the images whose digests are not named, except those that somebody wanted lately.
	Sweep(ctx context.Context, named map[string]bool) error
}

// InUse is where the digests of all images stand that are in use.
type InUse struct {
	// Config and GitOps are the commits of both repositories whose files name them.
	Config, GitOps string
	// Digests of images that were made and are not in a file yet.
	Digests []string
}

// Garbage has the images removed that nobody names. It reads what names them by itself, as that takes longer than a loop can
// wait.
type Garbage struct {
	store          ImageStore
	config, gitops reconciler.Reader
	log            *slog.Logger
	queue          Queue

	mu     sync.Mutex
	wanted *InUse
	// read are the digests in each file, by its hash, as of the last time.
	read map[string][]string
}

// sweepTimeout bounds one time through a registry: it may hash everything that is there.
const sweepTimeout = time.Hour

// sweepKey is the one key of the queue.
const sweepKey = "images"

// NewGarbage returns the worker.
func NewGarbage(store ImageStore, config, gitops reconciler.Reader, log *slog.Logger, common Common) *Garbage {
	g := &Garbage{store: store, config: config, gitops: gitops, log: log}
	g.queue = common.Queue(queue.Options{Turn: g.sweep, Timeout: sweepTimeout})
	return g
}

// Run works until the context ends.
func (g *Garbage) Run(ctx context.Context) error { return g.queue.Run(ctx) }

// Want has everything removed that is not in use.
func (g *Garbage) Want(used InUse) {
	g.mu.Lock()
	g.wanted = &used
	g.mu.Unlock()
	g.queue.Add(sweepKey)
}

// sweep is one turn. It is not tried again: what was in use is out of date by then, and the next resync comes.
func (g *Garbage) sweep(ctx context.Context, _ string) (again time.Duration, err error) {
	g.mu.Lock()
	used := g.wanted
	g.wanted = nil
	g.mu.Unlock()
	if used == nil {
		return 0, nil
	}
	named, err := g.named(*used)
	if err == nil {
		err = g.store.Sweep(ctx, named)
	}
	if err != nil && ctx.Err() == nil {
		g.log.Warn("images that nobody needs are not removed now", "error", err)
	}
	return 0, nil
}

// named are all digests that are in use. An error says that not all of them are known.
func (g *Garbage) named(used InUse) (map[string]bool, error) {
	reading := &reading{garbage: g, named: map[string]bool{}, read: map[string][]string{}}
	for _, digest := range used.Digests {
		reading.named[digest] = true
	}
	if err := reading.folder(g.config, used.Config, manifest.WorkspacesDir); err != nil {
		return nil, fmt.Errorf("reading which images are in use: %w", err)
	}
	if err := reading.folder(g.gitops, used.GitOps, manifest.WorkspacesDir); err != nil {
		return nil, fmt.Errorf("reading which images are in use: %w", err)
	}
	g.read = reading.read
	return reading.named, nil
}

// reading is one time through the files of both repositories.
type reading struct {
	garbage *Garbage
	named   map[string]bool
	read    map[string][]string
}

// aDigest matches what names an image, wherever in a file it stands: no file has to be right for its images to stay.
var aDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// folder reads all YAML files below a folder. No commit has no files.
func (r *reading) folder(reader reconciler.Reader, commit, dir string) error {
	if commit == "" {
		return nil
	}
	entries, err := reader.List(commit, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		file := path.Join(dir, e.Name)
		switch {
		case e.Dir:
			err = r.folder(reader, commit, file)
		case strings.HasSuffix(e.Name, ".yaml"):
			err = r.file(reader, commit, file, e.Hash)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file notes the digests in a file, and those of the releases that a run.yaml remembers.
func (r *reading) file(reader reconciler.Reader, commit, file, hash string) error {
	found, known := r.garbage.read[hash]
	if !known {
		content, err := reconciler.ReadFile(reader, commit, file, hash)
		if err != nil {
			return err
		}
		found = aDigest.FindAllString(string(content), -1)
		withdrawn, err := r.remembered(file, content)
		if err != nil {
			return err
		}
		found = append(found, withdrawn...)
	}
	r.read[hash] = found
	for _, digest := range found {
		r.named[digest] = true
	}
	return nil
}

// remembered are the digests of releases that a run.yaml names and that have no file now: one that was taken back comes back
// without a build when the rollback is reverted.
func (r *reading) remembered(file string, content []byte) (digests []string, err error) {
	dir, name := path.Split(file)
	parts := strings.Split(strings.Trim(dir, "/"), "/")
	if name != path.Base(manifest.RunFile(manifest.Key{})) || len(parts) < 2 {
		return nil, nil
	}
	k := manifest.Key{Workspace: parts[len(parts)-2], Project: parts[len(parts)-1]}
	run, _ := manifest.ParseRun(file, content)
	if run == nil {
		return nil, nil // the loop makes it again
	}
	for _, hold := range run.Spec.Holds {
		if hold.Release == "" || hold.Commit == "" {
			continue
		}
		commit, err := r.garbage.config.Commit(hold.Commit)
		if err != nil {
			return nil, err
		}
		if len(commit.Cut) > 0 {
			return nil, fmt.Errorf("the history of the config repository is cut at %.10s, and what it took back is not known", hold.Commit)
		}
		for _, parent := range commit.Parents {
			found, err := r.release(k, hold.Release, parent)
			if err != nil {
				return nil, err
			}
			digests = append(digests, found...)
		}
	}
	return digests, nil
}

// release are the digests in a release file at a commit, if it is there.
func (r *reading) release(k manifest.Key, name, commit string) ([]string, error) {
	version, err := manifest.ParseVersion(name)
	if err != nil {
		return nil, nil // nobody can bring it back
	}
	content, err := r.garbage.config.Read(commit, manifest.ReleaseFile(k, version))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return aDigest.FindAllString(string(content), -1), err
}
