package gitstore

import (
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// HistoryEnd returns the commit behind which the history on the remote was cut, as the last Fetch found it; empty when it
// is whole. With several such commits, any.
func (s *Store) HistoryEnd() string {
	if ends := s.ends.Load(); ends != nil && len(*ends) > 0 {
		return (*ends)[0].String()
	}
	return ""
}

// cutBehind says that a parent of a commit was not sent along. A fetch brings all ancestors, so the remote has none.
func (s *Store) cutBehind(_ plumbing.Hash, parents []plumbing.Hash) bool {
	db := s.db.Load()
	return slices.ContainsFunc(parents, func(p plumbing.Hash) bool {
		if db.Has(p) {
			return false
		}
		_, older, err := db.Object(p)
		return err == nil && !older
	})
}

// longer says that the remote has history by now that it had not when it was fetched: what a commit may refer to is not
// all there.
func (s *Store) longer(refs *packp.AdvRefs) bool {
	ends := s.ends.Load()
	return ends != nil && slices.ContainsFunc(*ends, func(h plumbing.Hash) bool { return !slices.Contains(refs.Shallows, h) })
}

// seeEnds takes note of where the remote's history ends, as far as it was fetched.
func (s *Store) seeEnds(refs *packp.AdvRefs) {
	var ends []plumbing.Hash
	for _, h := range refs.Shallows {
		if s.db.Load().Has(h) {
			ends = append(ends, h)
		}
	}
	s.ends.Store(&ends)
}

// noneCut is for what is fetched without its history.
func noneCut(plumbing.Hash, []plumbing.Hash) bool { return false }
