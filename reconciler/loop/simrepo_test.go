package loop

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// simRemote is a repository as its server holds it: content-addressed objects and one branch. It never forgets an object.
type simRemote struct {
	name    string
	blobs   map[string][]byte
	commits map[string]*simCommit
	head    string
}

// simCommit is a commit and its files: path to blob.
type simCommit struct {
	manifest.Commit
	files map[string]string
	tree  string
}

func newSimRemote(name string) *simRemote {
	return &simRemote{name: name, blobs: map[string][]byte{}, commits: map[string]*simCommit{}}
}

func simHash(parts ...string) string {
	h := sha1.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d\n%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// commit makes a commit on top of its parents, without moving the branch.
func (r *simRemote) commit(edit manifest.Edit, parents ...string) string {
	c := &simCommit{Commit: manifest.Commit{Parents: parents, Author: edit.Author, Message: edit.Message}, files: map[string]string{}}
	if len(parents) > 0 && parents[0] != "" {
		maps.Copy(c.files, r.commits[parents[0]].files)
	} else {
		c.Parents = nil
	}
	for file, content := range edit.Files {
		if content == nil {
			delete(c.files, file)
			continue
		}
		blob := simHash("blob", string(content))
		r.blobs[blob] = content
		c.files[file] = blob
	}
	var listing strings.Builder
	for _, file := range slices.Sorted(maps.Keys(c.files)) {
		listing.WriteString(file + " " + c.files[file] + "\n")
	}
	c.tree = simHash("tree", listing.String())
	c.Tree = c.tree
	who := fmt.Sprintf("%s <%s> %d", edit.Author.Name, edit.Author.Email, edit.Author.When.Unix())
	c.Hash = simHash("commit", c.tree, strings.Join(c.Parents, " "), who, edit.Message)
	r.commits[c.Hash] = c
	return c.Hash
}

// read returns a file at a commit; false when it is not there.
func (r *simRemote) read(commit, file string) ([]byte, bool) {
	c := r.commits[commit]
	if c == nil {
		return nil, false
	}
	blob, found := c.files[file]
	return r.blobs[blob], found
}

// files returns the files at the head, sorted.
func (r *simRemote) files() []string {
	if r.head == "" {
		return nil
	}
	return slices.Sorted(maps.Keys(r.commits[r.head].files))
}

// history returns the commits up to one along the first parents, oldest first.
func (r *simRemote) history(to string) []*simCommit {
	var all []*simCommit
	for hash := to; hash != ""; {
		c := r.commits[hash]
		all = append(all, c)
		if hash = ""; len(c.Parents) > 0 {
			hash = c.Parents[0]
		}
	}
	slices.Reverse(all)
	return all
}

// isAncestor says that a commit can be reached from another over any parents.
func (r *simRemote) isAncestor(ancestor, from string) bool {
	seen := map[string]bool{}
	for todo := []string{from}; len(todo) > 0; {
		hash := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if hash == ancestor {
			return true
		}
		if hash != "" && !seen[hash] {
			seen[hash] = true
			todo = append(todo, r.commits[hash].Parents...)
		}
	}
	return false
}

// simStore is a Repository as one process has it: it knows the commits that it fetched or pushed and no others.
type simStore struct {
	remote  *simRemote
	process *simProcess
	known   map[string]bool
}

func (p *simProcess) store(remote *simRemote) *simStore {
	return &simStore{remote: remote, process: p, known: map[string]bool{}}
}

var errSimUnknown = errors.New("no such commit is at hand")

func (s *simStore) at(commit string) (*simCommit, error) {
	if !s.known[commit] {
		return nil, fmt.Errorf("%w: %q of %s", errSimUnknown, commit, s.remote.name)
	}
	return s.remote.commits[commit], nil
}

func (s *simStore) Commit(hash string) (manifest.Commit, error) {
	c, err := s.at(hash)
	if err != nil {
		return manifest.Commit{}, err
	}
	return c.Commit, nil
}

func (s *simStore) List(commit, dir string) ([]manifest.Entry, error) {
	c, err := s.at(commit)
	if err != nil {
		return nil, err
	}
	prefix := strings.TrimPrefix(dir+"/", "/")
	entries := map[string]manifest.Entry{}
	for file, blob := range c.files {
		rest, inside := strings.CutPrefix(file, prefix)
		if !inside {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		if deeper {
			blob = simHash("folder", c.tree, prefix+name)
		}
		entries[name] = manifest.Entry{Name: name, Hash: blob, Dir: deeper}
	}
	return slices.SortedFunc(maps.Values(entries), func(a, b manifest.Entry) int { return cmp.Compare(a.Name, b.Name) }), nil
}

func (s *simStore) Read(commit, file string) ([]byte, error) {
	if _, err := s.at(commit); err != nil {
		return nil, err
	}
	content, found := s.remote.read(commit, file)
	if !found {
		return nil, &fs.PathError{Op: "read", Path: file, Err: fs.ErrNotExist}
	}
	return content, nil
}

func (s *simStore) Diff(from, to string) ([]manifest.Change, error) {
	var sides [2]map[string]string
	for i, commit := range []string{from, to} {
		if commit == "" {
			continue
		}
		c, err := s.at(commit)
		if err != nil {
			return nil, err
		}
		sides[i] = c.files
	}
	var changes []manifest.Change
	for file, blob := range sides[1] {
		if sides[0][file] != blob {
			changes = append(changes, manifest.Change{Path: file, Before: sides[0][file], After: blob})
		}
	}
	for file, blob := range sides[0] {
		if _, still := sides[1][file]; !still {
			changes = append(changes, manifest.Change{Path: file, Before: blob})
		}
	}
	slices.SortFunc(changes, func(a, b manifest.Change) int { return cmp.Compare(a.Path, b.Path) })
	return changes, nil
}

func (s *simStore) Fetch(context.Context) (head string, err error) {
	err = s.process.port("fetch "+s.remote.name, func() error {
		if why := s.process.sim.refuse["reading "+s.remote.name]; why != "" {
			return simRefusal(why)
		}
		s.see(s.remote.head)
		head = s.remote.head
		return nil
	})
	return head, err
}

// see makes a commit and all that leads to it known.
func (s *simStore) see(head string) {
	for todo := []string{head}; len(todo) > 0; {
		hash := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if hash != "" && !s.known[hash] {
			s.known[hash] = true
			todo = append(todo, s.remote.commits[hash].Parents...)
		}
	}
}

func (s *simStore) Push(_ context.Context, base string, edits []manifest.Edit) (hashes []string, err error) {
	if len(edits) == 0 {
		return nil, nil
	}
	if err := checkSimEdits(edits); err != nil {
		return nil, err
	}
	s.process.sim.race(s.remote)
	landed := false
	err = s.process.port("push "+s.remote.name, func() error {
		if why := s.process.sim.refuse[s.remote.name]; why != "" {
			return simRefusal(why)
		}
		if s.remote.head != base {
			return manifest.ErrMoved
		}
		for _, edit := range edits {
			base = s.remote.commit(sealed(s.remote, edit, base), base)
			hashes = append(hashes, base)
		}
		s.remote.head = base
		landed = true
		return nil
	})
	sim := s.process.sim
	if errors.Is(err, errSimLost) && landed && sim.chance(2) { // it lists the refs and finds out
		sim.race(s.remote)
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("pushing to %s: %w", s.remote.name, err)
	}
	for _, hash := range hashes {
		s.known[hash] = true
	}
	return hashes, nil
}

// sealed has an edit make its message for the tree that it leads to.
func sealed(remote *simRemote, edit manifest.Edit, base string) manifest.Edit {
	if edit.Seal == nil {
		return edit
	}
	trial := remote.commits[remote.commit(edit, base)]
	message, err := edit.Seal(trial.tree, base)
	if err != nil {
		panic(err)
	}
	edit.Message = message
	return edit
}

func checkSimEdits(edits []manifest.Edit) error {
	for _, edit := range edits {
		for file := range edit.Files {
			if file != path.Clean(file) || strings.HasPrefix(file, "/") || strings.HasPrefix(file, "..") {
				return fmt.Errorf("%q is no path of a file in a repository", file)
			}
		}
	}
	return nil
}
