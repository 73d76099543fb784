package loop

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// located are the problems of a rollout where people can mend them: in project.yaml as it is now. An engine knows the fields alone, and
// names things by their names. A problem of something that is not written there is left out: the cause says it.
func (ro *rollouts) located(p *project) (found manifest.Problems) {
	release := ro.gitops.Project(p.key).Release()
	if release == nil || len(p.rollout.Problems) == 0 || !ro.view(p.key).Present {
		return nil
	}
	file := manifest.ProjectFile(p.key)
	text, err := ro.options.Config.Read(ro.catalog.Commit, file)
	if err != nil {
		return nil
	}
	for _, problem := range p.rollout.Problems {
		field, is := written(release.Spec.Project, problem.Field)
		if !is {
			continue
		}
		problem.File, problem.Field = file, field
		if p.rollout.late {
			problem.What = p.rollout.Cause
		}
		found = append(found, problem)
	}
	return manifest.Locate(file, text, found)
}

// written is a field with numbers in place of names, spec.env[2]; false when project.yaml does not say what it is about.
func written(spec manifest.ProjectSpec, field string) (string, bool) {
	above, env := "spec.", spec.Env
	if rest, ok := strings.CutPrefix(field, "spec.services["); ok {
		name, below, _ := strings.Cut(rest, "].")
		n := slices.IndexFunc(spec.Services, func(s manifest.Service) bool { return s.Name == name })
		if n < 0 {
			return "", false
		}
		above, env = "spec.services["+strconv.Itoa(n)+"].", spec.Services[n].Env
		field = above + below
	}
	_, name, named := strings.Cut(field, "env[")
	if !named {
		return field, field != "spec.image" || spec.Image != ""
	}
	is := func(v manifest.EnvVar) bool { return v.Name == strings.TrimSuffix(name, "]") }
	n := slices.IndexFunc(env, is)
	if n < 0 { // it is one of all services
		above, n = "spec.", slices.IndexFunc(spec.Env, is)
	}
	return above + "env[" + strconv.Itoa(n) + "]", n >= 0
}
