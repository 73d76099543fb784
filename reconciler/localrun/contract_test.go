package localrun_test

import (
	"net/http"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/enginetest"
)

func TestContract(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) enginetest.Subject {
		w := newWorld(t)
		w.stop()
		image := w.app()
		hostOf := func(k manifest.Key) string { return k.Project + "-" + k.Workspace + ".localhost" }
		target := func(k manifest.Key, version string, more map[string]string) reconciler.Target {
			env := map[string]string{"ANSWER": version}
			for name, value := range more {
				env[name] = value
			}
			return w.target(release{key: k, version: version, image: image, host: hostOf(k), health: "/health", env: env})
		}
		return enginetest.Subject{
			Open: func(t *testing.T) (reconciler.Engine, func()) {
				t.Helper()
				w.start()
				return w.engine, w.stop
			},
			Good: func(k manifest.Key, version string) reconciler.Target { return target(k, version, nil) },
			Bad: func(k manifest.Key, version string) reconciler.Target {
				return target(k, version, map[string]string{"EXIT": "3"})
			},
			Hanging: func(k manifest.Key, version string) reconciler.Target {
				return target(k, version, map[string]string{"SICK": "1"})
			},
			Sealed: func(k manifest.Key, version, answer string) reconciler.Target {
				return w.target(release{key: k, version: version, image: image, host: hostOf(k), health: "/health", secrets: map[string]string{"ANSWER": answer}})
			},
			Answers: func(t *testing.T, k manifest.Key) string {
				t.Helper()
				status, body := w.getAt(hostOf(k), "/")
				if status != http.StatusOK {
					return ""
				}
				return body
			},
		}
	})
}
