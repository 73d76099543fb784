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
// fetches the config commit, and commits and pushes the new values. In the second row it also commits and pushes the
// release file to the config repository, as ours does; most of that time is the server's. The third row is that release
// taken back: there ours has no more to push than the git command line.
func (s *stage) oneOf(row string, projects int) []Row {
	f := s.fleet(shape{projects: projects, releases: releasesEach})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	l := s.run(f, config, gitops)
	defer l.stop()
	other := s.newByHand(f)
	var ours, least, both, back, backLeast []time.Duration
	s.profiled(row, func() {
		for turn := range pairs + 1 {
			k := f.key(turn * 37 % projects)
			generation := fmt.Sprint("turn ", turn)
			s.edit(f, config, k, generation)
			took := l.follow()
			values, release := other.turn(k, generation)
			config.Commit(gitserver.Change{Message: "Revert", Remove: []string{manifest.ReleaseFile(k, version(releasesEach))}})
			tookBack := l.follow()
			valuesBack := other.fetch(k, generation+" taken back") + other.values(k, generation+" taken back")
			if turn > 0 { // the first push asks the server what it can do, and fills caches of both
				ours, least, both = append(ours, took), append(least, values), append(both, values+release)
				back, backLeast = append(back, tookBack), append(backLeast, valuesBack)
			}
		}
	})
	return []Row{
		paired(row, median(ours), median(least), "ms"),
		paired(row+"-both", median(ours), median(both), "ms"),
		paired(row+"-revert", median(back), median(backLeast), "ms"),
	}
}

// follow has the loop take in a commit of the config repository that changes one project, and returns how long that took.
func (l *running) follow() time.Duration {
	l.forget()
	begin := time.Now()
	l.Hint(loop.Hint{Config: true})
	took := l.awaitGitOps(1).Sub(begin)
	l.awaitReport()
	return took
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

// turn does one change and returns how long it took to fetch it and to commit and push the new values, and how long to
// commit and push the release between.
func (b *byHand) turn(k manifest.Key, generation string) (values, release time.Duration) {
	values = b.fetch(k, generation)
	release = b.release(k)
	return values + b.values(k, generation), release
}

// fetch fetches a change of a project.
func (b *byHand) fetch(k manifest.Key, generation string) time.Duration {
	b.stage.edit(b.fleet, b.config, k, generation)
	return b.stage.command(b.configCheckout, "git", "fetch", "--quiet")
}

// release commits and pushes the next release file of a project.
func (b *byHand) release(k manifest.Key) time.Duration {
	s := b.stage
	begin := s.command(b.configCheckout, "git", "merge", "--quiet", "--ff-only", "origin/main")
	last, err := os.ReadFile(b.releaseFile(k, releasesEach-1))
	s.must(err)
	s.must(os.WriteFile(b.releaseFile(k, releasesEach), last, 0o600))
	return begin + s.command(b.configCheckout, "git", "add", "--", b.releaseFile(k, releasesEach)) +
		s.command(b.configCheckout, "git", "commit", "--quiet", "-m", "Release "+k.String()) +
		s.command(b.configCheckout, "git", "push", "--quiet")
}

func (b *byHand) releaseFile(k manifest.Key, n int) string {
	return filepath.Join(b.configCheckout, filepath.FromSlash(manifest.ReleaseFile(k, version(n))))
}

// values commits and pushes new values of a project.
func (b *byHand) values(k manifest.Key, generation string) time.Duration {
	s := b.stage
	file := filepath.Join(b.gitopsCheckout, filepath.FromSlash(manifest.ValuesFile(k)))
	values, err := os.ReadFile(file)
	s.must(err)
	s.must(os.WriteFile(file, fmt.Appendf(values, "# %s\n", generation), 0o600))
	s.command(b.gitopsCheckout, "git", "add", "--", file)
	return s.command(b.gitopsCheckout, "git", "commit", "--quiet", "-m", "Release "+k.String()) +
		s.command(b.gitopsCheckout, "git", "push", "--quiet")
}

// rounds is how often what takes long is measured.
const rounds = 3

// mass is one commit that changes the host of 1,000 projects, until GitOps has them all.
func (s *stage) mass() []Row {
	const projects = 1000
	f := s.fleet(shape{projects: projects, releases: releasesEach})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	l := s.run(f, config, gitops)
	defer l.stop()
	var took []time.Duration
	var pushes int64
	s.profiled("mass-1k", func() {
		for round := range rounds {
			file, err := manifest.Encode(platform(fmt.Sprintf("apps-%d.example.com", round)))
			s.must(err)
			config.Commit(gitserver.Change{Message: "Move", Files: map[string]string{manifest.PlatformFile: string(file)}})
			before := l.pushes()
			l.forget()
			begin := time.Now()
			l.Hint(loop.Hint{Config: true})
			took = append(took, l.awaitGitOps(projects).Sub(begin))
			l.awaitReport()
			pushes = max(pushes, l.pushes()-before)
		}
	})
	return []Row{
		{Name: "mass-1k", Ours: median(took), Unit: "ms"},
		{Name: "mass-1k-pushes", Ours: float64(pushes), Unit: "pushes"},
	}
}

// pushes to the branch of that repository which has got more of them.
func (l *running) pushes() int64 { return max(l.config.pushes.Load(), l.gitops.pushes.Load()) }

// builds is 100 builds that end at once, until GitOps has them all.
func (s *stage) builds() []Row {
	const projects = 100
	f := s.fleet(shape{projects: projects, releases: releasesEach, sources: true})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	l := s.run(f, config, gitops)
	defer l.stop()
	var took []time.Duration
	var pushes int64
	s.profiled("builds-100", func() {
		for range rounds {
			for i := range projects {
				source := f.project(f.key(i), "").Spec.Source
				l.sources.push(source.Repository)
				l.Hint(loop.Hint{Source: source.Repository})
			}
			s.eventually("all builds run", func() bool { return l.builder.running() == projects })
			l.settle()
			before := l.pushes()
			begin := time.Now()
			l.builder.finish()
			took = append(took, l.awaitGitOps(projects).Sub(begin))
			pushes = max(pushes, l.pushes()-before)
			l.settle()
		}
	})
	return []Row{
		{Name: "builds-100", Ours: median(took), Unit: "ms"},
		{Name: "builds-100-pushes", Ours: float64(pushes), Unit: "pushes"},
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
