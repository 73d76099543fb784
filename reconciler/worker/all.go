package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/plateform/plateform/reconciler"
)

// Ports are what workers talk to. Engine and Images may be nil: then nobody follows rollouts, or removes images.
type Ports struct {
	// Config and GitOps say which images are still in use.
	Config, GitOps reconciler.Repository
	Sources        reconciler.Sources
	Builder        reconciler.Builder
	Registry       reconciler.Registry
	Forge          reconciler.Forge
	Engine         reconciler.Engine
	Images         ImageStore
}

// All are the workers of a loop. They go on beside it: it hands over what is wanted, which never blocks, and takes back what is new.
type All struct {
	Sources *Sources
	Builds  *Builds
	Tags    *Tags
	Images  *Images
	// References are images that somebody named before they could be used.
	References *References
	Outbox     *Outbox
	// Rollouts is nil without an engine.
	Rollouts *Rollouts
	// Garbage is nil when nobody's images are removed.
	Garbage *Garbage
}

// NewAll returns the workers for ports. Sources are looked at every poll without a hint; never when that is 0.
func NewAll(ports Ports, poll time.Duration, log *slog.Logger, common Common) All {
	a := All{
		Sources:    NewSources(ports.Sources, poll, common),
		Builds:     NewBuilds(ports.Builder, ports.Registry, common),
		Tags:       NewTags(ports.Registry, log, common),
		Images:     NewImages(ports.Registry, common),
		References: NewReferences(ports.Registry, common),
		Outbox:     NewOutbox(ports.Forge, log, common),
	}
	if ports.Engine != nil {
		a.Rollouts = NewRollouts(ports.Engine, common)
	}
	if ports.Images != nil {
		a.Garbage = NewGarbage(ports.Images, ports.Config, ports.GitOps, log, common)
	}
	return a
}

// Run works until the context ends, and returns when all have ended.
func (a All) Run(ctx context.Context) error {
	runs := []func(context.Context) error{a.Sources.Run, a.Builds.Run, a.Tags.Run, a.Images.Run, a.References.Run, a.Outbox.Run}
	if a.Rollouts != nil {
		runs = append(runs, a.Rollouts.Run)
	}
	if a.Garbage != nil {
		runs = append(runs, a.Garbage.Run)
	}
	return runAll(ctx, runs...)
}
