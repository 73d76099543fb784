package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// errSimFault is a call that failed and did nothing; errSimLost is one that did all of it and whose answer got lost.
var (
	errSimFault = errors.New("the other side does not answer")
	errSimLost  = errors.New("the answer got lost")
)

// simCrash is what a process dies of.
type simCrash struct{}

// port is a call of the reconciler to the world: the process may die before and after it, the call may fail, and its
// answer may get lost.
func (p *simProcess) port(what string, effect func() error) error {
	s := p.sim
	if p.dead {
		panic(simCrash{})
	}
	if s.strikes(s.weather.crash) {
		p.die("before " + what)
	}
	if s.strikes(s.weather.fail) {
		s.tell("   %s: no answer", what)
		p.answer()
		return errSimFault
	}
	err := effect()
	p.answer()
	if err != nil {
		return err
	}
	if s.strikes(s.weather.crash) {
		p.die("after " + what)
	}
	if s.strikes(s.weather.fail) {
		s.tell("   %s: done, but the answer got lost", what)
		return errSimLost
	}
	return nil
}

func (p *simProcess) die(when string) {
	p.sim.tell("   CRASH %s", when)
	p.dead = true
	panic(simCrash{})
}

// simBuilds are builds as the builder, and the images of them as the registry has them. They outlive a process when
// remote is set, as on a Jenkins.
type simBuilds struct {
	builds map[string]*simBuild
	// images by the tag of their build, and by their digest. digests says what each image was made from.
	images  map[string]manifest.Image
	digests map[string]simImage
	// programs are what is in each image, by its digest.
	programs map[string]string
	tags     map[string]string
	started  map[string]int
	// lost are the digests that the registry's retention has removed.
	lost map[string]bool
	// failed are builds that failed once.
	failed map[string]bool
}

type simBuild struct {
	request  reconciler.BuildRequest
	stages   []reconciler.Stage
	failure  *reconciler.BuildFailure
	canceled bool
	done     bool
}

// simImage says what an image was made from, and how often that was built. Other builds came to it as well.
type simImage struct {
	request reconciler.BuildRequest
	nth     int
	also    []reconciler.BuildRequest
}

func newSimBuilds() *simBuilds {
	return &simBuilds{
		builds: map[string]*simBuild{}, images: map[string]manifest.Image{}, digests: map[string]simImage{}, programs: map[string]string{},
		tags: map[string]string{}, started: map[string]int{}, lost: map[string]bool{}, failed: map[string]bool{},
	}
}

// running are the builds that have not ended, in order.
func (b *simBuilds) running() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(b.builds)), func(id string) bool { return b.builds[id].done })
}

// advance takes one build a stage further.
func (s *sim) advance(id string) {
	b := s.builds.builds[id]
	stages := []reconciler.Stage{reconciler.StageBuilding, reconciler.StageScanning, reconciler.StagePushing}
	switch n := len(b.stages); {
	case n < len(stages):
		b.stages = append(b.stages, stages[n])
		s.tell("build %.6s of %s: %s", id, b.request.Key, stages[n])
	case b.canceled:
		b.done, b.failure = true, &reconciler.BuildFailure{Summary: "the build was canceled", Canceled: true}
	case s.strikes(s.weather.fail):
		b.done, b.failure = true, &reconciler.BuildFailure{Summary: "the machine that builds has no room on its disk", Temporary: true}
		s.tell("build %.6s of %s is in trouble", id, b.request.Key)
	default:
		b.done = true
		if why := s.spoiled(b.request); why != "" {
			s.builds.failed[id] = true
			b.failure = &reconciler.BuildFailure{Summary: why, Log: "line 1\nline 2"}
			s.tell("build %.6s of %s failed: %s", id, b.request.Key, why)
			return
		}
		s.builds.push(id, b.request, s.program(b.request))
		s.tell("build %.6s of %s is done: %s", id, b.request.Key, b.request.What())
	}
}

// program is what gets into the image of a build.
func (s *sim) program(r reconciler.BuildRequest) string {
	c := s.repos[r.Repository].commits[r.Commit]
	if c == nil || r.Path == "" {
		return r.Commit
	}
	return c.program(r.Repository, r.Path)
}

// push puts the image of a build into the registry; that of the one that runs, when it comes to the same program.
func (b *simBuilds) push(id string, request reconciler.BuildRequest, program string) {
	b.started[id]++
	digest := "sha256:" + simHash("image", id, fmt.Sprint(b.started[id])) + strings.Repeat("0", 24)
	runs, found := b.digests[request.Runs]
	same := found && b.programs[request.Runs] == program && runs.request.Destination == request.Destination
	if same {
		digest = request.Runs
	}
	image := manifest.Image{
		Name: request.Image, Repository: request.Destination, Tag: "build-" + id, Digest: digest,
		Commit: request.Commit, Tree: request.Tree, Built: true,
	}
	b.images[id] = image
	made := simImage{request: request, nth: b.started[id]}
	if same {
		made = runs
		made.also = append(slices.Clip(runs.also), request)
	}
	b.digests[digest], b.programs[digest] = made, program
	b.tags[image.Repository+":"+image.Tag] = digest
}

// simBuilder is the Builder of one process.
type simBuilder struct{ *simProcess }

func (b simBuilder) Start(_ context.Context, request reconciler.BuildRequest) error {
	return b.port("start build of "+request.What(), func() error {
		all := b.sim.builds
		build := all.builds[request.ID]
		switch {
		case build == nil:
		case build.failure != nil && (build.failure.Canceled || build.failure.Temporary):
		case build.done && build.failure == nil && all.images[request.ID].Digest == "": // retention has removed it
		case build.failure != nil && request.Attempt != "" && request.Attempt != build.request.Attempt:
		default:
			return nil
		}
		build = &simBuild{request: request}
		all.builds[request.ID] = build
		if _, found := all.images[request.ID]; found {
			build.done = true
		}
		return nil
	})
}

func (b simBuilder) Statuses(_ context.Context, ids []string) (statuses map[string]reconciler.BuildStatus, err error) {
	err = b.port("statuses of builds", func() error {
		statuses = map[string]reconciler.BuildStatus{}
		for _, id := range ids {
			if build := b.sim.builds.builds[id]; build != nil {
				statuses[id] = b.status(id, build)
			}
		}
		return nil
	})
	return statuses, err
}

func (b simBuilder) status(id string, build *simBuild) reconciler.BuildStatus {
	status := reconciler.BuildStatus{Stages: slices.Clone(build.stages), URL: "https://builds.test/" + id}
	if len(status.Stages) > 0 && b.sim.strikes(b.sim.weather.fail) { // an old answer
		status.Stages = status.Stages[:len(status.Stages)-1]
		return status
	}
	status.Done, status.Failure = build.done, build.failure
	if build.done && build.failure == nil {
		image := b.sim.builds.images[id]
		status.Image = &image
	}
	return status
}

func (b simBuilder) Cancel(_ context.Context, id string) error {
	return b.port("cancel build", func() error {
		if build := b.sim.builds.builds[id]; build != nil && !build.done {
			build.canceled = true
		}
		return nil
	})
}

// simRegistry is the Registry of one process.
type simRegistry struct{ *simProcess }

func (r simRegistry) Resolve(_ context.Context, reference string) (image manifest.Image, err error) {
	err = r.port("resolve "+reference, func() error {
		image, err = r.sim.resolve(reference)
		return err
	})
	return image, err
}

func (r simRegistry) Tag(_ context.Context, repository, digest, tag string) error {
	return r.port("tag "+repository+":"+tag, func() error {
		all := r.sim.builds
		if image, found := all.digests[digest]; !found || image.request.Destination != repository {
			return fmt.Errorf("%s@%s is not there", repository, digest)
		}
		if all.lost[digest] {
			return fmt.Errorf("%s@%s: %w", repository, digest, fs.ErrNotExist)
		}
		if there := all.tags[repository+":"+tag]; there != "" && there != digest {
			return &reconciler.TagTakenError{Repository: repository, Tag: tag, Digest: there, Wanted: digest}
		}
		all.tags[repository+":"+tag] = digest
		return nil
	})
}

func (r simRegistry) Has(_ context.Context, repository, digest string) (there bool, err error) {
	err = r.port("look for "+repository+"@"+digest[:13], func() error {
		there = !r.sim.builds.lost[digest]
		return nil
	})
	return there, err
}

// simForge is the Forge of one process; what it was told is in the notes of the sim.
type simForge struct{ *simProcess }

func (f simForge) Report(_ context.Context, reports []reconciler.Report) error {
	for _, r := range reports {
		if f.sim.config.commits[r.Commit] == nil {
			return fmt.Errorf("cannot report %s on %q", r.Context(), r.Commit)
		}
	}
	told := len(reports)
	if f.sim.strikes(f.sim.weather.fail) {
		told = f.sim.rng.IntN(told)
	}
	err := f.port("report", func() error {
		for _, r := range reports[:told] {
			f.sim.hear(r)
		}
		return nil
	})
	if err == nil && told < len(reports) {
		return errSimFault
	}
	return err
}

func (f simForge) Recall(_ context.Context, head string) (said []reconciler.Recalled, err error) {
	err = f.port("recall", func() error {
		for _, c := range f.sim.config.history(head) {
			for _, r := range f.sim.notes[c.Hash] {
				if r.Build != "" || r.Unchanged != "" {
					said = append(said, reconciler.Recalled{Commit: c.Hash, Statement: r})
				}
			}
			for _, r := range f.sim.open(c.Hash) {
				said = append(said, reconciler.Recalled{Commit: c.Hash, Statement: r})
			}
		}
		return nil
	})
	return said, err
}

// simStatement puts a report into the few words that a story needs.
func simStatement(r reconciler.Report) reconciler.Statement {
	return reconciler.Statement{
		Context: r.Context(), State: r.State, Stage: r.Stage, Description: r.Why(), Source: r.Source, Build: r.FailedBuild(), Unchanged: r.UnchangedBuilds(), At: r.At,
	}
}

// hear takes a report in as a Forge does.
func (s *sim) hear(r reconciler.Report) {
	for _, news := range reconciler.News(s.notes[r.Commit], []reconciler.Statement{simStatement(r)}) {
		s.notes[r.Commit] = append(s.notes[r.Commit], news)
		s.checkVerdict(r)
		s.checkUnchanged(r)
		s.checkBlame(r)
		s.reported++
		s.tell("   says on %s %s%s: %s, %s: %s", s.name(r.Commit), news.Context, s.sourceWords(news.Source), news.State, news.Stage, news.Description)
	}
}

func (s *sim) sourceWords(source string) string {
	if source == "" {
		return ""
	}
	return " for " + manifest.Short(source)
}

// open returns the newest report of each thread of a commit that is not over.
func (s *sim) open(commit string) []reconciler.Statement {
	var open []reconciler.Statement
	for _, r := range s.notes[commit] {
		same := func(o reconciler.Statement) bool { return o.Context == r.Context && o.Source == r.Source }
		open = slices.DeleteFunc(open, same)
		if !r.Terminal() {
			open = append(open, r)
		}
	}
	return open
}

// simSources is the Sources of one process.
type simSources struct{ *simProcess }

func (f simSources) Tips(_ context.Context, repository string, places []reconciler.Place) (found []reconciler.Found, err error) {
	err = f.port("look at "+repository, func() error {
		for _, place := range places {
			tip, err := f.sim.tip(manifest.Source{Repository: repository, Branch: place.Branch, Revision: place.Revision, Path: place.Path})
			found = append(found, reconciler.Found{Tip: tip, Err: err})
		}
		return nil
	})
	return found, err
}

// simCharts are two small charts for each type.
type simCharts struct{}

func (simCharts) Chart(t manifest.ProjectType, version string) (manifest.Chart, error) {
	switch version {
	case "", "1.1.0":
		version = "1.1.0"
	case "1.0.0":
	default:
		return manifest.Chart{}, fmt.Errorf("there is no chart %s %s", t, version)
	}
	return manifest.Chart{Name: string(t), Version: version, Digest: "sha256:" + simHash(string(t), version) + strings.Repeat("0", 24)}, nil
}

func (simCharts) Files(c manifest.Chart) (map[string][]byte, error) {
	return map[string][]byte{
		"Chart.yaml":       []byte("name: " + c.Name + "\nversion: " + c.Version + "\n"),
		"templates/a.yaml": []byte("kind: Deployment # " + c.Name + "\n"),
	}, nil
}
