package loop

import (
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/worker"
)

// tags has images tagged with the version of the release that brings them.
type tags struct {
	*world
	worker *worker.Tags
}

// want gives the images that a release brings its version as a tag, whichever process made it.
func (t *tags) want(r *manifest.Release) {
	for _, image := range r.Spec.Images {
		if image.Built {
			t.worker.Want(worker.Tag{Repository: image.Repository, Digest: image.Digest, Tag: image.Tag})
		}
	}
}

// wantRecent tags the images of the newest releases again: an earlier process may have ended before it came to that.
func (t *tags) wantRecent() {
	var newest time.Time
	for k := range t.projects.all {
		if r := t.view(k).Newest; r != nil && r.Spec.CreatedAt.After(newest) {
			newest = r.Spec.CreatedAt
		}
	}
	for _, k := range t.projects.keys() {
		if r := t.view(k).Newest; r != nil && !r.Spec.CreatedAt.Before(newest.Add(-recent)) {
			t.want(r)
		}
	}
}
