package config

import (
	"testing"

	"github.com/plateform/plateform/manifest"
)

// Engines name things by their names; project.yaml has them by their numbers, or not at all.
func TestWritten(t *testing.T) {
	t.Parallel()
	app := manifest.ProjectSpec{}
	app.Env = []manifest.EnvVar{{Name: "A"}, {Name: "B"}}
	services := app
	services.Services = []manifest.Service{{Name: "api"}, {Name: "server", Env: []manifest.EnvVar{{Name: "C"}}}}
	parts := app
	parts.Workers = []manifest.Worker{{Name: "sort"}, {Name: "mail", Resources: manifest.Resources{Memory: "64Mi"}}}
	parts.Cron = []manifest.CronCommand{{Name: "tidy", Resources: manifest.Resources{Memory: "64Mi"}}}
	image := app
	image.Image = "birds/wren:1"
	for _, tt := range []struct {
		spec        manifest.ProjectSpec
		field, want string
	}{
		{app, "spec.health.path", "spec.health.path"},
		{app, "spec.env[B]", "spec.env[1]"},
		{app, "spec.env[C]", ""},
		{app, "spec.image", ""},
		{image, "spec.image", "spec.image"},
		{services, "spec.services[server].port", "spec.services[1].port"},
		{services, "spec.services[server].env[C]", "spec.services[1].env[0]"},
		{services, "spec.services[server].env[A]", "spec.env[0]"},
		{services, "spec.services[gone].port", ""},
		{parts, "spec.workers[mail].resources.memory", "spec.workers[1].resources.memory"},
		{parts, "spec.workers[sort].resources.memory", "spec.resources.memory"},
		{parts, "spec.cron[tidy].resources.memory", "spec.cron[0].resources.memory"},
		{parts, "spec.workers[gone].resources.memory", ""},
	} {
		got, is := written(tt.spec, tt.field)
		if is != (tt.want != "") || is && got != tt.want {
			t.Errorf("%s is written at %q, %t; want %q", tt.field, got, is, tt.want)
		}
	}
}
