package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
)

// Values is what is worth showing of a values.yaml of the GitOps repository.
type Values struct {
	// Release that runs.
	Release string
	// Host it is served at; empty when it has none.
	Host string
	// Image of a project that has one.
	Image struct{ Repository, Tag, Digest string }
	// Services of a project that has several.
	Services []struct{ Host string }
	// Ingress says at which port it is served, and whether over TLS.
	Ingress manifest.IngressSpec
}

// ParseValues reads a values.yaml. Whatever else is in it is for the chart.
func ParseValues(data []byte) (v Values, err error) {
	if err := yaml.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("reading values.yaml of the GitOps repository: %w", err)
	}
	return v, nil
}

// URL is where people find the project; empty when it has no host.
func (v Values) URL() string {
	if v.Host == "" {
		return ""
	}
	return v.Ingress.URL(v.Host)
}

// hosts are all that lead to the project.
func (v Values) hosts() []string {
	hosts := []string{v.Host}
	for _, service := range v.Services {
		hosts = append(hosts, service.Host)
	}
	return hosts
}

// runningWith finds the projects that run with some text in their values, sorted.
func (l *Ledger) runningWith(ctx context.Context, text string, fits func(Values) bool) (map[manifest.Key]Values, error) {
	if l.gitops == nil {
		return nil, nil
	}
	reader, head := l.gitops.Reader, l.gitops.Head
	workspaces, err := reader.List(head, manifest.WorkspacesDir)
	if err != nil {
		return nil, err
	}
	found := map[manifest.Key]Values{}
	for _, w := range workspaces {
		projects, err := reader.List(head, manifest.WorkspacesDir+"/"+w.Name)
		if err != nil {
			return nil, err
		}
		for _, p := range projects {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			key := manifest.Key{Workspace: w.Name, Project: p.Name}
			data, err := readIfThere(reader, head, manifest.ValuesFile(key))
			if err != nil {
				return nil, err
			}
			if !p.Dir || !bytes.Contains(data, []byte(text)) {
				continue
			}
			values, err := ParseValues(data)
			if err != nil {
				return nil, err
			}
			if fits(values) {
				found[key] = values
			}
		}
	}
	return found, nil
}

// servedAt finds the projects that run at a host, sorted.
func (l *Ledger) servedAt(ctx context.Context, host string) ([]manifest.Key, error) {
	found, err := l.runningWith(ctx, host, func(v Values) bool { return slices.Contains(v.hosts(), host) })
	return sortedKeys(found), err
}
