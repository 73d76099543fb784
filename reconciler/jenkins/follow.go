package jenkins

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// How builds end, in Jenkins' words.
const (
	resultSuccess = "SUCCESS"
	resultAborted = "ABORTED"
)

// hasLost is why a build is lost that is not there any more, in whichever way that was found out: the same cause is told in the same words.
const hasLost = "Jenkins has lost the build"

// step is what a look says of one build.
type step struct {
	known *build
	// run that is the build, when there is one.
	run *run
	// lost says why it is lost; empty when it is not.
	lost string
	// stop has the run stopped, too.
	stop bool
}

// Statuses implements reconciler.Builder. It asks Jenkins only when one of the builds is under way, and then about all of them
// together.
func (b *Builder) Statuses(ctx context.Context, ids []string) (map[string]reconciler.BuildStatus, error) {
	if running := b.running(ids); len(running) > 0 {
		l, _, err := b.remote.look(ctx, len(running))
		if err != nil {
			return nil, err
		}
		if err := b.follow(ctx, l, running); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	statuses := map[string]reconciler.BuildStatus{}
	for _, id := range ids {
		if known := b.active[id]; known != nil {
			statuses[id] = known.status.Clone()
		} else if known, found := b.ended.Get(id); found {
			statuses[id] = known.status.Clone()
		}
	}
	return statuses, nil
}

// running are the builds that are under way, in the order of their IDs.
func (b *Builder) running(ids []string) []*build {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := map[string]*build{}
	for _, id := range ids {
		if known := b.active[id]; known != nil {
			found[id] = known
		}
	}
	var running []*build
	for _, id := range slices.Sorted(maps.Keys(found)) {
		running = append(running, found[id])
	}
	return running
}

// follow takes in what a look says of the builds that are under way. What goes wrong with one of them holds up no other.
func (b *Builder) follow(ctx context.Context, l *look, running []*build) error {
	var steps []step
	for _, known := range running {
		if s := b.place(l, known); s != nil {
			steps = append(steps, *s)
		}
	}
	asked := b.askStages(steps)
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, s := range steps {
		group.Go(func() error {
			b.took(s.known, b.advance(ctx, s, asked[s.known.request.ID]))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// took notes what keeps a build from its end, nil when nothing does, and logs it once. People are told when it was no matter of a moment.
func (b *Builder) took(known *build, err error) {
	b.mu.Lock()
	if err == nil {
		known.troubled, known.status.Trouble = 0, ""
		b.mu.Unlock()
		return
	}
	news := known.complaint != err.Error()
	known.complaint = err.Error()
	if known.troubled++; known.troubled > 1 {
		known.status.Trouble = manifest.FirstLine(err.Error())
	}
	b.mu.Unlock()
	if news {
		b.options.Log.Warn("how far a build is in Jenkins cannot be found out; it is asked again", "build", known.request.ID, "error", err)
	}
}

// place finds a build in a look; nil when that says nothing of it.
func (b *Builder) place(l *look, known *build) *step {
	b.mu.Lock()
	defer b.mu.Unlock()
	id, now := known.request.ID, b.options.Clock()
	if b.active[id] != known {
		return nil
	}
	var found *run
	for _, r := range l.runs[id] { // the newest first, so the lowest number stays
		switch {
		case slices.Contains(known.given, r.Number):
		case known.number == r.Number, known.number == 0 && r.Number > known.floor:
			found = &r
		}
	}
	restarted := l.session != known.session
	known.session = l.session
	switch {
	case found != nil:
		known.number, known.at = found.Number, now
		return b.seen(known, found, now)
	case known.number != 0:
		return &step{known: known} // gone, or older than what was looked at
	case len(l.queued[id]) > 0:
		known.at = now
		known.waits(l.why[id])
		return nil
	case restarted, now.Sub(known.at) >= grace:
		return &step{known: known, lost: hasLost}
	}
	return nil
}

// seen is a build that Jenkins has.
func (b *Builder) seen(known *build, r *run, now time.Time) *step {
	if r.done() {
		return &step{known: known, run: r}
	}
	if known.running.IsZero() {
		known.running = now
	}
	known.status.URL, known.status.Queued = b.remote.link(*r), ""
	s := &step{known: known, run: r}
	if now.Sub(known.running) >= b.options.Timeout {
		s.lost, s.stop = fmt.Sprintf("the build had not ended after %v and was given up", b.options.Timeout), true
	}
	return s
}

// advance takes one build further. stages says whether it is asked for its stages.
func (b *Builder) advance(ctx context.Context, s step, stages bool) error {
	known := s.known
	if s.run == nil && s.lost == "" { // look at it alone
		r, found, err := b.remote.one(ctx, numberOf(b, known))
		if err != nil {
			return err
		}
		if !found {
			b.lose(known, hasLost, lostVerdict)
			return nil
		}
		b.mu.Lock()
		s = *b.seen(known, &r, b.options.Clock())
		b.mu.Unlock()
	}
	switch {
	case s.lost != "":
		if s.stop {
			if err := b.remote.stop(ctx, s.run.Number); err != nil {
				return err
			}
		}
		b.lose(known, s.lost, lostVerdict)
		return nil
	case s.run.done():
		end, err := b.finish(ctx, known, *s.run)
		if err != nil {
			return err
		}
		if end.trouble != "" {
			b.lose(known, end.trouble, "")
			return nil
		}
		b.end(known, end.BuildStatus)
		return nil
	case stages:
		_, err := b.view(ctx, known, *s.run)
		return err
	}
	return nil
}

func numberOf(b *Builder, known *build) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return known.number
}

// lostVerdict stands before why a build is lost, when that is how it ends.
const lostVerdict = "lost: "

// lose ends a build that is lost, or failed for a reason that is none of its source: to be started again after a while, unless that
// happens too often. verdict stands before the reason then.
func (b *Builder) lose(known *build, why, verdict string) {
	b.mu.Lock()
	known.losses++
	known.give(known.number)
	again := known.losses < maxLosses
	status := known.status
	b.mu.Unlock()
	status.Done, status.Failure = true, &reconciler.BuildFailure{Summary: why + " (it is started again)", Temporary: true}
	if !again {
		status.Failure = &reconciler.BuildFailure{
			Summary: fmt.Sprintf("%s%s, %d times in a row (look after Jenkins and its agents, then retry)", verdict, why, maxLosses),
		}
	}
	log := b.options.Log.With("build", known.request.ID, "project", known.request.Key.String(), "why", why, "again", again)
	if verdict == "" {
		log.Warn("a build in Jenkins failed through no fault of its source")
	} else {
		log.Warn("a build is lost in Jenkins")
	}
	b.end(known, status)
}

// askStages chooses running builds that are asked for their stages: a few each time, all of them in turn.
func (b *Builder) askStages(steps []step) map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var before, after []string
	for _, s := range steps {
		id := s.known.request.ID
		switch {
		case s.run == nil || s.run.done() || s.lost != "":
		case id > b.lastStages:
			after = append(after, id)
		default:
			before = append(before, id)
		}
	}
	inTurn := append(after, before...)
	asked := map[string]bool{}
	for _, id := range inTurn[:min(len(inTurn), stagesAtOnce)] {
		asked[id], b.lastStages = true, id
	}
	return asked
}
