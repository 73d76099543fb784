package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// Locate says where people can mend the problems of a rollout: in project.yaml at the commit of the catalog. An engine knows fields alone,
// and names things by their names. A problem of something that is not written there is left out: its cause says it.
func (c *Catalog) Locate(k manifest.Key, cause string, problems manifest.Problems) (found manifest.Problems) {
	if len(problems) == 0 {
		return nil
	}
	file := manifest.ProjectFile(k)
	text, err := c.Reader.Read(c.Commit, file)
	if err != nil {
		return nil
	}
	project, _ := manifest.ParseProject(file, text)
	if project == nil { // it cannot be read, which is told elsewhere
		return nil
	}
	for _, problem := range problems {
		field, is := written(project.Spec, problem.Field)
		if !is {
			continue
		}
		problem.File, problem.Field, problem.What = file, field, cause
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
	for _, list := range []string{"workers", "cron"} {
		if rest, ok := strings.CutPrefix(field, "spec."+list+"["); ok {
			return writtenOfPart(spec, list, rest)
		}
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

// writtenOfPart is a field of a worker or cron job of which the name and what is below are given; what it does not say itself the project
// says.
func writtenOfPart(spec manifest.ProjectSpec, list, rest string) (string, bool) {
	name, below, _ := strings.Cut(rest, "].")
	n, own := -1, manifest.Resources{}
	if list == "workers" {
		if n = slices.IndexFunc(spec.Workers, func(w manifest.Worker) bool { return w.Name == name }); n >= 0 {
			own = spec.Workers[n].Resources
		}
	} else if n = slices.IndexFunc(spec.Cron, func(c manifest.CronCommand) bool { return c.Name == name }); n >= 0 {
		own = spec.Cron[n].Resources
	}
	if n < 0 {
		return "", false
	}
	if own == (manifest.Resources{}) {
		return "spec." + below, true
	}
	return "spec." + list + "[" + strconv.Itoa(n) + "]." + below, true
}
