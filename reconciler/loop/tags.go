package loop

import (
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// tags has images tagged with the version of the release that brings them.
type tags struct {
	*world
	worker *worker.Tags
	// of the newest release of each project, while they are on their way or somebody else's.
	of map[manifest.Key]*releaseTags
}

// releaseTags are the tags of one release.
type releaseTags struct {
	release string
	// open were not tried yet; taken are somebody else's.
	open  map[worker.Tag]bool
	taken map[worker.Tag]*reconciler.TagTakenError
	// until says how long what is told of the release waits for them.
	until time.Time
}

// tagsPatience is how long the word on a release waits for what comes of its tags. The release itself does not wait.
const tagsPatience = 5 * time.Second

// want gives the images that a release brings its version as a tag, whichever process made it.
func (t *tags) want(k manifest.Key, r *manifest.Release) {
	wanted := &releaseTags{release: r.Metadata.Name, until: t.now().Add(tagsPatience)}
	for _, image := range r.Spec.Images {
		if image.Built {
			tag := worker.Tag{Repository: image.Repository, Digest: image.Digest, Tag: image.Tag}
			put(&wanted.open, tag, true)
			t.worker.Want(tag)
		}
	}
	if delete(t.of, k); len(wanted.open) > 0 {
		t.of[k] = wanted
		t.deadlines.Set(k, wanted.until)
	}
}

// observe takes in what came of tags.
func (t *tags) observe() {
	for _, news := range t.worker.Take() {
		for k, of := range t.of {
			if !of.open[news.Tag] && of.taken[news.Tag] == nil {
				continue
			}
			delete(of.open, news.Tag)
			if delete(of.taken, news.Tag); news.Taken != nil {
				put(&of.taken, news.Tag, news.Taken)
			}
			if len(of.open)+len(of.taken) == 0 {
				delete(t.of, k)
			}
			t.projects.touch(k)
		}
	}
}

// word is which tags of a release are somebody else's; false while that is to be known soon.
func (t *tags) word(k manifest.Key, release string) (taken []reconciler.TagTakenError, known bool) {
	of := t.of[k]
	if of == nil || of.release != release {
		return nil, true
	}
	for _, tag := range of.taken {
		taken = append(taken, *tag)
	}
	return taken, len(of.open) == 0 || !t.now().Before(of.until)
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
			t.want(k, r)
		}
	}
}
