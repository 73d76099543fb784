package localrun

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
)

// rolloutError is why a rollout failed, with the last lines of what does not run.
type rolloutError struct {
	err error
	log string
}

// Error implements error.
func (e *rolloutError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *rolloutError) Unwrap() error { return e.err }

// rollTo takes the project from what is live to a release. Until all of it is ready what was live answers.
func (p *project) rollTo(life, ctx context.Context, w wanted) error {
	services, err := readServices(w.Target)
	if err != nil {
		return err
	}
	if err := p.openLog(); err != nil {
		return err
	}
	claimed, err := p.addresses.claim(services)
	if err != nil {
		return err
	}
	if p.first(services) {
		claimed = nil // its hosts say why nothing answers
	}
	if err := p.replace(life, ctx, w, services); err != nil {
		p.addresses.release(claimed)
		return err
	}
	p.images.prune(ctx, services)
	return nil
}

// first says that nothing of the project answers yet, and has its hosts say so.
func (p *project) first(services []service) bool {
	p.mu.Lock()
	isFirst := len(p.live) == 0
	if isFirst {
		p.services = services
	}
	p.mu.Unlock()
	p.route()
	return isFirst
}

// replace starts what a release consists of, and has it take the place of what is live.
func (p *project) replace(life, ctx context.Context, w wanted, services []service) error {
	launchers, err := p.images.fetch(ctx, services)
	if err != nil {
		return err
	}
	if err := p.secrets.await(ctx, services, p.progress); err != nil {
		return err
	}
	step := p.begin(services, launchers, w.Release)
	if err := step.start(life, ctx); err != nil {
		step.undo(life)
		return err
	}
	p.change(life, step)
	if err := writeLast(p.images.dirs.last, p.ran(w)); err != nil {
		p.options.Log.Warn("what runs cannot be noted; after a restart it runs once the loop asks for it", "project", p.key.String(), "error", err)
	}
	return nil
}

// ran is what to note of what runs now.
func (p *project) ran(w wanted) ran {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := ran{wanted: w, Replicas: map[string]int{}}
	for _, replica := range p.live {
		r.Replicas[replica.service.name]++
	}
	return r
}

func (p *project) newReplica(s service, l launcher, release string, number int) *replica {
	return &replica{
		service: s, launcher: l, title: s.title(release, number), number: number,
		home: &home{
			key: p.key, dirs: p.images.dirs, log: p.log, changed: p.changed, options: p.options, secrets: p.secrets,
			place:   func(app, part string) (string, error) { return p.addresses.inside.place(p.key.Workspace, app, part) },
			resolve: func(value string) (string, error) { return p.addresses.inside.resolve(p.key.Workspace, value) },
		},
	}
}

// step is one rollout, from what is live to what is next.
type step struct {
	project  *project
	services []service
	// launchers by the names of services.
	launchers map[string]launcher
	release   string
	// kept go on as they are, fresh are new, and old are to end.
	kept, fresh, old []*replica
	// halted had to end before the new ones could start.
	halted []*replica
}

// begin sorts what is live into what can stay and what cannot.
func (p *project) begin(services []service, launchers map[string]launcher, release string) *step {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &step{project: p, services: services, launchers: launchers, release: release}
	count := map[string]int{}
	for _, r := range p.live {
		i := slices.IndexFunc(services, func(next service) bool { return next.same(r.service) })
		if i >= 0 && count[r.service.name] < services[i].replicas && r.look().failed == nil {
			count[r.service.name]++
			s.kept = append(s.kept, r)
			continue
		}
		s.old = append(s.old, r)
	}
	return s
}

// start starts what is new and waits until all that is next is ready. The first replica of each service goes before the
// others: of a program that listens where it wants there can be one only.
func (s *step) start(life, ctx context.Context) error {
	s.halt()
	for _, first := range []bool{true, false} {
		for _, next := range s.services {
			s.startOf(life, next, first)
		}
		if err := s.project.await(ctx, slices.Concat(s.kept, s.fresh)); err != nil {
			return err
		}
	}
	return nil
}

// startOf starts one replica of a service, or all that are missing.
func (s *step) startOf(life context.Context, next service, first bool) {
	var there, fixed int
	for _, r := range slices.Concat(s.kept, s.fresh) {
		if r.service.name == next.name {
			there++
			if r.look().fixed {
				fixed++
			}
		}
	}
	until := next.replicas
	if first {
		until = min(until, 1)
	}
	if fixed > 0 && there < until {
		s.project.options.Log.Warn("only one process of it runs, as it does not listen where PORT says", "project", s.project.key.String(),
			"service", next.name, "port", next.port, "replicas", next.replicas)
		return
	}
	for ; there < until; there++ {
		r := s.project.newReplica(next, s.launchers[next.name], s.release, there+1)
		s.fresh = append(s.fresh, r)
		r.start(life)
	}
}

// halt ends what listens on a port that its successor will want.
func (s *step) halt() {
	for _, r := range s.old {
		i := slices.IndexFunc(s.services, func(next service) bool { return next.name == r.service.name })
		if r.look().fixed && i >= 0 && s.services[i].port == r.service.port && s.services[i].replicas > 0 {
			s.halted = append(s.halted, r)
		}
	}
	stopAll(s.halted)
}

// undo ends what is new, and has run again what had to end.
func (s *step) undo(life context.Context) {
	stopAll(s.fresh)
	if len(s.halted) == 0 || life.Err() != nil {
		return
	}
	p := s.project
	var again []*replica
	for _, r := range s.halted {
		again = append(again, p.newReplica(r.service, r.launcher, path.Dir(r.title), r.number))
	}
	p.mu.Lock()
	p.live = slices.DeleteFunc(p.live, func(r *replica) bool { return slices.Contains(s.halted, r) })
	p.live = append(p.live, again...)
	p.mu.Unlock()
	for _, r := range again {
		r.start(life)
	}
}

// await waits until replicas are ready. The error says why one will not be.
func (p *project) await(ctx context.Context, replicas []*replica) error {
	for {
		waiting := ""
		for _, r := range replicas {
			state := r.look()
			if state.failed != nil {
				return &rolloutError{err: named(r.service, state.failed), log: r.tail.Text()}
			}
			if state.address == "" && waiting == "" {
				waiting = named(r.service, errors.New(state.why)).Error()
			}
		}
		if waiting == "" {
			return nil
		}
		p.progress(waiting)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.ticks:
		}
	}
}

// named says of which service something is true, where there are several.
func named(s service, err error) error {
	if s.name == "" {
		return err
	}
	return fmt.Errorf("service %s: %w", s.name, err)
}

// change has what is next answer, and ends what is old.
func (p *project) change(life context.Context, s *step) {
	p.mu.Lock()
	before := p.services
	p.services, p.live = s.services, slices.Concat(s.kept, s.fresh)
	p.mu.Unlock()
	p.route()
	next := p.addresses.all(s.services)
	p.addresses.release(slices.DeleteFunc(p.addresses.all(before), func(was place) bool { return slices.Contains(next, was) }))
	for _, r := range s.old {
		p.retiring.Go(func() { p.retire(life, r) })
	}
}

// retire lets a replica finish its requests, and stops it.
func (p *project) retire(life context.Context, r *replica) {
	if address := r.look().address; address != "" {
		ctx, cancel := context.WithTimeout(life, p.options.Times.Drain)
		defer cancel()
		if err := errors.Join(p.options.Router.Drained(ctx, address), p.addresses.inside.router.Drained(ctx, address)); err != nil {
			p.options.Log.Info("an old process still had requests when it was stopped", "project", p.key.String(), "replica", r.title, "error", err)
		}
	}
	r.stop()
}
