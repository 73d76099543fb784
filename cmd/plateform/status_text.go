package main

import (
	"fmt"
	"time"

	"github.com/plateform/plateform/cmd/plateform/terminal"
)

// printProjects prints all projects, one line each, and below what wants attention.
func (a *app) printProjects(found statusReport, gitopsKnown bool) {
	if len(found.Projects) == 0 {
		fmt.Fprintf(a.stdout, "There are no projects yet. Write workspaces/<workspace>/projects/<project>/project.yaml and push it.\n")
		return
	}
	style := a.palette()
	table := terminal.NewTable("PROJECT", "STATE", "RUNS", "SINCE", "URL")
	for _, s := range found.Projects {
		runs := s.Runs
		if !gitopsKnown && s.Release != nil {
			runs = s.Release.Version
		}
		table.Add(s.Key.String(), string(s.State), orDash(runs), orDash(a.agoShort(s.Since)), orDash(s.URL))
	}
	table.Print(a.stdout, a.width, style, func(row, column int, cell string) string {
		if column != 1 {
			return cell
		}
		return paintState(style, found.Projects[row].State, cell)
	})
	for _, s := range found.Projects {
		if len(s.Why) == 0 {
			continue
		}
		fmt.Fprintf(a.stdout, "\n%s %s\n", style.Bold(s.Key.String()), paintState(style, s.State, string(s.State)))
		a.printReasons("why", s.Why, s.Next)
	}
	if !gitopsKnown {
		fmt.Fprintf(a.stdout, "\nWhat runs is not known: name the GitOps repository with --gitops-repo, or once with: git config %s URL\n", gitopsSetting)
	}
}

// printProject prints all there is to say of one project.
func (a *app) printProject(s projectStatus, gitopsKnown bool) {
	sheet, style := a.sheet(), a.palette()
	fmt.Fprintf(a.stdout, "%s %s\n", style.Bold(s.Key.String()), paintState(style, s.State, string(s.State)))
	sheet.Line("type", string(s.Type))
	sheet.Line("url", s.URL)
	switch {
	case !gitopsKnown:
		sheet.Line("runs", "not known (name the GitOps repository with --gitops-repo)")
	case s.Runs == "":
		sheet.Line("runs", "nothing yet")
	default:
		sheet.Line("runs", s.Runs+since(a.ago(s.Since)))
	}
	sheet.Line("under way", s.Stage)
	if r := s.Release; r != nil {
		sheet.Line("release", fmt.Sprintf("%s, %s, because of %s commit %s%s", r.Version, a.ago(r.CreatedAt), r.Cause.Kind, terminal.Short(r.Cause.Commit), by(r.Cause.By)))
		for _, image := range r.Images {
			from := ""
			if image.Commit != "" {
				from = " from commit " + terminal.Short(image.Commit)
			}
			sheet.Line("image", imageText(image)+from)
		}
	}
	if s.Last != nil {
		sheet.Line("last run", fmt.Sprintf("%s, %s, took %s", s.Last.Result, a.ago(terminal.RFC3339(s.Last.EndedAt)), s.Last.EndedAt.Sub(s.Last.StartedAt)))
	}
	a.printReasons("why", s.Why, s.Next)
	if s.Release != nil {
		sheet.Line("more", "plateform why "+s.Key.String())
	}
}

// printReasons prints the reasons of a state and what to do.
func (a *app) printReasons(label string, why, next []string) {
	sheet := a.sheet()
	for _, text := range why {
		sheet.Line(label, terminal.Plain(text))
	}
	for _, text := range next {
		sheet.Line("next", terminal.Plain(text))
	}
}

// by names a person in brackets.
func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ago shows a time as a date and how long ago that is.
func (a *app) ago(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	if passed := a.now().Sub(t); passed >= 0 {
		return fmt.Sprintf("%s (%s ago)", t.UTC().Format(terminal.TimeFormat), age(passed))
	}
	return t.UTC().Format(terminal.TimeFormat)
}

// agoShort shows a time in a few letters: how long ago it is.
func (a *app) agoShort(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	if passed := a.now().Sub(t); passed >= 0 {
		return age(passed) + " ago"
	}
	return t.UTC().Format(terminal.TimeFormat)
}

// age is a time that has passed, in its largest unit.
func age(passed time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case passed < time.Minute:
		return fmt.Sprintf("%ds", int(passed.Seconds()))
	case passed < time.Hour:
		return fmt.Sprintf("%dm", int(passed.Minutes()))
	case passed < 2*day:
		return fmt.Sprintf("%dh", int(passed.Hours()))
	}
	return fmt.Sprintf("%dd", int(passed/day))
}

// clock shows a time that programs write as people read it.
func clock(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.UTC().Format(terminal.TimeFormat)
}

// wholeSeconds shows how long something took.
func wholeSeconds(n int) string { return (time.Duration(n) * time.Second).String() }

// paintState colours by how a project is.
func paintState(p terminal.Palette, state projectState, s string) string {
	switch state {
	case stateRunning, stateReleased:
		return p.Good(s)
	case stateFailed, stateFrozen, stateRefused:
		return p.Bad(s)
	}
	return p.Warn(s)
}
