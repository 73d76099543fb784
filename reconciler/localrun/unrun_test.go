package localrun

import (
	"testing"

	"github.com/plateform/plateform/manifest"
)

// What is written and does not happen here is named, each kind by itself and all of them together.
func TestUnrun(t *testing.T) {
	migrate := &manifest.ReleaseCommand{Command: []string{"./migrate"}}
	workers, cron := make([]manifest.Worker, 2), make([]manifest.CronCommand, 1)
	for want, spec := range map[string]manifest.ProjectSpec{
		"": {Type: manifest.Monolithic},
		"engine local does not run its release command: a cluster does":                                   {MonolithicSpec: manifest.MonolithicSpec{Release: migrate}},
		"engine local does not run its 2 workers and its 1 cron job: a cluster does":                      {MonolithicSpec: manifest.MonolithicSpec{Workers: workers, Cron: cron}},
		"engine local does not run its release command, its 2 workers and its 1 cron job: a cluster does": {MonolithicSpec: manifest.MonolithicSpec{Release: migrate, Workers: workers, Cron: cron}},
		"engine local makes no backups: a cluster does":                                                   {Type: manifest.Database, DatabaseSpec: manifest.DatabaseSpec{Backup: &manifest.Backup{Schedule: "0 3 * * *"}}},
	} {
		if got := Unrun(spec); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
