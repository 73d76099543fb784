package bare

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Entry is one entry of a tree.
type Entry struct {
	Mode, Type, Hash, Path string
	Size                   int
}

// List lists a folder of a commit; the root is "".
func (r *Repo) List(ctx context.Context, commit, folder string) ([]Entry, error) {
	return r.entries(ctx, commit+":"+folder)
}

// Walk lists a tree, with all below when recursive.
func (r *Repo) Walk(ctx context.Context, tree string, recursive bool) ([]Entry, error) {
	if recursive {
		return r.entries(ctx, "-r", "-t", tree)
	}
	return r.entries(ctx, tree)
}

func (r *Repo) entries(ctx context.Context, args ...string) ([]Entry, error) {
	out, err := r.git(ctx, nil, append([]string{"ls-tree", "-z", "-l", "--full-tree"}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	var list []Entry
	for text := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		head, path, _ := strings.Cut(text, "\t")
		f := strings.Fields(head)
		if len(f) < 4 {
			continue
		}
		size, _ := strconv.Atoi(f[3]) // "-" for what has none
		list = append(list, Entry{f[0], f[1], f[2], path, size})
	}
	return list, nil
}

// Find returns the entry of a path of a commit.
func (r *Repo) Find(ctx context.Context, commit, path string) (Entry, error) {
	list, err := r.entries(ctx, commit, "--", ":(literal)"+path)
	if err != nil || len(list) != 1 || list[0].Path != path {
		return Entry{}, fmt.Errorf("%s of %s: %w", path, commit, ErrNotFound)
	}
	return list[0], nil
}

// Content of a blob.
func (r *Repo) Content(ctx context.Context, blob string) (string, error) {
	return r.git(ctx, nil, "cat-file", "blob", blob)
}

// File is one file of a comparison.
type File struct {
	// Status is added, removed, modified, or renamed, as GitHub says it.
	Status, Path, Previous, Hash string
	Additions, Deletions         int
	Patch                        string
}

// Changes lists what differs between two commits, in the order of paths; base "" stands for nothing.
func (r *Repo) Changes(ctx context.Context, base, head string) ([]File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.base == base && r.last.head == head && r.last.files != nil {
		return slices.Clone(r.last.files), nil
	}
	raw, err := r.git(ctx, nil, "diff-tree", "-r", "-z", "-M", "--raw", "--numstat", orEmpty(base), head)
	if err != nil {
		return nil, err
	}
	files := parseChanges(strings.Split(strings.TrimSuffix(raw, "\x00"), "\x00"))
	r.last = comparison{base, head, files}
	return slices.Clone(files), nil
}

// comparison is what Changes found last: the pages of a long list are asked for one after the other.
type comparison struct {
	base, head string
	files      []File
}

// Patches fills in the patches of some of what Changes listed.
func (r *Repo) Patches(ctx context.Context, base, head string, files []File) error {
	if len(files) == 0 {
		return nil
	}
	args := []string{"diff-tree", "-r", "-p", "-M", orEmpty(base), head, "--"}
	for _, f := range files {
		args = append(args, ":(literal)"+f.Path)
		if f.Previous != "" {
			args = append(args, ":(literal)"+f.Previous)
		}
	}
	out, err := r.git(ctx, nil, args...)
	if err != nil {
		return err
	}
	sections := strings.Split("\n"+out, "\ndiff --git ")[1:]
	if len(sections) != len(files) { // a link that became a file has two
		return nil
	}
	for i := range files {
		if _, hunks, found := strings.Cut(sections[i], "\n@@"); found {
			files[i].Patch = strings.TrimSuffix("@@"+hunks, "\n")
		}
	}
	return nil
}

func orEmpty(tree string) string {
	if tree == "" {
		return emptyTree
	}
	return tree
}

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// parseChanges reads what diff-tree prints with -z: first all of --raw, then all of --numstat, in the same order.
func parseChanges(fields []string) []File {
	words := map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'R': "renamed", 'T': "changed"}
	var files []File
	n := 0
	for i := 0; i < len(fields); i++ {
		if head, isRaw := strings.CutPrefix(fields[i], ":"); isRaw {
			f := strings.Fields(head)
			file := File{Status: words[f[4][0]], Path: fields[i+1], Hash: f[3]}
			if file.Status == "removed" {
				file.Hash = f[2]
			}
			i++
			if file.Status == "renamed" {
				file.Previous, file.Path = file.Path, fields[i+1]
				i++
			}
			files = append(files, file)
			continue
		}
		counts := strings.SplitN(fields[i], "\t", 3)
		if len(counts) < 3 || n >= len(files) {
			continue
		}
		files[n].Additions, _ = strconv.Atoi(counts[0]) // "-" for what is no text
		files[n].Deletions, _ = strconv.Atoi(counts[1])
		n++
		if counts[2] == "" {
			i += 2 // a rename has its two paths behind
		}
	}
	return files
}
