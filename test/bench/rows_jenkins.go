package main

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"

	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/test/jenkinsserver"
)

// jenkinsBuilds is 100 builds of a Jenkins that end at once, until GitOps has them all: Jenkins calls when something happens to a build, as
// the pipeline does on docs/jenkins.md, and is asked over HTTP. Only what its agents do is left out, and the registry believes them.
func (s *stage) jenkinsBuilds() []Row {
	const projects, job, token = 100, "platform/build", "token-of-plateform"
	ci := jenkinsserver.New(s, jenkinsserver.Options{})
	ci.Add(jenkinsserver.User{Name: "plateform", Token: token})
	agents := &agents{gate: make(chan struct{})}
	var parameters []jenkinsserver.Parameter
	for _, name := range jenkins.Parameters() {
		parameters = append(parameters, jenkinsserver.Parameter{Name: name})
	}
	ci.Put(jenkinsserver.Job{Name: job, Pipeline: true, Parameters: parameters, Run: agents.build})
	builder, err := jenkins.New(jenkins.Options{
		URL: ci.URL, User: "plateform", Token: func() (jenkins.Secret, error) { return token, nil }, Job: job, Registry: believing{},
	})
	s.must(err)
	f := s.fleet(shape{projects: projects, releases: releasesEach, sources: true})
	l := s.runWith(f, s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops"), nil, builder)
	defer func() { l.stop(); s.must(builder.Close()) }()
	ci.Watch(func(jenkinsserver.Change) { l.Hint(loop.Hint{Builds: true}) })
	rows := l.endAtOnce("builds-100-jenkins", projects, func() int { return int(agents.running.Load()) }, agents.finish)
	return append(rows, Row{Name: "builds-100-jenkins-asked", Ours: float64(len(ci.Calls())) / (rounds * projects), Unit: "requests a build"})
}

// agents run builds that end when all of them are to.
type agents struct {
	running atomic.Int64

	mu   sync.Mutex
	gate chan struct{}
}

// finish ends all builds that run.
func (a *agents) finish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.gate)
	a.gate = make(chan struct{})
}

func (a *agents) build(ctx context.Context, b *jenkinsserver.Build) error {
	a.mu.Lock()
	gate := a.gate
	a.mu.Unlock()
	a.running.Add(1)
	defer a.running.Add(-1)
	err := b.Stage("Build", func() error {
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return err
	}
	return b.Stage("Push", func() error {
		result, err := json.Marshal(map[string]any{"build": b.Parameter(jenkins.ParamID), "digest": "sha256:" + fakeHash(b.Parameter(jenkins.ParamID)), "framework": "go", "port": 8080})
		if err == nil {
			b.Archive(jenkins.ResultFile, result)
		}
		return err
	})
}

// believing is a registry that has every image.
type believing struct{}

// Has implements jenkins.Registry.
func (believing) Has(context.Context, string, string) (bool, error) { return true, nil }
