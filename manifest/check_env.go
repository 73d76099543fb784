package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/manifest/strict"
)

// MaxVariableBytes is what the longest environment variable may take, as NAME=value: Linux starts no program with a longer one,
// in a pod or elsewhere. All of a project.yaml is less than it takes of them together.
const MaxVariableBytes = 128<<10 - 1

// CheckVariableSize says what is wrong with a variable that no program is started with.
func CheckVariableSize(name, value string) error {
	if size := len(name) + len("=") + len(value); size > MaxVariableBytes {
		return refuse("have the app read what is long from a file of its image", "the variable %s takes %d bytes with its name, and Linux starts no program with more than %d in one",
			variable(name), size, MaxVariableBytes)
	}
	return nil
}

// checkEnv checks the environment of an app or a service.
func (c *projectCheck) checkEnv(field string, env []EnvVar) {
	seen := map[string]bool{}
	for i, e := range env {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.checkEnvName(at+".name", e.Name, seen)
		given := 0
		for _, there := range []bool{e.Value != nil, e.Secret != "", e.From != nil} {
			if there {
				given++
			}
		}
		if given != 1 {
			c.add(at, fmt.Sprintf("the variable %s has %d of value, secret and from", variable(e.Name), given), "give it exactly one of them")
		}
		if e.Secret != "" {
			c.addError(at+".secret", checkSecret(e))
		}
		if e.From != nil {
			c.checkFrom(at+".from", *e.From)
		}
		if e.Value != nil {
			c.checkEnvValue(at+".value", e.Name, *e.Value)
		}
	}
}

// variable is the name of a variable for a message. What is behind a = was to be its value.
func variable(name string) string {
	name, _, _ = strings.Cut(name, "=")
	return quote(name)
}

// checkEnvValue checks that a program can be given a value.
func (c *projectCheck) checkEnvValue(field, name, value string) {
	c.addError(field, CheckVariableSize(name, value))
	if strings.ContainsRune(value, 0) {
		c.add(field, fmt.Sprintf("the value of %s has a NUL byte, which no variable can hold", variable(name)), "remove it, or encode the value")
	}
	if strings.ContainsRune(value, '\u0085') { // YAML has it for an end of a line, and makes a space of it on the way to the cluster
		c.add(field, fmt.Sprintf("the value of %s has the character U+0085, of which the cluster would make a space", variable(name)), "remove it, encode the value, or make it a secret")
	}
}

func (c *projectCheck) checkEnvName(field, name string, seen map[string]bool) {
	if strings.Contains(name, "=") {
		c.add(field, fmt.Sprintf("the name of the variable %s goes on with =", variable(name)), "write what is behind it as value")
	} else if len(validation.IsCIdentifier(name)) > 0 || len(name) > validation.DNS1123SubdomainMaxLength {
		c.add(field, quote(name)+" is not the name of an environment variable", "use letters, digits and _, not a digit first, like LOG_LEVEL")
	} else if seen[name] {
		c.add(field, fmt.Sprintf("the variable %s is there twice", name), "remove one of the two")
	}
	seen[name] = true
}

// checkSecret checks the form of a secret value, and never shows it: it may be a password in plain text.
func checkSecret(e EnvVar) error {
	const fix = "write what plateform secret encrypt prints"
	if !strings.HasPrefix(e.Secret, secret.Prefix) {
		return refuse(fix+"; if this is the secret itself, replace it, as it is in the history now", "the secret of %s is not encrypted", variable(e.Name))
	}
	if secret.Check(e.Secret) != nil {
		return refuse(fix, "the secret of %s is damaged", variable(e.Name))
	}
	return nil
}

// checkFrom checks a reference to another project of the workspace.
func (c *projectCheck) checkFrom(field string, from EnvFrom) {
	other, there := c.projects[from.Project]
	switch {
	case from.Project == c.key.Project:
		c.add(field+".project", "the project refers to itself", "name another project")
	case !there:
		fix := "add it, or name another project of the workspace"
		if near := strict.Nearest(from.Project, slices.Sorted(maps.Keys(c.projects))); near != "" && near != c.key.Project {
			fix = fmt.Sprintf("did you mean %q?", near)
		}
		c.add(field+".project", fmt.Sprintf("there is no project %s in the workspace %s", quote(from.Project), c.key.Workspace), fix)
	case other != nil && !slices.Contains(Offers(other.Spec.Type), from.Key):
		c.add(field+".key", fmt.Sprintf("the project %s offers no %s", from.Project, quote(from.Key)),
			"write "+strings.Join(Offers(other.Spec.Type), ", "))
	}
}

// checkDatabase checks what a database says.
func (c *projectCheck) checkDatabase() {
	s := c.spec
	for _, f := range []struct{ name, value, example string }{
		{"engine", s.Engine, "postgres"}, {"version", s.Version, `"16"`}, {"storage", s.Storage, "10Gi"},
	} {
		if f.value == "" {
			c.add("spec."+f.name, "a database needs "+f.name, "write it like "+f.name+": "+f.example)
		}
	}
	if s.Engine != "" {
		c.addError("spec.engine", oneOf("engine", s.Engine, Engines()))
	}
	if s.Version != "" && !isEngineVersion(s.Version) {
		c.add("spec.version", quote(s.Version)+" is not the version of an engine", `write it like "16" or "16.4"`)
	}
	c.checkAmount("spec.storage", s.Storage, storageAmount())
	if s.DeletionPolicy != "" {
		c.addError("spec.deletionPolicy", oneOf("deletion policy", s.DeletionPolicy, DeletionPolicies()))
	}
	if s.Backup != nil {
		const mostBackups = 1000
		c.addError("spec.backup.schedule", checkSchedule(s.Backup.Schedule))
		c.checkCount("spec.backup.retention", s.Backup.Retention, mostBackups)
	}
}

// isEngineVersion says that a text is the tag of an engine's image that begins with its version: 16, 16.4-alpine.
func isEngineVersion(s string) bool {
	const longest = 60
	_, err := major(s)
	return err == nil && s[0] != '-' && s[0] != '+' && len(s) <= longest && firstUnsafe(s, ".-") == 0 && !strings.HasSuffix(s, ".") && isASCII(s)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}

// checkSchedule checks a cron expression as Kubernetes reads it, and that its time ever comes. A time zone in front is
// refused: Kubernetes does not take it, and the parser panics on some.
func checkSchedule(schedule string) error {
	const fix = `write five fields, minute hour day month weekday, like "0 3 * * *"`
	const fields, longest = 5, 100
	if len(strings.Fields(schedule)) != fields || len(schedule) > longest || strings.ContainsAny(schedule, "=@\n") {
		return refuse(fix, "%s is not a cron expression", quote(schedule))
	}
	parsed, err := cron.ParseStandard(schedule)
	if err != nil {
		return refuse(fix, "%s is not a cron expression", quote(schedule))
	}
	if parsed.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return refuse("choose a day that exists", "the time of the schedule %s never comes", quote(schedule))
	}
	return nil
}
