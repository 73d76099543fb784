package main

import (
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/ledger"
)

// fullAnswers is how many answers are printed in full; of more there is one line each.
const fullAnswers = 3

// printWhy prints a report for people.
func (a *app) printWhy(r *ledger.Why) {
	if r.Commit != nil {
		a.printAsked(r)
	}
	for i, found := range r.Answers {
		if len(r.Answers) > fullAnswers {
			a.printAnswerShort(found)
			continue
		}
		if i > 0 || r.Commit != nil {
			fmt.Fprintln(a.stdout)
		}
		a.printAnswer(found)
	}
	if r.GitOpsCommit == "" {
		fmt.Fprintf(a.stdout, "\nWhat runs is not known: name the GitOps repository with --gitops-repo, or once with: git config %s URL\n", gitopsSetting)
	}
}

// printAsked prints the commit that was asked for.
func (a *app) printAsked(r *ledger.Why) {
	sheet, style, commit := a.sheet(), a.palette(), r.Commit
	fmt.Fprintf(a.stdout, "%s of %s\n", style.bold("Commit "+short(commit.Hash)), repositoryNoun(r.Kind))
	sheet.line("subject", commit.Subject)
	sheet.line("by", fmt.Sprintf("%s, %s", commit.Author, a.ago(commit.At)))
	if by := commit.MergedBy; by != nil {
		sheet.line("merged", a.commitText(*by))
	}
	for _, did := range commit.Does {
		sheet.line("did", did)
	}
	for _, report := range commit.Reports {
		sheet.line("report", fmt.Sprintf("%s: %s: %s", report.Subject(), report.State, report.Summary()))
	}
	if len(r.Answers) == 0 {
		sheet.line("caused", "no release")
	}
}

func repositoryNoun(kind ledger.Kind) string {
	if kind == ledger.AskGitOps {
		return "the GitOps repository"
	}
	return "the config repository"
}

// printAnswerShort prints an answer in one line.
func (a *app) printAnswerShort(found ledger.Answer) {
	version := "-"
	if found.Release != nil {
		version = found.Release.Version
	}
	fmt.Fprintf(a.stdout, "%s %s  %s%s\n", found.Key, version, a.palette().why(found.State), since(a.ago(found.Since)))
}

// printAnswer prints all there is to say of a release.
func (a *app) printAnswer(found ledger.Answer) {
	sheet, style := a.sheet(), a.palette()
	title := found.Key.String()
	if found.Release != nil {
		title += " " + found.Release.Version
	}
	fmt.Fprintf(a.stdout, "%s  %s%s\n", style.bold(title), style.why(found.State), since(a.ago(found.Since)))
	if r := found.Release; r != nil {
		sheet.line("url", r.URL)
		a.printOrigin(sheet, r)
	}
	for i, h := range found.History {
		label := ""
		if i == 0 {
			label = "history"
		}
		sheet.line(label, a.happeningText(h))
	}
	label := "why"
	if found.State == ledger.FateRunning || found.State == ledger.FateReleased {
		label = "note" // it says what else there is, not why this runs
	}
	a.printReasons(label, found.Why, found.Next)
}

// printOrigin prints where a release comes from.
func (a *app) printOrigin(sheet sheet, r *ledger.TracedRelease) {
	sheet.line("cause", a.causeText(r))
	for _, image := range r.Images {
		sheet.line("image", imageText(image))
	}
	for _, source := range r.Sources {
		sheet.line("source", "commit "+short(source.Commit)+" of "+source.Repository)
	}
	if b := r.Build; b != nil {
		text := fmt.Sprintf("took %s", wholeSeconds(b.Seconds))
		if b.URL != "" {
			text += ", " + plain(b.URL)
		}
		sheet.line("build", text)
	} else if len(r.Images) > 0 {
		sheet.line("build", "none: the image was there")
	}
	sheet.line("plan", short(r.Plan))
	if r.Commit != nil {
		sheet.line("config", a.commitText(*r.Commit))
	}
	if r.GitOps != nil {
		sheet.line("gitops", a.commitText(*r.GitOps))
	}
}

// causeText says why a release was made, and who caused it.
func (a *app) causeText(r *ledger.TracedRelease) string {
	c := r.Cause
	what := map[manifest.CauseKind]string{
		manifest.CauseSource:   "a push to the app",
		manifest.CauseConfig:   "a change of its project",
		manifest.CausePlatform: "a change of the platform or the workspace",
		manifest.CauseRetry:    "a retry",
	}[c.Kind]
	if what == "" {
		what = string(c.Kind)
	}
	text := fmt.Sprintf("%s, commit %s", what, short(c.Commit))
	switch {
	case r.CausedBy != nil:
		text += fmt.Sprintf("%s: %s", of(r.CausedBy.Author), r.CausedBy.Subject)
	case c.By != "":
		text += of(plain(c.By))
	}
	return text
}

// commitText is a commit in one line.
func (a *app) commitText(c ledger.Commit) string {
	return fmt.Sprintf("commit %s%s, %s: %s", short(c.Hash), of(c.Author), a.ago(c.At), c.Subject)
}

// happeningText is one thing that happened, in one line.
func (a *app) happeningText(h ledger.Happening) string {
	what := string(h.Deed)
	switch {
	case h.Deed == ledger.DeedSuperseded:
		what += " by " + h.Release
	case h.Deed == ledger.DeedRunsAgain:
		what += " as " + h.Release + " was rolled back"
	case h.Deed == ledger.DeedRolledBack && h.Release != "":
		what += " to " + h.Release
	case h.Deed == ledger.DeedRetired:
		what += ", as " + h.Release + " ran"
	case h.Deed == ledger.DeedRemoved:
		what += " with its project"
	}
	return fmt.Sprintf("%s  %s: commit %s%s", clock(h.Commit.At), what, short(h.Commit.Hash), of(h.Commit.Author))
}

func imageText(image manifest.Image) string {
	text := image.Repository
	if image.Tag != "" {
		text += ":" + image.Tag
	}
	return text + "@" + short(image.Digest)
}

// of names who did something.
func of(who string) string {
	if who == "" {
		return ""
	}
	return " of " + who
}

// since says since when; nothing when that is not known.
func since(when string) string {
	if when == "" {
		return ""
	}
	return " since " + when
}

// why colours by what became of a release.
func (p palette) why(state ledger.Fate) string {
	switch state {
	case ledger.FateRunning, ledger.FateReleased:
		return p.good(string(state))
	case ledger.FateFailed, ledger.FateRefused:
		return p.bad(string(state))
	}
	return p.warn(string(state))
}
