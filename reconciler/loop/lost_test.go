package loop

import (
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// lost is what run.yaml of ws-1/shop says of its sources.
func (s *sim) lost(t *testing.T) []manifest.LostSource {
	t.Helper()
	content, found := s.gitops.read(s.gitops.head, manifest.RunFile(shopKey))
	if !found {
		return nil
	}
	run, problems := manifest.ParseRun(manifest.RunFile(shopKey), content)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return run.Spec.Lost
}

// shopSource is the source of ws-1/shop and its repository.
func (s *sim) shopSource(t *testing.T) (manifest.Source, *simRepo) {
	t.Helper()
	source := *s.people.good[shopKey].Source
	if source.Branch == "" {
		source.Branch = "main"
	}
	repo := s.repos[source.Repository]
	if repo == nil || source.Revision != "" || repo.branches[source.Branch] == "" {
		t.Fatalf("ws-1/shop follows no branch: %+v", source)
	}
	return source, repo
}

// A branch or a repository that is gone is remembered for whoever asks, once, and by a process that is started then, too; what
// runs keeps running. When it is back, that goes, and pushes are released again.
func TestASourceThatIsLostIsRemembered(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason manifest.LostReason
		lose   func(s *sim, source manifest.Source, repo *simRepo) (back func())
	}{
		{"the branch was deleted", manifest.LostBranch, func(_ *sim, source manifest.Source, repo *simRepo) func() {
			tip := repo.branches[source.Branch]
			delete(repo.branches, source.Branch)
			return func() { repo.branches[source.Branch] = tip }
		}},
		{"the repository was renamed", manifest.LostRepository, func(s *sim, source manifest.Source, repo *simRepo) func() {
			delete(s.repos, source.Repository)
			return func() { s.repos[source.Repository] = repo }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := calmWorld(t)
			s.mustSettle(t)
			source, repo := s.shopSource(t)
			values, _ := s.gitops.read(s.gitops.head, manifest.ValuesFile(shopKey))
			back := tt.lose(s, source, repo)
			for range 6 {
				s.hint(Hint{Source: source.Repository})
				s.rounds(t, 1)
			}
			lost := s.lost(t)
			if len(lost) != 1 || lost[0].Reason != tt.reason || lost[0].What != reconciler.LostWhat(tt.reason, source) {
				t.Fatalf("run.yaml says %+v", lost)
			}
			if waits := s.process.r.Backlog().Lost; waits != 1 {
				t.Errorf("%d projects are counted", waits)
			}
			head := s.gitops.head
			s.bury()
			s.rounds(t, 30)
			if s.gitops.head != head {
				t.Errorf("GitOps went on to %s with nothing to do", s.gitops.head)
			}
			if now, _ := s.gitops.read(s.gitops.head, manifest.ValuesFile(shopKey)); string(now) != string(values) {
				t.Errorf("what runs is now\n%s", now)
			}
			back()
			pushed := s.push(repo, source.Branch, false)
			s.mustSettle(t)
			if lost := s.lost(t); len(lost) > 0 {
				t.Errorf("it is back, and run.yaml says %+v", lost)
			}
			for _, said := range s.said(shopKey) {
				if said.Source == pushed.hash && said.State == reconciler.StateSuccess {
					return
				}
			}
			t.Error("the push after it was not released")
		})
	}
}

// A branch that comes and goes all the time is told of a few times, and not in a commit each minute.
func TestASourceThatComesAndGoesIsNotToldEachTime(t *testing.T) {
	s := calmWorld(t)
	s.mustSettle(t)
	source, repo := s.shopSource(t)
	tip := repo.branches[source.Branch]
	before := len(s.gitops.history(s.gitops.head))
	const flaps = 40
	for range flaps {
		delete(repo.branches, source.Branch)
		for range 4 {
			s.hint(Hint{Source: source.Repository})
			s.rounds(t, 1)
		}
		repo.branches[source.Branch] = tip
		s.hint(Hint{Source: source.Repository})
		s.rounds(t, 2)
	}
	if commits := len(s.gitops.history(s.gitops.head)) - before; commits == 0 || commits > 8 {
		t.Errorf("%d commits for a branch that went %d times", commits, flaps)
	}
}
