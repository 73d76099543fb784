package main

import (
	"os/exec"
	"regexp"
	"strconv"
)

// wrote is how the story on GitHub says what it took.
var wrote = regexp.MustCompile(`Plateform wrote (\d+) times on GitHub for (\d+) pull requests`)

// githubWrites is how often Plateform writes on GitHub for a deploy by pull request, all told: checks, the comment, statuses, the
// deployment. It is that of the built binary in its own story, which ends when all of it is told.
func (s *stage) githubWrites() []Row {
	out, err := exec.CommandContext(s.ctx, s.plateform(), "demo", "--github").CombinedOutput()
	if err != nil {
		s.Fatalf("%w\n%s", err, out)
	}
	found := wrote.FindSubmatch(out)
	if found == nil {
		s.Fatalf("the story does not say how often it wrote:\n%s", out)
	}
	writes, err := strconv.ParseFloat(string(found[1]), 64)
	s.must(err)
	deploys, err := strconv.ParseFloat(string(found[2]), 64)
	s.must(err)
	return []Row{{Name: "github-writes", Ours: writes / deploys, Unit: "writes"}}
}
