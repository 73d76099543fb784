package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/registry"
)

// atRegistry is an examination of the registry of platform.yaml.
type atRegistry struct{ *examination }

// checkRegistrySettings is what helps where no registry has said what is wrong.
const checkRegistrySettings = "check registry in serve.yaml, and registry.url in platform.yaml"

// ask asks the registry of platform.yaml whether it is there, as each whose credentials there are.
func (d atRegistry) ask(ctx context.Context, what string) []Diagnosis {
	options, err := d.settings.Registry.Options()
	if err != nil {
		return []Diagnosis{broken(what, err, checkRegistrySettings)}
	}
	options.Timeout, options.Root = d.timeout, func() string { return d.platform.Spec.Registry.URL }
	client, err := registry.New(options)
	if err != nil {
		return []Diagnosis{broken(what, err, checkRegistrySettings)}
	}
	defer client.Close()
	answer, err := client.Check(ctx, d.someImage())
	var refused *registry.Error
	switch {
	case errors.As(err, &refused):
		return append([]Diagnosis{fail(what, refused.Registry+": "+refused.What, refused.Fix)}, d.askAsWorkspaces(ctx, client)...)
	case err != nil:
		return []Diagnosis{broken(what, err, checkRegistrySettings)}
	}
	who := "without credentials"
	if options.Username != "" {
		who = "with the credentials of serve.yaml"
	}
	return append([]Diagnosis{d.judgeRegistry(what, who, answer)}, d.askAsWorkspaces(ctx, client)...)
}

// askAsWorkspaces asks the registry of platform.yaml whether it lets each workspace in that has credentials of its own.
func (d atRegistry) askAsWorkspaces(ctx context.Context, client *registry.Client) []Diagnosis {
	var found []Diagnosis
	for _, w := range d.settings.Registry.Workspaces {
		what := "registry, workspace " + w.Workspace
		if _, there := d.workspaces[w.Workspace]; !there {
			found = append(found, warn(what, "there is no such workspace in platform-config: its credentials are used for nothing", "check its name in registry.workspaces, or remove it"))
			continue
		}
		repository := d.imageOf(func(key manifest.Key) bool { return key.Workspace == w.Workspace }, w.Workspace+"/doctor")
		_, err := client.Check(ctx, repository)
		var refused *registry.Error
		switch {
		case errors.As(err, &refused):
			found = append(found, fail(what, refused.Registry+": "+refused.What, refused.Fix))
		case err != nil:
			found = append(found, broken(what, err, "check its entry of registry.workspaces in serve.yaml"))
		default:
			found = append(found, ok(what, "%s/%s lets us in with its own credentials", d.platform.Spec.Registry.URL, w.Workspace))
		}
	}
	return found
}

// someImage is a repository that images would be pushed to with the platform's credentials: that of a project, if there is one.
func (d atRegistry) someImage() string {
	own := map[string]bool{}
	for _, w := range d.settings.Registry.Workspaces {
		own[w.Workspace] = true
	}
	return d.imageOf(func(key manifest.Key) bool { return !own[key.Workspace] }, "plateform/doctor")
}

// imageOf is the repository of the first project that fits, or of another name when none does.
func (d atRegistry) imageOf(fits func(manifest.Key) bool, otherwise string) string {
	keys := slices.SortedFunc(maps.Keys(d.projects), func(a, b manifest.Key) int { return strings.Compare(a.String(), b.String()) })
	if at := slices.IndexFunc(keys, fits); at >= 0 {
		otherwise = keys[at].String()
	}
	return fmt.Sprintf("%s/%s", d.platform.Spec.Registry.URL, otherwise)
}
