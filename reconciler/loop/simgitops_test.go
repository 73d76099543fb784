package loop

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// publishGitOps pushes a commit of somebody else to the GitOps repository.
func (s *sim) publishGitOps(message string, files map[string][]byte) bool {
	if len(files) == 0 {
		return false
	}
	s.glance()
	edit := manifest.Edit{Message: message, Author: manifest.Signature{Name: "mallory", Email: "mallory@test", When: s.now}, Files: files}
	s.gitops.head = s.gitops.commit(edit, s.gitops.head)
	s.audit.foreign = append(s.audit.foreign, s.gitops.head)
	s.tell("%s GitOps %s: %s", s.now.Format("15:04:05"), manifest.Short(s.gitops.head), message)
	s.hint(Hint{GitOps: true})
	return true
}

func (s *sim) chatGitOps() bool {
	return s.publishGitOps("Somebody talks about GitOps", map[string][]byte{"README.md": fmt.Appendf(nil, "words %d\n", len(s.audit.foreign))})
}

// tamper changes something that is not theirs.
func (s *sim) tamper() bool {
	files := s.gitops.files()
	if len(files) == 0 {
		return false
	}
	file := pick(s, files...)
	content, _ := s.gitops.read(s.gitops.head, file)
	switch n := s.rng.IntN(4); {
	case n == 0:
		return s.publishGitOps("Somebody adds a stray file", map[string][]byte{manifest.WorkspacesDir + "/ws-1/shop/stray.yaml": []byte("stray: 1\n")})
	case n == 1 || strings.HasSuffix(file, "run.yaml"):
		return s.publishGitOps("Somebody deletes "+file, map[string][]byte{file: nil})
	}
	return s.publishGitOps("Somebody edits "+file, map[string][]byte{file: slices.Concat(content, []byte("# edited\n"))})
}

// emptyGitOps deletes every file.
func (s *sim) emptyGitOps() bool {
	files := map[string][]byte{}
	for _, file := range s.gitops.files() {
		files[file] = nil
	}
	return s.publishGitOps("Somebody empties GitOps", files)
}

// loseGitOps makes GitOps an empty repository: not even its history is left.
func (s *sim) loseGitOps() bool {
	if !s.weather.empty || s.audit.rewritten || s.gitops.head == "" {
		return false
	}
	s.glance()
	s.tell("%s GitOps is lost", s.now.Format("15:04:05"))
	s.gitops.head, s.audit.foreign, s.audit.lost, s.audit.mark = "", nil, true, ""
	clear(s.audit.withdrawn)
	s.hint(Hint{GitOps: true})
	return true
}

// rewindGitOps takes GitOps a few commits back, as a mirror or a backup would.
func (s *sim) rewindGitOps() bool {
	if !s.weather.empty || s.audit.rewritten || s.gitops.head == "" {
		return false
	}
	s.glance()
	head := s.gitops.head
	for range 1 + s.rng.IntN(3) {
		if parents := s.gitops.commits[head].Parents; len(parents) > 0 {
			head = parents[0]
		}
	}
	s.audit.foreign = slices.DeleteFunc(s.audit.foreign, func(hash string) bool { return !s.gitops.isAncestor(hash, head) })
	s.gitops.head, s.audit.lost, s.audit.mark = head, true, ""
	s.tell("%s GitOps is taken back to %s", s.now.Format("15:04:05"), manifest.Short(head))
	s.hint(Hint{GitOps: true})
	return true
}

// race lets somebody else push between what a process has read and its push.
func (s *sim) race(remote *simRemote) {
	if !s.strikes(s.weather.race) {
		return
	}
	s.tell("   somebody else is faster:")
	if remote == s.gitops {
		s.chatGitOps()
		return
	}
	s.act()
}
