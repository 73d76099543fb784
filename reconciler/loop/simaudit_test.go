package loop

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/gitops"
)

// simAudit watches the history: what was released, what people took back, who waits for a word.
type simAudit struct {
	seen     map[string]bool
	released map[manifest.Key]map[manifest.Version]simRelease
	highest  map[manifest.Key]manifest.Version
	// withdrawn are parts that people took back, until something happens that may set them free.
	withdrawn map[manifest.Key][]simWithdrawal
	expected  []simExpectation
	flaky     map[string]bool
	// foreign are the commits of others in GitOps.
	foreign []string
	mark    string
	// lost: GitOps was lost once, with its history. rewritten: the config history was.
	lost, rewritten bool
	// remembered is the highest version that GitOps ever named.
	remembered map[manifest.Key]manifest.Version
	// mayBeHeld are the parts that each commit which took a release back may hold.
	mayBeHeld map[string]map[string]bool
	// waited counts what was found waiting at rest.
	waited int
	// added are projects that were deleted and added again.
	added map[manifest.Key]bool
	// fault is the first that was found.
	fault error
}

type simRelease struct {
	*manifest.Release
	content []byte
}

// simWithdrawal says that a release with these parts must not come back by itself.
type simWithdrawal struct {
	version manifest.Version
	commit  string
	parts   manifest.Parts
}

// simExpectation is a commit that has to get a verdict.
type simExpectation struct{ commit, context string }

func newSimAudit() simAudit {
	return simAudit{
		seen: map[string]bool{}, released: map[manifest.Key]map[manifest.Version]simRelease{},
		highest: map[manifest.Key]manifest.Version{}, withdrawn: map[manifest.Key][]simWithdrawal{},
		flaky: map[string]bool{}, mayBeHeld: map[string]map[string]bool{}, added: map[manifest.Key]bool{}, remembered: map[manifest.Key]manifest.Version{},
	}
}

// versions are all that a project ever had, oldest first.
func (a *simAudit) versions(k manifest.Key) []manifest.Version {
	return slices.SortedFunc(maps.Keys(a.released[k]), manifest.Version.Compare)
}

// sourceMoved sets sources free: where a branch is now may be where it was before.
func (a *simAudit) sourceMoved() {
	for _, all := range a.withdrawn {
		for _, w := range all {
			maps.DeleteFunc(w.parts, func(part, _ string) bool { return strings.HasPrefix(part, manifest.PartSource) })
		}
	}
}

// newest is the newest honoured release of a project at a commit; nil without one.
func (s *sim) newest(commit string, k manifest.Key) *manifest.Release {
	c := s.config.commits[commit]
	if c == nil {
		return nil
	}
	var best *manifest.Release
	for v, r := range s.audit.released[k] {
		blob, there := c.files[manifest.ReleaseFile(k, v)]
		if there && string(s.config.blobs[blob]) == string(r.content) && (best == nil || best.Version().Compare(v) < 0) {
			best = r.Release
		}
	}
	return best
}

func (s *sim) present(commit string, k manifest.Key) bool {
	_, found := s.config.read(commit, manifest.ProjectFile(k))
	return found
}

// published takes note of what a commit of people asks for, and of what it takes back.
func (s *sim) published(before string, edit manifest.Edit) {
	after := s.config.head
	if before == "" {
		return
	}
	usable := s.usable(before) && s.usable(after)
	touched := map[manifest.Key]bool{}
	for _, k := range s.everyKey() {
		was, is := s.newest(before, k), s.newest(after, k)
		fileBefore, _ := s.config.read(before, manifest.ProjectFile(k))
		fileAfter, _ := s.config.read(after, manifest.ProjectFile(k))
		edited := string(fileBefore) != string(fileAfter)
		switch {
		case edited:
			touched[k] = true
			delete(s.audit.withdrawn, k)
			if was.Version().Compare(is.Version()) > 0 && s.present(after, k) {
				s.takeBack(before, k, was, is)
			}
		case was.Version().Compare(is.Version()) > 0 && s.present(after, k):
			touched[k] = true
			s.takeBack(before, k, was, is)
		case was.Version() != is.Version():
			touched[k] = s.present(after, k)
			delete(s.audit.withdrawn, k)
		}
	}
	for file := range edit.Files {
		f, ok := manifest.FileOf(file)
		switch {
		case ok && (f.Kind == manifest.KindPlatform || f.Kind == manifest.KindWorkspace):
			clear(s.audit.withdrawn)
		case ok && f.Kind == manifest.KindRelease && edit.Files[file] != nil:
			delete(s.audit.withdrawn, f.Key)
		}
	}
	for _, k := range config.Retries(s.config.commits[after].Commit) {
		touched[k] = true
		delete(s.audit.withdrawn, k)
	}
	for k := range touched {
		if usable && s.watched() {
			s.audit.expected = append(s.audit.expected, simExpectation{after, reconciler.ContextOf(k)})
		}
	}
}

// takeBack notes the parts that people took back.
func (s *sim) takeBack(before string, k manifest.Key, was, is *manifest.Release) {
	if s.audit.rewritten {
		return
	}
	if is == nil {
		for _, w := range s.audit.withdrawn[k] {
			maps.DeleteFunc(w.parts, func(part, _ string) bool { return !strings.HasPrefix(part, manifest.PartSource) })
		}
	}
	v := was.Version()
	for higher := range s.audit.released[k] {
		if _, there := s.config.read(before, manifest.ReleaseFile(k, higher)); there && higher.Compare(v) > 0 {
			return // one that was edited is kept, and this is an old one
		}
	}
	if _, there := s.config.read(s.config.head, manifest.ReleaseFile(k, v)); there {
		return // edited, not withdrawn
	}
	parts := maps.Clone(was.Spec.Parts)
	if s.repos[simShop].reset || s.repos[simMono].reset { // nobody may have noticed yet where the branch is
		maps.DeleteFunc(parts, func(part, _ string) bool { return strings.HasPrefix(part, manifest.PartSource) })
	}
	maps.DeleteFunc(parts, func(part, key string) bool {
		if is == nil { // a new source brings the rest of HEAD with it: there is nothing else to take it from
			return !strings.HasPrefix(part, manifest.PartSource)
		}
		return is.Spec.Parts[part] == key
	})
	for part := range s.changedParts(before, k) {
		delete(parts, part)
	}
	s.noteMayBeHeld(before, k, is)
	s.audit.withdrawn[k] = append(s.audit.withdrawn[k], simWithdrawal{v, s.config.head, parts})
}

// usable says that a commit has a platform.yaml.
func (s *sim) usable(commit string) bool {
	_, found := s.config.read(commit, manifest.PlatformFile)
	return found
}

// watched says that GitOps stands for a config commit, so that commits from now on are looked at one by one.
func (s *sim) watched() bool { return s.audit.mark != "" && !s.audit.lost }

// everyKey are the projects that ever were.
func (s *sim) everyKey() []manifest.Key {
	return slices.SortedFunc(maps.Keys(s.people.good), manifest.Key.Compare)
}

// glance looks at what Plateform has pushed before somebody pushes on top of it.
func (s *sim) glance() {
	if err := s.look(); err != nil && s.audit.fault == nil {
		s.audit.fault = err
	}
}

// look checks all commits that are new in both repositories.
func (s *sim) look() error {
	if s.audit.fault != nil {
		return s.audit.fault
	}
	for _, repo := range []struct {
		*simRemote
		check func(c, parent *simCommit) error
	}{{s.config, s.checkConfigCommit}, {s.gitops, s.checkGitOpsCommit}} {
		if err := s.lookAt(repo.simRemote, repo.check); err != nil {
			return err
		}
	}
	for id, n := range s.builds.started {
		if n > 1+s.builds.losses(id) {
			return fmt.Errorf("build %.6s of %s was made %d times", id, s.builds.builds[id].request.Key, n)
		}
	}
	return nil
}

func (s *sim) lookAt(repo *simRemote, check func(c, parent *simCommit) error) error {
	var fresh []*simCommit
	for hash := repo.head; hash != "" && !s.audit.seen[hash]; {
		c := repo.commits[hash]
		s.audit.seen[hash] = true
		fresh = append(fresh, c)
		if hash = ""; len(c.Parents) > 0 {
			hash = c.Parents[0]
		}
	}
	for _, c := range slices.Backward(fresh) {
		if c.Author.Email != reconciler.Author(s.now).Email {
			continue
		}
		parent := &simCommit{}
		if len(c.Parents) > 0 {
			parent = repo.commits[c.Parents[0]]
		}
		subject, _, _ := strings.Cut(c.Message, "\n")
		s.tell("   pushes to %s %s: %s", repo.name, manifest.Short(c.Hash), subject)
		if err := check(c, parent); err != nil {
			return fmt.Errorf("%s commit %s (%s): %w", repo.name, manifest.Short(c.Hash), subject, err)
		}
	}
	return nil
}

// checkConfigCommit checks a commit that Plateform made: a release, or the removal of old ones.
func (s *sim) checkConfigCommit(c, parent *simCommit) error {
	if len(c.Parents) != 1 || c.tree == parent.tree {
		return fmt.Errorf("it has %d parents and the tree of its first is the same: %t", len(c.Parents), c.tree == parent.tree)
	}
	added := 0
	for file, blob := range c.files {
		if parent.files[file] == blob {
			continue
		}
		f, ok := manifest.FileOf(file)
		if !ok || f.Kind != manifest.KindRelease || parent.files[file] != "" {
			return fmt.Errorf("it changes %s", file)
		}
		added++
		if err := s.checkRelease(c, f, s.config.blobs[blob]); err != nil {
			return err
		}
	}
	for file := range parent.files {
		if _, still := c.files[file]; !still && (added > 0 || s.weather.keep == 0) {
			return fmt.Errorf("it removes %s", file)
		}
	}
	if added > 1 {
		return fmt.Errorf("it adds %d releases", added)
	}
	return nil
}

func (s *sim) checkRelease(c *simCommit, f manifest.File, content []byte) error {
	k := f.Key
	release, problems := manifest.ParseRelease(manifest.ReleaseFile(k, f.Version), content)
	if len(problems) > 0 {
		return problems
	}
	if err := manifest.VerifyRelease(content, release, k, 7, s.publicKeys()); err != nil {
		return err
	}
	if f.Version.Compare(s.audit.highest[k]) <= 0 && !s.forgotten(k, f.Version) {
		return fmt.Errorf("%s had %s already", k, s.audit.highest[k])
	}
	runs := &manifest.Release{}
	if newest := s.newest(c.Parents[0], k); newest != nil {
		runs = newest
	}
	for _, w := range s.audit.withdrawn[k] {
		for part, key := range w.parts {
			if release.Spec.Parts[part] == key && runs.Spec.Parts[part] != key {
				return fmt.Errorf("%s of %s was taken back with %s at %s", part, k, w.version, s.name(w.commit))
			}
		}
	}
	if err := s.checkImages(release); err != nil {
		return err
	}
	s.audit.highest[k] = f.Version
	if s.audit.released[k] == nil {
		s.audit.released[k] = map[manifest.Version]simRelease{}
	}
	s.audit.released[k][f.Version] = simRelease{release, content}
	file, _ := s.config.read(c.Hash, manifest.ProjectFile(k))
	project, problems := manifest.ParseProject(manifest.ProjectFile(k), file)
	if len(problems) > 0 || project.Spec.Paused {
		return fmt.Errorf("%s is gone, broken or paused at this commit", k)
	}
	return nil
}

func (s *sim) publicKeys() []signing.PublicKey {
	if s.signer == nil {
		return nil
	}
	return []signing.PublicKey{s.signer.Public()}
}

// forgotten says that a version went with a history that was rewritten before GitOps stood for it.
func (s *sim) forgotten(k manifest.Key, v manifest.Version) bool {
	return s.audit.rewritten && s.audit.remembered[k].Compare(v) < 0
}

// checkImages checks that a release runs what it says it was made from, and nothing that cannot be built.
func (s *sim) checkImages(r *manifest.Release) error {
	for _, image := range r.Spec.Images {
		if image.Commit == "" {
			continue
		}
		made, found := s.builds.digests[image.Digest]
		from := func(r reconciler.BuildRequest) bool {
			return (r.Path != "" || r.Commit == image.Commit) && r.Tree == image.Tree
		}
		switch {
		case !found:
			return fmt.Errorf("nobody built image %s", image.Digest)
		case !from(made.request) && !slices.ContainsFunc(made.also, from):
			return fmt.Errorf("image %s was built from %s, not from %s", image.Digest, manifest.Short(made.request.Commit), manifest.Short(image.Commit))
		case s.bad(s.repos[made.request.Repository], made.request.Commit, made.request.Path):
			return fmt.Errorf("image %s was built from what cannot be built", image.Digest)
		}
	}
	return nil
}

// checkVerdict checks that nobody is told of a success that is not there: what a push to an app asked for has to run, or
// something newer.
func (s *sim) checkVerdict(r reconciler.Report) {
	if r.State != reconciler.StateSuccess || r.Outcome != reconciler.OutcomeRuns || r.Source == "" || s.audit.fault != nil {
		return
	}
	k := r.Project
	release := s.audit.released[k][gitops.ShownVersion(s.values(k))]
	if release.Release == nil {
		return
	}
	for _, image := range release.Spec.Images {
		for _, repo := range s.repos {
			asked, runs := slices.Index(repo.order, r.Source), slices.Index(repo.order, image.Commit)
			if asked >= 0 && runs >= 0 && (runs >= asked || repo.reset) || asked >= 0 && sameCode(repo, r.Source, image.Commit) {
				return
			}
		}
	}
	if _, held := s.holds(k); held {
		return
	}
	s.audit.fault = fmt.Errorf("%s is told on %s that %s of %s runs, which was not made from it",
		manifest.Short(r.Source), s.name(r.Commit), release.Metadata.Name, k)
}

// sameCode says that two commits hold the same in some path.
func sameCode(repo *simRepo, a, b string) bool {
	x, y := repo.commits[a], repo.commits[b]
	return x != nil && y != nil && slices.ContainsFunc(simPaths, func(path string) bool { return x.content[path] == y.content[path] })
}

// holds are what GitOps remembers as held.
func (s *sim) holds(k manifest.Key) ([]manifest.Hold, bool) {
	run, err := s.run(k)
	return run.Holds, err == nil && len(run.Holds) > 0
}

// checkGitOpsCommit checks a commit that Plateform made.
func (s *sim) checkGitOpsCommit(c, parent *simCommit) error {
	stands := s.audit.rewritten && strings.HasPrefix(c.Message, "Stand for the rewritten config history\n")
	if len(c.Parents) > 1 || c.tree == parent.tree && !stands {
		return fmt.Errorf("it has %d parents and the tree of its first is the same: %t", len(c.Parents), c.tree == parent.tree)
	}
	mark := ""
	for _, trailer := range manifest.Trailers(c.Message) {
		if trailer.Key == manifest.TrailerConfigCommit {
			mark = trailer.Value
		}
	}
	if mark == "" && c.Hash == s.gitops.head {
		return fmt.Errorf("it is the last of a push and stands for no config commit")
	}
	if mark == "" { // what it leads to is said by the last one of the push
		mark = s.standsFor(c)
	} else if s.config.commits[mark] == nil || !s.audit.rewritten && s.audit.mark != "" && !s.config.isAncestor(s.audit.mark, mark) {
		return fmt.Errorf("it stands for config commit %s, the one before for %s", s.name(mark), s.name(s.audit.mark))
	}
	if c.Hash == s.gitops.head || mark != "" {
		s.audit.mark = mark
	}
	for file, blob := range c.files {
		if parent.files[file] == blob {
			continue
		}
		if !gitops.Managed(file) {
			return fmt.Errorf("it changes %s", file)
		}
		if parts := strings.Split(file, "/"); strings.HasSuffix(file, "/run.yaml") {
			k := manifest.Key{Workspace: parts[1], Project: parts[2]}
			run, _ := s.run(k)
			s.audit.remembered[k], _ = manifest.ParseVersion(run.Highest)
		}
		if strings.HasSuffix(file, "/values.yaml") {
			if err := s.checkValues(file, string(s.gitops.blobs[blob])); err != nil {
				return err
			}
		}
	}
	for file := range parent.files {
		if _, still := c.files[file]; still {
			continue
		}
		if !gitops.Managed(file) {
			return fmt.Errorf("it removes %s", file)
		}
		parts := strings.Split(file, "/")
		if !strings.HasSuffix(file, "/values.yaml") {
			continue
		}
		if k := (manifest.Key{Workspace: parts[1], Project: parts[2]}); s.present(mark, k) && !s.audit.added[k] {
			return fmt.Errorf("it removes %s", file)
		}
	}
	return nil
}

// standsFor is the config commit that a commit of GitOps leads to: the one that the next of Plateform's stands for.
func (s *sim) standsFor(c *simCommit) (mark string) {
	for hash := s.gitops.head; hash != c.Hash; hash = s.gitops.commits[hash].Parents[0] {
		for _, trailer := range manifest.Trailers(s.gitops.commits[hash].Message) {
			if trailer.Key == manifest.TrailerConfigCommit {
				mark = trailer.Value
			}
		}
	}
	return mark
}

// checkValues checks that values are those of a release, byte for byte.
func (s *sim) checkValues(file, content string) error {
	parts := strings.Split(file, "/")
	for _, r := range s.audit.released[manifest.Key{Workspace: parts[1], Project: parts[2]}] {
		if string(r.Spec.Values) == content {
			return nil
		}
	}
	return fmt.Errorf("%s is of no release:\n%s", file, content)
}
