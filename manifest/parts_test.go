package manifest

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shop is a project that uses every field an app can have.
func shop() ProjectSpec {
	return ProjectSpec{
		Type:   Monolithic,
		Source: &Source{Repository: "https://github.com/acme/shop", Branch: "main", Path: "web"},
		Build:  &Build{Framework: "nextjs", Dockerfile: "Dockerfile", Env: []BuildVar{{Name: "A", Value: "1"}}},
		AppSpec: AppSpec{
			Port: 3000, Replicas: new(2), Resources: Resources{CPU: "500m", Memory: "512Mi"}, Health: &Health{Path: "/healthz"},
			Env: []EnvVar{{Name: "LOG_LEVEL", Value: new("info")}},
		},
	}
}

// bank is a project of several services.
func bank() ProjectSpec {
	return ProjectSpec{
		Type:   SpringMicroservice,
		Source: &Source{Repository: "https://github.com/acme/bank"},
		SpringSpec: SpringSpec{Profiles: []string{"production"}, Services: []Service{
			{Name: "accounts"},
			{Name: "gateway", Path: "edge", Public: true, Replicas: new(2)},
			{Name: "audit", Source: &Source{Repository: "https://github.com/acme/audit", Branch: "stable"}},
		}},
	}
}

func store() ProjectSpec {
	return ProjectSpec{Type: Database, DatabaseSpec: DatabaseSpec{Engine: "postgres", Version: "16", Storage: "10Gi"}}
}

// clone copies a project through JSON, so that an edit of one leaves the other alone.
func clone(t *testing.T, spec ProjectSpec) ProjectSpec {
	t.Helper()
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var c ProjectSpec
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func acme() *Platform {
	return &Platform{Spec: PlatformSpec{
		Domain:   "apps.example.com",
		Registry: RegistrySpec{URL: "harbor.example.com"},
		Ingress:  IngressSpec{Class: "nginx", TLSIssuer: "letsencrypt"},
		Defaults: DefaultsSpec{Replicas: 1, Resources: Resources{CPU: "250m", Memory: "256Mi"}},
	}}
}

func tenant() *Workspace {
	w := &Workspace{Header: NewHeader(KindWorkspace, "ws-1")}
	w.Spec.Owner = User{GitHub: "alice", ID: 7}
	return w
}

var monolithicChart = Chart{Name: "monolithic", Version: "1.0.0", Digest: "sha256:00"}

func keys(spec ProjectSpec, p *Platform, w *Workspace) Parts {
	k := Key{"ws-1", "shop"}
	parts := Parts{
		PartProject:  ProjectKey(spec),
		PartPlatform: PlatformKey(UsedInputs(Surroundings{Platform: p, Workspace: w}, k, spec, monolithicChart)),
	}
	for _, input := range SourceInputs(spec) {
		id := SourceID("c0ffee", "")
		if input.Reference != "" {
			id = input.ReferenceID()
		}
		parts[input.Part] = input.Key(id)
	}
	return parts
}

// changed returns the parts whose keys differ, sorted.
func changed(a, b Parts) []string {
	names := []string{}
	for part := range a {
		if a[part] != b[part] {
			names = append(names, part)
		}
	}
	for part := range b {
		if _, there := a[part]; !there {
			names = append(names, part)
		}
	}
	slices.Sort(names)
	return names
}

func TestWhichEditChangesWhichKey(t *testing.T) {
	tests := []struct {
		name string
		spec ProjectSpec
		edit func(*ProjectSpec)
		want []string
	}{
		{"nothing", shop(), func(*ProjectSpec) {}, nil},
		{"paused", shop(), func(s *ProjectSpec) { s.Paused = true }, nil},
		{"branch", shop(), func(s *ProjectSpec) { s.Source.Branch = "next" }, nil},
		{"revision", shop(), func(s *ProjectSpec) { s.Source.Revision = "c0ffee" }, nil},
		{"autoDeploy", shop(), func(s *ProjectSpec) { s.Source.AutoDeploy = new(false) }, nil},
		{"the path in another spelling", shop(), func(s *ProjectSpec) { s.Source.Path = "/web/" }, nil},
		{"repository", shop(), func(s *ProjectSpec) { s.Source.Repository += "2" }, []string{"source"}},
		{"path", shop(), func(s *ProjectSpec) { s.Source.Path = "app" }, []string{"source"}},
		{"framework", shop(), func(s *ProjectSpec) { s.Build.Framework = "go" }, []string{"source"}},
		{"dockerfile", shop(), func(s *ProjectSpec) { s.Build.Dockerfile = "x" }, []string{"source"}},
		{"build env", shop(), func(s *ProjectSpec) { s.Build.Env[0].Value = "2" }, []string{"source"}},
		{"no build block", shop(), func(s *ProjectSpec) { s.Build = nil }, []string{"source"}},
		{"an image instead", shop(), func(s *ProjectSpec) { s.Source, s.Build, s.Image = nil, nil, "nginx:1.27" }, []string{"source"}},
		{"env", shop(), func(s *ProjectSpec) { s.Env[0].Value = new("debug") }, []string{"project"}},
		{"env emptied", shop(), func(s *ProjectSpec) { s.Env[0].Value = new("") }, []string{"project"}},
		{"port", shop(), func(s *ProjectSpec) { s.Port = 4000 }, []string{"project"}},
		{"health", shop(), func(s *ProjectSpec) { s.Health = nil }, []string{"project"}},
		{"replicas", shop(), func(s *ProjectSpec) { s.Replicas = new(3) }, []string{"project"}},
		{"replicas left out", shop(), func(s *ProjectSpec) { s.Replicas = nil }, []string{"platform", "project"}},
		{"memory left out", shop(), func(s *ProjectSpec) { s.Resources.Memory = "" }, []string{"platform", "project"}},
		{"domain", shop(), func(s *ProjectSpec) { s.Domain = "shop.example.com" }, []string{"platform", "project"}},
		{"profiles", bank(), func(s *ProjectSpec) { s.Profiles = nil }, []string{"project"}},
		{"a service's replicas", bank(), func(s *ProjectSpec) { s.Services[1].Replicas = new(3) }, []string{"project"}},
		{"a service's path", bank(), func(s *ProjectSpec) { s.Services[1].Path = "front" }, []string{"source/gateway"}},
		{"a service's path spelled out", bank(), func(s *ProjectSpec) { s.Services[0].Path = "accounts" }, nil},
		{"a service's branch", bank(), func(s *ProjectSpec) { s.Services[2].Source.Branch = "main" }, nil},
		{"a service's repository", bank(), func(s *ProjectSpec) { s.Services[2].Source.Repository += "2" }, []string{"source/audit"}},
		{"the shared repository", bank(), func(s *ProjectSpec) { s.Source.Repository += "2" }, []string{"source/accounts", "source/gateway"}},
		{"no service public", bank(), func(s *ProjectSpec) { s.Services[1].Public = false }, []string{"platform", "project"}},
		{"one service less", bank(), func(s *ProjectSpec) { s.Services = s.Services[:2] }, []string{"project", "source/audit"}},
		{"storage", store(), func(s *ProjectSpec) { s.Storage = "20Gi" }, []string{"project"}},
		{"backup", store(), func(s *ProjectSpec) { s.Backup = &Backup{Schedule: "0 3 * * *"} }, []string{"project"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			edited := clone(t, test.spec)
			test.edit(&edited)
			got := changed(keys(test.spec, acme(), tenant()), keys(edited, acme(), tenant()))
			if !slices.Equal(got, test.want) {
				t.Errorf("changed %v, want %v", got, test.want)
			}
		})
	}
}

func TestWhichPlatformEditChangesWhichProject(t *testing.T) {
	domain := func(p *Platform, _ *Workspace) { p.Spec.Domain = "example.org" }
	replicas := func(p *Platform, _ *Workspace) { p.Spec.Defaults.Replicas = 5 }
	cpu := func(p *Platform, _ *Workspace) { p.Spec.Defaults.Resources.CPU = "1" }
	class := func(p *Platform, _ *Workspace) { p.Spec.Ingress.Class = "traefik" }
	issuer := func(p *Platform, _ *Workspace) { p.Spec.Ingress.TLSIssuer = "" }
	port := func(p *Platform, _ *Workspace) { p.Spec.Ingress.Port = 8480 }
	namespace := func(_ *Platform, w *Workspace) { w.Spec.Namespace = "tenant" }
	least := ProjectSpec{Type: Monolithic, Source: &Source{Repository: "https://github.com/acme/shop"}}
	custom := shop()
	custom.Domain = "shop.example.com"
	here := shop()
	here.Domain = "shop.localhost"
	inner := bank()
	inner.Services[1].Public = false
	tests := []struct {
		name string
		spec ProjectSpec
		edit func(*Platform, *Workspace)
		want bool
	}{
		{"domain, default host", least, domain, true},
		{"domain, own domain", custom, domain, false},
		{"domain, nothing public", inner, domain, false},
		{"domain, database", store(), domain, false},
		{"replicas, none named", least, replicas, true},
		{"replicas, named", shop(), replicas, false},
		{"replicas, one service names none", bank(), replicas, true},
		{"replicas, database", store(), replicas, false},
		{"cpu, none named", least, cpu, true},
		{"cpu, named", shop(), cpu, false},
		{"cpu, database", store(), cpu, true},
		{"ingress class", least, class, true},
		{"ingress class, own domain", custom, class, true},
		{"ingress class, nothing public", inner, class, false},
		{"ingress class, database", store(), class, false},
		{"issuer", least, issuer, true},
		{"ingress port", least, port, true},
		{"ingress port, nothing public", inner, port, false},
		{"issuer, own domain under localhost", here, issuer, false},
		{"namespace", least, namespace, true},
		{"namespace, database", store(), namespace, true},
		{"ingress namespace", least, func(p *Platform, _ *Workspace) { p.Spec.Ingress.Namespace = "edge" }, false},
		{"registry", least, func(p *Platform, _ *Workspace) { p.Spec.Registry.URL = "ghcr.io" }, false},
		{"admins", least, func(p *Platform, _ *Workspace) { p.Spec.Policy.Admins = []User{{ID: 1}} }, false},
		{"keys", least, func(p *Platform, _ *Workspace) { p.Spec.Releases.PublicKeys = []string{"x"} }, false},
		{"quota", least, func(_ *Platform, w *Workspace) { w.Spec.Quota.CPU = "4" }, false},
		{"members", least, func(_ *Platform, w *Workspace) { w.Spec.Members = []Member{{Role: Admin}} }, false},
		{"owner", least, func(_ *Platform, w *Workspace) { w.Spec.Owner.ID = 8 }, false},
		{"defaults written out", least, func(p *Platform, _ *Workspace) {
			p.Spec.Defaults, p.Spec.Ingress.Class = DefaultsSpec{}, ""
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, w := acme(), tenant()
			before := keys(test.spec, p, w)
			test.edit(p, w)
			got := changed(before, keys(test.spec, p, w))
			if want := map[bool][]string{true: {PartPlatform}}[test.want]; !slices.Equal(got, want) {
				t.Errorf("changed %v, want %v", got, want)
			}
		})
	}
}

// TestWhereAndWhetherToFollowIsNoKey: whatever a project is, branch, revision, autoDeploy and paused are in no key.
func TestWhereAndWhetherToFollowIsNoKey(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string { return strconv.FormatUint(r.Uint64(), 36) }
	for range 300 {
		spec := clone(t, []ProjectSpec{shop(), bank(), store()}[r.IntN(3)])
		spec.Env = append(spec.Env, EnvVar{Name: word(), Value: new(word())})
		edited := clone(t, spec)
		edited.Paused = !spec.Paused
		follow := func(s *Source) {
			if s != nil {
				s.Branch, s.Revision, s.AutoDeploy = word(), word(), new(r.IntN(2) == 0)
			}
		}
		follow(edited.Source)
		for i := range edited.Services {
			follow(edited.Services[i].Source)
		}
		if got := changed(keys(spec, acme(), tenant()), keys(edited, acme(), tenant())); len(got) > 0 {
			t.Fatalf("changed %v\n%+v\n%+v", got, spec, edited)
		}
	}
}

func TestKeysLeaveTheProjectAlone(t *testing.T) {
	spec := bank()
	keys(spec, acme(), tenant())
	if diff := cmp.Diff(bank(), spec); diff != "" {
		t.Error(diff)
	}
}

func TestSourceInputs(t *testing.T) {
	audit := bank().Services[2].Source
	tests := []struct {
		name string
		spec ProjectSpec
		want []SourceInput
	}{
		{"database", store(), nil},
		{"app without a source", ProjectSpec{Type: Monolithic}, nil},
		{"image", ProjectSpec{Type: Monolithic, Image: "nginx:1.27"}, []SourceInput{{Part: "source", Image: "app", Reference: "nginx:1.27"}}},
		{"app", ProjectSpec{Type: Monolithic, Source: &Source{Repository: "r", Path: "./a/"}},
			[]SourceInput{{Part: "source", Image: "app", Source: Source{Repository: "r", Branch: "main", Path: "a"}}}},
		{"services", bank(), []SourceInput{
			{Part: "source/accounts", Image: "accounts", Source: Source{Repository: "https://github.com/acme/bank", Branch: "main", Path: "accounts"}},
			{Part: "source/gateway", Image: "gateway", Source: Source{Repository: "https://github.com/acme/bank", Branch: "main", Path: "edge"}},
			{Part: "source/audit", Image: "audit", Source: *audit},
		}},
		{"services in a folder", ProjectSpec{Type: SpringMicroservice, Source: &Source{Repository: "r", Path: "services"},
			SpringSpec: SpringSpec{Services: []Service{{Name: "a"}, {Name: "b", Path: "../x"}}}}, []SourceInput{
			{Part: "source/a", Image: "a", Source: Source{Repository: "r", Branch: "main", Path: "services/a"}},
			{Part: "source/b", Image: "b", Source: Source{Repository: "r", Branch: "main", Path: "x"}},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, SourceInputs(test.spec)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSourceKeys(t *testing.T) {
	input := SourceInputs(shop())[0]
	ids := []string{SourceID("aa", ""), SourceID("bb", ""), SourceID("aa", "cc"), SourceID("aa", "dd"), input.ReferenceID()}
	seen := map[string]string{}
	for _, id := range ids {
		key := input.Key(id)
		if other, there := seen[key]; there {
			t.Errorf("%s and %s have one key", id, other)
		}
		seen[key] = id
		if !strings.HasPrefix(key, "sha256:") || len(key) != len("sha256:")+64 {
			t.Errorf("%s is no key", key)
		}
	}
	if SourceID("aa", "cc") != SourceID("bb", "cc") {
		t.Error("a push that leaves the path untouched is news")
	}
	without := input
	without.Build = nil
	empty := input
	empty.Build = &Build{}
	if without.Key("x") != empty.Key("x") {
		t.Error("an empty build block makes another key than none")
	}
}

func TestUsedDatabases(t *testing.T) {
	spec := bank()
	spec.Env = []EnvVar{{Name: "A", From: &EnvFrom{Project: "orders-db", Key: "url"}}, {Name: "B", From: &EnvFrom{Project: "api", Key: "url"}}}
	spec.Services[0].Env = []EnvVar{{Name: "C", From: &EnvFrom{Project: "cache", Key: "url"}}, {Name: "D", From: &EnvFrom{Project: "orders-db", Key: "host"}},
		{Name: "E", From: &EnvFrom{Project: "gone", Key: "url"}}, {Name: "F", From: &EnvFrom{Project: "broken", Key: "url"}}}
	projects := map[string]*Project{"orders-db": {Spec: store()}, "cache": {Spec: store()}, "api": {Spec: shop()}, "other": {Spec: store()}, "broken": nil}
	in := UsedInputs(Surroundings{Platform: acme(), Workspace: tenant(), Projects: projects}, Key{"ws-1", "bank"}, spec, monolithicChart)
	if want := []string{"cache", "orders-db"}; !slices.Equal(in.Databases, want) {
		t.Errorf("%v, want %v", in.Databases, want)
	}
	if got, want := References(spec), []string{"api", "broken", "cache", "gone", "orders-db"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPlanHash(t *testing.T) {
	hash := func(project string, edit func(*ProjectSpec, *PlatformInputs)) string {
		k := Key{"ws-1", project}
		spec := clone(t, shop())
		in := UsedInputs(Surroundings{Platform: acme(), Workspace: tenant()}, k, spec, monolithicChart)
		edit(&spec, &in)
		return PlanHash(k, spec, in)
	}
	same := func(*ProjectSpec, *PlatformInputs) {}
	base := hash("shop", same)
	if base != hash("shop", same) || base != hash("shop", func(s *ProjectSpec, _ *PlatformInputs) { s.Paused = true }) {
		t.Error("the same plan has two hashes")
	}
	for name, edit := range map[string]func(*ProjectSpec, *PlatformInputs){
		"branch":    func(s *ProjectSpec, _ *PlatformInputs) { s.Source.Branch = "next" },
		"build env": func(s *ProjectSpec, _ *PlatformInputs) { s.Build.Env[0].Value = "2" },
		"image":     func(s *ProjectSpec, _ *PlatformInputs) { s.Image = "nginx" },
		"env":       func(s *ProjectSpec, _ *PlatformInputs) { s.Env = nil },
		"host":      func(_ *ProjectSpec, in *PlatformInputs) { in.Host = "x" },
		"chart":     func(_ *ProjectSpec, in *PlatformInputs) { in.Chart.Version = "2.0.0" },
	} {
		if hash("shop", edit) == base {
			t.Errorf("%s is not in the hash", name)
		}
	}
	if hash("other", same) == base {
		t.Error("the project's name is not in the hash")
	}
}
