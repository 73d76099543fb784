package loop

import (
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/gitops"
)

// checkUnchanged checks that who is told that there is nothing new to release has what runs: the program of the push.
func (s *sim) checkUnchanged(r reconciler.Report) {
	if r.Outcome != reconciler.OutcomeUnchanged || r.Source == "" || s.audit.fault != nil {
		return
	}
	if release := s.audit.released[r.Project][gitops.ShownVersion(s.values(r.Project))]; release.Release != nil {
		for _, image := range release.Spec.Images {
			made := s.builds.digests[image.Digest].request
			repo := s.repos[made.Repository]
			made.Commit = r.Source
			if repo != nil && repo.commits[r.Source] != nil && s.program(made) == s.builds.programs[image.Digest] {
				return
			}
		}
	}
	s.audit.fault = fmt.Errorf("%s is told on %s that nothing is new of %s, and its program does not run",
		manifest.Short(r.Source), s.name(r.Commit), r.Project)
}
