// Package edit makes commits out of edits, as Git objects and nothing else: no work tree, no index.
package edit

import (
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/tree"
	"github.com/plateform/plateform/manifest"
)

// Batch is a row of commits being made on top of a base.
type Batch struct {
	base pack.Source
	// Objects that are new.
	Objects map[plumbing.Hash]pack.Object
	// order in which they are to be sent.
	order []plumbing.Hash
	// deltas map a new tree to the older one from which it is best sent as a difference.
	deltas map[plumbing.Hash]treeBase
	// Tips are the commits, in order.
	Tips []plumbing.Hash
}

// treeBase is the tree that a new one came from. Chains of them are kept short: whoever reads the newest tree of a long
// one pays for all of it.
type treeBase struct {
	from plumbing.Hash
	// original is the tree the remote has, which a chain that got too long starts again from.
	original plumbing.Hash
	length   int
}

const maxTreeChain = 16

// New returns an empty batch on top of what is there already.
func New(base pack.Source) *Batch {
	return &Batch{base: base, Objects: map[plumbing.Hash]pack.Object{}, deltas: map[plumbing.Hash]treeBase{}}
}

// Object makes a batch a source: later commits build on earlier ones.
func (b *Batch) Object(h plumbing.Hash) (pack.Object, bool, error) {
	if o, ok := b.Objects[h]; ok {
		return o, true, nil
	}
	return b.base.Object(h)
}

// Put adds an object unless it is there.
func (b *Batch) Put(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	h := pack.Hash(kind, data)
	if _, ok := b.Objects[h]; !ok {
		b.Objects[h] = pack.Object{Kind: kind, Data: data}
		b.order = append(b.order, h)
	}
	return h
}

// Commit makes one commit on top of the last one, or of base.
func (b *Batch) Commit(base *object.Commit, baseHash plumbing.Hash, edit manifest.Edit) error {
	var parents []plumbing.Hash
	var on plumbing.Hash // the tree
	switch {
	case len(b.Tips) > 0:
		parents = []plumbing.Hash{b.Tips[len(b.Tips)-1]}
		o, err := pack.Get(b, parents[0], plumbing.CommitObject)
		if err != nil {
			return err
		}
		c, err := DecodeCommit(o)
		if err != nil {
			return err
		}
		on = c.TreeHash
	case base != nil:
		parents, on = []plumbing.Hash{baseHash}, base.TreeHash
	}
	change, err := changeOf(edit.Files)
	if err != nil {
		return err
	}
	root, _, err := b.apply(on, change)
	if err != nil {
		return err
	}
	if edit.Message, err = messageOf(edit, root, parents); err != nil {
		return err
	}
	b.Tips = append(b.Tips, b.Put(plumbing.CommitObject, encodeCommit(root, parents, edit)))
	return nil
}

// Merge makes one commit with a tree that is made already, and two parents.
func (b *Batch) Merge(root, ours, theirs plumbing.Hash, edit manifest.Edit) error {
	parents := []plumbing.Hash{ours, theirs}
	message, err := messageOf(edit, root, parents)
	if err != nil {
		return err
	}
	edit.Message = message
	b.Tips = append(b.Tips, b.Put(plumbing.CommitObject, encodeCommit(root, parents, edit)))
	return nil
}

// messageOf returns the message of a commit, which may depend on its tree.
func messageOf(edit manifest.Edit, root plumbing.Hash, parents []plumbing.Hash) (string, error) {
	if edit.Seal == nil {
		return edit.Message, nil
	}
	parent := ""
	if len(parents) > 0 {
		parent = parents[0].String()
	}
	message, err := edit.Seal(root.String(), parent)
	if err != nil {
		return "", fmt.Errorf("sealing a commit: %w", err)
	}
	return message, nil
}

// folderChange is what an edit does to one folder.
type folderChange struct {
	// files by name; nil removes.
	files   map[string][]byte
	folders map[string]*folderChange
}

// changeOf sorts the files of an edit into folders.
func changeOf(files map[string][]byte) (*folderChange, error) {
	root := &folderChange{}
	for p, content := range files {
		if err := checkPath(p); err != nil {
			return nil, err
		}
		f := root
		names := strings.Split(p, "/")
		for _, n := range names[:len(names)-1] {
			if f.folders == nil {
				f.folders = map[string]*folderChange{}
			}
			if f.folders[n] == nil {
				f.folders[n] = &folderChange{}
			}
			f = f.folders[n]
		}
		if f.files == nil {
			f.files = map[string][]byte{}
		}
		f.files[names[len(names)-1]] = content
	}
	return root, nil
}

// checkPath refuses paths that would not come out of a checkout as they went in.
func checkPath(p string) error {
	bad := p == "" || p != path.Clean(p) || strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\x00\\\n")
	for n := range strings.SplitSeq(p, "/") {
		bad = bad || tree.Hostile([]byte(n))
	}
	if bad {
		return fmt.Errorf("%q is no path of a file in a repository", p)
	}
	return nil
}

// apply makes the tree that a change leads to; empty says that nothing is left in it.
func (b *Batch) apply(was plumbing.Hash, change *folderChange) (h plumbing.Hash, empty bool, err error) {
	var old []byte
	if !was.IsZero() {
		if old, err = pack.Get(b, was, plumbing.TreeObject); err != nil {
			return was, false, err
		}
	}
	entries, err := tree.Parse(old)
	if err != nil {
		return was, false, err
	}
	changed, err := b.changedEntries(entries, change)
	if err != nil {
		return was, false, err
	}
	entries = slices.DeleteFunc(entries, func(e object.TreeEntry) bool {
		_, file := change.files[e.Name]
		_, folder := change.folders[e.Name]
		return file || folder
	})
	entries = append(entries, changed...)
	sort.Sort(object.TreeEntrySorter(entries))
	h = b.Put(plumbing.TreeObject, tree.Encode(entries))
	b.noteBase(h, was)
	return h, len(entries) == 0, nil
}

// changedEntries returns what the touched names of a folder become; nothing for those that go.
func (b *Batch) changedEntries(entries []object.TreeEntry, change *folderChange) ([]object.TreeEntry, error) {
	touched := make(map[string]object.TreeEntry, len(change.files)+len(change.folders))
	for name := range change.files {
		touched[name] = object.TreeEntry{}
	}
	for name := range change.folders {
		touched[name] = object.TreeEntry{}
	}
	for _, e := range entries {
		if _, ok := touched[e.Name]; ok {
			touched[e.Name] = e
		}
	}
	out := make([]object.TreeEntry, 0, len(touched))
	for name, was := range touched {
		e, err := b.changedEntry(name, was, change)
		if err != nil {
			return nil, err
		}
		if e.Mode != 0 {
			out = append(out, e)
		}
	}
	return out, nil
}

// changedEntry returns what one name becomes; the zero entry when it goes.
func (b *Batch) changedEntry(name string, was object.TreeEntry, change *folderChange) (object.TreeEntry, error) {
	content, file := change.files[name]
	sub := change.folders[name]
	switch {
	case content != nil && sub != nil && !sub.removes():
		return was, fmt.Errorf("%q would be a file and a folder", name)
	case content != nil:
		mode := filemode.Regular
		if tree.IsFile(was.Mode) {
			mode = was.Mode
		}
		return object.TreeEntry{Name: name, Mode: mode, Hash: b.Put(plumbing.BlobObject, content)}, nil
	case sub != nil && (tree.IsDir(was.Mode) || !sub.removes()):
		var from plumbing.Hash
		if tree.IsDir(was.Mode) {
			from = was.Hash
		}
		h, empty, err := b.apply(from, sub)
		if err != nil || empty {
			return object.TreeEntry{}, err
		}
		return object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: h}, nil
	case file && !tree.IsDir(was.Mode):
		return object.TreeEntry{}, nil
	default:
		return was, nil
	}
}

// removes says that the change sets nothing.
func (c *folderChange) removes() bool {
	for _, content := range c.files {
		if content != nil {
			return false
		}
	}
	for _, sub := range c.folders {
		if !sub.removes() {
			return false
		}
	}
	return true
}

// noteBase remembers what a tree came from, if sending the difference pays.
func (b *Batch) noteBase(h, from plumbing.Hash) {
	if _, known := b.deltas[h]; known || from.IsZero() || h == from {
		return
	}
	base := treeBase{from: from, original: from, length: 1}
	if before, ok := b.deltas[from]; ok {
		base.original, base.length = before.original, before.length+1
		if base.length > maxTreeChain {
			base.from, base.length = base.original, 1
		}
	}
	b.deltas[h] = base
}

// encodeCommit writes a commit as Git stores it. Author and committer are the same.
func encodeCommit(root plumbing.Hash, parents []plumbing.Hash, edit manifest.Edit) []byte {
	var s strings.Builder
	fmt.Fprintf(&s, "tree %s\n", root)
	for _, p := range parents {
		fmt.Fprintf(&s, "parent %s\n", p)
	}
	who := encodeSignature(edit.Author)
	message := strings.ReplaceAll(strings.ToValidUTF8(edit.Message, "?"), "\x00", "")
	fmt.Fprintf(&s, "author %s\ncommitter %s\n\n%s\n", who, who, strings.TrimRight(message, "\n"))
	return []byte(s.String())
}

// encodeSignature writes a name as Git takes it: without what would end it.
func encodeSignature(s manifest.Signature) string {
	clean := func(v string) string {
		return strings.Trim(strings.Map(func(r rune) rune {
			if r < 0x20 || r == '<' || r == '>' || r == 0x7f {
				return -1
			}
			return r
		}, strings.ToValidUTF8(v, "?")), " .,:;\"'")
	}
	name := clean(s.Name)
	if name == "" {
		name = "unknown"
	}
	when := s.When
	if when.Unix() < 0 {
		when = time.Unix(0, 0).UTC()
	}
	return fmt.Sprintf("%s <%s> %d %s", name, clean(s.Email), when.Unix(), when.Format("-0700"))
}

// Encode writes the batch the way a push sends it.
func (b *Batch) Encode(out io.Writer) error {
	w := pack.NewWriter(out, len(b.order))
	for _, h := range b.order {
		o := b.Objects[h]
		base, ok := b.deltas[h]
		if !ok {
			w.Object(o)
			continue
		}
		from, err := pack.Get(b, base.from, plumbing.TreeObject)
		if err != nil {
			return err
		}
		if d, err := tree.Delta(from, o.Data); err == nil && len(d) < len(o.Data)/2 {
			w.Delta(base.from, d)
		} else {
			w.Object(o)
		}
	}
	return w.Close()
}

// DecodeCommit reads a commit.
func DecodeCommit(data []byte) (*object.Commit, error) {
	o := &plumbing.MemoryObject{}
	o.SetType(plumbing.CommitObject)
	if _, err := o.Write(data); err != nil {
		return nil, err
	}
	c := &object.Commit{}
	if err := c.Decode(o); err != nil {
		return nil, fmt.Errorf("a commit that does not read as one: %w", err)
	}
	return c, nil
}
