package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Longest names of what runs besides an app.
const (
	// longestCron is the name of a CronJob: Kubernetes appends the time of a run.
	longestCron = 52
	// longestReleasing is the name of a project with a release command, whose Job has the version in its name.
	longestReleasing = 40
)

// commandsSince is the first version of the chart monolithic that runs commands.
const commandsSince = hardened

// checkCommands checks what runs of the image besides the app.
func (c *projectCheck) checkCommands() {
	s := c.spec.MonolithicSpec
	if !s.runsCommands() {
		return
	}
	c.checkChartHas()
	if s.Release != nil {
		c.checkCommand("spec.release.command", s.Release.Command)
		if n := len(c.key.Project); n > longestReleasing {
			c.add("metadata.name", fmt.Sprintf("the name of a project with a release command has %d characters, more than %d", n, longestReleasing), "choose a shorter one")
		}
	}
	seen := map[string]bool{}
	for i, w := range s.Workers {
		field := fmt.Sprintf("spec.workers[%d]", i)
		c.checkPartName(field+".name", "worker", w.Name, longestLabel, seen)
		c.checkCommand(field+".command", w.Command)
		if w.Replicas != nil {
			c.checkReplicas(field+".replicas", *w.Replicas)
		}
		c.checkResources(field+".resources", w.Resources)
	}
	for i, job := range s.Cron {
		field := fmt.Sprintf("spec.cron[%d]", i)
		c.checkPartName(field+".name", "cron job", job.Name, longestCron, seen)
		c.addError(field+".schedule", checkSchedule(job.Schedule))
		c.checkCommand(field+".command", job.Command)
		c.checkResources(field+".resources", job.Resources)
	}
}

// checkChartHas checks that the chart that platform.yaml names runs commands at all.
func (c *projectCheck) checkChartHas() {
	if c.platform == nil {
		return
	}
	pinned, err := semver.StrictNewVersion(c.platform.Spec.Charts[Monolithic])
	if err != nil || !pinned.LessThan(semver.MustParse(commandsSince)) {
		return
	}
	s := c.spec.MonolithicSpec
	for _, f := range []struct {
		field string
		set   bool
	}{{"release", s.Release != nil}, {"workers", len(s.Workers) > 0}, {"cron", len(s.Cron) > 0}} {
		if f.set {
			c.add("spec."+f.field, fmt.Sprintf("the chart monolithic %s that platform.yaml names has no %s", pinned, f.field),
				"ask a platform admin for charts.monolithic: "+commandsSince+" or newer in platform.yaml")
		}
	}
}

// checkPartName checks the name of a worker or cron job. longest is that of the object that has the project's name in front.
func (c *projectCheck) checkPartName(field, what, name string, longest int, seen map[string]bool) {
	if err := checkLabel(what+"'s name", name, longest-len(c.key.Project)-1); err != nil {
		c.addError(field, err)
	} else if seen[name] {
		c.add(field, fmt.Sprintf("the name %s is there twice among workers and cron jobs", quote(name)), "rename one of the two")
	}
	seen[name] = true
}

// checkCommand checks that a program can be started with a command.
func (c *projectCheck) checkCommand(field string, command []string) {
	const fix = `write the program and each argument as an item, like ["./manage", "migrate"]`
	if len(command) == 0 || command[0] == "" {
		c.add(field, "there is no program to start", fix)
		return
	}
	for i, word := range command {
		at := fmt.Sprintf("%s[%d]", field, i)
		if strings.ContainsRune(word, 0) {
			c.add(at, "there is a NUL byte, which no argument can hold", "remove it")
		}
		if len(word) > MaxVariableBytes {
			c.add(at, fmt.Sprintf("it takes %d bytes, and Linux starts no program with more than %d in one argument", len(word), MaxVariableBytes), "have the program read it from a file of its image")
		}
	}
	if first := command[0]; len(command) == 1 && strings.ContainsAny(first, " \t\n") {
		c.add(field+"[0]", "there is no program of the name "+quote(first)+": it is no line of a shell", fix+`, or ["sh", "-c", "..."]`)
	}
}

// part of a project has objects of its own, which go by <project>-<name>.
type part struct{ what, name, field string }

func partsOf(spec ProjectSpec) (parts []part) {
	for i, s := range spec.Services {
		parts = append(parts, part{"service", s.Name, fmt.Sprintf("spec.services[%d].name", i)})
	}
	for i, w := range spec.Workers {
		parts = append(parts, part{"worker", w.Name, fmt.Sprintf("spec.workers[%d].name", i)})
	}
	for i, j := range spec.Cron {
		parts = append(parts, part{"cron job", j.Name, fmt.Sprintf("spec.cron[%d].name", i)})
	}
	return parts
}

// cronJobs begins the entries of CronJobs among the names of objects: those of a database have the names of nothing else.
const cronJobs = "CronJob "

// cronJobsOf are the names of the CronJobs of a project.
func cronJobsOf(name string, spec ProjectSpec) (names []string) {
	for _, job := range spec.Cron {
		names = append(names, name+"-"+job.Name)
	}
	if spec.Type == Database && spec.Backup != nil {
		restore := name + "-restore"
		names = append(names, name+"-backup", restore[:min(len(restore), longestCron)])
	}
	return names
}

// objectNames says which projects make Kubernetes objects of a name in the namespace.
func objectNames(projects map[string]*Project) map[string][]string {
	makers := map[string][]string{}
	for name, p := range projects {
		makers[name] = append(makers[name], name)
		if p == nil {
			continue
		}
		for _, part := range partsOf(p.Spec) {
			makers[name+"-"+part.name] = append(makers[name+"-"+part.name], name)
		}
		for _, job := range cronJobsOf(name, p.Spec) {
			makers[cronJobs+job] = append(makers[cronJobs+job], name)
		}
	}
	for _, names := range makers {
		slices.Sort(names)
	}
	return makers
}

// checkCollisions reports when the project and another one of the workspace would make objects of one name.
func (c *projectCheck) checkCollisions(objects map[string][]string) {
	if others := without(objects[c.key.Project], c.key.Project); len(others) > 0 {
		c.add("metadata.name", fmt.Sprintf("the project %s has the name that a part of the project %s has in Kubernetes",
			c.key.Project, others[0]), "rename the project or the part")
	}
	for _, part := range partsOf(c.spec) {
		object := c.key.Project + "-" + part.name
		if others := without(objects[object], c.key.Project); len(others) > 0 {
			c.add(part.field, fmt.Sprintf("the %s %s is called %s in Kubernetes, as the project %s or a part of it is",
				part.what, part.name, object, others[0]), "rename the "+part.what)
		}
	}
	for _, job := range cronJobsOf(c.key.Project, c.spec) {
		others := without(objects[cronJobs+job], c.key.Project)
		if c.spec.Type != Database { // what has a cron job of the same name is told above
			others = slices.DeleteFunc(others, func(o string) bool { return slices.Contains(objects[job], o) })
		}
		if len(others) > 0 {
			c.add("metadata.name", fmt.Sprintf("the projects %s and %s have a CronJob %s both, for a cron job and for backups", c.key.Project, others[0], job), "rename the cron job, or one of the projects")
		}
	}
}
