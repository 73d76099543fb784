package loop

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// simPeople is what people know.
type simPeople struct {
	// good is the newest project.yaml of each project that was in order, past are those before; later are projects that
	// nobody has added yet.
	good  map[manifest.Key]manifest.ProjectSpec
	past  map[manifest.Key][]manifest.ProjectSpec
	later map[manifest.Key]manifest.ProjectSpec
	// platform.yaml as it was before somebody broke or removed it.
	platform []byte
	commits  int
}

func newSimPeople() simPeople {
	return simPeople{
		good: map[manifest.Key]manifest.ProjectSpec{}, past: map[manifest.Key][]manifest.ProjectSpec{},
		later: map[manifest.Key]manifest.ProjectSpec{},
	}
}

// simActions are what people do, each as often as it stands here. One that cannot be done says so.
var simActions = slices.Concat(
	times(7, (*sim).pushApp), times(1, (*sim).resetApp), times(7, (*sim).editProject), times(2, (*sim).undoEdit),
	times(6, (*sim).withdraw), times(3, (*sim).squash), times(3, (*sim).bringBack), times(1, (*sim).editRelease), times(2, (*sim).retry),
	times(1, (*sim).deleteProject), times(2, (*sim).addProject), times(1, (*sim).breakFile), times(2, (*sim).mendFile),
	times(2, (*sim).chat), times(1, (*sim).merge), times(1, (*sim).editPlatform), times(1, (*sim).losePlatform), times(4, (*sim).restorePlatform),
	times(2, (*sim).chatGitOps), times(3, (*sim).tamper), times(1, (*sim).emptyGitOps), times(1, (*sim).loseGitOps), times(1, (*sim).rewrite), times(1, (*sim).rewindGitOps),
)

func times(n int, action func(*sim) bool) []func(*sim) bool {
	return slices.Repeat([]func(*sim) bool{action}, n)
}

// act lets people do something, and now and then several things before anybody looks: a push of several commits, say.
func (s *sim) act() {
	s.actOnce()
	for s.chance(5) {
		s.actOnce()
	}
}

func (s *sim) actOnce() {
	for !pick(s, simActions...)(s) {
	}
}

// publish pushes a commit of people to the config repository, on top of the head or of what is given.
func (s *sim) publish(edit manifest.Edit, parents ...string) string {
	s.glance()
	before := s.config.head
	if len(parents) == 0 {
		parents = []string{before}
	}
	edit.Author = manifest.Signature{Name: "alice", Email: "alice@test", When: s.now}
	s.config.head = s.config.commit(edit, parents...)
	s.people.commits++
	s.story.names[s.config.head] = fmt.Sprintf("C%d", s.people.commits)
	s.tell("%s C%d %s: %s", s.now.Format("15:04:05"), s.people.commits, manifest.Short(s.config.head), strings.ReplaceAll(edit.Message, "\n", " "))
	s.published(before, edit)
	s.hint(Hint{Config: true})
	return s.config.head
}

func (s *sim) write(message string, files map[string][]byte) bool {
	if len(files) == 0 {
		return false
	}
	s.publish(manifest.Edit{Message: message, Files: files})
	return true
}

// hint tells the reconciler, unless the hint is lost; it may come twice, or late.
func (s *sim) hint(h Hint) {
	if s.strikes(s.weather.hints) {
		return
	}
	if s.weather.hints > 0 && s.chance(3) {
		s.lateHints = append(s.lateHints, h)
	}
	if s.process != nil {
		s.process.r.Hint(h)
	}
}

// keys are the projects that are there, in order.
func (s *sim) keys() []manifest.Key {
	var keys []manifest.Key
	for _, file := range s.config.files() {
		if f, ok := manifest.FileOf(file); ok && f.Kind == manifest.KindProject {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

func (s *sim) someProject() (manifest.Key, bool) {
	keys := s.keys()
	if len(keys) == 0 {
		return manifest.Key{}, false
	}
	return pick(s, keys...), true
}

// spec is a project as it is at the head; false when it does not parse.
func (s *sim) spec(k manifest.Key) (manifest.ProjectSpec, bool) {
	file := manifest.ProjectFile(k)
	content, found := s.config.read(s.config.head, file)
	if !found {
		return manifest.ProjectSpec{}, false
	}
	project, problems := manifest.ParseProject(file, content)
	if len(problems) > 0 {
		return manifest.ProjectSpec{}, false
	}
	return project.Spec, true
}

// releaseFiles are the versions that a project has files of, oldest first.
func (s *sim) releaseFiles(k manifest.Key) []manifest.Version {
	var versions []manifest.Version
	for _, file := range s.config.files() {
		if f, ok := manifest.FileOf(file); ok && f.Kind == manifest.KindRelease && f.Key == k {
			versions = append(versions, f.Version)
		}
	}
	slices.SortFunc(versions, manifest.Version.Compare)
	return versions
}

func (s *sim) pushApp() bool {
	repo := s.repos[pick(s, simShop, simMono)]
	branch := pick(s, "main", "main", "main", "next")
	c := s.push(repo, branch, s.chance(6))
	how := ""
	if c.bad {
		how = ", which cannot be built"
	}
	s.tell("%s push to %s %s: %s%s", s.now.Format("15:04:05"), repo.url, branch, manifest.Short(c.hash), how)
	s.appMoved(repo)
	return true
}

func (s *sim) resetApp() bool {
	repo := s.repos[pick(s, simShop, simMono)]
	hash := pick(s, repo.order...)
	repo.branches["main"], repo.reset = hash, true
	s.tell("%s %s main is reset to %s", s.now.Format("15:04:05"), repo.url, manifest.Short(hash))
	s.appMoved(repo)
	return true
}

func (s *sim) appMoved(repo *simRepo) {
	s.audit.sourceMoved()
	s.hint(Hint{Source: repo.url})
}

func (s *sim) editProject() bool {
	k, found := s.someProject()
	spec, parsed := s.spec(k)
	if !found || !parsed {
		return false
	}
	before, words := encoded(spec), s.alter(&spec)
	if s.chance(4) {
		words += " and " + s.alter(&spec)
	}
	if bytes.Equal(before, encoded(spec)) {
		return false
	}
	return s.save(k, spec, "Set "+words+" of "+k.String())
}

func (s *sim) save(k manifest.Key, spec manifest.ProjectSpec, message string) bool {
	s.people.past[k] = append(s.people.past[k], s.people.good[k])
	s.people.good[k] = spec
	return s.write(message, map[string][]byte{manifest.ProjectFile(k): encoded(projectOf(k, spec))})
}

// alter changes one thing about a project and says what.
func (s *sim) alter(spec *manifest.ProjectSpec) string {
	if spec.Source != nil {
		source := *spec.Source
		spec.Source = &source
	}
	switch n := s.rng.IntN(12); {
	case n == 0:
		spec.Paused = !spec.Paused
		return fmt.Sprintf("paused to %t", spec.Paused)
	case spec.Type == manifest.Database:
		spec.Storage = pick(s, "2Gi", "3Gi", "1Gi")
		return "storage to " + spec.Storage
	case n <= 3:
		value := pick(s, "a", "b", "c")
		spec.Env = []manifest.EnvVar{{Name: "LEVEL", Value: &value}}
		return "LEVEL to " + value
	case n <= 5:
		replicas := 1 + s.rng.IntN(3)
		spec.Replicas = &replicas
		return fmt.Sprintf("replicas to %d", replicas)
	case spec.Image != "":
		spec.Image = "docker.test/nginx:" + pick(s, "1", "2", "3", "gone")
		return "image to " + spec.Image
	case n <= 7:
		value := pick(s, "x", "y")
		spec.Build = &manifest.Build{Env: []manifest.BuildVar{{Name: "MODE", Value: value}}}
		return "build env to " + value
	case n == 8:
		spec.Source.Branch = pick(s, "", "main", "next")
		return "branch to " + spec.Source.Branch
	case n == 9:
		auto := s.chance(2)
		spec.Source.AutoDeploy = &auto
		return fmt.Sprintf("autoDeploy to %t", auto)
	case n == 10:
		spec.Source.Revision = ""
		if s.chance(2) {
			spec.Source.Revision = pick(s, s.repos[spec.Source.Repository].order...)
		}
		return "revision to " + manifest.Short(spec.Source.Revision)
	}
	return s.alterServices(spec)
}

func (s *sim) alterServices(spec *manifest.ProjectSpec) string {
	if spec.Type != manifest.SpringMicroservice {
		spec.Domain = ""
		spec.Port = pick(s, 0, 8080, 9090)
		return fmt.Sprintf("port to %d", spec.Port)
	}
	if len(spec.Services) == 1 {
		spec.Services = append(slices.Clone(spec.Services), manifest.Service{Name: "web"})
		return "one more service"
	}
	spec.Services = spec.Services[:1]
	return "one service less"
}

// undoEdit brings back a project.yaml as it once was.
func (s *sim) undoEdit() bool {
	k, found := s.someProject()
	if !found || len(s.people.past[k]) == 0 {
		return false
	}
	spec := pick(s, s.people.past[k]...)
	if now, parsed := s.spec(k); parsed && bytes.Equal(encoded(now), encoded(spec)) {
		return false
	}
	return s.save(k, spec, "Undo an edit of "+k.String())
}

// withdraw deletes release files: mostly the newest one, or the two newest, or an old one.
func (s *sim) withdraw() bool {
	k, found := s.someProject()
	versions := s.releaseFiles(k)
	if !found || len(versions) == 0 {
		return false
	}
	newest := len(versions) - 1
	switch s.rng.IntN(6) {
	case 0:
		versions = versions[max(0, newest-1):]
	case 1:
		versions = []manifest.Version{pick(s, versions...)}
	case 2: // one commit each, in one push
		for _, v := range slices.Backward(versions[max(0, newest-1):]) {
			s.write(fmt.Sprintf("Revert Release %s %s", k, v), map[string][]byte{manifest.ReleaseFile(k, v): nil})
		}
		return true
	default:
		versions = versions[newest:]
	}
	files := map[string][]byte{}
	for _, v := range versions {
		files[manifest.ReleaseFile(k, v)] = nil
	}
	return s.write(fmt.Sprintf("Revert Release %s %s", k, versions), files)
}

// squash takes the newest release back, or the two newest, or brings one back, and changes something else in the same
// commit: a pull request that was squashed or merged, or two commits in one push.
func (s *sim) squash() bool {
	k, found := s.someProject()
	spec, parsed := s.spec(k)
	versions := s.releaseFiles(k)
	if !found || !parsed || len(versions) == 0 {
		return false
	}
	files := map[string][]byte{}
	for _, v := range versions[max(0, len(versions)-1-s.rng.IntN(2)):] {
		files[manifest.ReleaseFile(k, v)] = nil
	}
	words := fmt.Sprintf("Go back from %s of %s", versions[len(versions)-1], k)
	if s.chance(4) {
		words += ", and retry\n\n" + manifest.TrailerRetry + ": " + k.String()
		return s.write(words, files)
	}
	before := encoded(spec)
	set := s.alter(&spec)
	if bytes.Equal(before, encoded(spec)) {
		return false
	}
	s.people.past[k] = append(s.people.past[k], s.people.good[k])
	s.people.good[k] = spec
	edit := manifest.Edit{Message: "Set " + set + " of " + k.String(), Files: map[string][]byte{manifest.ProjectFile(k): encoded(projectOf(k, spec))}}
	switch s.rng.IntN(4) {
	case 0: // two commits of one push
		s.publish(edit)
		return s.write(words, files)
	case 1: // a branch that did both, merged
		edit.Author = manifest.Signature{Name: "bob", Email: "bob@test", When: s.now}
		side := s.config.commit(edit, s.config.head)
		maps.Copy(edit.Files, files)
		edit.Message = "Merge: " + words + " with " + set
		s.publish(edit, s.config.head, side)
		return true
	}
	maps.Copy(edit.Files, files)
	edit.Message = words + " with " + set
	s.publish(edit)
	return true
}

// bringBack restores a release file that is gone, or two.
func (s *sim) bringBack() bool {
	k, found := s.someProject()
	there := s.releaseFiles(k)
	var gone []manifest.Version
	for _, v := range s.audit.versions(k) {
		if !slices.Contains(there, v) {
			gone = append(gone, v)
		}
	}
	if !found || len(gone) == 0 {
		return false
	}
	files := map[string][]byte{}
	for range 1 + s.rng.IntN(2) {
		v := pick(s, gone[len(gone)-1], gone[s.rng.IntN(len(gone))])
		files[manifest.ReleaseFile(k, v)] = s.audit.released[k][v].content
	}
	return s.write(fmt.Sprintf("Bring back %s of %s", versionsOf(files), k), files)
}

func versionsOf(files map[string][]byte) []string {
	var versions []string
	for _, file := range slices.Sorted(maps.Keys(files)) {
		f, _ := manifest.FileOf(file)
		versions = append(versions, f.Version.String())
	}
	return versions
}

// editRelease spoils a release file, or mends the one that is spoiled.
func (s *sim) editRelease() bool {
	k, found := s.someProject()
	versions := s.releaseFiles(k)
	if !found || len(versions) == 0 {
		return false
	}
	v := versions[len(versions)-1]
	file := manifest.ReleaseFile(k, v)
	content, _ := s.config.read(s.config.head, file)
	good := s.audit.released[k][v].content
	if !bytes.Equal(content, good) {
		return s.write(fmt.Sprintf("Mend release %s of %s", v, k), map[string][]byte{file: good})
	}
	spoiled := bytes.Replace(content, []byte("replicas"), []byte("replicaz"), 1)
	spoiled = append([]byte("# edited\n"), spoiled...)
	return s.write(fmt.Sprintf("Edit release %s of %s", v, k), map[string][]byte{file: spoiled})
}

func (s *sim) retry() bool {
	k, found := s.someProject()
	if !found {
		return false
	}
	s.publish(manifest.Edit{Message: "Retry\n\n" + manifest.TrailerRetry + ": " + k.String()})
	return true
}

func (s *sim) deleteProject() bool {
	k, found := s.someProject()
	if !found || len(s.keys()) == 1 {
		return false
	}
	files := map[string][]byte{manifest.ProjectFile(k): nil}
	if s.chance(2) {
		for _, v := range s.releaseFiles(k) {
			files[manifest.ReleaseFile(k, v)] = nil
		}
	}
	return s.write("Delete "+k.String(), files)
}

// addProject adds one that is to come, or one that was deleted.
func (s *sim) addProject() bool {
	absent := maps.Clone(s.people.later)
	there := s.keys()
	for k, spec := range s.people.good {
		if !slices.Contains(there, k) {
			absent[k] = spec
		}
	}
	if len(absent) == 0 {
		return false
	}
	k := pick(s, slices.SortedFunc(maps.Keys(absent), manifest.Key.Compare)...)
	files := map[string][]byte{manifest.ProjectFile(k): encoded(projectOf(k, absent[k]))}
	if _, found := s.config.read(s.config.head, manifest.WorkspaceFile(k.Workspace)); !found {
		files[manifest.WorkspaceFile(k.Workspace)] = encoded(workspaceOf(k.Workspace))
	}
	how := ""
	if s.chance(2) {
		for v, r := range s.audit.released[k] {
			files[manifest.ReleaseFile(k, v)] = r.content
			how = " with its releases"
		}
	}
	s.people.good[k], s.audit.added[k] = absent[k], true
	delete(s.people.later, k)
	return s.write("Add "+k.String()+how, files)
}

func (s *sim) breakFile() bool {
	k, found := s.someProject()
	if !found {
		return false
	}
	file := pick(s, manifest.ProjectFile(k), manifest.ProjectFile(k), manifest.WorkspaceFile(k.Workspace), manifest.PlatformFile)
	content, found := s.config.read(s.config.head, file)
	if !found {
		return false
	}
	return s.write("Break "+file, map[string][]byte{file: append([]byte("typo: 1\n"), content...)})
}

func (s *sim) mendFile() bool {
	files := map[string][]byte{}
	for _, file := range s.config.files() {
		content, _ := s.config.read(s.config.head, file)
		if mended, broken := bytes.CutPrefix(content, []byte("typo: 1\n")); broken {
			files[file] = mended
		}
	}
	return s.write("Mend "+strings.Join(slices.Sorted(maps.Keys(files)), ", "), files)
}

// chat is a commit that concerns nobody.
func (s *sim) chat() bool {
	return s.write("Talk about it", map[string][]byte{"README.md": fmt.Appendf(nil, "words %d\n", s.people.commits)})
}

// merge merges a branch that began a few commits ago.
func (s *sim) merge() bool {
	k, found := s.someProject()
	spec, parsed := s.spec(k)
	history := s.config.history(s.config.head)
	if !found || !parsed || len(history) < 3 {
		return false
	}
	words := s.alter(&spec)
	edit := manifest.Edit{
		Message: "Set " + words + " on a branch", Author: manifest.Signature{Name: "bob", Email: "bob@test", When: s.now},
		Files: map[string][]byte{manifest.ProjectFile(k): encoded(projectOf(k, spec))},
	}
	side := s.config.commit(edit, history[len(history)-1-s.rng.IntN(3)].Hash)
	edit.Message = "Merge: set " + words + " of " + k.String()
	s.people.good[k] = spec
	s.publish(edit, s.config.head, side)
	return true
}

func (s *sim) editPlatform() bool {
	content, found := s.config.read(s.config.head, manifest.PlatformFile)
	platform, problems := manifest.ParsePlatform(manifest.PlatformFile, content)
	if !found || len(problems) > 0 {
		return false
	}
	words := ""
	switch s.rng.IntN(3) {
	case 0:
		platform.Spec.Defaults.Replicas = 1 + s.rng.IntN(3)
		words = fmt.Sprintf("default replicas to %d", platform.Spec.Defaults.Replicas)
	case 1:
		platform.Spec.Domain = pick(s, "apps.test", "acme.test")
		words = "domain to " + platform.Spec.Domain
	default:
		version := pick(s, "1.0.0", "1.1.0")
		platform.Spec.Charts = map[manifest.ProjectType]string{manifest.Monolithic: version}
		words = "chart of monolithic to " + version
	}
	if bytes.Equal(content, encoded(platform)) {
		return false
	}
	return s.write("Set "+words, map[string][]byte{manifest.PlatformFile: encoded(platform)})
}

// losePlatform removes platform.yaml, or brings it back.
func (s *sim) losePlatform() bool {
	content, found := s.config.read(s.config.head, manifest.PlatformFile)
	if !found {
		return s.restorePlatform()
	}
	if !s.chance(3) {
		return false
	}
	s.people.platform = content
	return s.write("Remove platform.yaml", map[string][]byte{manifest.PlatformFile: nil})
}

func (s *sim) restorePlatform() bool {
	if _, found := s.config.read(s.config.head, manifest.PlatformFile); found {
		return false
	}
	return s.write("Restore platform.yaml", map[string][]byte{manifest.PlatformFile: s.people.platform})
}

// rewrite takes the config repository some commits back, and goes on from there.
func (s *sim) rewrite() bool {
	history := s.config.history(s.config.head)
	if !s.weather.rewrite || len(history) < 4 || s.audit.lost {
		return false
	}
	base := history[max(1, len(history)-1-1-s.rng.IntN(4))].Hash
	if _, found := s.config.read(base, manifest.PlatformFile); !found {
		return false
	}
	s.audit.rewritten = true
	s.publish(manifest.Edit{Message: "Rewrite history from " + s.name(base), Files: map[string][]byte{"README.md": fmt.Appendf(nil, "anew %d\n", s.people.commits)}}, base)
	return true
}
