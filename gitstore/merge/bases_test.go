package merge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// history is commits by their hash.
type history map[plumbing.Hash]*object.Commit

func (h history) commit(hash plumbing.Hash) (*object.Commit, error) {
	c, found := h[hash]
	if !found {
		return nil, fmt.Errorf("%s: %w", hash, plumbing.ErrObjectNotFound)
	}
	return c, nil
}

// add adds a commit that was made some minutes after the beginning.
func (h history) add(n, minutes int, parents ...plumbing.Hash) plumbing.Hash {
	hash := plumbing.NewHash(fmt.Sprintf("%040x", n+1))
	when := time.Unix(1_700_000_000, 0).Add(time.Duration(minutes) * time.Minute)
	h[hash] = &object.Commit{Hash: hash, ParentHashes: parents, Committer: object.Signature{When: when}}
	return hash
}

// ancestors are a commit and all behind it.
func (h history) ancestors(hash plumbing.Hash) map[plumbing.Hash]bool {
	all, todo := map[plumbing.Hash]bool{}, []plumbing.Hash{hash}
	for len(todo) > 0 {
		at := todo[0]
		if todo = todo[1:]; !all[at] {
			all[at] = true
			todo = append(todo, h[at].ParentHashes...)
		}
	}
	return all
}

// bases says by its definition what Bases finds by walking.
func (h history) bases(a, b plumbing.Hash) []plumbing.Hash {
	var common, best []plumbing.Hash
	ofB := h.ancestors(b)
	for hash := range h.ancestors(a) {
		if ofB[hash] {
			common = append(common, hash)
		}
	}
	for _, hash := range common {
		if !slices.ContainsFunc(common, func(o plumbing.Hash) bool { return o != hash && h.ancestors(o)[hash] }) {
			best = append(best, hash)
		}
	}
	return sorted(best)
}

func sorted(hashes []plumbing.Hash) []plumbing.Hash {
	slices.SortFunc(hashes, func(a, b plumbing.Hash) int { return slices.Compare(a[:], b[:]) })
	return hashes
}

func TestBasesOfRandomHistories(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	none, one, several := 0, 0, 0
	for range 2000 {
		h := history{}
		var all []plumbing.Hash
		for n := range 2 + rnd.IntN(14) {
			var parents []plumbing.Hash
			for range 1 + rnd.IntN(3) - rnd.IntN(2)*rnd.IntN(2) {
				if len(all) > 0 {
					if parent := all[max(0, len(all)-1-rnd.IntN(4))]; !slices.Contains(parents, parent) {
						parents = append(parents, parent)
					}
				}
			}
			all = append(all, h.add(n, n+rnd.IntN(2), parents...))
		}
		a, b := all[len(all)-1], all[max(0, len(all)-2-rnd.IntN(2))]
		got, err := Bases(h.commit, a, b)
		if err != nil {
			t.Fatal(err)
		}
		want := h.bases(a, b)
		if !slices.Equal(sorted(got), want) {
			t.Fatalf("the bases are %v, want %v", got, want)
		}
		switch len(want) {
		case 0:
			none++
		case 1:
			one++
		default:
			several++
		}
	}
	if none < 20 || one < 200 || several < 50 {
		t.Errorf("%d, %d and %d histories say little", none, one, several)
	}
}

func TestBasesOfWhatIsNotAtHand(t *testing.T) {
	h := history{}
	a := h.add(1, 1)
	b := h.add(2, 2, plumbing.NewHash("ff"))
	if _, err := Bases(h.commit, a, b); !errors.Is(err, plumbing.ErrObjectNotFound) {
		t.Errorf("the error is %v", err)
	}
}
