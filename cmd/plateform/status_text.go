package main

import (
	"fmt"
	"strings"
	"time"
)

// printProjects prints all projects, one line each, and below what wants attention.
func (a *app) printProjects(found statusReport, gitopsKnown bool) {
	if len(found.Projects) == 0 {
		fmt.Fprintf(a.stdout, "There are no projects yet. Write workspaces/<workspace>/projects/<project>/project.yaml and push it.\n")
		return
	}
	style := a.palette()
	table := newTable("PROJECT", "STATE", "RUNS", "RELEASED", "URL")
	for _, s := range found.Projects {
		version, released := "-", "-"
		if s.Release != nil {
			version, released = s.Release.Version, a.ago(s.Release.CreatedAt)
		}
		if gitopsKnown {
			version = orDash(s.Runs)
		}
		table.add(s.Key.String(), string(s.State), version, released, orDash(s.URL))
	}
	table.print(a.stdout, style, func(row, column int, cell string) string {
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
		a.printWhy(s)
	}
	if !gitopsKnown {
		fmt.Fprintf(a.stdout, "\nWhat runs is not known: name the GitOps repository with --gitops-repo, or once with: git config %s URL\n", gitopsSetting)
	}
}

// printProject prints all there is to say of one project.
func (a *app) printProject(s projectStatus, gitopsKnown bool) {
	style := a.palette()
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(a.stdout, "  %s %s\n", style.dim(fmt.Sprintf("%-9s", label)), text)
		}
	}
	fmt.Fprintf(a.stdout, "%s %s\n", style.bold(s.Key.String()), style.state(s.State, string(s.State)))
	line("type", string(s.Type))
	line("under way", s.Stage)
	if r := s.Release; r != nil {
		line("release", fmt.Sprintf("%s, %s, because of %s commit %s%s", r.Version, a.ago(r.CreatedAt), r.Cause.Kind, short(r.Cause.Commit), by(r.Cause.By)))
		for _, image := range r.Images {
			from := ""
			if image.Commit != "" {
				from = " from commit " + short(image.Commit)
			}
			line("image", fmt.Sprintf("%s@%s%s", image.Repository, short(image.Digest), from))
		}
	}
	if gitopsKnown {
		line("runs", orDash(s.Runs))
	} else {
		line("runs", "not known (name the GitOps repository with --gitops-repo)")
	}
	line("url", s.URL)
	if s.Last != nil {
		line("last run", fmt.Sprintf("%s, %s, took %s", s.Last.Result, a.ago(s.Last.EndedAt.UTC().Format(time.RFC3339)), s.Last.EndedAt.Sub(s.Last.StartedAt)))
	}
	a.printWhy(s)
}

// printWhy prints the reasons of a state and what to do.
func (a *app) printWhy(s projectStatus) {
	style := a.palette()
	for _, why := range s.Why {
		fmt.Fprintf(a.stdout, "  %s %s\n", style.dim("why      "), strings.ReplaceAll(why, "\n", "\n            "))
	}
	for _, next := range s.Next {
		fmt.Fprintf(a.stdout, "  %s %s\n", style.dim("next     "), next)
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
	const day = 24 * time.Hour
	passed := a.now().Sub(t)
	switch {
	case passed < 0:
		return t.UTC().Format(timeFormat)
	case passed < time.Minute:
		return fmt.Sprintf("%s (%ds ago)", t.UTC().Format(timeFormat), int(passed.Seconds()))
	case passed < time.Hour:
		return fmt.Sprintf("%s (%dm ago)", t.UTC().Format(timeFormat), int(passed.Minutes()))
	case passed < 2*day:
		return fmt.Sprintf("%s (%dh ago)", t.UTC().Format(timeFormat), int(passed.Hours()))
	}
	return fmt.Sprintf("%s (%dd ago)", t.UTC().Format(timeFormat), int(passed/day))
}
