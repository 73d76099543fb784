package installation

import (
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/harbor"
	"github.com/plateform/plateform/reconciler/scan"
)

// registryHarbor is the kind of a registry with a scanner.
const registryHarbor = "harbor"

// IsHarbor says that the registry is a Harbor, whose scanner is asked.
func (s RegistrySettings) IsHarbor() bool { return s.Kind == registryHarbor }

// scanned is a builder whose images the registry scans, when it is a Harbor; it comes back as it is otherwise. host is that of the
// registry that platform.yaml names.
func (i *Installation) scanned(builder reconciler.Builder, host func() string) (reconciler.Builder, error) {
	if builder == nil || !i.settings.Registry.IsHarbor() {
		return builder, nil
	}
	o, err := i.settings.Registry.Options()
	if err != nil {
		return nil, err
	}
	results := harbor.New(harbor.Options{
		Host: host, Username: o.Username, Password: harbor.Secret(o.Password), Insecure: o.Insecure, Clock: i.now,
	})
	i.later(func() error { results.Close(); return nil })
	return scan.NewGate(builder, results, i.now), nil
}
