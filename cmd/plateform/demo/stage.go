package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
)

// stage is what runs behind the story.
type stage struct {
	stopImages   context.CancelFunc
	imagesDone   chan error
	logFile      *os.File
	installation *installation.Installation
	health       installation.Endpoint
}

// setUp starts a registry, scaffolds the repositories and assembles an installation, all in the demo's folder.
func (d *story) setUp(ctx context.Context) (_ *stage, err error) {
	stage := &stage{imagesDone: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, stage.close())
		}
	}()
	host, err := stage.startRegistry(ctx)
	if err != nil {
		return nil, err
	}
	acme := filepath.Join(d.dir, "acme")
	s := scaffold.New(acme, scaffold.Options{Name: "acme", Domain: "apps.example.com", Registry: host})
	if err := s.Write(ctx); err != nil {
		return nil, err
	}
	const who = "alice"
	d.config, d.gitops, d.hello = s.Repository(scaffold.ConfigDir, who), s.Repository(scaffold.GitOpsDir, who), s.Repository(scaffold.HelloDir, who)
	settings, err := installation.Load(filepath.Join(acme, "serve.yaml"))
	if err != nil {
		return nil, err
	}
	settings.Forge.Poll = "100ms"
	if stage.logFile, err = os.Create(d.logName()); err != nil {
		return nil, fmt.Errorf("making the log of the reconciler: %w", err)
	}
	stage.installation, err = installation.Open(settings, installation.Logged(d.Now, slog.New(slog.NewTextHandler(stage.logFile, nil))))
	if err != nil {
		return nil, err
	}
	if stage.health, err = installation.Listen(ctx, "127.0.0.1:0", "listen", stage.installation.Health()); err != nil {
		return nil, err
	}
	return stage, nil
}

// logName is the file that the reconciler logs to.
func (d *story) logName() string { return filepath.Join(d.dir, "serve.log") }

// startRegistry serves a registry in memory on loopback and returns its address.
func (s *stage) startRegistry(ctx context.Context) (string, error) {
	images, err := installation.Listen(ctx, "127.0.0.1:0", "listen", registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	if err != nil {
		return "", err
	}
	images.Limits.Read, images.Limits.BodyBytes = imageTime, imageBytes
	serving, stop := context.WithCancel(context.WithoutCancel(ctx)) // builds that are canceled may still push
	s.stopImages = stop
	go func() { s.imagesDone <- images.Serve(serving) }()
	return images.Address(), nil
}

// What an image may take that is pushed to the registry of the demo.
const (
	imageTime  = time.Minute
	imageBytes = 1 << 30
)

// close ends everything.
func (s *stage) close() error {
	var err error
	if s.installation != nil {
		err = s.installation.Close()
	}
	if s.stopImages != nil {
		s.stopImages()
		err = errors.Join(err, <-s.imagesDone)
	}
	if s.logFile != nil {
		err = errors.Join(err, s.logFile.Close())
	}
	return err
}
