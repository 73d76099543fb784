package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/test/gitserver"
)

// releasesEach is how many releases a project of a fleet has.
const releasesEach = 10

// pairs is how often ours and the other's turns are measured.
const pairs = 7

// oneOf is one project changed among many: from the hint that there is a new config commit until the GitOps commit is
// pushed. The git command line has the same two repositories, a checkout of each, and does the least there is to do: it
// fetches the config commit, commits and pushes the release file, and commits and pushes the values. The second row is
// that release taken back, one push for both. The third is the first without the time that the Git server works on the
// requests of the loop, which is all that is ours.
func (s *stage) oneOf(row string, projects int) []Row {
	f := s.fleet(shape{projects: projects, releases: releasesEach})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	l := s.run(f, config, gitops, nil)
	defer l.stop()
	other := s.newByHand(f)
	var ours, net, theirs, back, theirsBack []time.Duration
	s.profiled(row, func() {
		for turn := range pairs + 1 {
			k := f.key(turn * 37 % projects)
			generation := fmt.Sprint("turn ", turn)
			s.edit(f, config, k, generation)
			took, without := l.follow(2) // the change and the release
			release := other.fetch(k, generation) + other.release(k) + other.values(k, generation)
			config.Commit(gitserver.Change{Message: "Revert", Remove: []string{manifest.ReleaseFile(k, version(releasesEach))}})
			tookBack, _ := l.follow(1)
			rollback := other.fetch(k, generation+" taken back") + other.values(k, generation+" taken back")
			if turn > 0 { // the first push asks the server what it can do, and fills caches of both
				ours, net, theirs = append(ours, took), append(net, without), append(theirs, release)
				back, theirsBack = append(back, tookBack), append(theirsBack, rollback)
			}
		}
	})
	return []Row{
		paired(row, median(ours), median(theirs), "ms"),
		paired(row+"-revert", median(back), median(theirsBack), "ms"),
		{Name: row + "-ours", Ours: median(net), Unit: "ms"},
	}
}

// follow has the loop take in a commit of the config repository that changes one project and ends so many runs. It returns
// how long that took until GitOps had it, and how long without the time of the Git server.
func (l *running) follow(verdicts int) (took, without time.Duration) {
	before := l.served()
	begin := time.Now()
	l.Hint(loop.Hint{Config: true})
	took = l.awaitGitOps(1).Sub(begin)
	l.awaitVerdicts(verdicts)
	return took, took - (l.served() - before)
}

// served is how long the server has worked on the fetches and pushes of the loop.
func (l *running) served() time.Duration {
	return l.stage.server.Spent(l.config.repo.Name()) + l.stage.server.Spent(l.gitops.repo.Name())
}

// edit is a commit of a person who changes a project.
func (s *stage) edit(f *fleet, config *gitserver.Repo, k manifest.Key, generation string) {
	file, err := manifest.Encode(f.project(k, generation))
	s.must(err)
	config.Commit(gitserver.Change{
		Message: "Change " + k.String(), Files: map[string]string{manifest.ProjectFile(k): string(file)},
	})
}

// byHand is the git command line on copies of the repositories.
type byHand struct {
	stage          *stage
	fleet          *fleet
	config         *gitserver.Repo
	configCheckout string
	gitopsCheckout string
}

func (s *stage) newByHand(f *fleet) *byHand {
	b := &byHand{stage: s, fleet: f, config: s.copyRepo(f.config, "config")}
	gitops := s.copyRepo(f.gitops, "gitops")
	b.configCheckout = filepath.Join(s.TempDir(), "config")
	b.gitopsCheckout = filepath.Join(s.TempDir(), "gitops")
	s.command(s.dir, "git", "clone", "--quiet", b.config.URL, b.configCheckout)
	s.command(s.dir, "git", "clone", "--quiet", gitops.URL, b.gitopsCheckout)
	return b
}

// fetch fetches a change of a project.
func (b *byHand) fetch(k manifest.Key, generation string) time.Duration {
	b.stage.edit(b.fleet, b.config, k, generation)
	return b.stage.command(b.configCheckout, "git", "fetch", "--quiet")
}

// release commits and pushes the next release file of a project.
func (b *byHand) release(k manifest.Key) time.Duration {
	s := b.stage
	took := s.command(b.configCheckout, "git", "merge", "--quiet", "--ff-only", "origin/main")
	last, err := os.ReadFile(b.inConfig(manifest.ReleaseFile(k, version(releasesEach-1))))
	s.must(err)
	s.must(os.WriteFile(b.inConfig(manifest.ReleaseFile(k, version(releasesEach))), last, 0o600))
	return took + b.push(b.configCheckout, manifest.ReleaseFile(k, version(releasesEach)), "Release "+k.String())
}

// values commits and pushes new values of a project.
func (b *byHand) values(k manifest.Key, generation string) time.Duration {
	file := b.inGitOps(manifest.ValuesFile(k))
	values, err := os.ReadFile(file)
	b.stage.must(err)
	b.stage.must(os.WriteFile(file, fmt.Appendf(values, "# %s\n", generation), 0o600))
	return b.push(b.gitopsCheckout, manifest.ValuesFile(k), "Release "+k.String())
}

// push commits and pushes what changed at a path, and returns how long that took.
func (b *byHand) push(checkout, path, message string) time.Duration {
	s := b.stage
	return s.command(checkout, "git", "add", "--", path) +
		s.command(checkout, "git", "commit", "--quiet", "-m", message) +
		s.command(checkout, "git", "push", "--quiet")
}

func (b *byHand) inConfig(file string) string {
	return filepath.Join(b.configCheckout, filepath.FromSlash(file))
}

func (b *byHand) inGitOps(file string) string {
	return filepath.Join(b.gitopsCheckout, filepath.FromSlash(file))
}

// rounds is how often what takes long is measured.
const rounds = 3

// mass is one commit that changes the host of 1,000 projects, until GitOps has them all. The git command line commits and
// pushes as many release files and values, each in one commit.
func (s *stage) mass() []Row {
	const projects = 1000
	f := s.fleet(shape{projects: projects, releases: releasesEach})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	l := s.run(f, config, gitops, nil)
	defer l.stop()
	other := s.newByHand(f)
	var ours, theirs []time.Duration
	var pushes int64
	s.profiled("mass-1k", func() {
		for round := range rounds {
			file, err := manifest.Encode(platform(fmt.Sprintf("apps-%d.example.com", round), ""))
			s.must(err)
			config.Commit(gitserver.Change{Message: "Move", Files: map[string]string{manifest.PlatformFile: string(file)}})
			before := l.pushes()
			begin := time.Now()
			l.Hint(loop.Hint{Config: true})
			ours = append(ours, l.awaitGitOps(projects).Sub(begin))
			l.awaitVerdicts(2 * projects) // the change and the release of each
			pushes = max(pushes, l.pushes()-before)
			theirs = append(theirs, other.releaseAll(releasesEach+round))
		}
	})
	return []Row{
		paired("mass-1k", median(ours), median(theirs), "ms"),
		{Name: "mass-1k-pushes", Ours: float64(pushes), Unit: "pushes"},
	}
}

// releaseAll commits and pushes the nth release of every project, and their values.
func (b *byHand) releaseAll(n int) time.Duration {
	s := b.stage
	for i := range b.fleet.projects {
		release, file, err := b.fleet.release(i, n)
		s.must(err)
		k := b.fleet.key(i)
		s.must(os.WriteFile(b.inConfig(manifest.ReleaseFile(k, version(n))), file, 0o600))
		s.must(os.WriteFile(b.inGitOps(manifest.ValuesFile(k)), []byte(release.Spec.Values), 0o600))
	}
	return b.push(b.configCheckout, manifest.WorkspacesDir, "Release all") +
		b.push(b.gitopsCheckout, manifest.WorkspacesDir, "Release all")
}

// pushes to the branch of that repository which has got more of them.
func (l *running) pushes() int64 { return max(l.config.pushes.Load(), l.gitops.pushes.Load()) }

// builds is 100 builds that end at once, until GitOps has them all.
func (s *stage) builds() []Row {
	const projects = 100
	f := s.fleet(shape{projects: projects, releases: releasesEach, sources: true})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	l := s.run(f, config, gitops, nil)
	defer l.stop()
	return l.endAtOnce("builds-100", projects, l.builder.running, l.builder.finish)
}

// endAtOnce pushes to the sources of all projects, and measures from when their builds end until GitOps has all releases.
func (l *running) endAtOnce(name string, projects int, underWay func() int, finish func()) []Row {
	s, f := l.stage, l.fleet
	var took []time.Duration
	var pushes int64
	s.profiled(name, func() {
		for range rounds {
			for i := range projects {
				source := f.project(f.key(i), "").Spec.Source
				l.sources.push(source.Repository)
				l.Hint(loop.Hint{Source: source.Repository})
			}
			s.eventually("all builds run", func() bool { return underWay() == projects })
			l.settle()
			before := l.pushes()
			begin := time.Now()
			finish()
			took = append(took, l.awaitGitOps(projects).Sub(begin))
			pushes = max(pushes, l.pushes()-before)
			l.awaitVerdicts(2 * projects) // the push and the release of each
		}
	})
	return []Row{
		{Name: name, Ours: median(took), Unit: "ms"},
		{Name: name + "-pushes", Ours: float64(pushes), Unit: "pushes"},
	}
}

// settle waits until nobody has been told anything for a while.
func (l *running) settle() {
	for {
		select {
		case <-l.told:
		case <-time.After(300 * time.Millisecond):
			return
		case <-l.stage.ctx.Done():
			l.stage.Fatal(l.stage.ctx.Err())
		}
	}
}
