package loop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// simStart is when all histories begin.
var simStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// sim is a small world with one Plateform in it. One seed is one history: everything that happens is drawn from it.
type sim struct {
	seed    uint64
	rng     *rand.Rand
	weather simWeather
	// retention is what the registry removes.
	retention simRetention
	now       time.Time
	// calm is the world without faults, in which everything has to come to rest.
	calm bool

	config, gitops *simRemote
	repos          map[string]*simRepo
	builds         *simBuilds
	engine         *simEngine
	signer         *signing.Key
	notes          map[string][]reconciler.Statement
	reported       int
	process        *simProcess
	// rival is a second process on the same repositories.
	rival     *simProcess
	lateHints []Hint
	// refuse says why a repository takes no pushes; empty for those that do.
	refuse map[string]string
	// images is who tidies the registry; nil for nobody.
	images worker.ImageStore

	people simPeople
	audit  simAudit
	story  simStory
}

// simStory is what happened, told when somebody asks.
type simStory struct {
	told  bool
	lines []string
	names map[string]string
}

func (s *sim) tell(format string, args ...any) {
	if s.story.told {
		s.story.lines = append(s.story.lines, fmt.Sprintf(format, args...))
	}
}

// name is a commit as the story calls it.
func (s *sim) name(commit string) string {
	if name := s.story.names[commit]; name != "" {
		return name
	}
	return manifest.Short(commit)
}

// simWeather is how hard times are: one in so many calls, 0 for never.
type simWeather struct {
	crash, fail, race, hints, flaky int
	// remote builders keep builds when the process dies; forget says that they lose some.
	remote bool
	forget int
	engine bool
	// two processes work at the same time; signed says that there are signing keys; stall: one in so many questions is
	// never answered, until the weather clears up.
	two, signed bool
	stall       int
	rewrite     bool
	empty       bool
	keep        int
}

func (w simWeather) String() string {
	return fmt.Sprintf("crash 1/%d, failed call 1/%d, race 1/%d, lost hint 1/%d, flaky build 1/%d, remote builder %t (forgets 1/%d), rewrites %t, empties GitOps %t, keeps %d releases, engine %t, signed %t, two processes %t, stalls 1/%d",
		w.crash, w.fail, w.race, w.hints, w.flaky, w.remote, w.forget, w.rewrite, w.empty, w.keep, w.engine, w.signed, w.two, w.stall)
}

func newSim(seed uint64, told bool) *sim {
	s := &sim{
		seed: seed, retention: newSimRetention(seed), rng: rand.New(rand.NewPCG(seed, 0x706c617465666f72)), now: simStart,
		config: newSimRemote("config"), gitops: newSimRemote("gitops"),
		repos: map[string]*simRepo{}, builds: newSimBuilds(), engine: newSimEngine(), notes: map[string][]reconciler.Statement{},
		people: newSimPeople(), audit: newSimAudit(),
		story: simStory{told: told, names: map[string]string{}},
	}
	s.weather = simWeather{
		crash: pick(s, 0, 0, 200, 40, 15), fail: pick(s, 0, 0, 50, 8), race: pick(s, 0, 10, 3), hints: pick(s, 0, 3, 1),
		flaky: pick(s, 0, 0, 5), remote: s.chance(2), forget: pick(s, 0, 30), rewrite: s.chance(10), empty: s.chance(5), keep: pick(s, 0, 0, 3), engine: s.chance(4), signed: s.chance(4), stall: pick(s, 0, 0, 10),
	}
	s.engine.on = s.weather.engine
	s.weather.two = s.weather.remote && s.chance(3)
	if s.weather.signed {
		key := simKey()
		s.signer = &key
	}
	s.tell("weather: %s", s.weather)
	s.found()
	return s
}

func pick[T any](s *sim, from ...T) T { return from[s.rng.IntN(len(from))] }

// chance is true once in n times.
func (s *sim) chance(n int) bool { return s.rng.IntN(n) == 0 }

// strikes is true once in n times while the weather is not calm; never for 0.
func (s *sim) strikes(n int) bool { return !s.calm && n > 0 && s.rng.IntN(n) == 0 }

// simRepo is the repository of an app.
type simRepo struct {
	url      string
	branches map[string]string
	commits  map[string]*simSource
	order    []string
	// reset says that a branch was taken back once.
	reset bool
}

// simSource is a commit of an app. content is what each path holds; where it begins with bad it cannot be built.
type simSource struct {
	hash    string
	content map[string]string
	bad     bool
}

const (
	simShop = "https://git.test/shop"
	simMono = "https://git.test/mono"
)

// simPaths are the folders of the repository with several apps.
var simPaths = []string{"api", "orders", "web"}

// simLib is what the builds of all paths but the last read too. What stands behind a # is in no image.
const simLib = "lib"

// readsLib says that a build of a path reads what is beside it.
func readsLib(repository, path string) bool {
	return repository == simMono && path != "" && path != simPaths[len(simPaths)-1]
}

// program is what gets into an image of a path of a commit.
func (c *simSource) program(repository, path string) string {
	if !readsLib(repository, path) {
		return c.content[path]
	}
	lib, _, _ := strings.Cut(c.content[simLib], "#")
	return c.content[path] + "\n" + lib
}

// push adds a commit to a branch of an app. It may change several services of one repository; a bad one breaks one of them.
func (s *sim) push(repo *simRepo, branch string, bad bool) *simSource {
	n := len(repo.order)
	c := &simSource{content: map[string]string{}, bad: bad}
	if tip := repo.commits[repo.branches[branch]]; tip != nil {
		maps.Copy(c.content, tip.content)
	}
	path := "README"
	if repo.url == simMono {
		path = pick(s, "README", simLib, simLib, simPaths[0], simPaths[1], simPaths[2])
	}
	c.content[path] = fmt.Sprintf("content %d", n)
	if path == simLib {
		bad, c.bad = false, false
		c.content[path] = fmt.Sprintf("lib %d # content %d", n/4, n)
	}
	for repo.url == simMono && s.chance(2) {
		c.content[pick(s, simPaths...)] = fmt.Sprintf("content %d", n)
	}
	if bad {
		c.content[path] = fmt.Sprintf("bad content %d", n)
	}
	c.hash = simHash(repo.url, fmt.Sprint(n))
	repo.commits[c.hash], repo.branches[branch] = c, c.hash
	repo.order = append(repo.order, c.hash)
	return c
}

// simLostSource is what a look comes to at a source that is not there.
func simLostSource(reason manifest.LostReason, format string, args ...any) error {
	return &reconciler.SourceError{Reason: reason, Err: fmt.Errorf(format, args...)}
}

func (s *sim) tip(source manifest.Source) (reconciler.Tip, error) {
	repo := s.repos[source.Repository]
	if repo == nil {
		return reconciler.Tip{}, simLostSource(manifest.LostRepository, "%s is not there", source.Repository)
	}
	hash := source.Revision
	if hash == "" {
		hash = repo.branches[source.Branch]
	}
	c := repo.commits[hash]
	if c == nil {
		reason := manifest.LostBranch
		if source.Revision != "" {
			reason = manifest.LostCommit
		}
		return reconciler.Tip{}, simLostSource(reason, "%s has no %s%s", source.Repository, source.Branch, source.Revision)
	}
	tip := reconciler.Tip{Commit: hash, By: "dev"}
	if source.Path != "" {
		content, found := c.content[source.Path]
		if !found {
			return reconciler.Tip{}, simLostSource(manifest.LostFolder, "%s has no folder %s", source.Repository, source.Path)
		}
		tip.Tree = simHash("tree", content)
		if readsLib(source.Repository, source.Path) {
			tip.Folder, tip.Tree = tip.Tree, simHash("tree", content, c.content[simLib])
			tip.Scope, tip.ScopeReason = simLib+", "+source.Path, "it reads that"
		}
	}
	return tip, nil
}

// spoiled says why a build fails; empty when it does not.
func (s *sim) spoiled(r reconciler.BuildRequest) string {
	if repo := s.repos[r.Repository]; s.bad(repo, r.Commit, r.Path) {
		return "does not compile"
	}
	if s.strikes(s.weather.flaky) {
		s.audit.flaky[r.ID] = true
		return "the network broke"
	}
	return ""
}

func (s *sim) bad(repo *simRepo, commit, path string) bool {
	c := repo.commits[commit]
	if path == "" {
		return c.bad
	}
	return strings.HasPrefix(c.content[path], "bad")
}

// simGone says that there is no such image, which no further question changes.
type simGone struct{ reference string }

func (e simGone) Error() string   { return "there is no image " + e.reference }
func (e simGone) Temporary() bool { return false }

// resolve finds the digest of an authored image.
func (s *sim) resolve(reference string) (manifest.Image, error) {
	repository, tag, _ := strings.Cut(reference, ":")
	if tag == "gone" {
		return manifest.Image{}, simGone{reference}
	}
	digest := "sha256:" + simHash("reference", reference) + strings.Repeat("1", 24)
	return manifest.Image{Repository: repository, Tag: tag, Digest: digest}, nil
}

// found writes the first commit of the config repository, and the apps.
func (s *sim) found() {
	for _, url := range []string{simShop, simMono} {
		repo := &simRepo{url: url, branches: map[string]string{}, commits: map[string]*simSource{}}
		s.repos[url] = repo
		c := s.push(repo, "main", false)
		for _, path := range simPaths {
			c.content[path] = "content of " + path
		}
	}
	files := map[string][]byte{}
	platform := manifest.Platform{Header: manifest.NewHeader(manifest.KindPlatform, "acme"), Spec: manifest.PlatformSpec{
		Domain: "apps.test", Registry: manifest.RegistrySpec{URL: "registry.test"},
		Sources:  manifest.SourcesSpec{Allow: []string{"https://git.test/*"}},
		Charts:   map[manifest.ProjectType]string{manifest.Monolithic: "1.0.0"},
		Releases: manifest.ReleasesSpec{Keep: s.weather.keep},
	}}
	if s.signer != nil {
		platform.Spec.Releases.PublicKeys = []string{s.signer.Public().String()}
	}
	files[manifest.PlatformFile] = encoded(platform)
	projects := s.firstProjects()
	for _, k := range slices.SortedFunc(maps.Keys(projects), manifest.Key.Compare) {
		files[manifest.WorkspaceFile(k.Workspace)] = encoded(workspaceOf(k.Workspace))
		if s.chance(3) { // comes later
			s.people.later[k] = projects[k]
			continue
		}
		files[manifest.ProjectFile(k)] = encoded(projectOf(k, projects[k]))
		s.people.good[k] = projects[k]
	}
	s.publish(manifest.Edit{Message: "The beginning", Files: files})
}

func (s *sim) firstProjects() map[manifest.Key]manifest.ProjectSpec {
	key := func(project string) manifest.Key { return manifest.Key{Workspace: "ws-1", Project: project} }
	projects := map[manifest.Key]manifest.ProjectSpec{
		key("shop"): {Type: manifest.Monolithic, Source: &manifest.Source{Repository: simShop}},
	}
	if s.chance(2) {
		projects[key("api")] = manifest.ProjectSpec{Type: manifest.Monolithic, Source: &manifest.Source{Repository: simMono, Path: "api"}}
	}
	switch s.rng.IntN(6) {
	case 0:
		projects[key("site")] = manifest.ProjectSpec{Type: manifest.Monolithic, Image: "docker.test/nginx:1"}
	case 1:
		projects[key("data")] = manifest.ProjectSpec{Type: manifest.Database,
			DatabaseSpec: manifest.DatabaseSpec{Engine: "postgres", Version: "16", Storage: "1Gi"}}
	case 2:
		projects[key("micro")] = manifest.ProjectSpec{Type: manifest.SpringMicroservice, Source: &manifest.Source{Repository: simMono},
			SpringSpec: manifest.SpringSpec{Services: []manifest.Service{{Name: "orders", Public: true}, {Name: "web"}}}}
	case 3:
		projects[key("micro")] = manifest.ProjectSpec{Type: manifest.SpringMicroservice, Source: &manifest.Source{Repository: simMono},
			SpringSpec: manifest.SpringSpec{Services: []manifest.Service{{Name: "orders", Public: true}, {Name: "web"}, {Name: "api"}}}}
	case 4:
		projects[manifest.Key{Workspace: "ws-2", Project: "shop"}] = manifest.ProjectSpec{Type: manifest.Monolithic,
			Source: &manifest.Source{Repository: simShop}}
	}
	return projects
}

// simKey is the key of the installation; always the same, so that a seed is one history.
func simKey() signing.Key {
	key, err := signing.Generate(strings.NewReader(strings.Repeat("k", 64)))
	if err != nil {
		panic(err)
	}
	return key
}

func workspaceOf(name string) manifest.Workspace {
	return manifest.Workspace{Header: manifest.NewHeader(manifest.KindWorkspace, name), Spec: manifest.WorkspaceSpec{
		Owner: manifest.User{GitHub: "alice", ID: 7}, Quota: manifest.Quota{CPU: "64"},
	}}
}

func projectOf(k manifest.Key, spec manifest.ProjectSpec) manifest.Project {
	return manifest.Project{Header: manifest.NewHeader(manifest.KindProject, k.Project), Spec: spec}
}

func encoded(v any) []byte {
	b, err := manifest.Encode(v)
	if err != nil {
		panic(err)
	}
	return b
}
