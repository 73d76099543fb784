package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// tagsAtOnce bounds how many images are tagged at the same time.
const tagsAtOnce = 8

// release makes all releases that are ready, and those that are ready after them.
func (s *state) release(ctx context.Context, hint Hint) error {
	if s.trouble != nil { // on top of a head that nobody can have meant nothing is released; it goes on once that is mended
		return nil
	}
	for range rounds {
		if again, err := s.releaseReady(ctx, hint); err != nil || !again {
			return err
		}
	}
	return nil
}

// releaseReady commits the releases that are ready, one commit each and all in one push, takes those commits in and decides
// again. It says whether there were any.
func (s *state) releaseReady(ctx context.Context, hint Hint) (bool, error) {
	edits, ready := s.releaseEdits()
	edits, ready = s.tag(ctx, edits, ready)
	edits = append(edits, s.retire(ready)...)
	if len(edits) == 0 {
		return false, nil
	}
	for _, p := range ready {
		s.sayAll(p, reconciler.StageUpdatingGitOps, "releasing "+p.settled.draft.Version.String(), "")
	}
	commits, err := s.push(ctx, s.Config, "config", s.head, edits)
	if err != nil {
		return false, err
	}
	s.head = commits[len(commits)-1]
	if err := s.follow(commits, true); err != nil {
		return false, err
	}
	for i, p := range ready {
		s.released(p, commits[i])
	}
	return len(ready) > 0, s.settle(ctx, hint)
}

// releaseEdits makes the commits of all releases that are ready, on all cores, and returns them with their projects.
func (s *state) releaseEdits() (edits []manifest.Edit, ready []*project) {
	var drafts []*project
	for _, k := range s.dirtyKeys() {
		if p := s.projects[k]; p.settled.draft != nil {
			drafts = append(drafts, p)
		}
	}
	made := make([]manifest.Edit, len(drafts))
	failed := make([]error, len(drafts))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range drafts {
		group.Go(func() error {
			made[i], failed[i] = s.releaseEdit(p, s.viewOf(p.key))
			return nil
		})
	}
	_ = group.Wait() // they return no errors
	for i, p := range drafts {
		if failed[i] != nil {
			s.refuseDraft(p, failed[i])
			continue
		}
		edits, ready = append(edits, made[i]), append(ready, p)
	}
	return edits, ready
}

// released closes a draft that is a release now.
func (s *state) released(p *project, commit string) {
	draft := p.settled.draft
	for _, build := range draft.Builds {
		s.forgetBuild(p, build.Part)
	}
	p.run.Retry = ""
	s.logRuns(p, slog.LevelInfo, "released", "release", draft.Version.String(), "commit", manifest.Short(commit))
	s.hear(p, ask{Cause: manifest.Cause{Kind: manifest.CauseConfig, Commit: commit, Config: commit}, Silent: true})
}

// releaseEdit is the commit that adds one release file.
func (s *state) releaseEdit(p *project, v *config.View) (manifest.Edit, error) {
	draft := p.settled.draft
	for i := range draft.Images {
		if draft.Images[i].Built {
			draft.Images[i].Tag = draft.Version.String()
		}
	}
	values, err := manifest.BuildValues(manifest.ValuesInput{
		Key: p.key, Release: draft.Version, Project: draft.Project, Platform: draft.Platform, Images: draft.Images,
	})
	if err != nil {
		return manifest.Edit{}, fmt.Errorf("making the values of %s: %w", draft.Version, err)
	}
	release := &manifest.Release{
		Header: manifest.NewHeader(manifest.KindRelease, draft.Version.String()),
		Spec: manifest.ReleaseSpec{
			Parts: draft.Parts, Images: draft.Images, Chart: draft.Platform.Chart, Values: values,
			Project: draft.Project, Platform: draft.Platform,
			Cause:     p.cause(*draft, decision.BaseRelease(p.before(), v), s.catalog.Commit),
			Plan:      manifest.PlanHash(p.key, draft.Project, draft.Platform),
			Build:     buildRecord(draft.Builds),
			CreatedAt: draft.CreatedAt.Truncate(time.Second),
		},
	}
	file, err := s.encode(release, p.key, v.Owner)
	if err != nil {
		return manifest.Edit{}, err
	}
	subject := fmt.Sprintf("Release %s %s", p.key, draft.Version)
	return manifest.Edit{
		Message: manifest.FormatMessage(subject, manifest.NewTrailers(p.key, release)),
		Author:  reconciler.Author(draft.CreatedAt),
		Files:   map[string][]byte{manifest.ReleaseFile(p.key, draft.Version): file},
	}, nil
}

// encode signs a release and makes sure that it can be read back and would be honoured: else nobody should get to see it.
func (s *state) encode(release *manifest.Release, k manifest.Key, owner int64) ([]byte, error) {
	file, err := manifest.EncodeRelease(release, k, owner, s.Signer)
	if err != nil {
		return nil, fmt.Errorf("writing release %s: %w", release.Metadata.Name, err)
	}
	if err := manifest.VerifyRelease(file, release, k, owner, s.catalog.PublicKeys); err != nil {
		return nil, fmt.Errorf("release %s would not be honoured: %w (keys.signingKeyFile in serve.yaml must hold a key of spec.releases.publicKeys in platform.yaml)",
			release.Metadata.Name, err)
	}
	if _, problems := manifest.ParseRelease(manifest.ReleaseFile(k, release.Version()), file); len(problems) > 0 {
		return nil, fmt.Errorf("release %s could not be read back: %w (this is a fault of Plateform; please report it)", release.Metadata.Name, problems.Err())
	}
	return file, nil
}

// refuseDraft tells that a release cannot be made as things are.
func (s *state) refuseDraft(p *project, err error) {
	s.logRuns(p, slog.LevelError, "a release cannot be made", "release", p.settled.draft.Version.String(), "error", err.Error())
	p.settled.draft = nil
	p.settled.rest = &decision.Rest{Reason: decision.Blocked, Problems: manifest.Problems{{File: manifest.ProjectFile(p.key), What: err.Error()}}}
}

// buildRecord is what is worth keeping of the builds of a release; nil when nothing was built.
func buildRecord(builds []decision.Build) *manifest.BuildRecord {
	var record *manifest.BuildRecord
	for _, build := range builds {
		if build.Request.Reference != "" {
			continue
		}
		if record == nil {
			record = &manifest.BuildRecord{URL: build.Status.URL, Scan: build.Status.Scan}
		}
		record.Seconds = max(record.Seconds, build.Status.Seconds)
	}
	return record
}

// tag gives the images of new releases their version as a tag, and returns those that can go out. One whose image
// cannot be tagged now is late: it keeps back nobody else.
func (s *state) tag(ctx context.Context, edits []manifest.Edit, ready []*project) ([]manifest.Edit, []*project) {
	failed := make([]error, len(ready))
	var group errgroup.Group
	group.SetLimit(tagsAtOnce)
	for i, p := range ready {
		group.Go(func() error {
			failed[i] = s.tagImages(ctx, p.settled.draft.Images)
			return nil
		})
	}
	_ = group.Wait() // they return no errors
	var tagged []manifest.Edit
	var going []*project
	for i, p := range ready {
		if failed[i] != nil {
			s.late[p.key] = fmt.Errorf("tagging the image of %s: %w", p.key, failed[i])
			s.sayLate(p, reconciler.StagePushing, failed[i])
			continue
		}
		tagged, going = append(tagged, edits[i]), append(going, p)
	}
	return tagged, going
}

func (s *state) tagImages(ctx context.Context, images []manifest.Image) error {
	for _, image := range images {
		if !image.Built {
			continue
		}
		if err := s.Registry.Tag(ctx, image.Repository, image.Digest, image.Tag); err != nil {
			return err
		}
	}
	return nil
}

// latenessError says that some projects could not be seen to the end of a pass. All others were.
type latenessError struct{ error }

func (e *latenessError) Unwrap() error { return e.error }

// lateness returns why some projects could not be seen to the end of this pass. They want another one.
func (s *state) lateness() error {
	var all error
	for _, k := range slices.SortedFunc(maps.Keys(s.late), manifest.Key.Compare) {
		all = errors.Join(all, s.late[k])
		s.dirty[k] = true
	}
	clear(s.late)
	if all == nil {
		return nil
	}
	return &latenessError{all}
}

// keepReleases is how many release files a project keeps when platform.yaml does not say.
const keepReleases = 50

// retire removes the release files that are more than are kept, all in one commit. The newest that is honoured stays
// whatever its place, and so do those that are released right now, which are not there yet.
func (s *state) retire(ready []*project) []manifest.Edit {
	coming := map[manifest.Key]int{}
	for _, p := range ready {
		coming[p.key] = 1
	}
	edit := manifest.Edit{Author: reconciler.Author(s.Clock().UTC()), Files: map[string][]byte{}}
	projects := map[string]bool{}
	for _, k := range s.dirtyKeys() {
		v := s.viewOf(k)
		for _, file := range s.surplus(v, coming[k]) {
			edit.Files[manifest.ReleaseFile(k, file.Version)] = nil
			projects[k.String()] = true
		}
	}
	if len(edit.Files) == 0 {
		return nil
	}
	subject := fmt.Sprintf("Remove %s of %s", manifest.Count(len(edit.Files), "old release file"), few(projects))
	edit.Message = manifest.FormatMessage(subject, nil)
	return []manifest.Edit{edit}
}

// surplus are the oldest release files of a project beyond those that are kept.
func (s *state) surplus(v *config.View, coming int) []config.ReleaseFile {
	keep := s.catalog.Platform.Spec.Releases.Keep
	if keep <= 0 {
		keep = keepReleases
	}
	if !v.Present {
		return nil
	}
	var old []config.ReleaseFile
	for i := 0; i < len(v.Releases)+coming-keep && i < len(v.Releases); i++ {
		if v.Releases[i].Version.Compare(v.NewestVersion()) >= 0 && coming == 0 {
			break
		}
		old = append(old, v.Releases[i])
	}
	return old
}

// few names one project, or says how many there are.
func few(projects map[string]bool) string {
	for name := range projects {
		if len(projects) == 1 {
			return name
		}
	}
	return manifest.Count(len(projects), "project")
}
