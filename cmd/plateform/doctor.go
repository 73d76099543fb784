package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
)

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	config  string
	timeout time.Duration
	output  string
}

// doctorCommand looks at everything an installation needs.
func (a *app) doctorCommand() *cobra.Command {
	var flags doctorFlags
	c := &cobra.Command{
		Use:     "doctor",
		GroupID: groupRun,
		Short:   "Check what serve needs: Git, keys, registry, tools, disk",
		Long: `Check what serve needs: Git, repositories, keys, registry, tools, disk, addresses.

Each line is "ok", "warn" or "fail", what was looked at, what was found, and how to mend it. Nothing is changed
anywhere: repositories are asked whether they would take a push, the registry whether it lets the credentials in. It may
run beside serve. No secret is ever printed.

The exit code is 1 when something fails; warnings alone are fine. docs/output.md describes the fields of --output json.`,
		Example: `  plateform doctor --config serve.yaml
  plateform doctor --output json | jq '.checks[] | select(.status != "ok")'`,
		Args: a.noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := oneOf("output", flags.output, "text", "json"); err != nil {
				return err
			}
			if flags.timeout <= 0 {
				return exit.Usage("--timeout %s is not above zero", flags.timeout)
			}
			return a.doctor(c.Context(), flags)
		},
	}
	configFlag(c, &flags.config)
	c.Flags().DurationVar(&flags.timeout, "timeout", 20*time.Second, "how long one check may take")
	outputFlag(c, &flags.output, "text", "json")
	return c
}

// configFlag adds --config, with its completion.
func configFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", "serve.yaml", "the settings of this installation")
	if err := c.MarkFlagFilename("config", "yaml", "yml"); err != nil {
		panic(err) // the flag was added just now
	}
}

func (a *app) doctor(ctx context.Context, flags doctorFlags) (err error) {
	dir, err := os.MkdirTemp("", "plateform-doctor-")
	if err != nil {
		return fmt.Errorf("making room for copies of the repositories: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &doctor{file: flags.config, timeout: flags.timeout, dir: dir, now: a.now}
	defer func() { err = errors.Join(err, d.close()) }()

	report := doctorReport{Checks: []diagnosis{}}
	for found := range d.examine(ctx) {
		report.add(found)
		if flags.output == "text" {
			a.printDiagnosis(found)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if flags.output == "json" {
		if err := writeJSON(a.stdout, report); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "\n%s, %s, %s\n", terminal.Count(report.OK, "check")+" fine", terminal.Count(report.Warnings, "warning"), terminal.Count(report.Failures, "failure"))
	}
	if report.Failures > 0 {
		return exit.AlreadySaid()
	}
	return nil
}

// doctorReport is what `doctor --output json` prints. Keys are added, never renamed or removed.
type doctorReport struct {
	Checks   []diagnosis `json:"checks"`
	OK       int         `json:"ok"`
	Warnings int         `json:"warnings"`
	Failures int         `json:"failures"`
}

func (r *doctorReport) add(found diagnosis) {
	r.Checks = append(r.Checks, found)
	switch found.Status {
	case healthOK:
		r.OK++
	case healthWarn:
		r.Warnings++
	default:
		r.Failures++
	}
}

// health is how well something is.
type health string

const (
	healthOK   health = "ok"
	healthWarn health = "warn"
	healthFail health = "fail"
)

// diagnosis is what was found about one thing.
type diagnosis struct {
	Status health `json:"status"`
	// What was looked at.
	What   string `json:"what"`
	Detail string `json:"detail"`
	// Fix says how to mend it; empty when nothing has to be.
	Fix string `json:"fix,omitempty"`
}

func ok(what, format string, args ...any) diagnosis {
	return diagnosis{Status: healthOK, What: what, Detail: fmt.Sprintf(format, args...)}
}

func warn(what, detail, fix string) diagnosis { return diagnosis{healthWarn, what, detail, fix} }

func fail(what, detail, fix string) diagnosis { return diagnosis{healthFail, what, detail, fix} }

// broken is fail for an error, in one line.
func broken(what string, err error, fix string) diagnosis {
	return fail(what, strings.Join(strings.Fields(terminal.Plain(err.Error())), " "), fix)
}

// printDiagnosis prints one line.
func (a *app) printDiagnosis(d diagnosis) {
	style := a.palette()
	status := map[health]func(string) string{healthOK: style.Good, healthWarn: style.Warn, healthFail: style.Bad}[d.Status]
	text := d.What + ": " + d.Detail
	if d.Fix != "" {
		text += " (" + d.Fix + ")"
	}
	const columns = 5
	a.sheet().Wrap(status(string(d.Status))+strings.Repeat(" ", columns-len(d.Status)), columns, text)
}

// settingsDiagnoses says what is wrong with serve.yaml, a line each.
func settingsDiagnoses(file string, err error) []diagnosis {
	var problems manifest.Problems
	if !errors.As(err, &problems) {
		return []diagnosis{broken("settings", err, "")}
	}
	var found []diagnosis
	for _, p := range problems {
		found = append(found, fail("settings", fmt.Sprintf("%s:%d:%d: %s", file, p.Line, p.Column, p.What), p.Fix))
	}
	return found
}
