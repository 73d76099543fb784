package demo

import (
	"context"
	"fmt"
	"html"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/test/githubserver/forge"
)

// onGitHub is the story as pull requests tell it.
type onGitHub struct {
	*story
	// greeted is the pull request whose release is taken back.
	greeted pull
}

// tell plays the story by pull requests.
func (d *onGitHub) tell(ctx context.Context) error {
	d.say("%s", d.Style.Bold("Plateform on GitHub: changes are pull requests, and all there is to know stands on them."))
	d.say("GitHub is played by the server that Plateform is tested with, which holds each request and answer to GitHub's own description. All else is real: " +
		"an App that logs in, webhooks, Git, builds, the app.")
	for _, chapter := range []func(context.Context) error{d.proposeProject, d.proposeEnv, d.proposeRevert} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	written, told, wrong := d.hub.traffic()
	if wrong > 0 {
		return exit.Finding("%d requests or answers were not as GitHub describes them", wrong)
	}
	d.say("\nPlateform wrote %d times on GitHub for %d pull requests, and was told of %d things. Done in %s.", written, d.step, told, seconds(d.Now().Sub(d.started)))
	d.say("Next: plateform init DIR --github OWNER/REPO makes an installation on GitHub, and says what to click there.")
	return nil
}

// pull is a pull request of alice's.
type pull struct {
	number int
	head   string
}

// proposeProject: a project comes by a pull request, and its card goes on to the URL.
func (d *onGitHub) proposeProject(ctx context.Context) error {
	d.chapter("Alice proposes a workspace and a project: a type and a source, nothing else.")
	p, err := d.propose(ctx, "Add hello", "add-hello", func() error {
		return copyTree(filepath.Join(d.config.Work.Dir, manifest.WorkspacesDir, "ws-1"), filepath.Join(d.config.Work.Dir, "samples", "ws-1"))
	})
	if err != nil {
		return err
	}
	if err := d.merge(ctx, p, forge.MergeCommit, "v1.0.0"); err != nil {
		return err
	}
	if err := d.answers(ctx, "Hello, world!"); err != nil {
		return err
	}
	return d.showCard(ctx, p, "done: 1 project")
}

// proposeEnv: the plan says that nothing has to be built.
func (d *onGitHub) proposeEnv(ctx context.Context) error {
	d.chapter("She proposes an environment variable. The image is known, so nothing is built.")
	file := manifest.ProjectFile(helloKey())
	p, err := d.propose(ctx, "Greet Alice", "greet-alice", func() error {
		return d.config.Write(file, d.config.Read(ctx, file)+"\n  env: [{name: NAME, value: Alice}]\n")
	})
	if err != nil {
		return err
	}
	if err := d.merge(ctx, p, forge.Squash, "v1.0.1"); err != nil {
		return err
	}
	if err := d.answers(ctx, "Hello, Alice!"); err != nil {
		return err
	}
	d.greeted = p
	return d.showCard(ctx, p, "roll it back")
}

// proposeRevert: a rollback is a pull request, too, and the card of what it takes back says so.
func (d *onGitHub) proposeRevert(ctx context.Context) error {
	d.chapter("She takes that back by a pull request that reverts the release.")
	p, err := d.propose(ctx, "Greet the world again", "revert", func() error {
		release, err := d.releaseCommit(ctx, "v1.0.1")
		if err != nil {
			return err
		}
		_, err = d.config.Work.Run(ctx, "revert", "--no-commit", release)
		return err
	})
	if err != nil {
		return err
	}
	if err := d.merge(ctx, p, forge.MergeCommit, "v1.0.0"); err != nil {
		return err
	}
	if err := d.answers(ctx, "Hello, world!"); err != nil {
		return err
	}
	if err := d.showCard(ctx, p, "done: 1 project"); err != nil {
		return err
	}
	d.say("\n     And on the pull request before:")
	return d.showCard(ctx, d.greeted, "was rolled back by")
}

// propose makes a change on a branch, opens a pull request of it, and shows what Plateform says.
func (d *onGitHub) propose(ctx context.Context, title, branch string, change func() error) (pull, error) {
	var p pull
	git := d.config.Work
	for _, args := range [][]string{{"pull", "--quiet", "--rebase", "origin", "main"}, {"checkout", "--quiet", "-b", branch}} {
		if _, err := git.Run(ctx, args...); err != nil {
			return p, err
		}
	}
	if err := change(); err != nil {
		return p, err
	}
	for _, args := range [][]string{{"add", "--all"}, {"commit", "--quiet", "--message=" + title}, {"push", "--quiet", "origin", branch}} {
		if _, err := git.Run(ctx, args...); err != nil {
			return p, err
		}
	}
	var err error
	if p.head, err = git.Run(ctx, "rev-parse", "HEAD"); err != nil {
		return p, err
	}
	if _, err := git.Run(ctx, "checkout", "--quiet", "main"); err != nil {
		return p, err
	}
	p.number, err = d.hub.server.OpenPull(ctx, forge.NewPull{Repo: configAt, Head: branch, Title: title, Author: aliceID})
	if err != nil {
		return p, err
	}
	d.say("     pull request #%d  %s  %s", p.number, title, terminal.Short(p.head))
	if err := d.showChecks(ctx, p); err != nil {
		return p, err
	}
	return p, d.showCard(ctx, p, "plan")
}

// showChecks waits for both checks, and shows them. Neither may fail.
func (d *onGitHub) showChecks(ctx context.Context, p pull) error {
	var checks []check
	err := awaitEvery(ctx, d.story, hubGlance, fmt.Sprintf("the checks of pull request #%d", p.number), func() (bool, error) {
		var err error
		checks, err = d.hub.checks(ctx, p.head)
		done := len(checks) == 2
		for _, c := range checks {
			done = done && c.Status == "completed"
		}
		return done, err
	})
	if err != nil {
		return err
	}
	for _, c := range checks {
		conclusion := d.Style.Good(c.Conclusion)
		if c.Conclusion != "success" {
			return exit.Finding("the check %s of pull request #%d is %s: %s", c.Name, p.number, c.Conclusion, c.Output.Title)
		}
		d.say("     check        %s %s: %s", conclusion, c.Name, c.Output.Title)
	}
	return nil
}

// merge merges a pull request as its page does, and waits for the release.
func (d *onGitHub) merge(ctx context.Context, p pull, how forge.Method, version string) error {
	begun := d.Now()
	if err := d.hub.server.Merge(ctx, configAt, p.number, aliceID, how); err != nil {
		return err
	}
	d.say("\n     She merges it (%s).", how)
	if err := d.released(ctx, version, begun); err != nil {
		return err
	}
	var merged struct {
		Commit string `json:"merge_commit_sha"`
	}
	if err := d.hub.ask(ctx, fmt.Sprintf("pulls/%d", p.number), &merged); err != nil {
		return err
	}
	if err := d.follow(ctx, merged.Commit, ""); err != nil {
		return err
	}
	return d.showDeployment(ctx, version)
}

// showDeployment waits until GitHub shows the release as deployed last, and where.
func (d *onGitHub) showDeployment(ctx context.Context, version string) error {
	return awaitEvery(ctx, d.story, hubGlance, "the deployment of "+version, func() (bool, error) {
		made, err := d.hub.deployment(ctx, helloKey().String())
		if err != nil || !strings.HasSuffix(made.Description, version) || made.State != "success" {
			return false, err
		}
		d.say("     deployment   %s %s: %s", d.Style.Good(made.State), helloKey(), made.URL)
		return true, nil
	})
}

// showCard waits until the card says something, and shows all of it.
func (d *onGitHub) showCard(ctx context.Context, p pull, says string) error {
	var text string
	err := awaitEvery(ctx, d.story, hubGlance, fmt.Sprintf("the card of pull request #%d to say %q", p.number, says), func() (bool, error) {
		var err error
		text, err = d.hub.card(ctx, p.number, card.Marker)
		return strings.Contains(text, says), err
	})
	if err != nil {
		return err
	}
	d.say("     ┌─ comment on #%d", p.number)
	for _, line := range plainCard(text) {
		d.say("     │ %s", line)
	}
	d.say("     └─")
	return nil
}

// Parts of Markdown that a terminal has no use for.
var (
	comments = regexp.MustCompile(`<!--.*?-->`)
	links    = regexp.MustCompile(`\[([^\]]*)\]\(<([^>]*)>\)`)
	escapes  = regexp.MustCompile(`\\([^\s])`)
	folded   = regexp.MustCompile(`(?s)<details><summary>(.*?)</summary>.*?</details>`)
	tags     = regexp.MustCompile(`</?sub>`)
)

// plainCard is a card as lines for a terminal.
func plainCard(text string) []string {
	text = folded.ReplaceAllString(text, "▸ $1")
	text = comments.ReplaceAllString(text, "")
	text = links.ReplaceAllStringFunc(text, func(link string) string {
		m := links.FindStringSubmatch(link)
		if strings.HasPrefix(m[1], "http") {
			return m[2]
		}
		return m[1] + " " + m[2]
	})
	const bar = "\x00" // stands for one that ends no cell
	text = strings.ReplaceAll(text, `\|`, bar)
	text = html.UnescapeString(tags.ReplaceAllString(escapes.ReplaceAllString(text, "$1"), ""))
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.ReplaceAll(strings.TrimLeft(line, "# "), "`", ""))
		if cells, isRow := strings.CutPrefix(line, "|"); isRow {
			line = tableRow(cells)
		}
		if line != "" {
			lines = append(lines, strings.ReplaceAll(line, bar, "|"))
		}
	}
	return lines
}

// tableRow is a row of a table, in columns; empty for a rule, or a head without words.
func tableRow(cells string) string {
	const first = 10
	var words []string
	for _, cell := range strings.Split(strings.TrimSuffix(cells, "|"), "|") {
		words = append(words, strings.TrimSpace(cell))
	}
	if strings.Trim(strings.Join(words, ""), "-") == "" {
		return ""
	}
	if len(words) == 2 {
		return fmt.Sprintf("%-*s %s", first, words[0], words[1])
	}
	return strings.TrimSpace(strings.Join(words, "  "))
}
