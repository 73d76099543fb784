package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHostsOf(t *testing.T) {
	k := Key{Workspace: "ws", Project: "shop"}
	spring := func(domain string, services ...Service) ProjectSpec {
		return ProjectSpec{Type: SpringMicroservice, AppSpec: AppSpec{Domain: domain}, SpringSpec: SpringSpec{Services: services}}
	}
	a, b, private := Service{Name: "a", Public: true}, Service{Name: "b", Public: true}, Service{Name: "c"}
	tests := []struct {
		name string
		spec ProjectSpec
		want []string
	}{
		{"monolithic", ProjectSpec{Type: Monolithic}, []string{"shop-ws.example.com"}},
		{"monolithic with a domain", ProjectSpec{Type: Monolithic, AppSpec: AppSpec{Domain: "x.org"}}, []string{"x.org"}},
		{"database", ProjectSpec{Type: Database}, []string{}},
		{"no public service", spring("", private), []string{}},
		{"one public service", spring("", private, a), []string{"shop-ws.example.com"}},
		{"one public service with a domain", spring("x.org", private, a), []string{"x.org"}},
		{"several public services", spring("", b, private, a), []string{"b-shop-ws.example.com", "a-shop-ws.example.com"}},
		{"several public services with a domain", spring("x.org", a, b), []string{"a.x.org", "b.x.org"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, HostsOf(k, tt.spec, "example.com")); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
		})
	}
	if got := HostsOf(k, ProjectSpec{Type: Monolithic}, ""); len(got) > 0 {
		t.Errorf("without a platform's domain: %v", got)
	}
}

// TestHostsBelongToWhoIsDeployed: whoever is served at a host keeps it; only when nobody is, all have the problem.
func TestHostsBelongToWhoIsDeployed(t *testing.T) {
	spec := ProjectSpec{Type: Monolithic, Image: "nginx", AppSpec: AppSpec{Domain: "x.org"}}
	platform := &Platform{Header: NewHeader(KindPlatform, "p"), Spec: PlatformSpec{Domain: "example.com", Registry: RegistrySpec{URL: "r.example.com"}}}
	workspace := &Workspace{Header: NewHeader(KindWorkspace, "ws"), Spec: WorkspaceSpec{Owner: User{GitHub: "alice", ID: 1}, Domains: []string{"x.org"}}}
	projects := map[string]*Project{"a": {Header: NewHeader(KindProject, "a"), Spec: spec}, "b": {Header: NewHeader(KindProject, "b"), Spec: spec}}
	const (
		ofA = "workspaces/ws/projects/a/project.yaml: the host x.org of ws/a is also the host of ws/b (choose another domain)"
		ofB = "workspaces/ws/projects/b/project.yaml: the host x.org of ws/b is also the host of ws/a (choose another domain)"
	)
	tests := []struct {
		name string
		a, b bool
		want string
	}{
		{"nobody", false, false, ofA + "\n" + ofB},
		{"the first", true, false, ofB},
		{"the second", false, true, ofA},
		{"both", true, true, ofA + "\n" + ofB},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hosts := Hosts{}
			hosts.Add(Key{"ws", "a"}, spec, "example.com", tt.a)
			hosts.Add(Key{"ws", "b"}, spec, "example.com", tt.b)
			if diff := cmp.Diff(tt.want, CheckWorkspace(platform, workspace, projects, hosts).Error()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNobodyKeepsOthersFromAHostByNamingIt: a domain that is not the workspace's is a problem of who names it alone.
func TestNobodyKeepsOthersFromAHostByNamingIt(t *testing.T) {
	project := func(name, domain string) *Project {
		return &Project{Header: NewHeader(KindProject, name), Spec: ProjectSpec{Type: Monolithic, Image: "nginx", AppSpec: AppSpec{Domain: domain}}}
	}
	workspace := func(name string, domains ...string) *Workspace {
		return &Workspace{Header: NewHeader(KindWorkspace, name), Spec: WorkspaceSpec{Owner: User{GitHub: "alice", ID: 1}, Domains: domains}}
	}
	c := &Config{
		Platform:   &Platform{Header: NewHeader(KindPlatform, "p"), Spec: PlatformSpec{Domain: "example.com", Registry: RegistrySpec{URL: "r.example.com"}}},
		Workspaces: map[string]*Workspace{"a": workspace("a", "x.org"), "b": workspace("b")},
		Projects: map[Key]*Project{
			{"a", "shop"}: project("shop", "x.org"), {"b", "thief"}: project("thief", "x.org"),
			{"a", "web"}: project("web", ""), {"b", "rogue"}: project("rogue", "web-a.example.com"),
		},
	}
	for _, p := range c.Validate() {
		if f, ok := FileOf(p.File); !ok || f.Key.Workspace != "b" {
			t.Errorf("a problem in a file of others: %v", p)
		}
	}
	if len(c.Validate()) == 0 {
		t.Error("nobody is told that the domain is not theirs")
	}
}
