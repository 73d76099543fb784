package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// ValuesInput is everything that the Helm values of a release are made from.
type ValuesInput struct {
	Key     Key
	Release Version
	// Project as authored; with the images a held part would have, when one is held.
	Project ProjectSpec
	// Platform is what the project uses of platform.yaml and workspace.yaml.
	Platform PlatformInputs
	// Images of the release by name; more than the project needs is no error, less is.
	Images []Image
}

// image returns the image of that name; ok is false when there is none.
func (in ValuesInput) image(name string) (img Image, ok bool) {
	i := slices.IndexFunc(in.Images, func(img Image) bool { return img.Name == name })
	if i < 0 {
		return Image{}, false
	}
	return in.Images[i], true
}

// quoted is text that people wrote. It is always in double quotes, so that no YAML reader takes it for anything else.
type quoted string

// MarshalYAML writes the text in double quotes.
func (q quoted) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: string(q)}, nil
}

// The values of the charts. Their fields are written in this order; the values.schema.json of each chart says the same.
type (
	identityValues struct {
		Workspace string `yaml:"workspace"`
		Project   string `yaml:"project"`
		Release   string `yaml:"release"`
		Namespace string `yaml:"namespace"`
	}
	imageValues struct {
		Repository string `yaml:"repository"`
		Tag        string `yaml:"tag"`
		Digest     string `yaml:"digest,omitempty"`
	}
	envValue struct {
		Name      string       `yaml:"name"`
		Value     *quoted      `yaml:"value,omitempty"`
		ValueFrom *valueSource `yaml:"valueFrom,omitempty"`
	}
	valueSource struct {
		SecretKeyRef secretKey `yaml:"secretKeyRef"`
	}
	secretKey struct {
		Name string `yaml:"name"`
		Key  string `yaml:"key"`
	}
	healthValues struct {
		Path string `yaml:"path"`
	}
	probeValues struct {
		Liveness  string `yaml:"liveness"`
		Readiness string `yaml:"readiness"`
	}
	ingressValues struct {
		IngressSpec `yaml:",inline"`
		Host        string `yaml:"host,omitempty"`
	}
)

type monolithicValues struct {
	identityValues `yaml:",inline"`
	Host           string        `yaml:"host"`
	Port           int           `yaml:"port"`
	Image          imageValues   `yaml:"image"`
	Replicas       int           `yaml:"replicas"`
	Resources      Resources     `yaml:"resources"`
	Env            []envValue    `yaml:"env"`
	Health         *healthValues `yaml:"health,omitempty"`
	Ingress        ingressValues `yaml:"ingress"`
	// What runs besides the app; absent where there is none, which charts before 1.1.0 know nothing of.
	ReleaseCommand *commandValues `yaml:"releaseCommand,omitempty"`
	Workers        []workerValues `yaml:"workers,omitempty"`
	Cron           []cronValues   `yaml:"cron,omitempty"`
	PodSecurity    string         `yaml:"podSecurity,omitempty"`
}

type springValues struct {
	identityValues `yaml:",inline"`
	Host           string          `yaml:"host"`
	Port           int             `yaml:"port"`
	Services       []serviceValues `yaml:"services"`
	// Entry is the service that the project's own in-cluster address leads to.
	Entry     string         `yaml:"entry"`
	Profiles  []string       `yaml:"profiles"`
	Resources Resources      `yaml:"resources"`
	Health    probeValues    `yaml:"health"`
	Ingress   *ingressValues `yaml:"ingress,omitempty"`
	// PodSecurity is absent for charts before 1.1.0.
	PodSecurity string `yaml:"podSecurity,omitempty"`
}

type serviceValues struct {
	Name     string      `yaml:"name"`
	Host     string      `yaml:"host"`
	Port     int         `yaml:"port"`
	Image    imageValues `yaml:"image"`
	Replicas int         `yaml:"replicas"`
	Env      []envValue  `yaml:"env"`
}

type databaseValues struct {
	identityValues `yaml:",inline"`
	Engine         string            `yaml:"engine"`
	Version        quoted            `yaml:"version"`
	Image          imageValues       `yaml:"image"`
	Port           int               `yaml:"port"`
	Storage        string            `yaml:"storage"`
	Resources      Resources         `yaml:"resources"`
	Backup         *backupValues     `yaml:"backup,omitempty"`
	DeletionPolicy string            `yaml:"deletionPolicy"`
	Credentials    credentialsValues `yaml:"credentials"`
}

type backupValues struct {
	Schedule  quoted `yaml:"schedule"`
	Retention int    `yaml:"retention"`
}

type credentialsValues struct {
	// Secret with the keys url, host, port, username, password and database.
	Secret string `yaml:"secret"`
}

// BuildValues makes the final Helm values of a release. The same input gives the same bytes.
func BuildValues(in ValuesInput) (Document, error) {
	var values any
	var err error
	switch in.Project.Type {
	case Monolithic:
		values, err = monolithic(in)
	case Database:
		values, err = database(in)
	case SpringMicroservice:
		values, err = spring(in)
	default:
		err = fmt.Errorf("%q is not a project type", in.Project.Type)
	}
	if err != nil {
		return "", fmt.Errorf("values of %s: %w", in.Key, err)
	}
	b, err := Encode(values)
	if err != nil {
		return "", fmt.Errorf("values of %s: %w", in.Key, err)
	}
	return Document(b), nil
}

func identity(in ValuesInput) identityValues {
	return identityValues{
		Workspace: in.Key.Workspace,
		Project:   in.Key.Project,
		Release:   in.Release.String(),
		Namespace: in.Platform.Namespace,
	}
}

func monolithic(in ValuesInput) (monolithicValues, error) {
	img, ok := in.image(AppImage)
	if !ok {
		return monolithicValues{}, fmt.Errorf("there is no image %q", AppImage)
	}
	host := projectHost(in)
	var health *healthValues
	if h := in.Project.Health; h != nil {
		health = &healthValues{h.Path}
	}
	values := monolithicValues{
		identityValues: identity(in),
		Host:           host,
		Port:           portOf(in.Project.Port, img),
		Image:          imageValues{img.Repository, img.Tag, img.Digest},
		Replicas:       replicasOf(in.Project.Replicas, in.Platform.Replicas),
		Resources:      resourcesOf(in),
		Env:            envValues(in, in.Project.Env),
		Health:         health,
		Ingress:        ingressValues{in.Platform.Ingress, host},
		PodSecurity:    podSecurityOf(in.Platform),
	}
	values.addCommands(in.Project.MonolithicSpec)
	return values, nil
}

func spring(in ValuesInput) (springValues, error) {
	values := springValues{
		identityValues: identity(in),
		Profiles:       append([]string{}, in.Project.Profiles...),
		Resources:      resourcesOf(in),
		Health:         probeValues{Liveness: actuatorPath + "/liveness", Readiness: actuatorPath + "/readiness"},
		PodSecurity:    podSecurityOf(in.Platform),
	}
	if h := in.Project.Health; h != nil {
		values.Health = probeValues{Liveness: h.Path, Readiness: h.Path}
	}
	for _, service := range in.Project.Services {
		img, ok := in.image(service.Name)
		if !ok {
			return springValues{}, fmt.Errorf("there is no image %q", service.Name)
		}
		replicas := service.Replicas
		if replicas == nil {
			replicas = in.Project.Replicas
		}
		values.Services = append(values.Services, serviceValues{
			Name:     service.Name,
			Host:     serviceHost(in, service),
			Port:     servicePort(in.Project, service, img),
			Image:    imageValues{img.Repository, img.Tag, img.Digest},
			Replicas: replicasOf(replicas, in.Platform.Replicas),
			Env:      envValues(in, MergedEnv(in.Project.Env, service.Env)),
		})
	}
	if len(values.Services) == 0 {
		return springValues{}, fmt.Errorf("there is no service")
	}
	entry := values.Services[max(0, slices.IndexFunc(values.Services, func(s serviceValues) bool { return s.Host != "" }))]
	values.Entry, values.Host, values.Port = entry.Name, entry.Host, entry.Port
	if entry.Host != "" {
		values.Ingress = &ingressValues{IngressSpec: in.Platform.Ingress}
	}
	return values, nil
}

func database(in ValuesInput) (databaseValues, error) {
	engine, ok := engineOf(in.Project.Engine)
	if !ok {
		return databaseValues{}, fmt.Errorf("%q is not a database engine", in.Project.Engine)
	}
	values := databaseValues{
		identityValues: identity(in),
		Engine:         in.Project.Engine,
		Version:        quoted(in.Project.Version),
		Image:          imageValues{Repository: engine.imageIn(in.Platform.EngineImages), Tag: in.Project.Version},
		Port:           engine.port,
		Storage:        in.Project.Storage,
		Resources:      resourcesOf(in),
		DeletionPolicy: cmp.Or(in.Project.DeletionPolicy, defaultDeletionPolicy),
		Credentials:    credentialsValues{Secret: CredentialsSecret(in.Key.Project)},
	}
	if b := in.Project.Backup; b != nil {
		values.Backup = &backupValues{Schedule: quoted(b.Schedule), Retention: cmp.Or(b.Retention, defaultRetention)}
	}
	return values, nil
}

// envValues resolves references; the result is never nil, so that it is written as an empty list.
func envValues(in ValuesInput, env []EnvVar) []envValue {
	values := make([]envValue, 0, len(env))
	for _, e := range env {
		v := envValue{Name: e.Name}
		switch {
		case e.From != nil && slices.Contains(in.Platform.Databases, e.From.Project):
			v.ValueFrom = &valueSource{secretKey{CredentialsSecret(e.From.Project), e.From.Key}}
		case e.From != nil:
			v.Value = new(quoted(appAddress(*e.From)))
		case e.Secret != "":
			v.ValueFrom = &valueSource{secretKey{SecretName(in.Key.Project, e.Secret), e.Name}}
		case e.Value != nil:
			v.Value = new(quoted(*e.Value))
		default:
			v.Value = new(quoted(""))
		}
		values = append(values, v)
	}
	return values
}

// servicePortNumber is the port of every app's Service, so that no project depends on the port of another.
const servicePortNumber = 80

// appAddress is where an app is inside the cluster: its Service is named after the project.
func appAddress(from EnvFrom) string {
	switch from.Key {
	case "port":
		return strconv.Itoa(servicePortNumber)
	case "host":
		return from.Project
	}
	return "http://" + from.Project
}

// MergedEnv is env with overrides by name, in the order of first appearance.
func MergedEnv(env, overrides []EnvVar) []EnvVar {
	all := slices.Clone(env)
	for _, o := range overrides {
		if i := slices.IndexFunc(all, func(e EnvVar) bool { return e.Name == o.Name }); i >= 0 {
			all[i] = o
			continue
		}
		all = append(all, o)
	}
	return all
}
