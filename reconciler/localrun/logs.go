package localrun

import (
	"context"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun/applog"
)

// Logs reads what apps print out of an engine's folder. The engine may be running, in this process or in another, or not.
type Logs struct {
	// Dir is the folder of the engine.
	Dir string
}

var (
	_ reconciler.AppLogs = Logs{}
	_ reconciler.AppLogs = (*Engine)(nil)
)

// AppLog implements reconciler.AppLogs.
func (l Logs) AppLog(ctx context.Context, key manifest.Key, ask reconciler.AppLogQuestion, line func(string) error) error {
	return applog.Read(ctx, dirsOf(l.Dir, key).log, ask.Last, ask.Follow, line)
}

// AppLog implements reconciler.AppLogs.
func (e *Engine) AppLog(ctx context.Context, key manifest.Key, ask reconciler.AppLogQuestion, line func(string) error) error {
	return Logs{Dir: e.options.Dir}.AppLog(ctx, key, ask, line)
}
