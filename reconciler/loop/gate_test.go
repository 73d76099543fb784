package loop

import (
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// simRefusal is what a server of the simulation says to a push that it does not take.
type simRefusal string

func (r simRefusal) Error() string { return "the server refused the push: " + string(r) }

// Refusal implements reconciler.Refusal.
func (r simRefusal) Refusal() string { return string(r) }

// Whoever waits for a repository that refuses pushes is told why, a rollback gets through where only config refuses, and all
// goes on once pushes are taken.
func TestRefusedPushesAreToldAndGoOn(t *testing.T) {
	for _, name := range []string{"config", "gitops"} {
		t.Run(name, func(t *testing.T) {
			s := calmWorld(t)
			s.mustSettle(t)
			s.refuse = map[string]string{name: "GH013: rule violations"}
			commit := s.publish(manifest.Edit{Message: "Set LEVEL", Files: map[string][]byte{manifest.ProjectFile(shopKey): shopWithEnv(t, s)}})
			s.rounds(t, 3)
			newest := s.newestSaid(commit)
			if newest.State != reconciler.StatePending || !strings.Contains(newest.Description, "GH013: rule violations") {
				t.Errorf("the commit says %+v", newest)
			}
			if why := strings.Join(s.process.r.keptOut, "\n"); !strings.Contains(why, "plateform-"+name) && !strings.Contains(why, "platform-"+name) || !strings.Contains(why, "GH013") {
				t.Errorf("it is not ready because of %q", why)
			}
			reported := s.reported
			s.rounds(t, 5)
			if s.reported != reported {
				t.Errorf("%d more reports of the same", s.reported-reported)
			}
			s.refuse = nil
			s.mustSettle(t)
			if newest := s.newestSaid(commit); newest.State != reconciler.StateSuccess {
				t.Errorf("when it is lifted the commit says %+v", newest)
			}
			if why := s.process.r.keptOut; len(why) > 0 {
				t.Errorf("then it is not ready because of %q", why)
			}
		})
	}
}

// newestSaid is the newest statement about ws-1/shop on a commit.
func (s *sim) newestSaid(commit string) (newest reconciler.Statement) {
	for _, said := range s.notes[commit] {
		if said.Context == reconciler.ContextOf(shopKey) {
			newest = said
		}
	}
	return newest
}

// shopWithEnv is the project.yaml of ws-1/shop with one variable more.
func shopWithEnv(t *testing.T, s *sim) []byte {
	t.Helper()
	content, _ := s.config.read(s.config.head, manifest.ProjectFile(shopKey))
	project, problems := manifest.ParseProject(manifest.ProjectFile(shopKey), content)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	value := "x"
	project.Spec.Env = append(project.Spec.Env, manifest.EnvVar{Name: "ROUND_OF_TEST", Value: &value})
	encoded, err := manifest.Encode(project)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// While GitOps cannot be read nothing is decided on; who waits for that is told why, once, and it is why serve is not ready.
func TestPassesThatFailAreTold(t *testing.T) {
	s := calmWorld(t)
	s.mustSettle(t)
	s.process.r.setReady()
	s.refuse = map[string]string{"reading gitops": "the token has expired"}
	commit := s.publish(manifest.Edit{Message: "Set LEVEL", Files: map[string][]byte{manifest.ProjectFile(shopKey): shopWithEnv(t, s)}})
	p := s.process
	for i := range 9 {
		if err := p.r.pass(t.Context(), Hint{Config: true, GitOps: true}); err == nil {
			t.Fatal("a pass without GitOps does not fail")
		}
		if ready := p.r.Ready(); ready != (i+1 < 3) {
			t.Errorf("after %d passes ready is %v", i+1, ready)
		}
	}
	p.work()
	told := s.notes[commit]
	if len(told) != 1 || told[0].State != reconciler.StatePending || !strings.Contains(told[0].Description, "the token has expired") {
		t.Errorf("the commit says %+v", told)
	}
	if why := strings.Join(p.r.Unready(), "\n"); !strings.Contains(why, "reading the GitOps repository") || !strings.Contains(why, "the token has expired") {
		t.Errorf("it is not ready because of %q", why)
	}
	s.refuse = nil
	s.mustSettle(t)
	if newest := s.newestSaid(commit); newest.State != reconciler.StateSuccess || !s.process.r.Ready() {
		t.Errorf("when it is mended the commit says %+v; not ready: %v", newest, s.process.r.Unready())
	}
}
