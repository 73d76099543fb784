package up

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/claim"
	"github.com/plateform/plateform/cmd/plateform/endpoint"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/feed"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Options say which app is brought up, and where.
type Options struct {
	// Out is where people see what happens, in the colours of Style; Width is that of the terminal, 0 when it is none.
	Out   io.Writer
	Style terminal.Palette
	Width int
	// Now is the clock.
	Now func() time.Time
	// Dir is the folder with the app.
	Dir string
	// Home is the folder of the installation, and Name that of the project; empty for the name of the folder.
	Home string
	Name string
	// Usual says that the other commands find the installation by themselves.
	Usual bool
	// Listen is where apps answer, for an installation that is made; scaffold.DefaultApps when it is empty, if that is free.
	Listen string
	// Cluster is where apps run, for an installation that is made; nil for this machine. Registry and Domain are that installation's then.
	Cluster          *scaffold.Cluster
	Registry, Domain string
	// Watch follows every save, and not only commits.
	Watch bool
}

// look finds out what is in the folder, and says so.
func (o Options) look(ctx context.Context) (Folder, error) {
	f, err := Look(ctx, o.Dir)
	if err == nil {
		o.printFound(f)
	}
	return f, err
}

// Run brings the app up and follows it until the context ends.
func (o Options) Run(ctx context.Context) (err error) {
	folder, err := o.look(ctx)
	if err == nil {
		err = folder.checkTool(ctx)
	}
	if err != nil {
		return stopped(ctx, err)
	}
	settings, err := o.openHome(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	f := feed.New(feed.Options{Out: o.Out, Style: o.Style, Width: o.Width, Now: o.Now})
	i, err := o.open(settings, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	endpoints, err := o.listen(ctx, i)
	if err != nil {
		return stopped(ctx, err)
	}
	mirror, key, err := o.add(ctx, settings, folder)
	if err != nil {
		return stopped(ctx, err)
	}
	o.printFollowing(ctx, mirror, key, settings)
	return follow(ctx, i, mirror, f, endpoints)
}

// listen opens the addresses of the installation, before anything is added to it: what is added is built by the next up, too.
func (o Options) listen(ctx context.Context, i *installation.Installation) (endpoints []endpoint.Endpoint, err error) {
	_, err = i.ListenApps(ctx)
	if err == nil {
		_, err = i.ListenImages(ctx)
	}
	if err == nil {
		endpoints, err = i.ListenAPI(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("the installation in %s cannot answer (end what has its address, or have another installation: --dir): %w", o.Home, err)
	}
	return endpoints, nil
}

// add adds the app in a folder to the installation, and returns the mirror that it is built from, and its project.
func (o Options) add(ctx context.Context, s *installation.Settings, f Folder) (m *Mirror, k manifest.Key, err error) {
	dir, name, err := MirrorDir(ctx, filepath.Join(o.Home, scaffold.RemotesDir), f)
	if err != nil {
		return nil, k, err
	}
	m, err = OpenMirror(ctx, dir, f, o.Watch)
	if err != nil {
		return nil, k, err
	}
	if _, _, err := m.Take(ctx); err != nil {
		return nil, k, err
	}
	k = manifest.Key{Workspace: homeWorkspace, Project: cmp.Or(o.Name, name)}
	return m, k, addToHome(ctx, s, k, m)
}

// stopped puts the end of the context, where that is what an error comes from, into a word: how it ended what was under way
// helps nobody. Ctrl-C in a terminal ends a git that runs, too, and it may be told of that first.
func stopped(ctx context.Context, err error) error {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if how, known := ended.Sys().(syscall.WaitStatus); known && how.Signaled() && (ctx.Err() != nil || how.Signal() == syscall.SIGINT) {
			return errors.New("stopped")
		}
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errors.New("stopped")
	}
	return err
}

// open opens the installation. Nothing is written before: another process may have it.
func (o Options) open(s *installation.Settings, f *feed.Feed) (*installation.Installation, error) {
	i, err := installation.Open(s, installation.Options{
		Now: o.Now, Log: slog.New(f.Handler(slog.LevelWarn)), Observers: []reconciler.Observer{f},
	})
	var other *claim.InUseError
	if errors.As(err, &other) {
		stop := "stop it with Ctrl-C"
		if other.PID != 0 {
			stop += fmt.Sprintf(" or kill -INT %d", other.PID)
		}
		return nil, exit.Usage("the installation in %s is in use by %s; one plateform up runs the apps of all folders that were brought up "+
			"(%s and run plateform up here, which starts those apps too; or use another installation: --dir FOLDER)", o.Home, other.Process(), stop)
	}
	return i, err
}

func (o Options) sheet() terminal.Sheet {
	return terminal.Sheet{Out: o.Out, Style: o.Style, Width: o.Width, Indent: 2, Label: 15}
}

// printFound says what is in a folder and how that is known.
func (o Options) printFound(f Folder) {
	sheet := o.sheet()
	fmt.Fprintf(o.Out, "%s\n", o.Style.Bold(f.Dir()))
	for _, reason := range f.Found.Reasons {
		sheet.Line(reason.Field, fmt.Sprintf("%s (%s)", reason.Value, reason.Reason))
	}
}

// printFollowing says where what is.
func (o Options) printFollowing(ctx context.Context, m *Mirror, k manifest.Key, s *installation.Settings) {
	sheet := o.sheet()
	sheet.Line("config", s.Config.URL)
	logs, status := fmt.Sprintf("plateform logs %s -f", k), "plateform status"
	if !o.Usual {
		logs += ", in " + o.Home
		status += ", in " + filepath.Join(o.Home, scaffold.ConfigDir)
	}
	sheet.Line("logs", logs)
	sheet.Line("status", status)
	switch {
	case !m.Saved() && m.folder.Branch != "":
		sheet.Line("follows", "commits of branch "+m.folder.Branch)
	case !m.Saved():
		sheet.Line("follows", "the commit that is checked out")
	case m.folder.Git:
		sheet.Line("follows", "the files as they are saved")
	default:
		sheet.Line("follows", "the files as they are saved: the folder is in no Git repository")
	}
	if n := m.Uncommitted(ctx); n > 0 {
		sheet.Line("note", uncommitted(n))
	}
	fmt.Fprintln(o.Out)
}

// follow builds and runs what is in a mirror, and what comes into it, until the context ends.
func follow(ctx context.Context, i *installation.Installation, m *Mirror, f *feed.Feed, endpoints []endpoint.Endpoint) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return i.Run(ctx, endpoints...) })
	group.Go(func() error {
		m.Follow(ctx, func(string) { i.SourceMoved(m.URL()) }, func(err error) { f.Say("plateform", err.Error()) })
		return nil
	})
	return group.Wait()
}

// uncommitted says what is not built because it is in no commit.
func uncommitted(files int) string {
	what := "1 file has"
	if files > 1 {
		what = fmt.Sprintf("%d files have", files)
	}
	return what + " changes that are not committed, and so are not built (commit them, or use --watch)"
}
