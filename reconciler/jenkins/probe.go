package jenkins

import (
	"context"
	"slices"
	"strings"
)

// Findings are what can be found out about a Jenkins and its job without building anything. Whether the user may start builds
// is not among them: Jenkins tells that of nobody beforehand.
type Findings struct {
	// Version of Jenkins; empty when it does not tell.
	Version string
	// Missing are the parameters that the job lacks.
	Missing []string
	// Disabled says that the job takes no builds.
	Disabled bool
	// NoResume says that a build of the job does not outlive a restart of Jenkins.
	NoResume bool
}

// Probe looks at a Jenkins and its job. It needs no registry.
func Probe(ctx context.Context, o Options) (Findings, error) {
	b, err := newBuilder(o)
	if err != nil {
		return Findings{}, err
	}
	there := b.remote
	defer there.requester.client.CloseIdleConnections()
	response, err := there.requester.GetJSON(ctx, "", nil, map[string]string{"tree": "url"})
	if err != nil {
		return Findings{}, there.explain(ctx, err)
	}
	_, j, err := there.look(ctx, 0)
	if err != nil {
		return Findings{}, err
	}
	resumes := func(p property) bool { return !strings.HasSuffix(p.Class, ".DisableResumeJobProperty") }
	return Findings{
		Version: oneLine(response.Header.Get("X-Jenkins")), Missing: missing(j.parameters()), Disabled: !j.Buildable,
		NoResume: slices.ContainsFunc(j.Property, func(p property) bool { return !resumes(p) }),
	}, nil
}
