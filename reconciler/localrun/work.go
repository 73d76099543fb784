package localrun

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
)

// service is one program of a project that answers requests, as its chart would run it. Two that are equal need no restart to
// become each other.
type service struct {
	// name of it in its project; empty when the project is one service.
	name string
	// host it answers for; empty when only its neighbours reach it.
	host       string
	port       int
	repository string
	tag        string // of a database, whose image has no digest
	digest     string
	// engine of a database; empty for what answers HTTP.
	engine   string
	replicas int
	env      []variable
	// probe is the path that answers when it is ready; empty when its port answering is enough.
	probe       string
	memory, cpu string
	// entry says that the project's own address leads to it.
	entry bool
	// credentials of a database, as its release has them; empty when it has none.
	credentials sealed
}

// same says that a replica of s is one of o as it is.
func (s service) same(o service) bool {
	return s.name == o.name && s.port == o.port && s.digest == o.digest && s.tag == o.tag && s.engine == o.engine && s.repository == o.repository && s.probe == o.probe &&
		s.memory == o.memory && s.cpu == o.cpu && fmt.Sprint(s.env) == fmt.Sprint(o.env)
}

// variable of the environment; secret and key say where its value is when it is not here, and sealed is what it is when it came with
// the release.
type variable struct {
	name, value string
	secret, key string
	sealed      sealed
	// of is the app whose address it is, and part what of that: url, host or port; empty for any other.
	of, part string
}

// sealed is something encrypted, and whose workspace it is bound to.
type sealed struct {
	name, ciphertext string
	owner            int64
}

// sealedIn finds what a target has for an entry of a Secret; empty when that is another project's.
func sealedIn(t reconciler.Target, secret, key string) sealed {
	for _, s := range t.Secrets {
		if s.Secret == secret && s.Key == key {
			return sealed{name: s.Name, ciphertext: s.Ciphertext, owner: t.Owner}
		}
	}
	return sealed{}
}

// chartValues are what charts are given, as far as it matters here; what a chart does not have is empty.
type chartValues struct {
	Host     string         `yaml:"host"`
	Port     int            `yaml:"port"`
	Image    imageValues    `yaml:"image"`
	Replicas int            `yaml:"replicas"`
	Env      []envValue     `yaml:"env"`
	Health   healthValues   `yaml:"health"`
	Services []serviceValue `yaml:"services"`
	Entry    string         `yaml:"entry"`
	Engine   string         `yaml:"engine"`
	Profiles []string       `yaml:"profiles"`

	Resources manifest.Resources `yaml:"resources"`
}

type imageValues struct {
	Repository string `yaml:"repository"`
	Tag        string `yaml:"tag"`
	Digest     string `yaml:"digest"`
}

type healthValues struct {
	Path      string `yaml:"path"`
	Readiness string `yaml:"readiness"`
}

type envValue struct {
	Name      string `yaml:"name"`
	Value     string `yaml:"value"`
	ValueFrom *struct {
		SecretKeyRef struct {
			Name string `yaml:"name"`
			Key  string `yaml:"key"`
		} `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

type serviceValue struct {
	Name     string      `yaml:"name"`
	Host     string      `yaml:"host"`
	Port     int         `yaml:"port"`
	Image    imageValues `yaml:"image"`
	Replicas int         `yaml:"replicas"`
	Env      []envValue  `yaml:"env"`
}

// readServices reads what has to run out of the values of a target.
func readServices(t reconciler.Target) ([]service, error) {
	var v chartValues
	if err := yaml.Unmarshal(t.Values, &v); err != nil {
		return nil, fmt.Errorf("reading the values of %s: %w", t.Release, err)
	}
	switch manifest.ProjectType(t.Chart.Name) {
	case manifest.Monolithic:
		return []service{{
			host: v.Host, port: v.Port, repository: v.Image.Repository, digest: v.Image.Digest, replicas: v.Replicas,
			env: variables(t, "", v.Env), probe: v.Health.Path, memory: v.Resources.Memory, cpu: v.Resources.CPU,
		}}, nil
	case manifest.SpringMicroservice:
		var services []service
		for _, s := range v.Services {
			services = append(services, service{
				name: s.Name, host: s.Host, port: s.Port, repository: s.Image.Repository, digest: s.Image.Digest, replicas: s.Replicas,
				env: springVariables(t, s, v.Profiles), probe: v.Health.Readiness, memory: v.Resources.Memory, cpu: v.Resources.CPU, entry: s.Name == v.Entry,
			})
		}
		return services, nil
	case manifest.Database:
		return []service{{
			port: v.Port, repository: v.Image.Repository, tag: v.Image.Tag, replicas: 1, engine: v.Engine, memory: v.Resources.Memory, cpu: v.Resources.CPU,
			credentials: credentialsIn(t),
		}}, nil
	}
	return nil, fmt.Errorf("engine local does not run projects of the chart %s yet", t.Chart.Name)
}

// credentialsIn are the credentials of a database that a target has.
func credentialsIn(t reconciler.Target) sealed {
	for _, s := range t.Secrets {
		if s.Name == secret.CredentialsName {
			return sealed{name: s.Name, ciphertext: s.Ciphertext, owner: t.Owner}
		}
	}
	return sealed{}
}

func variables(t reconciler.Target, service string, env []envValue) []variable {
	var all []variable
	for _, e := range env {
		v := variable{name: e.Name, value: e.Value}
		if e.ValueFrom != nil {
			v.secret, v.key = e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Key
			v.sealed = sealedIn(t, v.secret, v.key)
		}
		for _, r := range t.References {
			if r.Service == service && r.Name == v.name {
				v.of, v.part = r.Project, r.Key
			}
		}
		all = append(all, v)
	}
	return all
}

// springVariables are what the chart sets besides; the ports follow when they are known.
func springVariables(t reconciler.Target, s serviceValue, profiles []string) []variable {
	all := variables(t, s.Name, s.Env)
	own := []variable{{name: "MANAGEMENT_ENDPOINT_HEALTH_PROBES_ENABLED", value: "true"}}
	if len(profiles) > 0 {
		own = append(own, variable{name: "SPRING_PROFILES_ACTIVE", value: strings.Join(profiles, ",")})
	}
	for _, v := range own {
		if !names(all, v.name) {
			all = append(all, v)
		}
	}
	return all
}

func names(env []variable, name string) bool {
	for _, v := range env {
		if v.name == name {
			return true
		}
	}
	return false
}

// environment is what a process gets: what its values say, where to listen, and what its image says of the rest. Spring reads
// another variable for its port.
func environment(own []variable, image []string, address string, spring bool) []string {
	_, port, _ := net.SplitHostPort(address)
	set := map[string]bool{}
	var env []string
	add := func(name, value string) {
		if !set[name] {
			set[name] = true
			env = append(env, name+"="+value)
		}
	}
	for _, v := range own {
		add(v.name, v.value)
	}
	add("PORT", port)
	if spring {
		add("SERVER_PORT", port)
	}
	for _, v := range image {
		name, value, _ := strings.Cut(v, "=")
		add(name, value)
	}
	return env
}

// declared is where a service listens that does not care for PORT.
func (s service) declared() string { return net.JoinHostPort(loopback, strconv.Itoa(s.port)) }

// title is what a replica of it is called in logs.
func (s service) title(release string, number int) string {
	name := s.name
	if name == "" {
		name = "app"
	}
	return fmt.Sprintf("%s/%s-%d", release, name, number)
}
