package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/cluster"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/cmd/plateform/up"
	"github.com/plateform/plateform/reconciler/plan"
)

// upFlags say how an app is brought up.
type upFlags struct {
	homeFlags
	cluster.Flags
	name      string
	listen    string
	watch     bool
	to        string
	workspace string
}

// homeFlags say which installation of this machine is meant.
type homeFlags struct{ dir string }

func (f *homeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "dir", "", "folder of the installation (default: $XDG_DATA_HOME/plateform, or ~/.local/share/plateform)")
}

// home is the folder of the installation.
func (f *homeFlags) home() (string, error) {
	if f.dir != "" {
		return filepath.Abs(f.dir)
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "plateform"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", exit.Usage("name a folder for the installation with --dir: %w", err)
	}
	return filepath.Join(home, ".local", "share", "plateform"), nil
}

// machine has the commands for apps on this machine.
type machine struct{ *output }

// upCommand brings up the app in a folder.
func (m machine) upCommand() *cobra.Command {
	var flags upFlags
	c := &cobra.Command{
		Use:     "up [DIR]",
		GroupID: groupStart,
		Short:   "Build and run the app in a folder, and follow its commits",
		Long: `Build and run the app in a folder, and follow its commits.

What is in DIR (default: here) is found out, built, and run on this machine; its URL is printed. Then every commit is built
and rolled out as it is made, until Ctrl-C. What does not build or start changes nothing: the version before goes on.
With --watch every save counts, committed or not; so it does where the folder is in no Git repository. Your
repository is only read: branches, index and files stay as they are.

The first time an installation is made, like that of plateform init, with all that is needed on this machine. Its config
repository has the project, where you can give it variables, a health check or a database.

With --engine direct that installation runs apps in the Kubernetes cluster that $KUBECONFIG names, which pulls their images from
--registry, where this machine pushes them. Have a folder of its own for it (--dir).

With --to the project is written into a config repository that you share with others, as a branch for a pull request.`,
		Example: `  plateform up
  plateform up ../shop --watch
  plateform up --dir ~/cluster --engine direct --registry registry.example.com
  plateform up --to git@github.com:acme/platform-config.git --workspace ws-1`,
		Args: argumentCount(0, 1),
		RunE: func(c *cobra.Command, args []string) error { return m.up(c.Context(), flags, folderOf(args)) },
	}
	flags.homeFlags.add(c)
	flags.Flags.Add(c)
	c.Flags().StringVar(&flags.name, "name", "", "name of the project (default: that of the folder)")
	c.Flags().StringVar(&flags.listen, "listen", "", "where apps answer, when the installation is made (default "+scaffold.DefaultApps+", if that is free)")
	c.Flags().BoolVar(&flags.watch, "watch", false, "follow every save, and not only commits")
	c.Flags().StringVar(&flags.to, "to", "", "write the project into this config repository instead, as a branch")
	c.Flags().StringVar(&flags.workspace, "workspace", "", "workspace of the project, with --to (default: the only one there)")
	return c
}

// folderOf is the folder that a command line names.
func folderOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "."
}

func (m machine) up(ctx context.Context, flags upFlags, dir string) error {
	home, err := flags.home()
	if err != nil {
		return err
	}
	where, err := flags.Cluster(flags.Registry)
	if err != nil {
		return err
	}
	o := up.Options{
		Cluster: where, Registry: flags.Registry, Domain: flags.Domain,
		Out: m.stdout, Style: m.palette(), Width: m.width, Now: m.now, Dir: dir, Home: home, Usual: flags.dir == "", Name: flags.name, Listen: flags.listen, Watch: flags.watch,
	}
	switch {
	case flags.to != "":
		return o.AddTo(ctx, up.Shared{
			Place: checkout.Place{URL: flags.to}, Workspace: flags.workspace,
			ShowPlan: func(p *plan.Plan) error { return m.printPlan(planOutput{Plan: *p}, planFlags{output: "text"}) },
		})
	case flags.workspace != "":
		return exit.Usage("--workspace goes with --to")
	}
	return o.Run(ctx)
}

// downCommand takes the app in a folder down.
func (m machine) downCommand() *cobra.Command {
	var flags homeFlags
	var name string
	c := &cobra.Command{
		Use:     "down [DIR]",
		GroupID: groupStart,
		Short:   "Take down what up has brought up from a folder",
		Long: `Take down what up has brought up from a folder.

Its project is removed from the installation. An up that runs, in whatever folder, stops the app at once; otherwise it does
not start again. Releases stay, and so does the data of a database that is to be kept: up goes on from there.`,
		Example: `  plateform down
  plateform down ../shop`,
		Args: argumentCount(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			home, err := flags.home()
			if err != nil {
				return err
			}
			key, err := up.Options{Dir: folderOf(args), Home: home, Name: name}.Down(c.Context())
			if err != nil {
				return err
			}
			if key == "" {
				return exit.Finding("nothing of this folder is up (plateform up brings it up)")
			}
			fmt.Fprintf(m.stdout, "%s is down. Its releases are kept: plateform up goes on from there.\n", key)
			return nil
		},
	}
	flags.add(c)
	c.Flags().StringVar(&name, "name", "", "name of the project (default: that of the folder)")
	return c
}
