package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
)

// Version is what a binary was built from.
type Version struct {
	// Version is the release; (devel) or a version between two releases for any other build.
	Version string `json:"version"`
	// Commit of the source, and Modified when there were changes that are in no commit; empty when the build did not know.
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	// Go is the version of Go that built it, and Platform what it runs on.
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// versionCommand says what this binary is.
func (o *output) versionCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "version",
		GroupID: groupRun,
		Short:   "Say which version this is, and from which commit",
		Long: `Say which version this is, and from which commit.

docs/output.md describes the fields of --output json.`,
		Example: "  plateform version\n  plateform version --output json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := exit.OneOf("output", format, "text", "json"); err != nil {
				return err
			}
			info, _ := debug.ReadBuildInfo()
			v := versionOf(info)
			if format == "json" {
				return terminal.WriteJSON(o.stdout, v)
			}
			_, err := fmt.Fprintln(o.stdout, v)
			return err
		},
	}
	outputFlag(c, &format, "text", "json")
	return c
}

// versionOf reads what the go command has written into the binary; info may be nil.
func versionOf(info *debug.BuildInfo) Version {
	v := Version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// String is a line for people.
func (v Version) String() string {
	from := ""
	if v.Commit != "" {
		from = ", commit " + terminal.Short(v.Commit)
	}
	if v.Modified {
		from += " with changes"
	}
	return fmt.Sprintf("plateform %s%s, %s, %s", v.Version, from, v.Go, v.Platform)
}
