package argocd

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
	"github.com/plateform/plateform/reconciler/live"
	"github.com/plateform/plateform/reconciler/rollout"
)

// settling is the time between two looks at what does not run yet, should the watches not tell.
const settling = 2 * time.Second

// wanted is a target, and the GitOps commit it was wanted with.
type wanted = rollout.Wanted

// project is one project in the cluster. Its goroutine (Run) hands over what is wanted newest, and watches over it.
type project struct {
	key    manifest.Key
	engine *Engine
	// state is what is wanted of it, and what is said.
	state *rollout.State

	// What follows is for the goroutine of the project alone.

	// end ends it.
	end  context.CancelFunc
	hand hand
	sealed
	rollout.Course
	// looks says how its objects do.
	looks *health.Project
	// live asks whether it answers at its URL, once all of it is well.
	live *live.Follower
}

// hand is what was handed to Argo CD.
type hand struct {
	// commit that the Application was applied for; empty before. Until it is handed over, retry says that it had failed before.
	commit string
	retry  bool
	// before is the operation that there was when it was first applied for this target: what that says is not about it.
	before string
	// sent is when it was applied first, asked when Argo CD was last asked to compare, and unheard since when it has not done so.
	sent, asked, unheard time.Time
	// again says that it is to be asked once more.
	again bool
	// mends is how often in a row something was put back, and calm when that may be done again.
	mends int
	calm  time.Time
}

func newProject(k manifest.Key, e *Engine) *project {
	state := rollout.New(rollout.Options{Notify: e.options.Notify, Clock: e.options.Clock, Log: e.options.Log})
	looks := &health.Project{Key: k, Seen: e.cluster.seen, Cluster: e.cluster.set, Call: e.options.Times.Call}
	p := &project{key: k, engine: e, state: state, looks: looks}
	p.Course = rollout.NewCourse(state, e.options.Times.Retry, e.options.Times.MaxRetry)
	p.live = &live.Follower{
		Options: live.Options{Seen: e.cluster.seen, Cluster: e.cluster.admin, Address: e.options.Ingress},
		Clock:   e.options.Clock, Changed: state.Wake,
	}
	return p
}

// Run implements rollout.Member. It ends also when nothing is left of the project and nothing is wanted of it.
func (p *project) Run(ctx context.Context) {
	ctx, p.end = context.WithCancel(ctx)
	defer p.live.Wait()
	defer p.end()
	p.state.Run(ctx, p)
}

// Turn implements rollout.Turner.
func (p *project) Turn(ctx context.Context) (again time.Duration) {
	turn := p.state.Take()
	w := turn.Wanted
	if turn.Fresh {
		p.hand = hand{retry: turn.Retry}
	}
	if !turn.There {
		return p.engine.options.Times.Look
	}
	var err error
	if w.Remove {
		p.Forget()
		var left string
		if left, err = p.takeAway(ctx, w); err == nil && left == "" {
			p.leaveEngine(w)
			p.Taken()
			return p.engine.options.Times.Look
		}
		if err == nil {
			p.state.Conclude(w, func(r *reconciler.Rollout) { r.Phase, r.Cause = reconciler.PhaseProgressing, left })
		}
	} else {
		err = p.handOver(ctx, w)
	}
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		return p.trouble(w, err)
	}
	p.Taken()
	if w.Remove {
		return settling
	}
	return p.observe(ctx, w)
}

// leaveEngine says that nothing of the project is left, and has the engine forget it, unless something else is wanted by now.
func (p *project) leaveEngine(w wanted) {
	p.state.Gone(w)
	if p.engine.Forget(p.key) {
		p.end()
	}
}

// trouble notes that the cluster does not take what is wanted.
func (p *project) trouble(w wanted, err error) (again time.Duration) {
	p.engine.namespaces.Forget(w.Namespace) // it may be gone, or changed by somebody
	return p.Trouble(w, err)
}

// observe says how what was handed over does, and when to look again.
func (p *project) observe(ctx context.Context, w wanted) (again time.Duration) {
	said, err := p.ask(ctx, w)
	if err != nil {
		return p.trouble(w, err)
	}
	again = settling
	var reach reconciler.Reach
	if said.Phase == reconciler.PhaseHealthy {
		reach, said.Phase, again = p.live.Look(ctx, live.Question{Key: p.key, Namespace: w.Namespace, URL: w.URL, Release: w.Release})
		if said.Phase != reconciler.PhaseHealthy {
			said.Cause = cmp.Or(reach.Missing, "it runs; "+w.URL+" is asked")
		}
	}
	p.state.Conclude(w, func(r *reconciler.Rollout) {
		r.Reach = reach
		r.Phase, r.Cause, r.Gone, r.Log, r.Problems = said.Phase, line(said.Cause), said.Gone, said.Log, said.Problems()
		r.Lapsed = p.HasLapsed(w, said.Phase)
	})
	wait := p.engine.options.Times.MaxRetry
	if said.stuck {
		wait = settling
	}
	if said.again && p.engine.options.Clock().Sub(p.hand.asked) >= wait {
		p.hand.again = true
		return 0
	}
	if said.Phase == reconciler.PhaseHealthy {
		p.Prove(w)
		if err := p.retire(ctx); err != nil {
			p.engine.options.Log.Warn("Secrets of releases before are still there", "project", p.key.String(), "error", err)
		}
	}
	return min(again, p.engine.options.Times.Look)
}

// ask asks the Application, and its objects when what is wanted was applied.
func (p *project) ask(ctx context.Context, w wanted) (answer, error) {
	live, err := p.engine.cluster.application(ctx, p.engine.cluster.applications, p.key)
	if err != nil {
		return answer{}, err
	}
	var a *application
	if live != nil {
		if a, err = parse(live); err != nil {
			return answer{}, err
		}
	}
	if a != nil && !a.asked() && a.Metadata.Annotations[annotationCommit] == p.hand.commit {
		p.hand.unheard = time.Time{}
	}
	o := p.engine.options
	q := question{
		wanted: w, namespace: o.Namespace, hand: p.hand, now: o.Clock(), waits: o.Times.Lag,
		shows: func(commit string) (bool, error) { return shows(o.GitOps, w, commit) },
	}
	if a != nil {
		if err := p.noteCommand(ctx, w, live, a, q); err != nil {
			return answer{}, err
		}
		if said, err := unhoused(ctx, p, a, q); err != nil || said != nil {
			return *cmp.Or(said, &answer{}), err
		}
	}
	switch said := q.judge(a); {
	case said.command != nil:
		return p.lookAtCommand(ctx, w, said)
	case said.applied:
		return p.look(ctx, w, a, said)
	default:
		return said, nil
	}
}

// shows says that a commit of GitOps shows the same of a project as the wanted one: the same values and the same chart. Commits of other
// projects come between all the time; that one contains another says less than that.
func shows(gitops reconciler.Reader, w wanted, commit string) (bool, error) {
	if commit == "" {
		return false, nil
	}
	if commit == w.Commit {
		return true, nil
	}
	for _, at := range []string{manifest.ValuesFile(w.Key), manifest.ChartDir(w.Chart)} {
		want, err := hashAt(gitops, w.Commit, at)
		if err != nil {
			return false, err
		}
		have, err := hashAt(gitops, commit, at)
		if err != nil {
			return false, fmt.Errorf("the commit %s that Argo CD is at is not known here yet: %w", manifest.Short(commit), err)
		}
		if have != want {
			return false, nil
		}
	}
	return true, nil
}
