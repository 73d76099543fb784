package installation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/endpoint"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler/embedded"
)

// Embedded says that serve is the image registry itself.
func (s RegistrySettings) Embedded() bool { return s.Kind == "embedded" }

// ImagesDir is the folder of the embedded registry.
func (s *Settings) ImagesDir() string { return filepath.Join(s.DataDir, "registry") }

// checkImages checks where the embedded registry is to answer. Its address is part of the name of each image, for good, and
// what answers there asks nobody who they are.
func (c *settingsCheck) checkImages(s *Settings) {
	const field = "registry.listen"
	r := s.Registry
	if !r.Embedded() {
		if r.Listen != "" {
			c.add(field, "registry.listen is of the embedded registry only", "remove it, or set registry.kind: embedded")
		}
		return
	}
	host, port, err := net.SplitHostPort(r.Listen)
	number, noNumber := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || noNumber != nil:
		c.add(field, fmt.Sprintf("registry.listen %q is not an address", r.Listen), "write host:port, as 127.0.0.1:5480")
	case !repourl.IsHere(host):
		c.add(field, fmt.Sprintf("registry.listen %q is not an address of this machine alone", r.Listen), "write 127.0.0.1:"+port+"; for other machines use a registry of its own")
	case number == 0:
		c.add(field, "registry.listen has port 0, but the names of images keep their port", "write a port that is free, as 127.0.0.1:5480")
	case r.Listen == s.Listen || r.Listen == s.API.Listen:
		c.add(field, "registry.listen is the address of something else", "give it a port of its own")
	}
}

// IsEmbedded says whether a registry as platform.yaml names it is the embedded one.
func (s RegistrySettings) IsEmbedded(url string) bool {
	host, _, _ := strings.Cut(url, "/")
	return s.Embedded() && plainAddress(host) == plainAddress(s.Listen)
}

// plainAddress brings the names of this machine into one form.
func plainAddress(address string) string {
	host, port, err := net.SplitHostPort(strings.ToLower(address))
	if err != nil {
		return address
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// otherRegistry says in a line that platform.yaml names another registry than the embedded one; empty when it does not.
func (s RegistrySettings) otherRegistry(host string) string {
	if !s.Embedded() || host == "" || s.IsEmbedded(host) {
		return ""
	}
	return fmt.Sprintf("platform.yaml names the registry %s, and not the embedded one: new images go there (set registry.url to %s if that is not meant)", host, s.Listen)
}

// openImages opens the embedded registry, if there is one.
func (i *Installation) openImages() error {
	if !i.settings.Registry.Embedded() {
		return nil
	}
	var err error
	i.images, err = embedded.Open(embedded.Options{Dir: i.settings.ImagesDir(), Clock: i.now, Log: i.log})
	if err != nil {
		return fmt.Errorf("opening the embedded registry (check dataDir in serve.yaml): %w", err)
	}
	i.later(func() error { return i.serving.end() })
	return nil
}

// Images answers for the embedded registry; nil when there is none.
func (i *Installation) Images() http.Handler {
	if i.images == nil {
		return nil
	}
	return i.images
}

// ListenImages opens the address of the embedded registry, answers there until Close, and returns it; empty when there is no
// embedded registry.
func (i *Installation) ListenImages(ctx context.Context) (string, error) {
	if i.images == nil {
		return "", nil
	}
	e, err := endpoint.Listen(ctx, i.settings.Registry.Listen, "registry.listen", i.images)
	if err != nil {
		return "", fmt.Errorf("the embedded registry cannot answer (end what has its address, or change registry.listen in serve.yaml and registry.url in platform.yaml, both): %w", err)
	}
	i.ServeImages(ctx, e)
	return e.Address(), nil
}

// Limits of the embedded registry: this machine only, but large bodies.
const (
	imageTime  = time.Hour
	imageBytes = 64 << 30
)

// ServeImages answers at an endpoint until Close: builds that come to their end then may still push.
func (i *Installation) ServeImages(ctx context.Context, e endpoint.Endpoint) {
	e.Limits.Read, e.Limits.Write, e.Limits.BodyBytes = imageTime, imageTime, imageBytes
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	i.serving = &serving{stop: stop, failed: make(chan struct{})}
	go func() {
		i.serving.err = e.Serve(ctx)
		close(i.serving.failed)
	}()
}

// serving is an endpoint that is served beside everything else.
type serving struct {
	stop   context.CancelFunc
	failed chan struct{} // closed when it has ended
	err    error         // how; to be read after failed
}

// wait returns when it has failed, or the context ends.
func (s *serving) wait(ctx context.Context) error {
	if s == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.failed:
		return errors.Join(errors.New("the embedded registry has ended"), s.err)
	}
}

// end ends it, and says how it ended.
func (s *serving) end() error {
	if s == nil {
		return nil
	}
	s.stop()
	<-s.failed
	return s.err
}
