package main

import (
	"fmt"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/running"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/ledger"
)

// fullAnswers is how many answers are printed in full; of more there is one line each.
const fullAnswers = 3

// printWhy prints a report for people.
func (o *output) printWhy(r *ledger.Why, pods running.States) {
	if r.Commit != nil {
		o.printAsked(r)
	}
	for i, found := range r.Answers {
		if len(r.Answers) > fullAnswers {
			o.printAnswerShort(found)
			continue
		}
		if i > 0 || r.Commit != nil {
			fmt.Fprintln(o.stdout)
		}
		o.printAnswer(found, pods)
	}
	if r.GitOpsCommit == "" {
		fmt.Fprintf(o.stdout, "\nWhat runs is not known: name the GitOps repository with --gitops-repo, or once with: git config %s URL\n", checkout.GitOpsSetting)
	}
}

// printAsked prints the commit that was asked for.
func (o *output) printAsked(r *ledger.Why) {
	sheet, style, commit := o.sheet(), o.palette(), r.Commit
	fmt.Fprintf(o.stdout, "%s of %s\n", style.Bold("Commit "+terminal.Short(commit.Hash)), repositoryNoun(r.Kind))
	sheet.Line("subject", commit.Subject)
	sheet.Line("by", fmt.Sprintf("%s, %s", commit.Author, o.ago(commit.At)))
	if by := commit.MergedBy; by != nil {
		sheet.Line("merged", o.commitText(*by))
	}
	for _, did := range commit.Does {
		sheet.Line("did", did)
	}
	for _, report := range commit.Reports {
		sheet.Line("report", fmt.Sprintf("%s: %s: %s", report.Subject(), report.State, report.Summary()))
	}
	if len(r.Answers) == 0 {
		sheet.Line("caused", "no release")
	}
}

func repositoryNoun(kind ledger.Kind) string {
	if kind == ledger.AskGitOps {
		return "the GitOps repository"
	}
	return "the config repository"
}

// printAnswerShort prints an answer in one line.
func (o *output) printAnswerShort(found ledger.Answer) {
	version := "-"
	if found.Release != nil {
		version = found.Release.Version
	}
	fmt.Fprintf(o.stdout, "%s %s  %s%s\n", found.Key, version, paintWhy(o.palette(), found.State), since(o.ago(found.Since)))
}

// printAnswer prints all there is to say of a release.
func (o *output) printAnswer(found ledger.Answer, pods running.States) {
	sheet, style := o.sheet(), o.palette()
	title := found.Key.String()
	if found.Release != nil {
		title += " " + found.Release.Version
	}
	fmt.Fprintf(o.stdout, "%s  %s%s\n", style.Bold(title), paintWhy(style, found.State), since(o.ago(found.Since)))
	if r := found.Release; r != nil {
		sheet.Line("url", r.URL)
		if state, known := pods.Of[found.Key]; known && state.Release == r.Version {
			running.Print(sheet, state, o.agoShort)
		}
		o.printOrigin(sheet, r)
	}
	for i, h := range found.History {
		label := ""
		if i == 0 {
			label = "history"
		}
		sheet.Line(label, eventText(h))
	}
	label := "why"
	if found.State == ledger.FateRunning || found.State == ledger.FateReleased {
		label = "note" // it says what else there is, not why this runs
	}
	o.printReasons(label, found.Why, found.Next)
}

// printOrigin prints where a release comes from.
func (o *output) printOrigin(sheet terminal.Sheet, r *ledger.TracedRelease) {
	sheet.Line("cause", causeText(r))
	for _, image := range r.Images {
		sheet.Line("image", imageText(image))
	}
	for _, source := range r.Sources {
		sheet.Line("source", "commit "+terminal.Short(source.Commit)+" of "+source.Repository)
	}
	if b := r.Build; b != nil {
		text := fmt.Sprintf("took %s", wholeSeconds(b.Seconds))
		if b.Reused != "" {
			text = "0s, as the image of " + terminal.Plain(b.Reused) + " is reused: the same source was built for it"
		}
		if b.URL != "" {
			text += ", " + terminal.Plain(b.URL)
		}
		sheet.Line("build", text)
	} else if len(r.Images) > 0 {
		sheet.Line("build", "none: the image was there")
	}
	sheet.Line("plan", terminal.Short(r.Plan))
	if r.Commit != nil {
		sheet.Line("config", o.commitText(*r.Commit))
	}
	if r.GitOps != nil {
		sheet.Line("gitops", o.commitText(*r.GitOps))
	}
}

// causeText says why a release was made, and who caused it.
func causeText(r *ledger.TracedRelease) string {
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
	text := fmt.Sprintf("%s, commit %s", what, terminal.Short(c.Commit))
	switch {
	case r.CausedBy != nil:
		text += fmt.Sprintf("%s: %s", of(r.CausedBy.Author), r.CausedBy.Subject)
	case c.By != "":
		text += of(terminal.Plain(c.By))
	}
	return text
}

// commitText is a commit in one line.
func (o *output) commitText(c ledger.Commit) string {
	return fmt.Sprintf("commit %s%s, %s: %s", terminal.Short(c.Hash), of(c.Author), o.ago(c.At), c.Subject)
}

// eventText is one thing that happened, in one line.
func eventText(h ledger.Event) string {
	what := string(h.Kind)
	switch {
	case h.Kind == ledger.EventSuperseded:
		what += " by " + h.Release
	case h.Kind == ledger.EventRunsAgain:
		what += " as " + h.Release + " was rolled back"
	case h.Kind == ledger.EventRolledBack && h.Release != "":
		what += " to " + h.Release
	case h.Kind == ledger.EventRetired:
		what += ", as " + h.Release + " ran"
	case h.Kind == ledger.EventRemoved:
		what += " with its project"
	}
	return fmt.Sprintf("%s  %s: commit %s%s", terminal.Clock(h.Commit.At), what, terminal.Short(h.Commit.Hash), of(h.Commit.Author))
}

func imageText(image manifest.Image) string {
	text := image.Repository
	if image.Tag != "" {
		text += ":" + image.Tag
	}
	return text + "@" + terminal.Short(image.Digest)
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

// paintWhy colours by what became of a release.
func paintWhy(p terminal.Palette, state ledger.Fate) string {
	switch state {
	case ledger.FateRunning, ledger.FateReleased:
		return p.Good(string(state))
	case ledger.FateFailed, ledger.FateRefused:
		return p.Bad(string(state))
	}
	return p.Warn(string(state))
}
