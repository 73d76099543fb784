package health

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// labelComponent names the part of a project that an object is of: a service, say.
const labelComponent = "app.kubernetes.io/component"

// outOfMemory is why a container ended that wanted more memory than it may have.
const outOfMemory = "OOMKilled"

// labelName is what an object is called: as its project, or as <project>-<worker or cron job>.
const labelName = "app.kubernetes.io/name"

// field is a field of project.yaml: of the service that labels name, where each has its own.
func field(labels map[string]string, name string) string {
	if service := labels[labelComponent]; service != "" && part(labels) == "" {
		return fmt.Sprintf("spec.services[%s].%s", service, name)
	}
	return "spec." + name
}

// part is the worker or cron job that labels name, as a field of project.yaml; empty for all else. The release command is no such part:
// what it is made of is the project's.
func part(labels map[string]string) string {
	name, own := strings.CutPrefix(labels[labelName], labels[LabelProject]+"-")
	lists := map[string]string{"worker": "workers", "cron": "cron", "release": ""}
	list, known := lists[labels[labelComponent]]
	switch {
	case !own || !known:
		return ""
	case list == "":
		return "spec"
	}
	return fmt.Sprintf("spec.%s[%s]", list, name)
}

// resource is the field that says how much of something a pod may have.
func resource(labels map[string]string, name string) string {
	return cmp.Or(part(labels), "spec") + ".resources." + name
}

// tooMuch is the field that can mend that no pod can be made.
func tooMuch(message string) (at, fix string) {
	if !strings.Contains(message, "exceeded quota") {
		return "", ""
	}
	return "spec.resources", "ask for less, or have the quota of the workspace raised"
}

// noRoom is the field that can mend that no node has room for a pod.
func noRoom(labels map[string]string, message string) (at, fix string) {
	for _, what := range []string{"memory", "cpu"} {
		if strings.Contains(message, "Insufficient "+what) {
			return resource(labels, what), "ask for less, or have a bigger node added"
		}
	}
	return "", ""
}

// lacking is the field that can mend that a container lacks what a variable of it is taken from.
func lacking(pod *corev1.Pod, container, message string) (at, fix string) {
	for _, c := range pod.Spec.Containers {
		if c.Name != container {
			continue
		}
		found, best := "", 0
		for _, v := range c.Env {
			if v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil {
				continue
			}
			ref, weight := v.ValueFrom.SecretKeyRef, 0
			if strings.Contains(message, `"`+ref.Name+`"`) || strings.Contains(message, "/"+ref.Name) {
				weight = 1
				if strings.Contains(message, "key "+ref.Key+" ") {
					weight = 2
				}
			}
			if weight > best {
				found, best = v.Name, weight
			}
		}
		if found != "" {
			return field(pod.Labels, "env["+found+"]"), "have the Secret made that it is taken from, or take the variable out"
		}
	}
	return "", ""
}

// lacksCredentials says of a container that cannot be started that it lacks the credentials of a database.
func lacksCredentials(k manifest.Key, waiting *corev1.ContainerStateWaiting) (v Verdict, known bool) {
	rest, found := strings.CutSuffix(waiting.Message, `-credentials" not found`)
	_, database, quoted := strings.Cut(rest, `secret "`)
	switch {
	case !found || !quoted:
		return v, false
	case database == k.Project:
		return Verdict{Phase: reconciler.PhaseFailed, Cause: "it cannot be started: " + waiting.Message +
			" (the release has no credentials: name an age public key in spec.secrets.recipients of platform.yaml, and the next release, which is made by itself, has them)"}, true
	}
	return Verdict{Phase: reconciler.PhaseProgressing, Cause: "it waits for the database " + database + ", which has no credentials here yet"}, true
}

// silent is a container that runs and does not answer.
func silent(pod *corev1.Pod, container string) Verdict {
	v := Verdict{Phase: reconciler.PhaseProgressing, Cause: "it runs, and does not answer at its port",
		Field: field(pod.Labels, "port"), Fix: "name the port that it listens at"}
	for _, c := range pod.Spec.Containers {
		if c.Name != container || c.ReadinessProbe == nil {
			continue
		}
		if c.ReadinessProbe.HTTPGet != nil {
			path := c.ReadinessProbe.HTTPGet.Path
			v.Cause, v.Field = "it runs, and does not answer at "+path, "spec.health.path"
			v.Fix = "name a path that it answers with 2xx at; and in port the port that it listens at"
		}
	}
	return v
}
