package review

import (
	"context"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/reconciler/plan"
)

const (
	// registryPatience bounds the wait for the registries of one plan: the plan is said without them then.
	registryPatience = 15 * time.Second
	// maxAsked bounds how many projects of a plan registries are asked about.
	maxAsked = 20
)

// registry asks whether the images that a plan brings back are still there.
func (r planner) registry(ctx context.Context, merged string, p *plan.Plan) (map[manifest.Key]card.Presence, error) {
	asking, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	said := map[manifest.Key]card.Presence{}
	for _, project := range p.Projects {
		if project.Action != plan.Rollback && project.Action != plan.RollForward || len(said) == maxAsked {
			continue
		}
		images, err := r.imagesOf(merged, project)
		if err != nil {
			return nil, err
		}
		said[project.Key] = r.presence(asking, images)
	}
	return said, ctx.Err()
}

// imagesOf are the images of the release that a plan brings back.
func (r planner) imagesOf(merged string, p plan.Project) ([]manifest.Image, error) {
	version, err := manifest.ParseVersion(p.Next)
	if err != nil {
		return nil, nil // nothing runs afterwards
	}
	file := manifest.ReleaseFile(p.Key, version)
	data, err := r.Config.Read(merged, file)
	if err != nil {
		return nil, err
	}
	release, problems := manifest.ParseRelease(file, data)
	if len(problems) > 0 {
		return nil, nil // the plan says so
	}
	return release.Spec.Images, nil
}

// presence is what registries say of images: whoever does not answer does not keep the plan from being said.
func (r planner) presence(ctx context.Context, images []manifest.Image) card.Presence {
	for _, image := range images {
		switch has, err := r.Images.Has(ctx, image.Repository, image.Digest); {
		case err != nil:
			return card.NotAsked
		case !has:
			return card.Gone
		}
	}
	if len(images) == 0 {
		return card.NotAsked
	}
	return card.There
}
