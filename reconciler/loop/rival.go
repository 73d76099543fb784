package loop

import (
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// noticeRival says so when commits of Plateform's appear that this process did not make: another serve works on the same
// repositories. Both stay right, for each push says where the branch has to be, but each does work the other has done.
func (s *state) noticeRival(repository string, reader reconciler.Reader, commits []string) {
	for _, hash := range commits {
		commit, err := reader.Commit(hash)
		if err != nil || commit.Author.Email != reconciler.Author(commit.Author.When).Email {
			continue
		}
		s.Log.Warn("another serve is at work on the same repositories (stop one of the two)", "repository", repository, "commit", manifest.Short(hash))
		return
	}
}
