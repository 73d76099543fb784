package loop

import (
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
)

// ask is somebody waiting to hear what became of a commit.
type ask struct {
	manifest.Cause
	// Source is the app's commit, and Key the key of the part it is for, when a push to the app asks.
	Source    string
	SourceKey string
	// ForSource says that a config commit changed where the code comes from or how it is built.
	ForSource bool
	// Silent asks are only answered at the end: nobody watches a release commit on its way.
	Silent bool
	// Old asks were replayed from history and nobody has told them anything yet: they are not told that nothing had to be
	// done.
	Old bool
	// since is when the loop first saw it.
	since time.Time
	// said is which emptying of the outbox told them first; 0 while nothing was said.
	said int
}

// addAsk adds an ask unless the same one is open.
func (p *project) addAsk(a ask) *ask {
	for _, open := range p.asks {
		if open.Config == a.Config && open.Source == a.Source {
			return open
		}
	}
	p.asks = append(p.asks, &a)
	return &a
}

// say tells the one who asks how far it is.
func (s *state) say(p *project, a *ask, state reconciler.State, stage reconciler.Stage, description, url string) {
	if a.Silent && state == reconciler.StatePending {
		return
	}
	a.Old = false
	if a.said == 0 {
		a.said = s.sent + 1
	}
	s.outbox = append(s.outbox, reconciler.Report{
		Commit: a.Config, Context: reconciler.ContextOf(p.key), State: state, Stage: stage,
		Description: description, URL: url, Source: a.Source, At: s.Clock().UTC(),
	})
}

// sayAll tells all who ask.
func (s *state) sayAll(p *project, stage reconciler.Stage, description, url string) {
	for _, a := range p.asks {
		s.say(p, a, reconciler.StatePending, stage, description, url)
	}
}

// sayLate tells those who wait why they wait.
func (s *state) sayLate(p *project, stage reconciler.Stage, err error) {
	why, _, _ := strings.Cut(err.Error(), "\n")
	s.sayAll(p, stage, "trying again: "+why, "")
}

// answer ends asks: those that the function names get its state, stage and words, and are forgotten.
func (s *state) answer(p *project, verdict func(*ask) (reconciler.State, reconciler.Stage, string, bool), url string) {
	p.asks = slices.DeleteFunc(p.asks, func(a *ask) bool {
		state, stage, description, ended := verdict(a)
		if ended && description != "" {
			s.ended(p, a, state, stage, description)
			s.say(p, a, state, stage, description, url)
		}
		return ended
	})
}

// cause picks why a release was made among those who ask: the push whose code is new in it, else the newest ask, else
// what can be told from the release itself.
func (p *project) cause(d decision.Draft, base *manifest.Release, head string) manifest.Cause {
	for _, a := range slices.Backward(p.asks) {
		if a.Source != "" && slices.ContainsFunc(d.Images, func(i manifest.Image) bool { return i.Commit == a.Source }) {
			return a.Cause
		}
	}
	for _, a := range slices.Backward(p.asks) {
		if a.Source == "" && !a.Silent && a.Kind != manifest.CauseRollback {
			return a.Cause
		}
	}
	return derivedCause(d, base, head)
}

func derivedCause(d decision.Draft, base *manifest.Release, head string) manifest.Cause {
	if base == nil {
		return manifest.Cause{Kind: manifest.CauseConfig, Commit: head, Config: head}
	}
	for _, image := range d.Images {
		if before, found := base.Image(image.Name); found && before.Commit != image.Commit && image.Commit != "" {
			return manifest.Cause{Kind: manifest.CauseSource, Commit: image.Commit, Config: head}
		}
	}
	kind := manifest.CauseConfig
	if d.Parts[manifest.PartProject] == base.Spec.Parts[manifest.PartProject] {
		kind = manifest.CausePlatform
	}
	return manifest.Cause{Kind: kind, Commit: head, Config: head}
}
