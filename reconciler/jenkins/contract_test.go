package jenkins_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/buildertest"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

func TestContract(t *testing.T) {
	buildertest.Run(t, func(t *testing.T) buildertest.Subject {
		w := newWorld(t, jenkinsserver.Options{})
		var mended, recovered atomic.Bool
		w.does(func(ctx context.Context, b *jenkinsserver.Build) error {
			switch id := b.Parameter(jenkins.ParamID); {
			case id == "bad-1" && !mended.Load():
				return errCompile
			case id == "shaken-1" && !recovered.Load():
				w.jenkins.Vanish(jobName, b.Number)
				w.clock.advance(time.Minute)
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		good, bad, shaken := w.request("good-1"), w.request("bad-1"), w.request("shaken-1")
		return buildertest.Subject{
			Open: func(t *testing.T, notify func(string)) reconciler.Builder {
				w.jenkins.Watch(func(c jenkinsserver.Change) { notify(c.Parameters[jenkins.ParamID]) })
				return w.open()
			},
			Good: good, Bad: bad, Shaken: shaken,
			Mend:    func(*testing.T) { mended.Store(true) },
			Recover: func(*testing.T) { recovered.Store(true) },
			Built:   func(r reconciler.BuildRequest) int { return w.count(r.ID) },
		}
	})
}
