//go:build e2e

package direct_test

import (
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/enginetest"
)

func TestDirectContract(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		n := newNode(t)
		return enginetest.Subject{
			Open: func(t *testing.T) (reconciler.Engine, func()) {
				t.Helper()
				n.start()
				return n.engine, n.stop
			},
			Good: func(k manifest.Key, release string) reconciler.Target { return n.target(k, release, nil) },
			Bad: func(k manifest.Key, release string) reconciler.Target {
				return n.target(k, release, map[string]string{"EXIT": "3"})
			},
			Hanging: func(k manifest.Key, release string) reconciler.Target {
				return n.target(k, release, map[string]string{"SICK": "1"})
			},
			Sealed:  n.sealed,
			Owner:   n.owner,
			Answers: n.answer,
		}
	})
}
