package loop

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/gitops"
)

var (
	simulateSeeds = flag.Uint64("simulate.seeds", 200, "how many seeds TestSimulate runs")
	simulateFrom  = flag.Uint64("simulate.from", 1, "the first of them")
	simulateSeed  = flag.Uint64("simulate.seed", 0, "run this seed only, and tell its story")
)

// simulate runs one history from its beginning to its rest.
func simulate(seed uint64, told bool) (s *sim, err error) {
	s = newSim(seed, told)
	defer func() { // else nobody knows which seed it was
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return s, s.live()
}

const simActs = 25

func (s *sim) live() error {
	for range simActs {
		s.act()
		s.retain()
		if err := s.bustle(s.rng.IntN(16)); err != nil {
			return err
		}
		if s.chance(8) {
			if err := s.rollBackAtRest(); err != nil {
				return fmt.Errorf("a rollback at rest: %w", err)
			}
		}
	}
	if err := s.rollBackToLost(); err != nil {
		return fmt.Errorf("a rollback to an image that is gone: %w", err)
	}
	if s.chance(3) {
		s.restorePlatform()
		s.mendFile()
	}
	s.tell("%s the weather clears up", s.now.Format("15:04:05"))
	if err := s.settle(); err != nil {
		return err
	}
	if err := s.checkRest(); err != nil {
		return err
	}
	return s.restartAtRest()
}

// restartAtRest checks that a process that is started anew has nothing to do.
func (s *sim) restartAtRest() error {
	if !s.usable(s.config.head) { // what waits for a usable head waits again
		return nil
	}
	s.tell("%s killed at rest", s.now.Format("15:04:05"))
	if slices.Contains(s.audit.foreign, s.gitops.head) { // what was remembered before that commit is written again
		return nil
	}
	config, gitops, reported, built := s.config.head, s.gitops.head, s.reported, len(s.builds.digests)
	before := s.shown(gitops)
	s.bury()
	if err := s.settle(); err != nil {
		return fmt.Errorf("after a restart at rest: %w", err)
	}
	after := s.shown(s.gitops.head)
	for _, file := range slices.Sorted(maps.Keys(after)) {
		if before[file] != after[file] {
			s.tell("%s was\n%s\nand is now\n%s", file, before[file], after[file])
		}
	}
	if config != s.config.head || !maps.Equal(before, after) || reported != s.reported || built != len(s.builds.digests) {
		return fmt.Errorf("a restart at rest changed something: %d reports, %d builds, config %s, GitOps %s, before %d, %d, %s, %s",
			s.reported, len(s.builds.digests), manifest.Short(s.config.head), manifest.Short(s.gitops.head), reported, built, manifest.Short(config), manifest.Short(gitops))
	}
	return s.checkRest()
}

// shown is what GitOps shows at a commit, without what run.yaml keeps for those who may not have been told yet: they are
// told again after a restart, and then it goes.
func (s *sim) shown(commit string) map[string]string {
	shown := map[string]string{}
	for file, blob := range s.gitops.commits[commit].files {
		shown[file] = string(s.gitops.blobs[blob])
		run, problems := manifest.ParseRun(file, s.gitops.blobs[blob])
		if strings.HasSuffix(file, "/run.yaml") && len(problems) == 0 {
			run.Spec.Asked, run.Spec.Retry = nil, ""
			if shown[file] = string(encoded(run)); reflect.DeepEqual(run.Spec, manifest.RunSpec{Owner: run.Spec.Owner}) {
				delete(shown, file)
			}
		}
	}
	return shown
}

// rollBackAtRest takes the newest release of a project back while nothing moves, and perhaps brings it back.
func (s *sim) rollBackAtRest() error {
	if err := s.settle(); err != nil {
		return err
	}
	k, found := s.someProject()
	newest := s.newest(s.config.head, k)
	run, err := s.run(k)
	versions := s.releaseFiles(k)
	if !found || err != nil || run.Frozen != nil || run.Kept != nil || !s.usable(s.config.head) || newest == nil ||
		len(versions) < 2 || newest.Version() != versions[len(versions)-1] || s.anyLost(k) {
		return err
	}
	s.tell("%s everything is at rest, and %s is rolled back", s.now.Format("15:04:05"), k)
	file := manifest.ReleaseFile(k, newest.Version())
	s.write("Revert Release "+newest.Metadata.Name+" of "+k.String(), map[string][]byte{file: nil})
	before := s.newest(s.config.head, k)
	if before == nil {
		return nil
	}
	if err := s.nothingNew(k, before); err != nil || s.chance(2) {
		return err
	}
	s.chat()
	if err := s.nothingNew(k, before); err != nil || s.chance(2) {
		return err
	}
	s.write("Bring back "+newest.Metadata.Name+" of "+k.String(), map[string][]byte{file: s.audit.released[k][newest.Version()].content})
	return s.nothingNew(k, newest)
}

// nothingNew lets the world come to rest and checks that a project runs a release, and that nothing was made.
func (s *sim) nothingNew(k manifest.Key, runs *manifest.Release) error {
	config, built := s.config.head, len(s.builds.digests)
	if s.process != nil && s.chance(3) {
		s.tell("KILLED")
		s.bury()
	}
	if err := s.settle(); err != nil {
		return err
	}
	if s.config.head != config || len(s.builds.digests) != built {
		return fmt.Errorf("something new was made")
	}
	if s.values(k) != string(runs.Spec.Values) {
		return fmt.Errorf("%s should run, and it is %s", runs.Metadata.Name, gitops.ShownVersion(s.values(k)))
	}
	return nil
}

// TestSimulate runs whole histories against the rules that always hold. A seed that fails tells its story; mend the
// cause, and add the seed to testdata/simulate/seeds.txt.
func TestSimulate(t *testing.T) {
	if *simulateSeed != 0 {
		tellStory(t, *simulateSeed)
		return
	}
	seeds := regressions(t)
	for seed := *simulateFrom; seed < *simulateFrom+*simulateSeeds; seed++ {
		seeds = append(seeds, seed)
	}
	failed := simulateAll(seeds)
	for i, seed := range slices.Sorted(maps.Keys(failed)) {
		if i < 3 {
			tellStory(t, seed)
		}
	}
	for _, seed := range slices.Sorted(maps.Keys(failed)) {
		t.Errorf("seed %d of %d: %v", seed, len(seeds), failed[seed])
	}
}

// simulateAll runs seeds on all processors and returns what was wrong with those that failed.
func simulateAll(seeds []uint64) map[uint64]error {
	var mu sync.Mutex
	failed := map[uint64]error{}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(seeds)); i = next.Add(1) - 1 {
				if _, err := simulate(seeds[i], false); err != nil {
					mu.Lock()
					failed[seeds[i]] = err
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return failed
}

// tellStory runs a seed again and tells what happened in it.
func tellStory(t *testing.T, seed uint64) {
	t.Helper()
	s, err := simulate(seed, true)
	story := strings.Join(s.story.lines, "\n")
	if err != nil {
		t.Errorf("seed %d failed: %v\n\nIts story:\n%s\n\nIt failed: %v\nTell it again with: go test ./reconciler/loop -run TestSimulate -simulate.seed=%d",
			seed, err, story, err, seed)
		return
	}
	t.Logf("seed %d:\n%s", seed, story)
}

// regressions are the seeds that once failed.
func regressions(t *testing.T) []uint64 {
	t.Helper()
	file, err := os.Open("testdata/simulate/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var seeds []uint64
	for lines := bufio.NewScanner(file); lines.Scan(); {
		text, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if text == "" || text == "#" {
			continue
		}
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		seeds = append(seeds, seed)
	}
	return seeds
}

func TestSimulateTwice(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		first, firstErr := simulate(seed, true)
		second, secondErr := simulate(seed, true)
		if diff := cmp.Diff(first.story.lines, second.story.lines); diff != "" || fmt.Sprint(firstErr) != fmt.Sprint(secondErr) {
			t.Fatalf("seed %d was not the same twice: %v, %v (-first +second):\n%s", seed, firstErr, secondErr, diff)
		}
	}
}
