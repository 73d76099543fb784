package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

var shopKey = manifest.Key{Workspace: "ws-1", Project: "shop"}

// calmWorld is the simulation without any faults, in which ws-1/shop is made from a source; nothing has started yet.
func calmWorld(t *testing.T) *sim {
	t.Helper()
	return calmWorldOf(t, 1)
}

// calmWorldOf is a calm world with so many projects.
func calmWorldOf(t *testing.T, projects int) *sim {
	t.Helper()
	for seed := range uint64(100) {
		s := newSim(seed, true)
		spec := s.people.good[shopKey]
		if s.weather.signed || s.weather.engine || spec.Source == nil || len(s.people.good) != projects {
			continue
		}
		s.weather, s.calm = simWeather{remote: true}, true
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(strings.Join(s.story.lines, "\n"))
			}
		})
		return s
	}
	t.Fatal("no seed makes such a world")
	return nil
}

func (s *sim) rounds(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := s.round(); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *sim) mustSettle(t *testing.T) {
	t.Helper()
	if err := s.settle(); err != nil {
		t.Fatal(err)
	}
}

// said is what commits say of a project.
func (s *sim) said(k manifest.Key) (all []reconciler.Statement) {
	for _, statements := range s.notes {
		for _, statement := range statements {
			if statement.Context == reconciler.ContextOf(k) {
				all = append(all, statement)
			}
		}
	}
	return all
}

// A branch that was deleted, and is back where it was, is followed as before.
func TestABranchThatIsBackWhereItWas(t *testing.T) {
	s := calmWorld(t)
	s.mustSettle(t)
	head := s.config.head
	s.config.head = ""
	s.rounds(t, 2)
	if s.process.r.session.trouble == nil {
		t.Fatal("an empty repository is no trouble")
	}
	s.config.head = head
	s.rounds(t, 2)
	for _, repo := range s.repos {
		s.push(repo, "main", false)
	}
	s.mustSettle(t)
	if s.config.head == head {
		t.Errorf("a push to the app was not released; the trouble is: %v", s.process.r.session.trouble)
	}
}

// Commits that cannot be used are taken in once each, however many there are, and go with whoever forces them away.
func TestCommitsThatCannotBeUsedAreFollowedOnce(t *testing.T) {
	s := calmWorld(t)
	s.mustSettle(t)
	good := s.config.head
	s.publish(manifest.Edit{Message: "Remove the platform", Files: map[string][]byte{manifest.PlatformFile: nil}})
	for i := range 20 {
		s.rounds(t, 1)
		s.publish(manifest.Edit{Message: fmt.Sprint("Edit ", i), Files: map[string][]byte{"README": []byte(fmt.Sprint(i))}})
	}
	s.rounds(t, 1)
	if skipped := s.process.r.session.follower.skipped; len(skipped) != 21 {
		t.Errorf("%d commits are skipped, want 21", len(skipped))
	}
	s.config.head = good
	s.rounds(t, 2)
	if trouble := s.process.r.session.trouble; trouble != nil {
		t.Errorf("the commits are gone, and the trouble is still: %v", trouble)
	}
}

// A project that was deleted before platform.yaml ever parsed is not there.
func TestWhatWasDeletedBeforeThePlatformParsedIsNotThere(t *testing.T) {
	s := calmWorld(t)
	read := func(file string) []byte {
		content, found := s.config.read(s.config.head, file)
		if !found {
			t.Fatalf("there is no %s", file)
		}
		return content
	}
	platform, workspace, project := read(manifest.PlatformFile), read(manifest.WorkspaceFile("ws-1")), read(manifest.ProjectFile(shopKey))
	s.config.head = ""
	for i, files := range []map[string][]byte{
		{manifest.PlatformFile: []byte("spec: ["), manifest.WorkspaceFile("ws-1"): workspace, manifest.ProjectFile(shopKey): project},
		{manifest.ProjectFile(shopKey): nil},
		{manifest.PlatformFile: platform},
	} {
		author := manifest.Signature{Name: "alice", Email: "alice@example.com", When: s.now}
		s.config.head = s.config.commit(manifest.Edit{Message: fmt.Sprint("Edit ", i), Files: files, Author: author}, s.config.head)
	}
	if err := s.boot(); err != nil {
		t.Fatal(err)
	}
	s.rounds(t, 10)
	for _, files := range [][]string{s.config.files(), s.gitops.files()} {
		for _, file := range files {
			if strings.Contains(file, "shop") {
				t.Errorf("%s is there", file)
			}
		}
	}
}

// A release file that was made up with a cause that is no commit keeps nobody from being told anything.
func TestAMadeUpCauseHoldsUpNoReports(t *testing.T) {
	s := calmWorld(t)
	s.mustSettle(t)
	release := *s.process.r.session.view(shopKey).Newest
	next := release.Version().Next()
	release.Spec.Values = manifest.Document(strings.ReplaceAll(string(release.Spec.Values), release.Metadata.Name, next.String()))
	release.Metadata.Name, release.Spec.Cause.Config, release.Spec.CreatedAt = next.String(), "x", s.now
	content, err := manifest.EncodeRelease(&release, shopKey, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	rounds := func() {
		for range 15 {
			_ = s.round() // the simulation finds fault with a release that it did not see being made
		}
	}
	s.publish(manifest.Edit{Message: "By hand", Files: map[string][]byte{manifest.ReleaseFile(shopKey, next): content}})
	rounds()
	if run, err := s.run(shopKey); err != nil || run.Last.Release != next.String() {
		t.Fatalf("the made-up release was not taken: %+v, %v", run.Last, err)
	}
	s.bury()
	rounds()
	pushed := s.push(s.repos[simShop], "main", false)
	rounds()
	for _, statement := range s.said(shopKey) {
		if statement.Source == pushed.hash && statement.State == reconciler.StateSuccess {
			return
		}
	}
	t.Errorf("nobody was told of the push of %s: %+v", pushed.hash, s.said(shopKey))
}

// unreachable is an engine that cannot be reached until somebody mends it; then all is well there.
type unreachable struct {
	mended bool
	has    map[manifest.Key]reconciler.Rollout
}

var errUnreachable = errors.New("connection refused")

func (u *unreachable) Want(_ context.Context, commit string, targets []reconciler.Target) error {
	if !u.mended {
		return errUnreachable
	}
	for _, target := range targets {
		u.has[target.Key] = reconciler.Rollout{Release: target.Release, Commit: commit, Phase: reconciler.PhaseHealthy}
	}
	return nil
}

func (u *unreachable) Rollouts(context.Context, []manifest.Key) (map[manifest.Key]reconciler.Rollout, error) {
	if !u.mended {
		return nil, errUnreachable
	}
	return u.has, nil
}

// An engine that cannot be reached, for however long, fails no rollout: those who wait are told why, and it goes on when it
// can be reached again.
func TestAnEngineThatCannotBeReachedFailsNobody(t *testing.T) {
	s := calmWorld(t)
	if err := s.boot(); err != nil {
		t.Fatal(err)
	}
	engine, r := &unreachable{has: map[manifest.Key]reconciler.Rollout{}}, s.process.r
	r.options.Engine = engine
	r.workers.Rollouts = worker.NewRollouts(engine, worker.Common{
		Queue: r.options.Queue, Clock: r.options.Clock, Jitter: r.options.Jitter, Notify: func() { r.Hint(Hint{}) },
	})
	s.rounds(t, 30)
	told := false
	for _, statement := range s.said(shopKey) {
		if statement.State == reconciler.StateFailure {
			t.Errorf("a commit is red: %+v", statement)
		}
		told = told || strings.Contains(statement.Description, "the engine does not answer: connection refused")
	}
	if !told {
		t.Errorf("nobody is told why it takes so long: %+v", s.said(shopKey))
	}
	engine.mended = true
	s.now = s.now.Add(time.Minute)
	s.rounds(t, 10)
	for _, statement := range s.said(shopKey) {
		if statement.Stage == reconciler.StageDeployed {
			return
		}
	}
	t.Errorf("it was not deployed when the engine could be reached: %+v", s.said(shopKey))
}

// One commit changes how the code is built and what the platform gives: when that build fails nothing of the commit is
// released, also by a process that did not see the commit come.
func TestWhatOneCommitChangedStaysTogetherOverARestart(t *testing.T) {
	for projects := 1; projects <= 2; projects++ { // beside another one, GitOps is written before the build ends
		t.Run(fmt.Sprint(projects), func(t *testing.T) { staysTogether(t, calmWorldOf(t, projects)) })
	}
}

func staysTogether(t *testing.T, s *sim) {
	t.Helper()
	s.mustSettle(t)
	s.calm, s.weather.flaky = false, 1 // every build fails
	platform, _ := s.config.read(s.config.head, manifest.PlatformFile)
	project, _ := s.config.read(s.config.head, manifest.ProjectFile(shopKey))
	s.publish(manifest.Edit{Message: "Change both", Files: map[string][]byte{
		manifest.PlatformFile:         append(platform, "  defaults: {replicas: 3}\n"...),
		manifest.ProjectFile(shopKey): append(project, "  build: {env: [{name: MODE, value: x}]}\n"...),
	}})
	s.rounds(t, 2)
	if len(s.builds.builds) < 2 {
		t.Fatal("nothing is being built")
	}
	s.bury()
	s.rounds(t, 15)
	if red := slices.ContainsFunc(s.said(shopKey), func(said reconciler.Statement) bool { return said.State == reconciler.StateFailure }); !red {
		t.Errorf("nobody was told that the build failed: %+v", s.said(shopKey))
	}
	if releases := s.process.r.session.view(shopKey).Releases; len(releases) != 1 {
		t.Errorf("half of the commit was released: %v", releases)
	}
}

// What runs is gone from its registry, with all that was built: a retry builds it again, once, and the release that comes of it
// has an image that is there. Without a retry nobody asks for what runs.
func TestARetryBuildsWhatRunsWhenItsImageIsGone(t *testing.T) {
	s := calmWorld(t)
	s.mustSettle(t)
	one := s.newest(s.config.head, shopKey)
	for _, image := range one.Spec.Images {
		s.lose(image.Digest)
	}
	s.rounds(t, 20)
	s.mustSettle(t)
	if now := s.newest(s.config.head, shopKey); now.Metadata.Name != one.Metadata.Name {
		t.Fatalf("%s was made without anybody asking", now.Metadata.Name)
	}
	for n, want := range []string{"v1.0.1", "v1.0.1"} {
		s.publish(manifest.Edit{Message: fmt.Sprintf("Try again\n\n%s: %s", manifest.TrailerRetry, shopKey)})
		s.mustSettle(t)
		now := s.newest(s.config.head, shopKey)
		if now.Metadata.Name != want || s.isLost(now) {
			t.Fatalf("after retry %d the newest is %s, and its image is gone: %t; want %s", n+1, now.Metadata.Name, s.isLost(now), want)
		}
	}
	if run, err := s.run(shopKey); err != nil || run.Retry != "" {
		t.Errorf("the retry goes on: %+v, %v", run, err)
	}
}
