package plan

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// also says what of a project runs besides its app, which standard its pods are kept to from now on, and what its engine does not
// run. spec is what the release that is made, or runs again, was written as. Commands are not shown: they are for those who may read
// project.yaml.
func (p *Project) also(o Options, t config.Transition, spec manifest.ProjectSpec) {
	add := func(format string, args ...any) { p.Also = append(p.Also, fmt.Sprintf(format, args...)) }
	switch {
	case spec.Release == nil:
	case p.makes():
		add("the release command runs once before %s is rolled out; when it fails, nothing of it is rolled out", p.Next)
	case p.Action == Rollback:
		add("the release command does not run again: a rollback runs none")
	}
	if len(spec.Workers) > 0 {
		var workers []string
		for _, w := range spec.Workers {
			replicas := 1
			if w.Replicas != nil {
				replicas = *w.Replicas
			}
			workers = append(workers, fmt.Sprintf("%s (%s)", w.Name, manifest.Count(replicas, "replica")))
		}
		add("%s beside the app: %s", manifest.Count(len(workers), "worker"), strings.Join(workers, ", "))
	}
	if len(spec.Cron) > 0 {
		var jobs []string
		for _, c := range spec.Cron {
			jobs = append(jobs, fmt.Sprintf("%s (%s)", c.Name, c.Schedule))
		}
		add("%s, in UTC: %s", manifest.Count(len(jobs), "cron job"), strings.Join(jobs, ", "))
	}
	if t.Before != nil && t.Before.Present && t.Before.Parsed && p.makes() && spec.Type != manifest.Database {
		switch was, is := t.Before.Inputs.PodSecurity, t.After.Inputs.PodSecurity; {
		case was == is:
		case is == manifest.Baseline:
			add("pods may start as root from now on (pod security baseline)")
		default:
			add("pods may not run as root any more (pod security %s): an image that does is refused by the cluster, and what runs stays", cmp.Or(is, manifest.Restricted))
		}
	}
	if o.Unrun != nil {
		if not := o.Unrun(spec); not != "" {
			p.Also = append(p.Also, not)
		}
	}
}
