// Package logs shows what the apps of an installation print, and how their builds went.
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/reconciler/logline"
)

// Show writes what an app prints. With Follow it goes on until the context ends.
func Show(ctx context.Context, s *installation.Settings, key manifest.Key, ask reconciler.AppLogQuestion, to io.Writer) error {
	apps, err := s.AppLogs()
	if err != nil {
		return err
	}
	err = apps.AppLog(ctx, key, ask, func(text string) error {
		_, err := fmt.Fprintln(to, text)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		where := "on this machine"
		if s.Engine.Kind != installation.EngineLocal {
			where = "in the cluster"
		}
		return exit.Usage("%s has printed nothing %s (is it deployed? see plateform status %s)", key, where, key)
	}
	return err
}

// again is how often a build that runs is looked at for more of its log.
const again = time.Second

// ShowBuild writes the log of the newest build of a project: of this machine, or of the Jenkins that builds. follow goes on until the
// build has ended, in Jenkins. What to writes is harmless on a terminal.
func ShowBuild(ctx context.Context, s *installation.Settings, key manifest.Key, follow bool, to *logline.Writer) error {
	if s.Builder.IsJenkins() {
		return showJenkins(ctx, s, jenkins.LogQuestion{Key: key, Follow: follow, Every: again}, to)
	}
	if follow {
		return exit.Usage("--follow is for what an app prints, and with --build for builder.kind jenkins; leave it out")
	}
	name := localbuild.NewestLog(s.DataDir, key)
	if name == "" {
		return exit.Usage("no build of %s has a log on this machine", key)
	}
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("reading the log of a build: %w", err)
	}
	defer file.Close()
	_, err = io.Copy(to, file)
	return errors.Join(err, to.Close())
}

// showJenkins asks Jenkins, as serve does.
func showJenkins(ctx context.Context, s *installation.Settings, ask jenkins.LogQuestion, to *logline.Writer) error {
	o, err := s.Builder.Jenkins.Options()
	if err != nil {
		return err
	}
	err = jenkins.CopyLog(ctx, o, ask, to)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Usage("%w", err)
	}
	return err
}
