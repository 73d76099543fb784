package installation

import (
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/harbor"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/reconciler/scan"
)

// registryHarbor is the kind of a registry with a scanner.
const registryHarbor = "harbor"

// IsHarbor says that the registry is a Harbor, whose scanner is asked.
func (s RegistrySettings) IsHarbor() bool { return s.Kind == registryHarbor }

// scanned is a builder whose images the registry scans, when it is a Harbor; it comes back as it is otherwise. host is that of the
// registry that platform.yaml names, which its API is asked with the same credentials as for images.
func (i *Installation) scanned(builder reconciler.Builder, host func() string, images *registry.Client) reconciler.Builder {
	if builder == nil || !i.settings.Registry.IsHarbor() {
		return builder
	}
	login := func(repository string) harbor.Login {
		l := images.LoginFor(repository)
		return harbor.Login{Username: l.Username, Password: harbor.Secret(l.Password)}
	}
	results := harbor.New(harbor.Options{Host: host, Login: login, Insecure: i.settings.Registry.Insecure, Clock: i.now})
	i.later(func() error { results.Close(); return nil })
	return scan.NewGate(builder, results, i.now)
}
