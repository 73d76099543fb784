package manifest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// What a project has when neither it nor platform.yaml says otherwise.
const (
	defaultBranch   = "main"
	DefaultClass    = "nginx"
	defaultReplicas = 1
	DefaultCPU      = "250m"
	DefaultMemory   = "256Mi"
)

// AppImage is the name of the image of a project that has one only.
const AppImage = "app"

// SourceInput is what one image of a project is made from, before it is known where the source is.
type SourceInput struct {
	// Part of the project: source, or source/<service>.
	Part string
	// Image is the name of the image: app, or the name of the service.
	Image string
	// Source to build from, with its branch filled in and its path resolved; zero for an authored image.
	Source Source
	// Reference is the authored image to run instead of building one.
	Reference string
	// Build settings as authored; nil when all is inferred.
	Build *Build
}

// SourceInputs returns what each image of a project is made from, in the order of the services; none for a database.
func SourceInputs(spec ProjectSpec) []SourceInput {
	switch {
	case spec.Type == Database:
		return nil
	case spec.Type == SpringMicroservice:
		return serviceInputs(spec)
	case spec.Image != "":
		return []SourceInput{{Part: PartSource, Image: AppImage, Reference: spec.Image}}
	case spec.Source == nil:
		return nil
	}
	return []SourceInput{{Part: PartSource, Image: AppImage, Source: resolved(*spec.Source, ""), Build: spec.Build}}
}

func serviceInputs(spec ProjectSpec) []SourceInput {
	var inputs []SourceInput
	for _, service := range spec.Services {
		source, sub := spec.Source, service.Path
		if service.Source != nil {
			source = service.Source
		} else if sub == "" {
			sub = service.Name
		}
		if source == nil {
			continue
		}
		inputs = append(inputs, SourceInput{
			Part:   PartSource + "/" + service.Name,
			Image:  service.Name,
			Source: resolved(*source, sub),
			Build:  spec.Build,
		})
	}
	return inputs
}

// resolved gives a source one spelling: the branch filled in, the path relative to the root and empty for the root.
func resolved(source Source, sub string) Source {
	source.Path = strings.Trim(path.Join("/", source.Path, sub), "/")
	if source.Branch == "" {
		source.Branch = defaultBranch
	}
	return source
}

// IsWhole says that the source is all that a commit has, so that every push is news.
func (s Source) IsWhole() bool { return s.Path == "" && len(s.Watch) == 0 }

// SourceID is the id of a source that has been looked at. Unless the source is whole it is the tree of what is read of it, so
// that a push which leaves that untouched is no news.
func SourceID(commit, tree string) string {
	if tree != "" {
		return "tree:" + tree
	}
	return "commit:" + commit
}

// ReferenceID is the id of an authored image: the reference itself, so that a tag is resolved once per edit.
func (s SourceInput) ReferenceID() string { return "image:" + s.Reference }

// Key is the key of the source part at an id. Which branch led there, and whether it is followed, are no part of it.
func (s SourceInput) Key(id string) string {
	content := struct {
		Repository string     `json:"repository,omitempty"`
		Path       string     `json:"path,omitempty"`
		ID         string     `json:"id"`
		Framework  string     `json:"framework,omitempty"`
		Dockerfile string     `json:"dockerfile,omitempty"`
		Env        []BuildVar `json:"env,omitempty"`
		Watch      []string   `json:"watch,omitempty"`
	}{Repository: s.Source.Repository, Path: s.Source.Path, ID: id, Watch: s.Source.Watch}
	if s.Build != nil {
		content.Framework, content.Dockerfile, content.Env = s.Build.Framework, s.Build.Dockerfile, s.Build.Env
	}
	return keyOf(content)
}

// ProjectKey is the key of the project part: the authored project without where its images come from and without
// paused, which is about releasing and not about what is released.
func ProjectKey(spec ProjectSpec) string {
	spec.Source, spec.Image, spec.Build, spec.Paused = nil, "", nil, false
	spec.Services = slices.Clone(spec.Services)
	for i := range spec.Services {
		spec.Services[i].Source, spec.Services[i].Path = nil, ""
	}
	return keyOf(spec)
}

// PlatformKey is the key of the platform part.
func PlatformKey(in PlatformInputs) string { return keyOf(in) }

// PlanHash is the hash of everything that was authored for a release, sources and build settings too. It holds no
// resolved commit, so that it is the same offline, on a pull request and when the release is made.
func PlanHash(k Key, spec ProjectSpec, in PlatformInputs) string {
	spec.Paused = false
	return keyOf(struct {
		Key      Key            `json:"key"`
		Project  ProjectSpec    `json:"project"`
		Platform PlatformInputs `json:"platform"`
	}{k, spec, in})
}

// Surroundings are the files around a project: the platform's, its workspace's, which may be nil, and those of the
// workspace's projects by name.
type Surroundings struct {
	Platform  *Platform
	Workspace *Workspace
	Projects  map[string]*Project
}

// UsedInputs returns what a project uses of its surroundings. Whatever the project says for itself is left out, so that a
// change of it elsewhere makes no release.
func UsedInputs(around Surroundings, k Key, spec ProjectSpec, chart Chart) PlatformInputs {
	p := around.Platform
	in := PlatformInputs{
		Namespace: NamespaceOf(around.Workspace, k.Workspace),
		Chart:     chart,
		Resources: usedResources(p.Spec.Defaults.Resources, spec.Resources),
		Databases: usedDatabases(around.Projects, spec),
		Encrypts:  spec.Type == Database && len(p.Spec.Secrets.Recipients) > 0,
	}
	if spec.Type != Database && !namesReplicas(spec) {
		in.Replicas = cmp.Or(p.Spec.Defaults.Replicas, defaultReplicas)
	}
	if spec.Type == Database {
		in.EngineImages = p.Spec.Registry.Databases
	} else if isHardened(chart) && around.Workspace != nil && around.Workspace.Spec.PodSecurity == Baseline {
		in.PodSecurity = Baseline
	}
	if !isPublic(spec) {
		return in
	}
	in.Ingress = IngressSpec{Class: cmp.Or(p.Spec.Ingress.Class, DefaultClass), TLSIssuer: p.Spec.Ingress.TLSIssuer, Port: p.Spec.Ingress.Port}
	if isHardened(chart) {
		in.Ingress.Annotations = p.Spec.Ingress.Annotations
	}
	if spec.Domain == "" {
		in.Host = defaultHost(k, p.Spec.Domain)
	}
	if isSubdomain(cmp.Or(spec.Domain, in.Host), localhost) {
		in.Ingress.TLSIssuer = ""
	}
	return in
}

// localhost is the domain whose names mean the machine they are used on. No authority certifies them.
const localhost = "localhost"

// NamespaceOf is the Kubernetes namespace of a workspace; w may be nil.
func NamespaceOf(w *Workspace, name string) string {
	if w != nil && w.Spec.Namespace != "" {
		return w.Spec.Namespace
	}
	return name
}

func usedResources(defaults, own Resources) Resources {
	var used Resources
	if own.CPU == "" {
		used.CPU = cmp.Or(defaults.CPU, DefaultCPU)
	}
	if own.Memory == "" {
		used.Memory = cmp.Or(defaults.Memory, DefaultMemory)
	}
	return used
}

func usedDatabases(projects map[string]*Project, spec ProjectSpec) []string {
	return slices.DeleteFunc(References(spec), func(name string) bool {
		other := projects[name]
		return other == nil || other.Spec.Type != Database
	})
}

// References are the names of the projects that env takes values from, sorted.
func References(spec ProjectSpec) []string {
	var names []string
	for _, e := range Variables(spec) {
		if e.From != nil {
			names = append(names, e.From.Project)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// namesReplicas says that nothing in the project is left to the platform's default.
func namesReplicas(spec ProjectSpec) bool {
	if spec.Replicas != nil {
		return true
	}
	return spec.Type == SpringMicroservice &&
		!slices.ContainsFunc(spec.Services, func(s Service) bool { return s.Replicas == nil })
}

// isPublic says that the project has an Ingress.
func isPublic(spec ProjectSpec) bool {
	switch spec.Type {
	case Database:
		return false
	case SpringMicroservice:
		return slices.ContainsFunc(spec.Services, func(s Service) bool { return s.Public })
	}
	return true
}

// keyOf hashes the JSON of a value: fields in the order of the struct, so the same value always has the same key.
func keyOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		// Only channels, functions and NaN cannot be written as JSON; none of our structs holds one.
		panic(err)
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
