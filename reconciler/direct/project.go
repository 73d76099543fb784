package direct

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/object"
	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
	"github.com/plateform/plateform/reconciler/live"
	"github.com/plateform/plateform/reconciler/rollout"
	"github.com/plateform/plateform/reconciler/tenant"
)

// wanted is a target, and the GitOps commit it was wanted with.
type wanted = rollout.Wanted

// project is one project in the cluster. Its goroutine (Run) brings about what is wanted newest, and watches over it.
type project struct {
	key    manifest.Key
	engine *Engine
	// state is what is wanted of it, and what is said.
	state *rollout.State

	// What follows is for the goroutine of the project alone.

	// end ends it.
	end context.CancelFunc

	sent
	pace
	rollout.Course
	// command is the release command that is waited for; nil when there is none.
	command *object.ObjMetadata
	// holds says what a removal waits for.
	holds string
	// looks says how its objects do.
	looks *health.Project
	// live asks whether it answers at its URL, once all of it is well.
	live *live.Follower
}

// sent is what this process applied of a project.
type sent struct {
	// applied is the inventory of what was applied last; nil before that.
	applied *inventory
	// generations are those that the objects got when this process sent them: what watches tell may be older.
	generations map[object.ObjMetadata]int64
	// spoken is what the cluster spoke when it was rendered.
	spoken *chartutil.Capabilities
	// stale are Secrets of releases before, which go once this one is healthy.
	stale []object.ObjMetadata
}

// pace is how soon something may be done again.
type pace struct {
	// checked is when drift was last looked for.
	checked time.Time
	// mends is how often in a row something was put back, and calm when that may be done again: somebody may change it each time.
	mends int
	calm  time.Time
}

func newProject(k manifest.Key, e *Engine) *project {
	state := rollout.New(rollout.Options{Notify: e.options.Notify, Clock: e.options.Clock, Log: e.options.Log})
	looks := &health.Project{Key: k, Seen: e.cluster.seen, Cluster: e.cluster.set, Call: e.options.Times.Call}
	p := &project{key: k, engine: e, state: state, sent: sent{generations: map[object.ObjMetadata]int64{}}, looks: looks}
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
	w, fresh := turn.Wanted, turn.Fresh
	if !turn.There {
		return p.engine.options.Times.Drift
	}
	var err error
	switch {
	case w.Remove:
		var gone bool
		if gone, err = p.takeAway(ctx, w); err == nil && gone {
			p.leaveEngine(w)
			return p.engine.options.Times.Drift
		}
	case p.command != nil && !fresh && !p.Refused() && !p.isOver(ctx): // nothing else is done meanwhile
	case fresh || p.applied == nil || p.command != nil || p.Refused() || p.due() && p.isOutdated(ctx):
		err = p.roll(ctx, w)
	case p.due() || p.isCalm() && (p.edited(ctx) || p.missing(ctx)):
		if err = p.watchOver(ctx, w); err != nil {
			err = tenant.Passes(err) // what it is applied with may be gone, too: the account, the namespace
		}
	}
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		return p.trouble(w, err)
	}
	p.Taken()
	if w.Remove {
		p.state.Conclude(w, func(r *reconciler.Rollout) { r.Phase, r.Cause = reconciler.PhaseProgressing, p.holds })
		return time.Second
	}
	if p.command != nil {
		return p.observeCommand(ctx, w)
	}
	again = p.observe(ctx, w)
	if wait := p.calm.Sub(p.engine.options.Clock()); wait > 0 {
		again = min(again, wait)
	}
	return again
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
	if meta.IsNoMatchError(err) {
		p.engine.renderer.outdated()
	}
	return p.Trouble(w, err)
}

// isOutdated says that the cluster speaks something else than when the project was rendered, so that another look at its charts is due.
func (p *project) isOutdated(ctx context.Context) bool {
	now, err := p.engine.renderer.capabilities(ctx)
	return err == nil && now != p.spoken
}

// line makes one line of a text.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

// roll applies what is wanted.
func (p *project) roll(ctx context.Context, w wanted) error {
	select {
	case p.engine.slots <- struct{}{}:
		defer func() { <-p.engine.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, 4*p.engine.options.Times.Call)
	defer cancel()
	c := p.engine.cluster
	spoken, err := p.engine.renderer.capabilities(ctx)
	if err != nil {
		return err
	}
	objects, err := p.engine.renderer.render(ctx, w.Target)
	if err != nil {
		return err
	}
	if err := p.engine.namespaces.Bring(ctx, w.Commit, w.Target); err != nil {
		return err
	}
	before, err := c.inventory(ctx, p.key, w.Namespace)
	if err != nil {
		return err
	}
	objects, command := withoutCommand(objects)
	before, done, err := p.precede(ctx, w, before, objects, command)
	if err != nil || !done {
		return err
	}
	lost, err := p.lost(ctx, before)
	if err == nil {
		err = c.lostSecrets(ctx, before, lost)
	}
	if err != nil {
		return err
	}
	d, err := compare(before, w, objects, lost)
	if err != nil {
		return err
	}
	if len(d.send) > 0 || len(d.prune) > 0 || before == nil || before.Release != w.Release {
		if err := p.carryOut(ctx, w, d); err != nil {
			return err
		}
	}
	p.applied, p.stale, p.checked, p.spoken = d.next, d.stale, p.engine.options.Clock(), spoken
	p.takeAsIs(ctx, d.next)
	return p.leave(ctx, w)
}

// leave deletes what is still there of the project in other namespaces than its own, except data. That it does not succeed yet says
// nothing of what runs.
func (p *project) leave(ctx context.Context, w wanted) error {
	c := p.engine.cluster
	all, err := c.inventories(ctx, c.seen, p.key)
	if err != nil {
		return tenant.Passes(err)
	}
	for _, inv := range all {
		if inv.Namespace == w.Namespace {
			continue
		}
		is, err := p.engine.belongs(ctx, w.Target, inv.Namespace)
		if err == nil && is == here {
			_, err = p.empty(ctx, inv, true)
		}
		if err != nil {
			return tenant.Passes(fmt.Errorf("leaving namespace %s: %w", inv.Namespace, err))
		}
	}
	return nil
}

// carryOut sends what is new and deletes what is not wanted any more. The inventory names both until that is done, so that whoever
// goes on after a crash knows of all.
func (p *project) carryOut(ctx context.Context, w wanted, d difference) error {
	c := p.engine.cluster
	as, err := c.as(w.Namespace)
	if err != nil {
		return err
	}
	if err := c.remember(ctx, p.key, d.union); err != nil {
		return err
	}
	var conflicts []string
	for _, o := range d.send {
		id := object.UnstructuredToObjMetadata(o)
		if others, err := isOthers(ctx, as, o); err != nil || others {
			if err != nil {
				return err
			}
			continue
		}
		sent := o.DeepCopy()
		who, err := p.reclaim(ctx, as, o)
		if err == nil {
			err = c.leaveScale(ctx, as, sent)
		}
		if err != nil {
			return err
		}
		taken, err := apply(ctx, as, sent)
		if err != nil {
			return tenant.Unapplied(o, err)
		}
		if who != "" {
			conflicts = append(conflicts, fmt.Sprintf("%s had more by %s", name(o), who))
		}
		for _, t := range taken {
			conflicts = append(conflicts, fmt.Sprintf("%s had another %s by %s", name(o), t.field, t.manager))
		}
		p.generations[id] = sent.GetGeneration()
	}
	for _, id := range d.prune {
		if err := p.remove(ctx, as, id); err != nil {
			return err
		}
		delete(p.generations, id)
	}
	if len(conflicts) > 0 {
		p.state.Conclude(w, func(r *reconciler.Rollout) { r.Drift = line(strings.Join(conflicts, "; ")) })
	}
	return c.remember(ctx, p.key, d.next)
}

// lost are the objects of an inventory that the cluster does not have.
func (p *project) lost(ctx context.Context, inv *inventory) (map[object.ObjMetadata]bool, error) {
	lost := map[object.ObjMetadata]bool{}
	if inv == nil {
		return lost, nil
	}
	for id := range inv.Objects {
		if isSecret(id.GroupKind) { // nobody watches them
			continue
		}
		there, err := p.seen(ctx, id)
		if err != nil {
			return nil, err
		}
		if there == nil {
			lost[id] = true
		}
	}
	return lost, nil
}

// missing says that somebody deleted what was applied.
func (p *project) missing(ctx context.Context) bool {
	lost, err := p.lost(ctx, p.applied)
	return err == nil && len(lost) > 0
}

// seen returns an object as the watches tell; nil when it is not there.
func (p *project) seen(ctx context.Context, id object.ObjMetadata) (*unstructured.Unstructured, error) {
	c := p.engine.cluster
	return c.find(ctx, c.seen, id)
}

// takeAway deletes what a project is made of, in whatever namespaces it is, and says whether nothing is left.
func (p *project) takeAway(ctx context.Context, w wanted) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*p.engine.options.Times.Call)
	defer cancel()
	all, err := p.engine.cluster.inventories(ctx, p.engine.cluster.admin, p.key)
	if err != nil {
		return false, err
	}
	gone, p.holds = true, ""
	for _, inv := range all {
		is, err := p.engine.belongs(ctx, w.Target, inv.Namespace)
		if err != nil {
			return false, err
		}
		empty := is == foreign
		if is == here {
			if empty, err = p.empty(ctx, inv, w.KeepData); err != nil {
				return false, err
			}
		}
		gone = gone && empty
	}
	if gone {
		p.sent, p.command = sent{generations: map[object.ObjMetadata]int64{}}, nil
		p.Forget()
	}
	return gone, nil
}

// empty deletes what an inventory names and then the inventory itself, and says whether that is done.
func (p *project) empty(ctx context.Context, inv *inventory, keepData bool) (done bool, err error) {
	c := p.engine.cluster
	if err := p.engine.namespaces.Equip(ctx, inv.Namespace); err != nil { // somebody may have taken the rights away that this is done with
		return false, err
	}
	as, err := c.as(inv.Namespace)
	if err != nil {
		return false, err
	}
	left := 0
	for id := range inv.Objects {
		if keepData && keepsData(id.GroupKind) {
			continue
		}
		there, err := c.find(ctx, as, id)
		if err != nil {
			return false, err
		}
		if there == nil || keyOf(there) != p.key {
			continue
		}
		left++
		if finalizers := there.GetFinalizers(); there.GetDeletionTimestamp() != nil && len(finalizers) > 0 {
			p.holds = fmt.Sprintf("%s is being deleted, and waits for %s", name(there), strings.Join(finalizers, ", "))
		}
		if there.GetDeletionTimestamp() == nil {
			if err := p.remove(ctx, as, id); err != nil {
				return false, err
			}
		}
	}
	pods, err := p.looks.Pods(ctx, inv.Namespace)
	if err != nil || left > 0 || len(pods) > 0 {
		return false, err
	}
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: inv.Namespace, Name: inventoryName(p.key)}}
	if err := client.IgnoreNotFound(c.admin.Delete(ctx, m)); err != nil {
		return false, fmt.Errorf("deleting the inventory: %w", err)
	}
	return true, nil
}
