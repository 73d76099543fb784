// Package running asks a serve how what runs does, for commands that read all else from Git.
package running

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/cmd/plateform/watch"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
)

// Flags say which serve is asked what runs; none when they are empty, as all else is read from Git.
type Flags struct{ config, server, token string }

// Add adds the flags to a command.
func (f *Flags) Add(c *cobra.Command) {
	c.Flags().StringVarP(&f.config, "config", "c", "", "the serve.yaml of an installation on this machine, to ask it for pods too")
	c.Flags().StringVar(&f.server, "server", "", "ask the serve at this URL for pods, too (default $PLATEFORM_SERVER)")
	c.Flags().StringVar(&f.token, "token-file", "", "file with the token to show there (default $PLATEFORM_TOKEN_FILE)")
	c.MarkFlagsMutuallyExclusive("config", "server")
}

// from is the serve that is asked; false for none.
func (f Flags) from() (watch.From, bool) {
	from := watch.From{ServeYAML: f.config, Address: f.server, TokenFile: cmp.Or(f.token, os.Getenv("PLATEFORM_TOKEN_FILE"))}
	if f.config == "" {
		from.Address = cmp.Or(from.Address, os.Getenv("PLATEFORM_SERVER"))
	}
	return from, from.ServeYAML != "" || from.Address != ""
}

// States is how what runs of some projects does.
type States struct {
	Of map[manifest.Key]api.State
	// Err says why that is not known of more.
	Err error
}

// How many projects are asked for at a time.
const askedAtOnce = 8

// Ask asks a serve how projects do. That it does not know is no error: Git tells the rest.
func (f Flags) Ask(ctx context.Context, keys []manifest.Key) States {
	from, asked := f.from()
	if !asked {
		return States{}
	}
	found, there := make([]api.State, len(keys)), make([]bool, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askedAtOnce)
	for n, k := range keys {
		group.Go(func() (err error) {
			found[n], there[n], err = from.State(ctx, k)
			return err
		})
	}
	r := States{Of: map[manifest.Key]api.State{}, Err: group.Wait()}
	if errors.Is(r.Err, watch.ErrNoApps) {
		r.Err = nil
	}
	for n, k := range keys {
		if there[n] {
			r.Of[k] = found[n]
		}
	}
	return r
}

// ByName are the states by the names of their projects, as JSON has them.
func (r States) ByName() map[string]api.State {
	named := map[string]api.State{}
	for k, s := range r.Of {
		named[k.String()] = s
	}
	return named
}

// Print prints how what runs of a project does; ago says how long ago a time is.
func Print(sheet terminal.Sheet, s api.State, ago func(at string) string) {
	sheet.Line("pods", Pods(s))
	for _, pod := range s.Pods {
		sheet.Line("", podText(pod, ago))
	}
	sheet.Line("live", terminal.Plain(s.Reach))
	if s.Phase != reconciler.PhaseHealthy {
		sheet.Line("rollout", strings.TrimSuffix(terminal.Plain(fmt.Sprintf("%s %s: %s", s.Release, s.Phase, s.Cause)), ": "))
	}
	sheet.Line("drift", terminal.Plain(s.Drift))
}

// PrintTrouble says why nothing is known of more pods; nothing when all is.
func (r States) PrintTrouble(to io.Writer) {
	if r.Err != nil {
		fmt.Fprintf(to, "\nHow the pods do is not known: %s\n", terminal.Plain(r.Err.Error()))
	}
}

// Pods says in a few words how the pods of a project do.
func Pods(s api.State) string {
	restarts := 0
	for _, pod := range s.Pods {
		restarts += pod.Restarts
	}
	text := fmt.Sprintf("%d of %d ready", s.Ready, s.Wanted)
	if restarts > 0 {
		text += ", " + terminal.Count(restarts, "restart")
	}
	return text
}

// podText is one pod in a line.
func podText(pod reconciler.Pod, ago func(at string) string) string {
	parts := []string{pod.Name, pod.State, ago(pod.Since.UTC().Format(time.RFC3339))}
	if pod.Restarts > 0 {
		parts = append(parts, terminal.Count(pod.Restarts, "restart"))
	}
	for _, image := range pod.Images {
		if _, digest, is := strings.Cut(image, "@sha256:"); is {
			parts = append(parts, "sha256:"+terminal.Short(digest))
		}
	}
	return terminal.Plain(strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "  "))
}
