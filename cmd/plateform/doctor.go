package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/doctor"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
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
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := exit.OneOf("output", flags.output, "text", "json"); err != nil {
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

func (a *app) doctor(ctx context.Context, flags doctorFlags) error {
	options := doctor.Options{Settings: flags.config, Timeout: flags.timeout, Now: a.now}
	report, err := doctor.Examine(ctx, options, func(found doctor.Diagnosis) {
		if flags.output == "text" {
			found.Print(a.sheet())
		}
	})
	if err != nil {
		return err
	}
	if flags.output == "json" {
		if err := terminal.WriteJSON(a.stdout, report); err != nil {
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
