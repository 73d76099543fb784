package loop

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/worker"
)

// project is what the loop knows of one project beyond what the config repository says now.
type project struct {
	key manifest.Key
	// memory is what run.yaml remembers, or will.
	memory manifest.RunSpec
	// kept is the release that memory.Kept names.
	kept *manifest.Release
	// rebuilt says that the memory was read out of the config history, because run.yaml was lost.
	rebuilt bool

	runs    []*run
	sources projectSources
	builds  map[string]decision.Build
	// together are the authored parts that a commit changed together with a source since the newest release; nil while that is
	// not known.
	together map[string]bool
	// images of the release files imagesOf, read only when a source is neither running nor being built.
	images   map[string]manifest.Image
	imagesOf []config.ReleaseFile

	// asked are the images that a registry was asked for, by their Ref; proven are those of the newest release, when this
	// process made it: the registry had them a moment ago.
	asked  map[string]question
	proven map[string]bool

	rollout rollout
	decided decided
}

// projectSources is what is known of the sources of one project.
type projectSources struct {
	watches map[worker.Watch][]string
	// tips by part, as they count; before are those that a renewed look is to find again, or not.
	tips   map[string]reconciler.Tip
	before map[string]reconciler.Tip
	// failures are the looks that failed, by part; losses count how often a part was lost and found again.
	failures map[string]worker.Sighting
	losses   map[string]int
	// earlier are commits of the app that an earlier process had seen. When a rollback came while nobody looked, they are
	// what was rolled back, and not the branch having moved on.
	earlier []string
	// again says that a retry was asked for, so that the sources want another look.
	again bool
}

// decided is what the last decision came to.
type decided struct {
	rest    *decision.Rest
	refused manifest.Problems
	draft   *decision.Draft
	// unreadable says that it rests because a source cannot be read.
	unreadable bool
	// asking says that GitOps stays as it is until a registry has said whether an image is there.
	asking bool
}

// before is what is remembered of the project, for Decide.
func (p *project) before() decision.Before { return decision.Before{Run: p.memory, Kept: p.kept} }

// running is the release that has to run.
func (p *project) running(v *config.View) *manifest.Release {
	return decision.RunningRelease(p.before(), v)
}

// base is the release that held parts are taken from.
func (p *project) base(v *config.View) *manifest.Release {
	return decision.BaseRelease(p.before(), v)
}

// guesses says that what is decided rests on sources that nobody has looked at since the start, and that somebody will
// soon.
func (p *project) guesses(v *config.View) bool {
	_, assumed := decision.HeadKeys(v, p.base(v), p.memory.Retry != "", p.sources.tips)
	for part := range assumed {
		if p.sources.failures[part].Failures < patience {
			return true
		}
	}
	return false
}

// put sets an entry of a map that is made with its first one: most projects need none of theirs.
func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// projects owns what the loop knows of all projects.
type projects struct {
	all map[manifest.Key]*project
	// dirty projects want a decision; late ones could not be seen to the end of a pass, for a reason that is to go away.
	dirty map[manifest.Key]bool
	late  map[manifest.Key]error
	// asked projects have images that a registry was asked for.
	asked map[manifest.Key]bool
}

func newProjects() *projects {
	return &projects{all: map[manifest.Key]*project{}, dirty: map[manifest.Key]bool{}, late: map[manifest.Key]error{}, asked: map[manifest.Key]bool{}}
}

// get returns a project; it is there as soon as somebody asks.
func (ps *projects) get(k manifest.Key) *project {
	p := ps.all[k]
	if p == nil {
		p = &project{key: k}
		ps.all[k] = p
	}
	return p
}

// touch makes a project want a decision.
func (ps *projects) touch(k manifest.Key) { ps.dirty[k] = true }

// touchAll makes every project want a decision.
func (ps *projects) touchAll() {
	for k := range ps.all {
		ps.dirty[k] = true
	}
}

// dirtyKeys returns the projects that want a decision, sorted.
func (ps *projects) dirtyKeys() []manifest.Key {
	return slices.SortedFunc(maps.Keys(ps.dirty), manifest.Key.Compare)
}

// keys returns all projects, sorted.
func (ps *projects) keys() []manifest.Key {
	return slices.SortedFunc(maps.Keys(ps.all), manifest.Key.Compare)
}
