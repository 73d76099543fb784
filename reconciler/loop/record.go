package loop

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
)

// recordDeploy remembers the run that brings new values.
func (s *state) recordDeploy(p *project) {
	release := p.output.release
	if release == nil || p.output.tampered {
		return
	}
	answered := slices.DeleteFunc(slices.Clone(p.asks), func(a *ask) bool { // a push whose code this is not
		return a.SourceKey != "" && !slices.Contains(slices.Collect(maps.Values(release.Spec.Parts)), a.SourceKey)
	})
	cause := release.Spec.Cause
	waiting := func(a *ask) bool { return !a.Silent && !a.Old }
	if slices.ContainsFunc(p.asks, waiting) && !slices.ContainsFunc(answered, waiting) {
		cause.Config = "" // nobody is to be told of it again
	}
	p.record(manifest.LastRun{
		Result: manifest.ResultDeployed, Release: release.Metadata.Name, Cause: cause, Build: release.Spec.Build,
	}, answered, s.Clock().UTC())
}

// recordFailure remembers a build that failed and who asked for it.
func (s *state) recordFailure(p *project, build decision.Build, asks []*ask) {
	record := &manifest.BuildRecord{URL: build.Status.URL, Seconds: build.Status.Seconds, Scan: build.Status.Scan}
	p.record(manifest.LastRun{
		Result: manifest.ResultFailed, Source: build.Request.Commit, Error: build.Status.Failure.Summary, Build: record,
	}, asks, s.Clock().UTC())
}

// record remembers a run that ended. The newest who asked is its cause.
func (p *project) record(last manifest.LastRun, asks []*ask, now time.Time) {
	var also []manifest.Cause
	for _, a := range slices.Backward(asks) {
		switch {
		case a.Silent || a.Old:
		case last.ID == "":
			last.ID, last.Cause = runID(p.key, a), a.Cause
			if a.Source != "" {
				last.Source = a.Source
			}
		default:
			also = append(also, a.Cause)
		}
	}
	if last.ID == "" {
		last.ID = runID(p.key, &ask{Cause: last.Cause, Source: sourceOf(last.Cause)})
	}
	seconds := 0
	if last.Build != nil {
		seconds = last.Build.Seconds
	}
	last.Also, last.EndedAt = also, now.Truncate(time.Second)
	last.StartedAt = last.EndedAt.Add(-time.Duration(seconds) * time.Second)
	p.run.Last = &last
}

// runID is the same whoever works on it: it is derived from the project and the commits that asked.
func runID(k manifest.Key, a *ask) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{k.String(), a.Config, a.Source}, "\n")))
	return hex.EncodeToString(sum[:6])
}

// recent is how long before the newest run others are told of again at a start.
const recent = 10 * time.Minute

// repeat tells of the newest runs again: an earlier process may have ended between their commit and their report. The
// forge leaves out what was said.
func (s *state) repeat() {
	var newest time.Time
	for _, p := range s.projects {
		if last := p.run.Last; last != nil && last.EndedAt.After(newest) {
			newest = last.EndedAt
		}
	}
	for _, k := range s.dirtyKeys() {
		p := s.projects[k]
		last := p.run.Last
		if last == nil || last.EndedAt.Before(newest.Add(-recent)) {
			continue
		}
		for _, cause := range append([]manifest.Cause{last.Cause}, last.Also...) {
			if cause.Config == "" { // a build that nobody was waiting for any more
				continue
			}
			s.tellLast(p, &ask{Cause: cause, Source: sourceOf(cause)}, *last)
		}
	}
}

func (s *state) tellLast(p *project, a *ask, last manifest.LastRun) {
	switch last.Result {
	case manifest.ResultDeployed:
		words := fmt.Sprintf("%s is in plateform-gitops at %s", last.Release, manifest.Short(s.gitops.head))
		s.say(p, a, reconciler.StateSuccess, reconciler.StageUpdatingGitOps, words, s.url(p, p.running(s.viewOf(p.key))))
	case manifest.ResultFailed:
		s.say(p, a, reconciler.StateFailure, reconciler.StageFailed, "build failed: "+last.Error, "")
	}
}
