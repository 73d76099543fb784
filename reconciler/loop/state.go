package loop

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// state is all the loop knows. It is made from the two repositories and can be made again from them at any time.
type state struct {
	*Reconciler
	catalog *config.Catalog
	// head of the config repository. The catalog is there too, unless the head is unusable.
	head string
	// trouble says why the head is unusable.
	trouble error

	gitops   gitops
	projects map[manifest.Key]*project
	// dirty projects want a decision.
	dirty map[manifest.Key]bool
	// late projects could not be seen to the end of a pass, for a reason that is to go away.
	late map[manifest.Key]error
	// building projects have builds that were asked for.
	building map[manifest.Key]bool
	// asking projects have somebody who waits for an answer, or had until lately.
	asking map[manifest.Key]bool
	// watched maps what the lookout looks at to the parts that come from there.
	watched map[watch]map[manifest.Key][]string

	outbox []reconciler.Report
	// sent counts how often the outbox was emptied, from 1.
	sent int
	// complained says that the newest word about the config repository itself was a complaint.
	complained bool
}

// project is what the loop knows of one project beyond what the config repository says now.
type project struct {
	key  manifest.Key
	run  manifest.RunSpec
	kept *manifest.Release

	asks []*ask
	// known are commits of the app that an earlier process had seen. When a rollback came while nobody looked, they are
	// what was rolled back, and not the branch having moved on.
	known   []string
	watches map[watch][]string
	tips    map[string]reconciler.Tip
	// lookErrors are the looks at a source that failed, by part.
	lookErrors map[string]sighting
	builds     map[string]decision.Build
	// again says that a retry was asked for, so that the sources want another look.
	again bool
	// images of the release files imagesOf, read only when a source is neither running nor being built.
	images   map[string]manifest.Image
	imagesOf []config.ReleaseFile

	settled settled
	output  output
}

// settled is what the last decision came to.
type settled struct {
	rest    *decision.Rest
	refused manifest.Problems
	draft   *decision.Draft
}

// output is the project's part of the GitOps repository.
type output struct {
	// release that the wanted values are from; nil when they are left as they are.
	release *manifest.Release
	// wanted and actual content of values.yaml; empty for no file.
	wanted, actual string
	// run is what run.yaml says. When there is none, or it is not known to be as Plateform wrote it, run is nil and runText
	// its content.
	run     *manifest.RunSpec
	runText string
	// version that was there last, whoever has changed it since.
	version manifest.Version
	// tampered says that somebody else changed the files.
	tampered bool
}

func (s *state) project(k manifest.Key) *project {
	p := s.projects[k]
	if p == nil {
		p = &project{key: k, builds: map[string]decision.Build{}, tips: map[string]reconciler.Tip{}, lookErrors: map[string]sighting{}}
		s.projects[k] = p
	}
	return p
}

// before is what is remembered of the project, for Decide.
func (p *project) before() decision.Before { return decision.Before{Run: p.run, Kept: p.kept} }

// running is the release that has to run.
func (p *project) running(v *config.View) *manifest.Release {
	return decision.RunningRelease(p.before(), v)
}

// dirtyKeys returns the projects that want a decision, sorted.
func (s *state) dirtyKeys() []manifest.Key {
	return slices.SortedFunc(maps.Keys(s.dirty), manifest.Key.Compare)
}

// shows is the release that GitOps shows; empty when nothing of the project runs.
func (p *project) shows() string {
	if p.output.version.IsZero() {
		return ""
	}
	return p.output.version.String()
}
