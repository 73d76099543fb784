// Package card writes what stands on a pull request of platform-config as Markdown: first what merging it would do, and later
// what became of it. It is one comment that is written anew each time. Everybody who reads the repository may read it: it has
// no values of variables, no secrets and no log lines, and nothing that people wrote can break out of its place.
package card

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/plan"
)

// Marker is how the comment is found again. People do not see it.
const Marker = "<!-- plateform:card -->"

// Limit is how long a card may get, in bytes. GitHub takes comments of 65,535 characters.
const Limit = 64_500

// Card is what is known of a pull request.
type Card struct {
	// Plan of what merging would do; nil when none could be made, and Trouble says why.
	Plan    *plan.Plan
	Trouble string
	// Registry says of the images that a rollback brings back whether they are still there, by project.
	Registry map[manifest.Key]Presence
	// Rights are the things in the change that its author may not do.
	Rights manifest.Problems
	// Merged is the commit that it became; empty while it is not merged. From then on there is Progress in place of a plan.
	Merged   string
	Progress []Progress
	// Command shows all that a plan has, for what is left out here.
	Command string
	// Woken says what made Plateform look: "webhook +0.4 s", "found by polling after 41 s".
	Woken string
}

// Presence says whether the images of a release are in their registries.
type Presence string

// What a registry says.
const (
	// NotAsked: nobody could ask, or it did not answer.
	NotAsked Presence = ""
	// There: all of them are.
	There Presence = "there"
	// Gone: at least one is not.
	Gone Presence = "gone"
)

// Progress is how far one project is.
type Progress struct {
	Project manifest.Key
	State   reconciler.State
	Stage   reconciler.Stage
	// Since is when the first was said of it.
	Since time.Time
	// Description is what is said of it elsewhere, in the same words.
	Description string
	// Release that came of it; empty while there is none.
	Release string
	// LiveURL is where it answers, LogURL where its build can be watched, and RollbackURL the page that takes the release back.
	LiveURL, LogURL, RollbackURL string
	// RolledBackBy is the commit that took the release back since.
	RolledBackBy string
}

// Markdown writes the card in no more than Limit bytes. What does not fit is counted, with the command that shows it.
func (c Card) Markdown() string {
	return c.within(Limit)
}

// Summary is the card without what it was made of and when: it changes only when there is something else to say.
func (c Card) Summary() string {
	body := c.within(Limit)
	if foot := c.foot(); foot != "" {
		body = strings.TrimSuffix(body, foot)
	}
	return strings.TrimPrefix(body, Marker+"\n")
}

// Comment writes the card for a pull request, where it is found again, and left alone while its Summary is the same.
func (c Card) Comment() reconciler.Comment {
	timeless := c
	timeless.Woken, timeless.Command = "", ""
	same := fmt.Sprintf("<!-- plateform:says %x -->", sha256.Sum256([]byte(timeless.Summary())))
	text := strings.Replace(c.Markdown(), Marker+"\n", Marker+"\n"+same+"\n", 1)
	failed := slices.ContainsFunc(c.Progress, func(p Progress) bool { return p.State == reconciler.StateFailure })
	return reconciler.Comment{Marker: Marker, Same: same, Text: text, Waits: c.Merged != "" && !failed}
}

func (c Card) within(limit int) string {
	b := &budget{left: limit}
	foot := c.foot()
	b.left -= len(foot) + reserve
	b.add(Marker + "\n" + c.title() + "\n")
	c.progress(b)
	c.problems(b, "you may not", c.Rights)
	if c.Plan != nil {
		c.problems(b, "problem", c.Plan.Problems)
		c.projects(b)
		c.quota(b)
		for _, unknown := range c.Plan.Unknown {
			b.tryAdd("\n" + text(unknown) + "\n")
		}
	}
	return b.String() + c.leftOut(b) + foot
}

// reserve is kept for the sentence about what is left out.
const reserve = 1000

// title says in one line what it is about.
func (c Card) title() string {
	switch {
	case c.Merged != "":
		return c.outcome()
	case c.Plan == nil:
		return "### Plateform cannot plan this\n\n" + text(c.Trouble)
	case len(c.Plan.Projects) == 0:
		return "### Plateform: no project is touched\n\n" + text(c.Plan.Summary())
	case len(c.Plan.Projects) == 1:
		p := &c.Plan.Projects[0]
		return fmt.Sprintf("### `%s`: %s\n\n%s", code(p.Key.String()), text(c.headline(p)), text(c.Plan.Summary()))
	}
	return "### Plateform: " + text(c.Plan.Summary())
}

// outcome says in one line what came of it since it was merged.
func (c Card) outcome() string {
	var failed, pending, back int
	for _, p := range c.Progress {
		switch {
		case p.RolledBackBy != "":
			back++
		case p.State == reconciler.StateFailure:
			failed++
		case p.State == reconciler.StatePending:
			pending++
		}
	}
	all := manifest.Count(len(c.Progress), "project")
	words := "done: " + all
	switch {
	case len(c.Progress) == 0:
		words = "no project had to change yet"
	case failed > 0:
		words = fmt.Sprintf("%d of %s failed", failed, all)
	case pending > 0:
		words = fmt.Sprintf("%d of %s under way", pending, all)
	case back > 0:
		words = fmt.Sprintf("%d of %s rolled back", back, all)
	}
	return fmt.Sprintf("### Plateform: %s\n\nMerged as %s.", words, text(c.Merged))
}

// headline says what happens to a project. Of a rollback it says what people want to know before they click.
func (c Card) headline(p *plan.Project) string {
	if p.Action != plan.Rollback || p.Current == "" || p.Next == "" {
		return p.Headline()
	}
	line := fmt.Sprintf("%s back to %s, %s", p.Current, p.Next, imageWords(c.Registry[p.Key]))
	if p.Builds == 0 {
		line += ", no build"
	}
	return line
}

func imageWords(presence Presence) string {
	switch presence {
	case There:
		return "image still in the registry (checked)"
	case Gone:
		return "image NOT in the registry any more"
	}
	return "image not asked for"
}

// foot says what the card is of.
func (c Card) foot() string {
	var parts []string
	if c.Plan != nil {
		parts = append(parts, fmt.Sprintf("plan `%s` of `%s..%s`", short(c.Plan.Hash), short(c.Plan.Base), short(c.Plan.Head)))
	}
	if c.Woken != "" {
		parts = append(parts, text(c.Woken))
	}
	if len(parts) == 0 {
		return ""
	}
	return "\n<sub>" + strings.Join(parts, " · ") + "</sub>\n"
}

// leftOut says what did not fit.
func (c Card) leftOut(b *budget) string {
	if len(b.leftOut) == 0 {
		return ""
	}
	line := "Left out here, for want of room: " + strings.Join(b.counts(), ", ") + "."
	if c.Command != "" {
		line += fmt.Sprintf(" All of it: `%s`", code(c.Command))
	}
	return "\n" + line + "\n"
}

// short is the beginning of a hash, which may have the name of its kind in front.
func short(hash string) string {
	const letters = 10
	if kind, hex, found := strings.Cut(hash, ":"); found {
		return kind + ":" + hex[:min(letters, len(hex))]
	}
	return hash[:min(letters, len(hash))]
}
