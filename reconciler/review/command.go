package review

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// commandPrefix begins a line that asks for something.
const commandPrefix = "/plateform"

// verb is what a command asks for.
type verb string

// The verbs.
const (
	verbPlan     verb = "plan"
	verbRetry    verb = "retry"
	verbRollback verb = "rollback"
)

// command is what a remark asks for.
type command struct {
	verb verb
	// project that it is about; zero for those of the proposal.
	project manifest.Key
	// version to go back to; zero for the one before.
	version manifest.Version
}

// usage says how commands are written.
const usage = "/plateform plan, /plateform retry [WORKSPACE/PROJECT] or /plateform rollback [WORKSPACE/PROJECT] [VERSION]"

// hidden is what a comment does not show.
var hidden = regexp.MustCompile(`(?s)<!--.*?(-->|$)`)

// commandIn reads the one command of a remark; found is false when there is none. What is quoted is somebody else's, and what is in a
// block of code is an example.
func commandIn(text string) (c command, found bool, err error) {
	fence := ""
	for line := range strings.Lines(hidden.ReplaceAllString(text, "")) {
		indented := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")
		line = strings.TrimSpace(line)
		mark := fenceOf(line)
		switch {
		case fence != "":
			if !indented && mark != "" && mark == line && strings.HasPrefix(mark, fence) {
				fence = ""
			}
			continue
		case mark != "" && !indented:
			fence = mark
			continue
		}
		words := strings.Fields(line)
		if indented || len(words) == 0 || words[0] != commandPrefix {
			continue
		}
		if found {
			return c, true, errors.New("one command at a time: write each in a comment of its own")
		}
		found = true
		if c, err = parseCommand(words[1:]); err != nil {
			return c, true, err
		}
	}
	return c, found, nil
}

// fenceOf is what a line begins or ends a block of code with; empty when it does neither.
func fenceOf(line string) string {
	const shortest = 3
	for _, mark := range []string{"`", "~"} {
		if rest := strings.TrimLeft(line, mark); len(line)-len(rest) >= shortest {
			return line[:len(line)-len(rest)]
		}
	}
	return ""
}

func parseCommand(words []string) (c command, err error) {
	if len(words) == 0 {
		return c, fmt.Errorf("it does not say what to do: write %s", usage)
	}
	c.verb = verb(words[0])
	most := map[verb]int{verbPlan: 0, verbRetry: 1, verbRollback: 2}
	arguments, known := most[c.verb]
	if !known {
		return c, fmt.Errorf("there is no such command: write %s", usage)
	}
	if len(words)-1 > arguments {
		return c, fmt.Errorf("that is more than %s takes: write %s", c.verb, usage)
	}
	for _, word := range words[1:] {
		if workspace, project, isKey := strings.Cut(word, "/"); isKey && c.project == (manifest.Key{}) && c.version.IsZero() {
			c.project = manifest.Key{Workspace: workspace, Project: project}
			continue
		}
		if c.version, err = manifest.ParseVersion(word); err != nil || c.verb != verbRollback {
			return c, fmt.Errorf("it is not clear what that is about: write %s", usage)
		}
	}
	return c, nil
}
