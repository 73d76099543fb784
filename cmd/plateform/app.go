package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/images"
	"github.com/plateform/plateform/cmd/plateform/terminal"
)

// app is what a command may touch of the machine it runs on. Its methods are the commands.
type app struct {
	stdin io.Reader
	output
}

// output is where commands print, and how. Its methods show results to people.
type output struct {
	stdout io.Writer
	stderr io.Writer
	// now is the clock.
	now func() time.Time
	// colour says that stdout is a terminal that wants colour and progress.
	colour bool
	// stderrColour says so of stderr.
	stderrColour bool
	// width of that terminal in columns, and of the one that stderr is; 0 when it is none.
	width       int
	stderrWidth int
}

// newApp returns the app of a real process.
func newApp() *app {
	return &app{stdin: os.Stdin, output: output{
		stdout: os.Stdout,
		stderr: os.Stderr,
		now:    time.Now,
		colour: terminal.WantsColour(os.Stdout, os.Getenv), stderrColour: terminal.WantsColour(os.Stderr, os.Getenv),
		width: terminal.Width(os.Stdout), stderrWidth: terminal.Width(os.Stderr),
	}}
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exit.OK
	}
	if text := err.Error(); text != "" {
		terminal.Sheet{Out: a.stderr, Width: a.stderrWidth}.Wrap("", 0, "plateform: "+text)
	}
	return exit.CodeOf(err)
}

// palette is for standard output.
func (o *output) palette() terminal.Palette { return terminal.Palette{On: o.colour} }

// sheet is for standard output.
func (o *output) sheet() terminal.Sheet {
	return terminal.Sheet{Out: o.stdout, Style: o.palette(), Width: o.width, Indent: 2, Label: 9}
}

// root is the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "plateform",
		Short: "Two Git repositories, one application platform",
		Long: `Plateform turns two Git repositories into an application platform.

People describe workspaces and projects in platform-config. Plateform builds what changed, records every deploy as
one commit, and writes the wanted state of the cluster into plateform-gitops. git revert takes a deploy back.

Start with:  plateform demo`,
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exit.Usage("%w (see %s -h)", err, c.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Start:"},
		&cobra.Group{ID: groupLook, Title: "Look:"},
		&cobra.Group{ID: groupAct, Title: "Act:"},
		&cobra.Group{ID: groupRun, Title: "Run:"},
	)
	root.SetHelpCommandGroupID(groupStart)
	root.SetCompletionCommandGroupID(groupRun)
	root.AddCommand(a.commands()...)
	if a.width > 0 {
		fitHelp(root, a.width)
	}
	return root
}

// fitHelp fits the help of all commands to the width of a terminal.
func fitHelp(root *cobra.Command, width int) {
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages", fmt.Sprintf("FlagUsagesWrapped %d", width)))
	var fit func(c *cobra.Command)
	fit = func(c *cobra.Command) {
		c.Long = terminal.Reflow(c.Long, width)
		for _, child := range c.Commands() {
			fit(child)
		}
	}
	fit(root)
}

// Groups of commands in the help.
const (
	groupStart = "start"
	groupLook  = "look"
	groupAct   = "act"
	groupRun   = "run"
)

// commands are all commands; each sets its group.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.demoCommand(), a.initCommand(), machine{&a.output}.upCommand(), machine{&a.output}.downCommand(),
		a.validateCommand(), a.planCommand(), a.statusCommand(), a.whyCommand(), machine{&a.output}.logsCommand(),
		a.rollbackCommand(), a.retryCommand(), secretCommand(a),
		a.serveCommand(), a.doctorCommand(), images.Command(a.stdout, groupRun, noArguments), a.buildCommand(), a.versionCommand(),
	}
}

// noArguments refuses arguments, as wrong usage.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		return exit.Usage("there is no command %q%s (see %s -h)", args[0], nearest(c, args[0]), c.CommandPath())
	}
	return exit.Usage("%s takes no arguments, got %q (see %s -h)", c.CommandPath(), args[0], c.CommandPath())
}

// nearest names the commands that may have been meant.
func nearest(c *cobra.Command, word string) string {
	const distance = 2 // letters that are wrong, as cobra has it
	c.SuggestionsMinimumDistance = distance
	meant := c.SuggestionsFor(word)
	for _, group := range c.Commands() {
		for _, below := range group.Commands() {
			if below.Name() == word && !below.Hidden {
				meant = append(meant, group.Name()+" "+word)
			}
		}
	}
	if len(meant) == 0 {
		return ""
	}
	return "; did you mean " + c.CommandPath() + " " + strings.Join(meant, ", or "+c.CommandPath()+" ") + "?"
}

// argumentCount refuses any other number of arguments, as wrong usage.
func argumentCount(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return exit.Usage("%s needs more arguments: %s (see %s -h)", c.CommandPath(), c.UseLine(), c.CommandPath())
		case len(args) > most:
			return exit.Usage("%s takes at most %d arguments: %s (see %s -h)", c.CommandPath(), most, c.UseLine(), c.CommandPath())
		}
		return nil
	}
}
