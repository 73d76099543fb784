package manifest

import (
	"cmp"
	"strings"
)

// MonolithicSpec is what a monolithic project runs of its image besides the app.
type MonolithicSpec struct {
	// Release command, run once for each release before anything of it is rolled out. When it fails, nothing is.
	Release *ReleaseCommand `yaml:"release,omitempty" json:"release,omitempty"`
	// Workers run all the time beside the app, from the same image and with the same env, and serve nobody.
	Workers []Worker `yaml:"workers,omitempty" json:"workers,omitempty"`
	// Cron has commands that run at their times, from the same image and with the same env.
	Cron []CronCommand `yaml:"cron,omitempty" json:"cron,omitempty"`
}

// ReleaseCommand runs before a release is rolled out: it migrates a database, say. A rollback does not run it.
type ReleaseCommand struct {
	// Command and its arguments, in place of what the image starts. It is no line of a shell.
	Command []string `yaml:"command" json:"command"`
}

// RunsCommand says of values that they have a release command.
func RunsCommand(values Document) bool {
	return strings.Contains("\n"+string(values), "\nreleaseCommand:")
}

// Worker runs beside the app.
type Worker struct {
	// Name of the worker.
	Name string `yaml:"name" json:"name"`
	// Command and its arguments, in place of what the image starts. It is no line of a shell.
	Command []string `yaml:"command" json:"command"`
	// Replicas of the worker; 1 when absent.
	Replicas *int `yaml:"replicas,omitempty" json:"replicas,omitempty"`
	// Resources of one replica; those of the app when absent.
	Resources Resources `yaml:"resources,omitempty" json:"resources,omitzero"`
}

// CronCommand runs at its times.
type CronCommand struct {
	// Name of the cron job.
	Name string `yaml:"name" json:"name"`
	// Schedule in cron notation, five fields, in UTC: "0 3 * * *".
	Schedule string `yaml:"schedule" json:"schedule"`
	// Command and its arguments, in place of what the image starts. It is no line of a shell.
	Command []string `yaml:"command" json:"command"`
	// Resources of it; those of the app when absent.
	Resources Resources `yaml:"resources,omitempty" json:"resources,omitzero"`
}

// runsCommands says that something of the image runs besides the app.
func (s MonolithicSpec) runsCommands() bool {
	return s.Release != nil || len(s.Workers) > 0 || len(s.Cron) > 0
}

// The values of what runs besides the app.
type (
	commandValues struct {
		Command []quoted `yaml:"command"`
	}
	workerValues struct {
		Name      string    `yaml:"name"`
		Command   []quoted  `yaml:"command"`
		Replicas  int       `yaml:"replicas"`
		Resources Resources `yaml:"resources"`
	}
	cronValues struct {
		Name      string    `yaml:"name"`
		Schedule  quoted    `yaml:"schedule"`
		Command   []quoted  `yaml:"command"`
		Resources Resources `yaml:"resources"`
	}
)

// addCommands adds what runs besides the app; values of a project without any are as they were.
func (v *monolithicValues) addCommands(spec MonolithicSpec) {
	if spec.Release != nil {
		v.ReleaseCommand = &commandValues{quotedAll(spec.Release.Command)}
	}
	for _, w := range spec.Workers {
		v.Workers = append(v.Workers, workerValues{w.Name, quotedAll(w.Command), replicasOf(w.Replicas, 0), v.Resources.or(w.Resources)})
	}
	for _, c := range spec.Cron {
		v.Cron = append(v.Cron, cronValues{c.Name, quoted(c.Schedule), quotedAll(c.Command), v.Resources.or(c.Resources)})
	}
}

// or is own, with r for what it leaves out.
func (r Resources) or(own Resources) Resources {
	return Resources{CPU: cmp.Or(own.CPU, r.CPU), Memory: cmp.Or(own.Memory, r.Memory)}
}

func quotedAll(texts []string) []quoted {
	all := make([]quoted, len(texts))
	for i, text := range texts {
		all[i] = quoted(text)
	}
	return all
}
