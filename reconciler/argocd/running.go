package argocd

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/pods"
)

var (
	_ reconciler.AppLogs  = (*Engine)(nil)
	_ reconciler.Overseer = (*Engine)(nil)
)

// AppLog implements reconciler.AppLogs.
func (e *Engine) AppLog(ctx context.Context, key manifest.Key, ask reconciler.AppLogQuestion, line func(text string) error) error {
	return pods.Reader{Cluster: e.cluster.set, Namespace: e.namespaceOf, Call: e.options.Times.Call}.AppLog(ctx, key, ask, line)
}

// namespaceOf is where a project runs; empty when nothing of it is wanted.
func (e *Engine) namespaceOf(k manifest.Key) string {
	e.mu.Lock()
	p := e.projects[k]
	e.mu.Unlock()
	if p == nil {
		return ""
	}
	return p.state.Namespace()
}

// Running implements reconciler.Overseer.
func (e *Engine) Running(ctx context.Context, key manifest.Key) (reconciler.Running, error) {
	rollouts, err := e.Rollouts(ctx, []manifest.Key{key})
	if err != nil {
		return reconciler.Running{}, err
	}
	running := reconciler.Running{Rollout: rollouts[key], Namespace: e.namespaceOf(key)}
	if _, there := rollouts[key]; !there || running.Namespace == "" {
		return running, fmt.Errorf("%s runs nowhere: %w", key, fs.ErrNotExist)
	}
	ctx, cancel := context.WithTimeout(ctx, e.options.Times.Call)
	defer cancel()
	err = pods.Look(ctx, e.cluster.seen, key, &running)
	return running, err
}
