//go:build e2e

package argocdserver_test

import (
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/enginetest"
	"github.com/plateform/plateform/test/kube"
)

func TestArgoCDContract(t *testing.T) {
	cluster := kube.Shared(t)
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		w := newWorld(t, cluster)
		of := func(b kube.Behaviour) func(manifest.Key, string) reconciler.Target {
			return func(k manifest.Key, release string) reconciler.Target { return w.target(k, release, b) }
		}
		return enginetest.Subject{
			Open: func(t *testing.T) (reconciler.Engine, func()) {
				t.Helper()
				w.start()
				return w, w.stop
			},
			Good: of(kube.Runs), Bad: of(kube.CrashLoop), Hanging: of(kube.NeverReady), Sealed: w.sealed, Owner: w.owner, Answers: w.answer, Mute: true,
		}
	})
}
