package loop

import (
	"context"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// untold are those who ask and have not been told anything, nor are remembered as those a run was for. GitOps is about to
// stand for the commit they asked with: should this process end before it has told them, the next one does.
func (s *state) untold(p *project) []manifest.Cause {
	var untold []manifest.Cause
	add := func(c manifest.Cause) {
		same := func(o manifest.Cause) bool { return o.Config == c.Config && sourceOf(o) == sourceOf(c) }
		if last := p.run.Last; last != nil && (same(last.Cause) || slices.ContainsFunc(last.Also, same)) ||
			slices.ContainsFunc(untold, same) {
			return
		}
		untold = append(untold, c)
	}
	for _, a := range p.asks {
		if !a.Silent && !a.Old && (a.said == 0 || a.said > s.sent) {
			add(a.Cause)
		}
	}
	for _, r := range s.outbox {
		if r.Context != reconciler.ContextOf(p.key) || !r.Terminal() {
			continue
		}
		c := manifest.Cause{Kind: manifest.CauseConfig, Commit: r.Commit, Config: r.Commit}
		if r.Source != "" {
			c.Kind, c.Commit = manifest.CauseSource, r.Source
		}
		add(c)
	}
	return untold
}

// sourceOf is the app's commit of a cause that is a push to the app.
func sourceOf(c manifest.Cause) string {
	if c.Kind == manifest.CauseSource {
		return c.Commit
	}
	return ""
}

// askAgain asks for those whom an earlier process may not have told anything. The forge leaves out what was said.
func (s *state) askAgain(p *project) {
	for _, cause := range p.run.Asked {
		s.hear(p, ask{Cause: cause, Source: sourceOf(cause)})
	}
}

// tellFirst tells those who ask about projects that are not written to GitOps now, before the push that makes GitOps stand
// for the commits they asked with. Those who cannot be told are remembered in GitOps, by the edits it returns.
func (s *state) tellFirst(ctx context.Context) ([]gitopsEdit, error) {
	var waiting []*project
	for _, k := range s.dirtyKeys() {
		p := s.projects[k]
		if slices.ContainsFunc(s.untold(p), func(c manifest.Cause) bool { return !slices.Contains(p.run.Asked, c) }) {
			waiting = append(waiting, p)
		}
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	for _, p := range waiting {
		s.concludeOne(p)
	}
	if err := s.report(ctx); err == nil {
		return nil, nil
	}
	s.Log.Warn("those who ask cannot be told now and are remembered in GitOps", "projects", len(waiting))
	var edits []gitopsEdit
	for _, p := range waiting {
		edit, err := s.writeProject(p, false)
		if err != nil {
			return nil, err
		}
		if edit != nil {
			edits = append(edits, *edit)
		}
	}
	return edits, nil
}
