package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/running"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler/ledger"
)

// printProjects prints all projects, one line each, and below what wants attention.
func (o *output) printProjects(found *ledger.Status, gitopsKnown bool, pods running.States) {
	if len(found.Projects) == 0 {
		fmt.Fprintf(o.stdout, "There are no projects yet. Write workspaces/<workspace>/projects/<project>/project.yaml and push it.\n")
		return
	}
	style := o.palette()
	columns := []string{"PROJECT", "STATE", "RUNS", "SINCE", "URL"}
	if len(pods.Of) > 0 {
		columns = append(columns, "PODS")
	}
	table := terminal.NewTable(columns...)
	for _, s := range found.Projects {
		runs := s.Runs
		if !gitopsKnown && s.Release != nil {
			runs = s.Release.Version
		}
		if s.RolloutFailed {
			runs += " failed"
		}
		row := []string{s.Key.String(), string(s.State), terminal.OrDash(runs), terminal.OrDash(o.sinceShort(s)), terminal.OrDash(s.URL)}
		if state, known := pods.Of[s.Key]; known {
			row = append(row, running.Pods(state))
		} else if len(pods.Of) > 0 {
			row = append(row, "-")
		}
		table.Add(row...)
	}
	table.Print(o.stdout, o.width, style, func(row, column int, cell string) string {
		if column != 1 {
			return cell
		}
		return paintState(style, found.Projects[row].State, cell)
	})
	for _, s := range found.Projects {
		if len(s.Why) == 0 && !saysMore(s) {
			continue
		}
		fmt.Fprintf(o.stdout, "\n%s %s\n", style.Bold(s.Key.String()), paintState(style, s.State, string(s.State)))
		o.sheet().Line("under way", progressOf(s))
		o.printPairs(s.Reasons)
	}
	if !gitopsKnown {
		fmt.Fprintf(o.stdout, "\nWhat runs is not known: name the GitOps repository with --gitops-repo, or once with: git config %s URL\n", checkout.GitOpsSetting)
	}
}

// printProject prints all there is to say of one project.
func (o *output) printProject(s ledger.Project, gitopsKnown bool, pods running.States) {
	sheet, style := o.sheet(), o.palette()
	fmt.Fprintf(o.stdout, "%s %s\n", style.Bold(s.Key.String()), paintState(style, s.State, string(s.State)))
	sheet.Line("type", string(s.Type))
	sheet.Line("url", s.URL)
	switch {
	case !gitopsKnown:
		sheet.Line("runs", "not known (name the GitOps repository with --gitops-repo)")
	case s.Runs == "":
		sheet.Line("runs", "nothing yet")
	case s.RolloutFailed:
		sheet.Line("runs", fmt.Sprintf("not %s, whose rollout failed (written %s); what was healthy before goes on answering", s.Runs, o.ago(cmp.Or(s.Since, s.SinceBefore))))
	case s.SinceBefore != "":
		sheet.Line("runs", s.Runs+since("before "+o.ago(s.SinceBefore)))
	default:
		sheet.Line("runs", s.Runs+since(o.ago(s.Since)))
	}
	if state, known := pods.Of[s.Key]; known {
		running.Print(sheet, state, o.agoShort)
	}
	sheet.Line("under way", progressOf(s))
	if r := s.Release; r != nil {
		sheet.Line("release", fmt.Sprintf("%s, %s, because of %s commit %s%s", r.Version, o.ago(r.CreatedAt), r.Cause.Kind, terminal.Short(r.Cause.Commit), terminal.By(r.Cause.By)))
		for _, image := range r.Images {
			from := ""
			if image.Commit != "" {
				from = " from commit " + terminal.Short(image.Commit)
			}
			sheet.Line("image", imageText(image)+from)
		}
	}
	if s.Last != nil {
		sheet.Line("last run", fmt.Sprintf("%s, %s, took %s", s.Last.Result, o.ago(s.Last.EndedAt.UTC().Format(time.RFC3339)), s.Last.EndedAt.Sub(s.Last.StartedAt)))
	}
	o.printPairs(s.Reasons)
	if s.Release != nil {
		sheet.Line("more", "plateform why "+s.Key.String())
	}
}

// saysMore says that what was reported of a run is more than its stage: what it waits for, or why it is tried again.
func saysMore(s ledger.Project) bool {
	return !strings.HasPrefix(s.Progress, s.Stage) && s.Progress != ""
}

// progressOf says how far the run is that is under way.
func progressOf(s ledger.Project) string {
	if saysMore(s) {
		return s.Stage + ", " + terminal.Plain(s.Progress)
	}
	return cmp.Or(terminal.Plain(s.Progress), s.Stage)
}

// printPairs prints each reason of a state with what to do about it. What is to be done about several stands once, behind the last.
func (o *output) printPairs(reasons []ledger.Reason) {
	last := map[string]int{}
	for i, r := range reasons {
		for _, next := range r.Next {
			last[next] = i
		}
	}
	for i, r := range reasons {
		next := slices.DeleteFunc(slices.Clone(r.Next), func(text string) bool { return last[text] != i })
		why := []string{r.Why}
		if r.Why == "" {
			why = nil
		}
		o.printReasons("why", why, next)
	}
}

// printReasons prints the reasons of a state and what to do.
func (o *output) printReasons(label string, why, next []string) {
	sheet := o.sheet()
	for _, text := range why {
		sheet.Line(label, terminal.Plain(text))
	}
	for _, text := range next {
		sheet.Line("next", terminal.Plain(text))
	}
}

// ago shows a time as a date and how long ago that is.
func (o *output) ago(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	if passed := o.now().Sub(t); passed >= 0 {
		return fmt.Sprintf("%s (%s ago)", t.UTC().Format(terminal.TimeFormat), ledger.Age(passed))
	}
	return t.UTC().Format(terminal.TimeFormat)
}

// agoShort shows a time in a few letters: how long ago it is.
func (o *output) agoShort(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	if passed := o.now().Sub(t); passed >= 0 {
		return ledger.Age(passed) + " ago"
	}
	return t.UTC().Format(terminal.TimeFormat)
}

// sinceShort shows in a few letters since when a project runs what it runs.
func (o *output) sinceShort(s ledger.Project) string {
	if s.SinceBefore != "" {
		return "over " + o.agoShort(s.SinceBefore)
	}
	return o.agoShort(s.Since)
}

// wholeSeconds shows how long something took.
func wholeSeconds(n int) string { return (time.Duration(n) * time.Second).String() }

// paintState colours by how a project is.
func paintState(p terminal.Palette, state ledger.State, s string) string {
	switch state {
	case ledger.StateRunning, ledger.StateReleased:
		return p.Good(s)
	case ledger.StateFailed, ledger.StateFrozen, ledger.StateRefused:
		return p.Bad(s)
	}
	return p.Warn(s)
}
