package loop

import "github.com/plateform/plateform/reconciler/worker"

// sweep says which images are in use, once for each resync, when all that is asked for is known: no commit is left out, what
// earlier processes had begun is taken up, and every project was decided on.
func (s *session) sweep() {
	if s.garbage == nil || !s.sweepDue || s.trouble != nil || !s.recall.over || len(s.projects.dirty)+len(s.projects.late) > 0 {
		return
	}
	s.sweepDue = false
	used := worker.InUse{Config: s.catalog.Commit, GitOps: s.gitops.Head()}
	for k := range s.builds.building {
		for _, build := range s.projects.get(k).builds {
			if build.Status.Image != nil {
				used.Digests = append(used.Digests, build.Status.Image.Digest)
			}
		}
	}
	s.garbage.Want(used)
}
