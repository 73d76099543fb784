package main

import (
	"fmt"
	"time"

	"github.com/plateform/plateform/reconciler/ledger"
)

// printProjects prints all projects, one line each, and below what wants attention.
func (a *app) printProjects(found *ledger.Status, gitopsKnown bool) {
	if len(found.Projects) == 0 {
		fmt.Fprintf(a.stdout, "There are no projects yet. Write workspaces/<workspace>/projects/<project>/project.yaml and push it.\n")
		return
	}
	style := a.palette()
	table := newTable("PROJECT", "STATE", "RUNS", "SINCE", "URL")
	for _, s := range found.Projects {
		runs := s.Runs
		if !gitopsKnown && s.Release != nil {
			runs = s.Release.Version
		}
		table.add(s.Key.String(), string(s.State), orDash(runs), orDash(a.sinceShort(s)), orDash(s.URL))
	}
	table.print(a.stdout, a.width, style, func(row, column int, cell string) string {
		if column != 1 {
			return cell
		}
		return style.state(found.Projects[row].State, cell)
	})
	for _, s := range found.Projects {
		if len(s.Why) == 0 {
			continue
		}
		fmt.Fprintf(a.stdout, "\n%s %s\n", style.bold(s.Key.String()), style.state(s.State, string(s.State)))
		a.printReasons("why", s.Why, s.Next)
	}
	if !gitopsKnown {
		fmt.Fprintf(a.stdout, "\nWhat runs is not known: name the GitOps repository with --gitops-repo, or once with: git config %s URL\n", gitopsSetting)
	}
}

// printProject prints all there is to say of one project.
func (a *app) printProject(s ledger.Project, gitopsKnown bool) {
	sheet, style := a.sheet(), a.palette()
	fmt.Fprintf(a.stdout, "%s %s\n", style.bold(s.Key.String()), style.state(s.State, string(s.State)))
	sheet.line("type", string(s.Type))
	sheet.line("url", s.URL)
	switch {
	case !gitopsKnown:
		sheet.line("runs", "not known (name the GitOps repository with --gitops-repo)")
	case s.Runs == "":
		sheet.line("runs", "nothing yet")
	case s.SinceBefore != "":
		sheet.line("runs", s.Runs+since("before "+a.ago(s.SinceBefore)))
	default:
		sheet.line("runs", s.Runs+since(a.ago(s.Since)))
	}
	sheet.line("under way", s.Stage)
	if r := s.Release; r != nil {
		sheet.line("release", fmt.Sprintf("%s, %s, because of %s commit %s%s", r.Version, a.ago(r.CreatedAt), r.Cause.Kind, short(r.Cause.Commit), by(r.Cause.By)))
		for _, image := range r.Images {
			from := ""
			if image.Commit != "" {
				from = " from commit " + short(image.Commit)
			}
			sheet.line("image", imageText(image)+from)
		}
	}
	if s.Last != nil {
		sheet.line("last run", fmt.Sprintf("%s, %s, took %s", s.Last.Result, a.ago(rfc3339(s.Last.EndedAt)), s.Last.EndedAt.Sub(s.Last.StartedAt)))
	}
	a.printReasons("why", s.Why, s.Next)
	if s.Release != nil {
		sheet.line("more", "plateform why "+s.Key.String())
	}
}

// printReasons prints the reasons of a state and what to do.
func (a *app) printReasons(label string, why, next []string) {
	sheet := a.sheet()
	for _, text := range why {
		sheet.line(label, plain(text))
	}
	for _, text := range next {
		sheet.line("next", plain(text))
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
		return fmt.Sprintf("%s (%s ago)", t.UTC().Format(timeFormat), ledger.Age(passed))
	}
	return t.UTC().Format(timeFormat)
}

// agoShort shows a time in a few letters: how long ago it is.
func (a *app) agoShort(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	if passed := a.now().Sub(t); passed >= 0 {
		return ledger.Age(passed) + " ago"
	}
	return t.UTC().Format(timeFormat)
}

// sinceShort shows in a few letters since when a project runs what it runs.
func (a *app) sinceShort(s ledger.Project) string {
	if s.SinceBefore != "" {
		return "over " + a.agoShort(s.SinceBefore)
	}
	return a.agoShort(s.Since)
}

// clock shows a time that programs write as people read it.
func clock(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.UTC().Format(timeFormat)
}

// wholeSeconds shows how long something took.
func wholeSeconds(n int) string { return (time.Duration(n) * time.Second).String() }
