package main

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/namespace"
	"github.com/plateform/plateform/test/gitserver"
)

// shape says how much there is in a fleet.
type shape struct {
	projects, releases int
	// sources says that projects are built; else they run an image that is there.
	sources bool
	// host is where the sources are, if that matters.
	host string
}

const (
	projectsAWorkspace = 10
	domain             = "apps.example.com"
	sourceHost         = "https://git.example.com"
)

// fleet is a config repository full of projects, each with its releases, and the GitOps repository that it leads to: there
// is nothing to do.
type fleet struct {
	shape
	config, gitops *gitserver.Repo
	charts         *charts.Charts
	platform       *manifest.Platform
}

// fleet returns the fleet of a shape; the first time it is made. Its repositories are to be copied, not changed.
func (s *stage) fleet(sh shape) *fleet {
	if f := s.fleets[sh]; f != nil {
		return f
	}
	embedded, err := charts.New()
	s.must(err)
	f := &fleet{
		shape: sh, charts: embedded, platform: platform(domain, sh.host),
		config: s.server.Create(s, s.name("config")), gitops: s.server.Create(s, s.name("gitops")),
	}
	s.writeConfig(f)
	s.writeGitOps(f)
	for _, repo := range []*gitserver.Repo{f.config, f.gitops} {
		repo.Git("repack", "-adq")
	}
	s.fleets[sh] = f
	return f
}

// key of project i.
func (f *fleet) key(i int) manifest.Key {
	return manifest.Key{Workspace: workspaceName(i / projectsAWorkspace), Project: fmt.Sprintf("app-%05d", i)}
}

func workspaceName(i int) string { return fmt.Sprintf("ws-%04d", i) }

func (f *fleet) workspaces() int { return (f.projects + projectsAWorkspace - 1) / projectsAWorkspace }

// version of a release, counted from 0.
func version(n int) manifest.Version { return manifest.Version{Major: 1, Patch: n} }

// platform is platform.yaml; host is where the sources are, if not at the usual place.
func platform(domain, host string) *manifest.Platform {
	return &manifest.Platform{
		Header: manifest.NewHeader(manifest.KindPlatform, "bench"),
		Spec: manifest.PlatformSpec{
			Domain:   domain,
			Registry: manifest.RegistrySpec{URL: "registry.example.com"},
			Sources:  manifest.SourcesSpec{Allow: []string{cmp.Or(host, sourceHost) + "/*"}},
			Ingress:  manifest.IngressSpec{Class: "nginx", TLSIssuer: "letsencrypt"},
		},
	}
}

func workspace(i int) *manifest.Workspace {
	owner := manifest.User{GitHub: fmt.Sprintf("owner-%d", i), ID: int64(1000 + i)}
	return &manifest.Workspace{
		Header: manifest.NewHeader(manifest.KindWorkspace, workspaceName(i)),
		Spec: manifest.WorkspaceSpec{
			Owner: owner, Quota: manifest.Quota{Projects: 20, CPU: "64", Memory: "64Gi", Storage: "100Gi"},
		},
	}
}

// project is a project as its owner wrote it for a release; generation is what changes from one to the next.
func (f *fleet) project(k manifest.Key, generation string) *manifest.Project {
	replicas := 2
	env := []manifest.EnvVar{{Name: "GENERATION", Value: &generation}}
	for _, name := range []string{"LOG_LEVEL", "CACHE_URL", "FEATURE_FLAGS", "SMTP_HOST", "UPSTREAM"} {
		value := strings.ToLower(name) + "-of-" + k.Project
		env = append(env, manifest.EnvVar{Name: name, Value: &value})
	}
	spec := manifest.ProjectSpec{Type: manifest.Monolithic, AppSpec: manifest.AppSpec{
		Port: 8080, Replicas: &replicas, Resources: manifest.Resources{CPU: "500m", Memory: "512Mi"},
		Health: &manifest.Health{Path: "/healthz"}, Env: env,
	}}
	if f.sources {
		spec.Source = &manifest.Source{Repository: cmp.Or(f.host, sourceHost) + "/" + k.String(), Branch: "main"}
	} else {
		spec.Image = "images.example.net/vendor/" + k.Project + ":1.0"
	}
	return &manifest.Project{Header: manifest.NewHeader(manifest.KindProject, k.Project), Spec: spec}
}

// tipOf is where the source of a project is after some pushes to it.
func tipOf(repository string, pushes int) string {
	return fakeHash(fmt.Sprint(repository, pushes))[:40]
}

// fakeHash is 64 digits that stand for something.
func fakeHash(of string) string {
	return strings.TrimPrefix(manifest.SourceInput{}.Key(of), "sha256:")
}

// release makes the release file of a project, as the reconciler does.
func (f *fleet) release(i, n int) (*manifest.Release, []byte, error) {
	k, w := f.key(i), workspace(i/projectsAWorkspace)
	spec := f.project(k, fmt.Sprint(n)).Spec
	chart, err := f.charts.Chart(spec.Type, "")
	if err != nil {
		return nil, nil, err
	}
	inputs := manifest.UsedInputs(manifest.Surroundings{Platform: f.platform, Workspace: w}, k, spec, chart)
	input := manifest.SourceInputs(spec)[0]
	image := manifest.Image{Name: manifest.AppImage, Repository: "images.example.net/vendor/" + k.Project, Tag: "1.0",
		Digest: "sha256:" + fakeHash(k.Project)}
	id := input.ReferenceID()
	if f.sources {
		image.Commit, image.Tag = tipOf(spec.Source.Repository, 0), version(0).String()
		id = manifest.SourceID(image.Commit, "")
	}
	r := &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, version(n).String())}
	r.Spec = manifest.ReleaseSpec{
		Parts: manifest.Parts{
			manifest.PartSource:   input.Key(id),
			manifest.PartProject:  manifest.ProjectKey(spec),
			manifest.PartPlatform: manifest.PlatformKey(inputs),
		},
		Images: []manifest.Image{image}, Chart: chart, Project: spec, Platform: inputs, Cause: f.cause(k, n),
		Plan: manifest.PlanHash(k, spec, inputs), CreatedAt: beginning().Add(time.Duration(n) * time.Hour),
	}
	r.Spec.Values, err = manifest.BuildValues(manifest.ValuesInput{
		Key: k, Release: version(n), Project: spec, Platform: inputs, Images: r.Spec.Images,
	})
	if err != nil {
		return nil, nil, err
	}
	file, err := manifest.EncodeRelease(r, k, w.Spec.Owner.ID, nil)
	return r, file, err
}

func (f *fleet) cause(k manifest.Key, n int) manifest.Cause {
	commit := fakeHash(fmt.Sprint(k, n))[:40]
	return manifest.Cause{Kind: manifest.CauseConfig, Commit: commit, Config: commit, By: "Ann"}
}

func beginning() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// writeConfig makes the config repository: one commit of people, then one for each round of releases.
func (s *stage) writeConfig(f *fleet) {
	in := s.startImport(f.config)
	in.commit("Ann <ann@example.com>", "Everything\n")
	in.encode(manifest.PlatformFile, f.platform)
	for i := range f.workspaces() {
		in.encode(manifest.WorkspaceFile(workspaceName(i)), workspace(i))
	}
	for i := range f.projects {
		in.encode(manifest.ProjectFile(f.key(i)), f.project(f.key(i), fmt.Sprint(f.releases-1)))
	}
	for n := range f.releases {
		in.commit(plateformAuthor, "Releases "+version(n).String()+"\n")
		for i, file := range s.releaseFiles(f, n) {
			in.file(manifest.ReleaseFile(f.key(i), version(n)), file)
		}
	}
	in.end()
}

// releaseFiles makes one release file for each project, on all cores.
func (s *stage) releaseFiles(f *fleet, n int) [][]byte {
	files := make([][]byte, f.projects)
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for i := range files {
		workers.Go(func() (err error) {
			_, files[i], err = f.release(i, n)
			return err
		})
	}
	s.must(workers.Wait())
	return files
}

// writeGitOps makes the GitOps repository as the reconciler would.
func (s *stage) writeGitOps(f *fleet) {
	in := s.startImport(f.gitops)
	in.commit(plateformAuthor, manifest.FormatMessage("Everything", []manifest.Trailer{
		{Key: manifest.TrailerConfigCommit, Value: f.config.Head("main")},
	}))
	chart, err := f.charts.Chart(manifest.Monolithic, "")
	s.must(err)
	files, err := f.charts.Files(chart)
	s.must(err)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		in.file(path.Join(manifest.ChartDir(chart), name), files[name])
	}
	for i := range f.workspaces() {
		namespace, err := namespace.Document(f.platform, workspace(i))
		s.must(err)
		in.file(manifest.NamespaceFile(workspaceName(i)), []byte(namespace))
	}
	for i := range f.projects {
		r, _, err := f.release(i, f.releases-1)
		s.must(err)
		in.file(manifest.ValuesFile(f.key(i)), []byte(r.Spec.Values))
		in.encode(manifest.RunFile(f.key(i)), f.run(i, r))
	}
	in.end()
}

// run is what is remembered of a project whose releases all went well. They went out one after the other.
func (f *fleet) run(i int, newest *manifest.Release) manifest.Run {
	ended := beginning().Add(time.Duration(f.releases) * time.Hour).Add(time.Duration(i) * 11 * time.Minute)
	return manifest.Run{Header: manifest.NewHeader(manifest.KindRun, f.key(i).Project), Spec: manifest.RunSpec{
		Highest: newest.Metadata.Name,
		Owner:   workspace(i / projectsAWorkspace).Spec.Owner.ID,
		Last: &manifest.LastRun{
			ID: fakeHash(f.key(i).String())[:12], Result: manifest.ResultDeployed, Release: newest.Metadata.Name,
			Cause: newest.Spec.Cause, StartedAt: ended, EndedAt: ended,
		},
	}}
}
