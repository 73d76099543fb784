package pods

import (
	"context"
	"fmt"
	"io/fs"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Overseer says what runs of the projects of an engine, and what it prints.
type Overseer struct {
	Reader
	// Seen is what watches tell of the cluster.
	Seen client.Reader
	// Said are the rollouts of the engine.
	Said func(ctx context.Context, keys []manifest.Key) (map[manifest.Key]reconciler.Rollout, error)
}

var (
	_ reconciler.AppLogs  = Overseer{}
	_ reconciler.Overseer = Overseer{}
)

// Running implements reconciler.Overseer.
func (o Overseer) Running(ctx context.Context, key manifest.Key) (reconciler.Running, error) {
	rollouts, err := o.Said(ctx, []manifest.Key{key})
	if err != nil {
		return reconciler.Running{}, err
	}
	running := reconciler.Running{Rollout: rollouts[key], Namespace: o.Namespace(key)}
	if _, there := rollouts[key]; !there || running.Namespace == "" {
		return running, fmt.Errorf("%s runs nowhere: %w", key, fs.ErrNotExist)
	}
	ctx, cancel := context.WithTimeout(ctx, o.Call)
	defer cancel()
	err = Look(ctx, o.Seen, key, &running)
	return running, err
}
