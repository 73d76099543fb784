package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"github.com/plateform/plateform/cmd/plateform/endpoint"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
)

// stage is what runs behind the story.
type stage struct {
	// images is where the registry answers, and answers what it does, once there is an installation.
	images  endpoint.Endpoint
	answers *http.ServeMux
	// apps is where apps answer.
	apps         net.Listener
	served       bool
	logFile      *os.File
	installation *installation.Installation
	health       endpoint.Endpoint
	hub          *hub
}

// setUp takes an address for images, scaffolds the repositories and assembles an installation, all in the demo's folder.
func (d *story) setUp(ctx context.Context) (_ *stage, err error) {
	stage := &stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, stage.close())
		}
	}()
	var o scaffold.Options
	if d.Cluster != nil {
		o = d.inCluster()
	} else if o, err = stage.onThisMachine(ctx); err != nil {
		return nil, err
	}
	acme := filepath.Join(d.dir, "acme")
	s := scaffold.New(acme, o)
	if err := s.Write(ctx); err != nil {
		return nil, err
	}
	const who = "alice"
	d.config, d.gitops, d.hello = s.Repository(scaffold.ConfigDir, who), s.Repository(scaffold.GitOpsDir, who), s.Repository(scaffold.HelloDir, who)
	settings, err := installation.Load(filepath.Join(acme, "serve.yaml"))
	if err != nil {
		return nil, err
	}
	if d.GitHub {
		if err := d.setUpGitHub(ctx, stage, s, settings); err != nil {
			return nil, err
		}
	}
	settings.Forge.Poll = "100ms"
	switch {
	case d.Cluster != nil:
		d.visitor = newVisitor(s.Origin(helloKey().Project), s.Cluster.Ingress)
		if d.cluster, err = openCluster(settings.Engine, s.Cluster.Namespace); err != nil {
			return nil, err
		}
	case runtime.GOOS == "linux":
		d.visitor = newVisitor(s.Origin(helloKey().Project), s.Apps)
	default:
		settings.Engine.Kind = "none"
	}
	if stage.logFile, err = os.Create(d.logName()); err != nil {
		return nil, fmt.Errorf("making the log of the reconciler: %w", err)
	}
	options := installation.Logged(d.Now, slog.New(slog.NewTextHandler(stage.logFile, nil)))
	options.Observers = append(options.Observers, &d.trouble)
	stage.installation, err = installation.Open(settings, options)
	if err != nil {
		return nil, err
	}
	if d.Cluster == nil {
		stage.answers.Handle("/", stage.installation.Images())
		stage.installation.ServeImages(ctx, stage.images)
		stage.served = true
		stage.installation.ServeApps(stage.apps)
	}
	settings.Listen = "127.0.0.1:0"
	if stage.health, err = stage.installation.ListenPublic(ctx); err != nil {
		return nil, err
	}
	if d.hub != nil {
		d.hub.tellTo(stage.health)
	}
	return stage, nil
}

// onThisMachine takes addresses for images and apps. Their names have to be known before there is an installation.
func (s *stage) onThisMachine(ctx context.Context) (scaffold.Options, error) {
	if err := s.listenForImages(ctx); err != nil {
		return scaffold.Options{}, err
	}
	var listening net.ListenConfig
	var err error
	if s.apps, err = listening.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return scaffold.Options{}, fmt.Errorf("taking an address for apps: %w", err)
	}
	return scaffold.Options{Name: "acme", Images: s.images.Address(), Apps: s.apps.Addr().String()}, nil
}

// setUpGitHub has all repositories be on a GitHub on this machine.
func (d *story) setUpGitHub(ctx context.Context, stage *stage, s *scaffold.Scaffold, settings *installation.Settings) (err error) {
	if stage.hub, err = newHub(ctx, d.dir); err != nil {
		return err
	}
	d.hub = stage.hub
	d.hub.start(ctx)
	if err := d.hub.move(ctx, d.dir, d, settings); err != nil {
		return err
	}
	return d.hub.rewrite(ctx, d, s)
}

// logName is the file that the reconciler logs to.
func (d *story) logName() string { return filepath.Join(d.dir, "serve.log") }

// listenForImages takes an address for the registry, whose name has to be known before there is one.
func (s *stage) listenForImages(ctx context.Context) (err error) {
	answers := http.NewServeMux()
	if s.images, err = endpoint.Listen(ctx, "127.0.0.1:0", "registry.listen", answers); err == nil {
		s.answers = answers
	}
	return err
}

// close ends everything.
func (s *stage) close() error {
	var err error
	if s.installation != nil {
		err = s.installation.Close()
	}
	if s.answers != nil && !s.served {
		err = errors.Join(err, s.images.Close())
	}
	if s.apps != nil {
		if closed := s.apps.Close(); !errors.Is(closed, net.ErrClosed) {
			err = errors.Join(err, closed)
		}
	}
	if s.hub != nil {
		err = errors.Join(err, s.hub.close())
	}
	if s.logFile != nil {
		err = errors.Join(err, s.logFile.Close())
	}
	return err
}
