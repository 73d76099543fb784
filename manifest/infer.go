package manifest

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
)

// What a project has when it does not say, whatever the platform.
const (
	defaultPort           = 8080
	defaultRetention      = 7
	defaultDeletionPolicy = "retain"
)

// Inference is one value that nobody wrote into project.yaml, and why it is what it is.
type Inference struct {
	// Field of project.yaml that would set it: port, resources.cpu, services[orders].port. What cannot be set there
	// (namespace, chart) has its name in the values.
	Field  string `json:"field"`
	Value  string `json:"value"`
	Reason string `json:"reason"`
}

// Infer returns every inferred value of a release with its reason. p and w say who decided; w may be nil. Before a
// build an image may be missing: then what the source decides is not known yet.
func Infer(in ValuesInput, p *Platform, w *Workspace) []Inference {
	list := inferences{in: in, p: p}
	reason := "the workspace's name"
	if w != nil && w.Spec.Namespace != "" {
		reason = "spec.namespace of the workspace"
	}
	list.add("namespace", in.Platform.Namespace, reason)
	list.chart()
	if in.Project.Type == Database {
		list.database()
		list.resources()
		return list.found
	}
	list.host()
	list.sources()
	list.ports()
	list.replicas()
	list.resources()
	list.health()
	list.workers()
	return list.found
}

type inferences struct {
	in    ValuesInput
	p     *Platform
	found []Inference
}

func (l *inferences) add(field, value, reason string) {
	l.found = append(l.found, Inference{field, value, reason})
}

func (l *inferences) chart() {
	reason := "the newest this version of Plateform carries"
	if l.p.Spec.Charts[l.in.Project.Type] != "" {
		reason = "spec.charts of platform.yaml"
	}
	l.add("chart", l.in.Platform.Chart.Name+" "+l.in.Platform.Chart.Version, reason)
}

func (l *inferences) host() {
	if l.in.Platform.Host != "" && l.in.Project.Type == Monolithic {
		l.add("domain", l.in.Platform.Host, "<project>-<workspace> under the platform's domain")
	}
	if l.in.Project.Type != SpringMicroservice {
		return
	}
	for _, service := range l.in.Project.Services {
		host := serviceHost(l.in, service)
		field := "services[" + service.Name + "].host"
		switch {
		case host == "":
			l.add(field, "none", "the service is not public")
		case host == l.in.Project.Domain:
		case l.in.Project.Domain != "":
			l.add(field, host, "<service> under the project's domain, as several services are public")
		case host == l.in.Platform.Host:
			l.add(field, host, "<project>-<workspace> under the platform's domain")
		default:
			l.add(field, host, "<service>-<project>-<workspace> under the platform's domain, as several services are public")
		}
	}
}

func (l *inferences) sources() {
	for _, input := range SourceInputs(l.in.Project) {
		if input.Reference != "" {
			continue
		}
		prefix := ""
		if input.Image != AppImage || l.in.Project.Type == SpringMicroservice {
			prefix = "services[" + input.Image + "]."
		}
		if input.Source.Revision == "" && authoredSource(l.in.Project, input).Branch == "" {
			l.add(prefix+"source.branch", defaultBranch, "the default")
		}
		l.watches(prefix, input)
		if input.Build != nil && (input.Build.Framework != "" || input.Build.Dockerfile != "") {
			continue
		}
		if img, ok := l.in.image(input.Image); ok && img.Framework != "" {
			l.add(prefix+"build.framework", frameworks.Current(img.Framework), "found in the source")
		} else {
			l.add(prefix+"build.framework", "not known yet", "it is found in the source when that is built")
		}
	}
}

// watches says what a push has to touch to be built, where that is not the path of the source alone.
func (l *inferences) watches(prefix string, input SourceInput) {
	img, _ := l.in.image(input.Image)
	if img.Scope == "" && len(input.Source.Watch) == 0 {
		return
	}
	value, reason := cmp.Or(img.Scope, input.Source.Path, "."), img.ScopeReason
	if input.Source.Path != "" && img.Scope == "" && img.Commit == "" { // nobody has looked
		value = "what a build of " + input.Source.Path + " reads"
	}
	if len(input.Source.Watch) > 0 {
		value += ", then " + strings.Join(input.Source.Watch, ", ")
		reason = strings.TrimPrefix(reason+"; source.watch", "; ")
	}
	l.add(prefix+"watches", value, reason)
}

// authoredSource is the source of an image before anything was filled in.
func authoredSource(spec ProjectSpec, input SourceInput) Source {
	i := slices.IndexFunc(spec.Services, func(s Service) bool { return s.Name == input.Image })
	if spec.Type == SpringMicroservice && i >= 0 && spec.Services[i].Source != nil {
		return *spec.Services[i].Source
	}
	if spec.Source == nil {
		return Source{}
	}
	return *spec.Source
}

func (l *inferences) ports() {
	if l.in.Project.Type == SpringMicroservice {
		for _, service := range l.in.Project.Services {
			if service.Port == 0 && l.in.Project.Port == 0 {
				img, ok := l.in.image(service.Name)
				l.port("services["+service.Name+"].port", img, ok)
			}
		}
		return
	}
	if l.in.Project.Port == 0 {
		img, ok := l.in.image(AppImage)
		l.port("port", img, ok)
	}
}

func (l *inferences) port(field string, img Image, known bool) {
	port := strconv.Itoa(portOf(0, img))
	switch {
	case img.Port != 0:
		l.add(field, port, "found in the source")
	case known:
		l.add(field, port, "the default, as the source names none")
	default:
		l.add(field, port, "the default, unless the source names one when it is built")
	}
}

func (l *inferences) replicas() {
	if namesReplicas(l.in.Project) {
		return
	}
	l.add("replicas", strconv.Itoa(replicasOf(nil, l.in.Platform.Replicas)), l.byDefault(l.p.Spec.Defaults.Replicas != 0))
}

func (l *inferences) resources() {
	defaults := l.p.Spec.Defaults.Resources
	used := resourcesOf(l.in)
	if l.in.Project.Resources.CPU == "" {
		l.add("resources.cpu", used.CPU, l.byDefault(defaults.CPU != ""))
	}
	if l.in.Project.Resources.Memory == "" {
		l.add("resources.memory", used.Memory, l.byDefault(defaults.Memory != ""))
	}
}

func (l *inferences) byDefault(platform bool) string {
	if platform {
		return "spec.defaults of platform.yaml"
	}
	return "the default"
}

func (l *inferences) health() {
	if l.in.Project.Health != nil {
		return
	}
	if l.in.Project.Type == SpringMicroservice {
		l.add("health", actuatorPath+"/{liveness,readiness}", "Spring Boot's actuator")
		return
	}
	l.add("health", "TCP", "no path is named: the app is well when its port answers")
}

func (l *inferences) workers() {
	for _, w := range l.in.Project.Workers {
		if w.Replicas == nil {
			l.add("workers["+w.Name+"].replicas", strconv.Itoa(defaultReplicas), "the default")
		}
	}
}

func (l *inferences) database() {
	spec := l.in.Project
	if engine, ok := engineOf(spec.Engine); ok {
		reason := "the engine's official image in the version named"
		if l.in.Platform.EngineImages != "" {
			reason = "registry.databases of platform.yaml, in the version named"
		}
		l.add("image", engine.imageIn(l.in.Platform.EngineImages)+":"+spec.Version, reason)
		l.add("port", strconv.Itoa(engine.port), "the engine's own")
	}
	if spec.DeletionPolicy == "" {
		l.add("deletionPolicy", defaultDeletionPolicy, "the default: data outlives the project")
	}
	if spec.Backup == nil {
		l.add("backup", "none", "no schedule is named")
	} else if spec.Backup.Retention == 0 {
		l.add("backup.retention", fmt.Sprint(defaultRetention), "the default")
	}
}

// actuatorPath is where a Spring Boot app says how it is.
const actuatorPath = "/actuator/health"

// engine is what is known of a kind of database.
type engine struct {
	repository string
	port       int
}

// imageIn is the repository of its image below another registry or folder than the official one, when there is one.
func (e engine) imageIn(elsewhere string) string {
	if elsewhere == "" {
		return e.repository
	}
	return elsewhere + "/" + path.Base(e.repository)
}

func engineOf(name string) (engine, bool) {
	switch name {
	case "postgres":
		return engine{"docker.io/library/postgres", 5432}, true
	case "redis":
		return engine{"docker.io/library/redis", 6379}, true
	case "mysql":
		return engine{"docker.io/library/mysql", 3306}, true
	case "mongodb":
		return engine{"docker.io/library/mongo", 27017}, true
	}
	return engine{}, false
}

// defaultHost is where a project is served when it names no domain.
func defaultHost(k Key, domain string) string { return k.Project + "-" + k.Workspace + "." + domain }

// projectHost is where a project is served; empty when it is not public.
func projectHost(in ValuesInput) string {
	if !isPublic(in.Project) {
		return ""
	}
	return cmp.Or(in.Project.Domain, in.Platform.Host)
}

// serviceHost is where one service of a project is served; empty when it is not public.
func serviceHost(in ValuesInput, service Service) string {
	if !service.Public {
		return ""
	}
	host, public := projectHost(in), 0
	for _, s := range in.Project.Services {
		if s.Public {
			public++
		}
	}
	switch {
	case public == 1:
		return host
	case in.Project.Domain != "":
		return service.Name + "." + host
	}
	return service.Name + "-" + host
}

// portOf is the port an app listens on: authored, else found in its source, else the default.
func portOf(authored int, img Image) int { return cmp.Or(authored, img.Port, defaultPort) }

func servicePort(spec ProjectSpec, service Service, img Image) int {
	return portOf(cmp.Or(service.Port, spec.Port), img)
}

func replicasOf(authored *int, fallback int) int {
	if authored != nil {
		return *authored
	}
	return cmp.Or(fallback, defaultReplicas)
}

func resourcesOf(in ValuesInput) Resources {
	own, fallback := in.Project.Resources, in.Platform.Resources
	return Resources{
		CPU:    cmp.Or(own.CPU, fallback.CPU, DefaultCPU),
		Memory: cmp.Or(own.Memory, fallback.Memory, DefaultMemory),
	}
}
