package loop

import (
	"context"

	"github.com/plateform/plateform/reconciler/worker"
)

// workers go on beside the loop: it hands over what is wanted, which never blocks, and takes back what is new.
type workers struct {
	sources *worker.Sources
	builds  *worker.Builds
	tags    *worker.Tags
	images  *worker.Images
	// references are images that somebody named before they could be used.
	references *worker.References
	outbox     *worker.Outbox
	// rollouts is nil without an engine.
	rollouts *worker.Rollouts
	// garbage is nil when nobody's images are removed.
	garbage *worker.Garbage
}

func newWorkers(o Options, notify func()) workers {
	common := worker.Common{Queue: o.Queue, Clock: o.Clock, Jitter: o.Jitter, Notify: notify}
	w := workers{
		sources:    worker.NewSources(o.Sources, o.Poll, common),
		builds:     worker.NewBuilds(o.Builder, o.Registry, common),
		tags:       worker.NewTags(o.Registry, o.Log, common),
		images:     worker.NewImages(o.Registry, common),
		references: worker.NewReferences(o.Registry, common),
		outbox:     worker.NewOutbox(o.Forge, o.Log, common),
	}
	if o.Engine != nil {
		w.rollouts = worker.NewRollouts(o.Engine, common)
	}
	if o.Images != nil {
		w.garbage = worker.NewGarbage(o.Images, o.Config, o.GitOps, o.Log, common)
	}
	return w
}

// hint passes a hint on to whom it concerns.
func (w workers) hint(h Hint) {
	if h.Source != "" {
		w.sources.Hint(h.Source)
	}
	if h.Sources {
		w.sources.HintAll()
	}
	if h.Builds {
		w.builds.Hint()
	}
	if h.Rollouts && w.rollouts != nil {
		w.rollouts.Hint()
	}
}

// runs are what each worker does until its context ends.
func (w workers) runs() []func(context.Context) error {
	runs := []func(context.Context) error{w.sources.Run, w.builds.Run, w.tags.Run, w.images.Run, w.references.Run, w.outbox.Run}
	if w.rollouts != nil {
		runs = append(runs, w.rollouts.Run)
	}
	if w.garbage != nil {
		runs = append(runs, w.garbage.Run)
	}
	return runs
}
