package loop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// checkBlame checks that a commit of the config repository is red only for what it asked for, or made wrong.
func (s *sim) checkBlame(r reconciler.Report) {
	if r.State != reconciler.StateFailure || r.Source != "" || s.audit.fault != nil {
		return
	}
	c := s.config.commits[r.Commit]
	if c == nil || len(c.Parents) == 0 || c.Author.Email == reconciler.Author(s.now).Email || slices.Contains(config.Retries(c.Commit), r.Project) {
		return
	}
	switch r.Outcome {
	case reconciler.OutcomeBuildFailed:
		if before, after := s.specAt(c.Parents[0], r.Project), s.specAt(c.Hash, r.Project); after != nil && before != nil &&
			!decision.SourcesChanged(*before, *after) && (!before.Paused || after.Paused) {
			s.audit.fault = fmt.Errorf("%s is red for a build of %s that it did not ask for: %s", s.name(c.Hash), r.Project, r.Detail)
		}
	case reconciler.OutcomeFilesBroken, reconciler.OutcomeBlocked:
		for _, p := range r.Problems {
			if s.sameFile(c, p) {
				s.audit.fault = fmt.Errorf("%s is red for %s, which it did not touch: %s", s.name(c.Hash), p.File, p)
			}
		}
	}
}

// specAt is a project at a commit; nil when it is not there or does not parse.
func (s *sim) specAt(commit string, k manifest.Key) *manifest.ProjectSpec {
	content, found := s.config.read(commit, manifest.ProjectFile(k))
	if !found {
		return nil
	}
	project, problems := manifest.ParseProject(manifest.ProjectFile(k), content)
	if len(problems) > 0 {
		return nil
	}
	return &project.Spec
}

// sameFile says that a commit left a file as it was, which is broken by itself.
func (s *sim) sameFile(c *simCommit, p manifest.Problem) bool {
	before, was := s.config.read(c.Parents[0], p.File)
	after, is := s.config.read(c.Hash, p.File)
	return was && is && string(before) == string(after) && strings.Contains(p.What, "typo")
}
