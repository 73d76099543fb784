package gitops_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/gitops"
)

// history is a repository of commits alone, the oldest first; each is called like its place.
type history []manifest.Commit

func (h history) Commit(hash string) (manifest.Commit, error) {
	for _, c := range h {
		if c.Hash == hash {
			return c, nil
		}
	}
	return manifest.Commit{}, fmt.Errorf("no commit %q", hash)
}

func (h history) List(string, string) ([]manifest.Entry, error)              { return nil, nil }
func (h history) Read(string, string) ([]byte, error)                        { return nil, fs.ErrNotExist }
func (h history) Diff(string, string) (changes []manifest.Change, err error) { return nil, nil }

// add adds a commit; one with a config commit is a mark, signed when there is a key.
func (h history) add(author, config string, key *signing.Key) history {
	c := manifest.Commit{Hash: fmt.Sprint(len(h) + 1), Tree: fmt.Sprint("tree", len(h)+1), Author: manifest.Signature{Name: author, Email: author + "@test"}}
	if author == "plateform" {
		c.Author = reconciler.Author(time.Time{})
	}
	parent := ""
	if len(h) > 0 {
		parent = h[len(h)-1].Hash
		c.Parents = []string{parent}
	}
	var trailers []manifest.Trailer
	if config != "" {
		trailers = append(trailers, manifest.Trailer{Key: manifest.TrailerConfigCommit, Value: config})
	}
	c.Message = manifest.FormatMessage("Write something", trailers)
	if key != nil {
		c.Message = signing.SignCommit(c.Message, c.Tree, parent, *key)
	}
	return append(h, c)
}

func testKey(t *testing.T, letter string) signing.Key {
	t.Helper()
	key, err := signing.Generate(strings.NewReader(strings.Repeat(letter, 64)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestFindMark(t *testing.T) {
	key, other := testKey(t, "a"), testKey(t, "b")
	keys := []signing.PublicKey{key.Public()}
	tests := []struct {
		name    string
		history history
		until   string
		keys    []signing.PublicKey
		want    gitops.Mark
		reached bool
	}{
		{"nothing at all", nil, "", nil, gitops.Mark{}, true},
		{"the newest counts", history{}.add("plateform", "c1", nil).add("plateform", "c2", nil), "", nil, gitops.Mark{Commit: "2", Config: "c2"}, true},
		{"one in the middle of a push stands for nothing", history{}.add("plateform", "c1", nil).add("plateform", "", nil), "", nil,
			gitops.Mark{Commit: "1", Config: "c1"}, true},
		{"others' commits on top", history{}.add("plateform", "c1", nil).add("mallory", "c2", nil), "", nil, gitops.Mark{Commit: "1", Config: "c1"}, true},
		{"none since then", history{}.add("plateform", "c1", nil).add("mallory", "", nil), "1", nil, gitops.Mark{}, true},
		{"one since then", history{}.add("plateform", "c1", nil).add("plateform", "c2", nil), "1", nil, gitops.Mark{Commit: "2", Config: "c2"}, true},
		{"another history", history{}.add("plateform", "c1", nil), "elsewhere", nil, gitops.Mark{Commit: "1", Config: "c1"}, false},
		{"signed", history{}.add("plateform", "c1", &key), "", keys, gitops.Mark{Commit: "1", Config: "c1"}, true},
		{"forged without a signature", history{}.add("plateform", "c1", &key).add("plateform", "c2", nil), "", keys, gitops.Mark{Commit: "1", Config: "c1"}, true},
		{"forged with another key", history{}.add("plateform", "c1", &key).add("plateform", "c2", &other), "", keys, gitops.Mark{Commit: "1", Config: "c1"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			head := ""
			if n := len(tt.history); n > 0 {
				head = tt.history[n-1].Hash
			}
			got, reached, err := gitops.FindMark(tt.history, head, tt.until, tt.keys)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || reached != tt.reached {
				t.Errorf("reached %v, want %v; the mark (-want +got):\n%s", reached, tt.reached, diff)
			}
		})
	}
}

// A signature cannot be taken over to another tree.
func TestAMarkIsOfItsTree(t *testing.T) {
	key := testKey(t, "a")
	h := history{}.add("plateform", "c1", &key)
	h[0].Tree = "edited"
	mark, _, err := gitops.FindMark(h, "1", "", []signing.PublicKey{key.Public()})
	if err != nil || mark.Commit != "" {
		t.Errorf("a commit with another tree is taken for a mark: %+v, %v", mark, err)
	}
}

// endless is a history of others' commits that has no beginning: each commit is called by a number, and is the child of the next.
type endless struct {
	history
	asked *int
}

func (e endless) Commit(hash string) (manifest.Commit, error) {
	if *e.asked++; *e.asked > 100_000 {
		return manifest.Commit{}, fmt.Errorf("asked for %d commits", *e.asked)
	}
	n := 0
	if _, err := fmt.Sscan(hash, &n); err != nil {
		return manifest.Commit{}, err
	}
	return manifest.Commit{Hash: hash, Parents: []string{fmt.Sprint(n + 1)}, Author: manifest.Signature{Name: "mallory", Email: "mallory@test"}}, nil
}

// However long others' history is, looking for the newest commit of Plateform's comes to an end.
func TestFindMarkIsBounded(t *testing.T) {
	asked := 0
	mark, reached, err := gitops.FindMark(endless{asked: &asked}, "0", "elsewhere", nil)
	if err != nil || reached || mark != (gitops.Mark{}) {
		t.Errorf("got %+v, %v, %v", mark, reached, err)
	}
}
