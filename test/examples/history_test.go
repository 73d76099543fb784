package examples

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/charts"
)

// made is what happened in the world for one release of an example.
type made struct {
	key     manifest.Key
	version manifest.Version
	cause   manifest.Cause
	at      time.Time
	seconds int
	// images by name, without what follows from the project.
	images map[string]manifest.Image
	// then undoes in the project of today what changed since.
	then func(*manifest.ProjectSpec)
}

// history is how the examples came to be, oldest first.
func history() []made {
	first := manifest.FirstVersion()
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	config := func(n int) manifest.Cause {
		return manifest.Cause{Kind: manifest.CauseConfig, Commit: hash("config", n), Config: hash("config", n), By: "alice"}
	}
	push := func(repository string, n int) manifest.Cause {
		return manifest.Cause{Kind: manifest.CauseSource, Commit: hash(repository, n), Config: hash("config", 3), By: "bob"}
	}
	return []made{
		{key: key("acme/hello"), version: first, cause: config(1), at: day, seconds: 9, images: map[string]manifest.Image{
			"app": {Commit: hash("plateform", 1), Tree: hash("plateform tree", 1), Framework: "go", Built: true}}},
		{key: key("acme/shop-db"), version: first, cause: config(1), at: day},
		{key: key("acme/shop"), version: first, cause: config(1), at: day, seconds: 84, images: map[string]manifest.Image{
			"app": {Commit: hash("shop", 1), Framework: "nextjs", Built: true}},
			then: func(s *manifest.ProjectSpec) { s.Replicas = new(1) }},
		{key: key("acme/shop"), version: first.Next(), cause: push("shop", 2), at: day.Add(2 * time.Hour), seconds: 71, images: map[string]manifest.Image{
			"app": {Commit: hash("shop", 2), Framework: "nextjs", Built: true}},
			then: func(s *manifest.ProjectSpec) { s.Replicas = new(1) }},
		// Replicas were changed: a release without a build, on the image of the one before.
		{key: key("acme/shop"), version: first.Next().Next(), cause: config(4), at: day.Add(3 * time.Hour), images: map[string]manifest.Image{
			"app": {Commit: hash("shop", 2), Tag: "v1.0.1", Framework: "nextjs"}}},
		{key: key("globex/bank"), version: first, cause: config(2), at: day.Add(time.Hour), seconds: 212, images: map[string]manifest.Image{
			"gateway":  {Commit: hash("bank", 1), Tree: hash("bank gateway", 1), Framework: "spring-boot", Port: 8080, Built: true},
			"accounts": {Commit: hash("bank", 1), Tree: hash("bank accounts", 1), Framework: "spring-boot", Port: 8080, Built: true},
			"audit":    {Commit: hash("audit", 1), Framework: "spring-boot", Port: 8080, Built: true}}},
		{key: key("globex/sessions"), version: first, cause: config(2), at: day.Add(time.Hour)},
		{key: key("globex/status"), version: first, cause: config(2), at: day.Add(time.Hour), images: map[string]manifest.Image{
			"app": {Repository: "ghcr.io/stefanprodan/podinfo", Tag: "6.7.1"}}},
	}
}

func key(s string) manifest.Key {
	workspace, project, _ := strings.Cut(s, "/")
	return manifest.Key{Workspace: workspace, Project: project}
}

// hash stands for a Git hash.
func hash(what string, n int) string {
	return strings.TrimPrefix(manifest.SourceInput{}.Key(fmt.Sprint(what, n)), "sha256:")[:40]
}

// projectsOf returns the projects of a workspace by name; nil stands for one that does not parse.
func projectsOf(config *manifest.Config, workspace string) map[string]*manifest.Project {
	projects := map[string]*manifest.Project{}
	for k, p := range config.Projects {
		if k.Workspace == workspace {
			projects[k.Project] = p
		}
	}
	for k := range config.Broken {
		if k.Workspace == workspace && k.Project != "" {
			projects[k.Project] = nil
		}
	}
	return projects
}

// release makes the release file that Plateform would write.
func (m made) release(t *testing.T, config *manifest.Config, embedded *charts.Charts) (*manifest.Release, []byte) {
	t.Helper()
	spec := config.Projects[m.key].Spec
	if m.then != nil {
		m.then(&spec)
	}
	chart, err := embedded.Chart(spec.Type, config.Platform.Spec.Charts[spec.Type])
	if err != nil {
		t.Fatal(err)
	}
	workspace := config.Workspaces[m.key.Workspace]
	inputs := manifest.UsedInputs(manifest.Surroundings{Platform: config.Platform, Workspace: workspace, Projects: projectsOf(config, m.key.Workspace)}, m.key, spec, chart)
	r := &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, m.version.String())}
	r.Spec = manifest.ReleaseSpec{
		Parts:     manifest.Parts{manifest.PartProject: manifest.ProjectKey(spec), manifest.PartPlatform: manifest.PlatformKey(inputs)},
		Chart:     chart,
		Project:   spec,
		Platform:  inputs,
		Cause:     m.cause,
		Plan:      manifest.PlanHash(m.key, spec, inputs),
		CreatedAt: m.at,
	}
	if m.seconds > 0 {
		r.Spec.Build = &manifest.BuildRecord{Seconds: m.seconds}
	}
	for _, input := range manifest.SourceInputs(spec) {
		image, id := m.image(config, input)
		r.Spec.Images = append(r.Spec.Images, image)
		r.Spec.Parts[input.Part] = input.Key(id)
	}
	r.Spec.Values, err = manifest.BuildValues(manifest.ValuesInput{
		Key: m.key, Release: m.version, Project: spec, Platform: inputs, Images: r.Spec.Images,
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := manifest.EncodeRelease(r, m.key, workspace.Spec.Owner.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, file
}

// image is the image of a source, and the id of the content it was made from.
func (m made) image(config *manifest.Config, input manifest.SourceInput) (image manifest.Image, id string) {
	image = m.images[input.Image]
	image.Name = input.Image
	id = manifest.SourceID(image.Commit, image.Tree)
	if input.Reference != "" {
		id = input.ReferenceID()
	}
	image.Digest = manifest.SourceInput{}.Key(m.key.String() + input.Image + id)
	if image.Repository == "" {
		image.Repository = config.Platform.Spec.Registry.URL + "/" + m.key.String()
		if input.Image != manifest.AppImage {
			image.Repository += "/" + input.Image
		}
	}
	if image.Tag == "" {
		image.Tag = m.version.String()
	}
	return image, id
}
