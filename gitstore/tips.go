package gitstore

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/transport"
)

// Place is a place of a source repository: a branch (main if empty) or a pinned revision, and a folder, "" for the root.
type Place struct {
	Branch, Revision, Path string
	// Framework and Dockerfile are the build settings that decide what is read beside the folder; empty when not authored.
	Framework, Dockerfile string
	// Watch are the patterns that add to what is read or take away from it, one a line.
	Watch string
}

// Tip is where a source is.
type Tip struct {
	// Commit the branch or revision points at.
	Commit string
	// Tree stands for all that is read of the commit: the hash of the place's folder, if that is all. Empty for the root.
	Tree string
	// Folder is the hash of the place's folder, where more or less than that is read; empty else.
	Folder string
	// Scope are the folders and files that are read, and ScopeReason why; empty when it is the place's folder.
	Scope, ScopeReason string
	// By is the name of the commit's author; empty when the commit did not have to be looked at.
	By string
}

// Found is where a place is, or why it is not there.
type Found struct {
	Tip
	Err error
}

// Tips returns where places of one repository are, in their order. It costs one listing of refs, or none when all places
// are pinned revisions that need no look. A commit that a folder is asked of is fetched the first time it is seen, once
// for all of its folders. The error is about the repository as a whole; what is wrong with one place is in its Found.
func (r *Remote) Tips(ctx context.Context, repository string, places []Place) ([]Found, error) {
	s := &search{remote: r, url: repository, places: places, dirs: make([]string, len(places)), found: make([]Found, len(places))}
	if err := s.run(ctx); err != nil {
		return nil, fmt.Errorf("the source %s: %w", Redact(repository), err)
	}
	for i, f := range s.found {
		if f.Err != nil {
			s.found[i] = Found{Err: fmt.Errorf("the source %s: %w", Redact(repository), f.Err)}
		}
	}
	return s.found, nil
}

// search looks for places of one repository. dirs and found are in the order of the places.
type search struct {
	remote *Remote
	url    string
	places []Place
	dirs   []string
	found  []Found
}

func (s *search) run(ctx context.Context) error {
	if err := transport.CheckURL(s.url); err != nil {
		return err
	}
	open := s.withoutLook()
	if len(open) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, s.remote.options.TransferTimeout)
	defer cancel()
	up, err := s.remote.dialer.Upload(limited, s.url)
	if err != nil {
		return err
	}
	defer func() { _ = up.Close() }()
	for i, places := range s.byCommit(up.Refs, open) {
		if i > 0 && up.Once() {
			_ = up.Close()
			next, err := s.remote.dialer.Upload(limited, s.url)
			if err != nil {
				return err
			}
			up = next
		}
		s.lookAt(limited, up, places)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// withoutLook answers what needs no look at the repository, and returns the places that do.
func (s *search) withoutLook() []int {
	var open []int
	for i, p := range s.places {
		f := &s.found[i]
		if s.dirs[i], f.Err = cleanDir(p.Path); f.Err != nil {
			continue
		}
		if p.Revision != "" && !plumbing.IsHash(p.Revision) {
			f.Err = fmt.Errorf("the revision %q is not the full hash of a commit", p.Revision)
			continue
		}
		f.Commit = p.Revision
		if p.Revision == "" || !s.known(i) {
			open = append(open, i)
		}
	}
	return open
}

// known answers a place whose commit is known, if that is all that is asked or its folder was looked at before.
func (s *search) known(i int) bool {
	if s.dirs[i] == "" && s.places[i].Watch == "" {
		return true
	}
	tip, ok := s.remote.trees.Get(s.key(i))
	if ok {
		s.found[i].Tip = tip
	}
	return ok
}

func (s *search) key(i int) treeKey {
	place := s.places[i]
	place.Branch, place.Revision, place.Path = "", "", s.dirs[i]
	return treeKey{s.url, s.found[i].Commit, place}
}

// byCommit answers what can be answered from the refs, and returns the places that are left: those of one commit together.
func (s *search) byCommit(refs *packp.AdvRefs, open []int) [][]int {
	var groups [][]int
	group := map[string]int{}
	for _, i := range open {
		f := &s.found[i]
		if f.Commit == "" {
			if f.Commit, f.Err = branchTip(refs, s.places[i].Branch); f.Err != nil || s.known(i) {
				continue
			}
		}
		n, ok := group[f.Commit]
		if !ok {
			n = len(groups)
			group[f.Commit] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], i)
	}
	return groups
}

// lookAt fetches the commit that some places have, and finds their folders in it.
func (s *search) lookAt(ctx context.Context, up *transport.Upload, places []int) {
	commit := s.found[places[0]].Commit
	err := s.remote.withCommit(ctx, up, commit, true, func(at *reader, db *pack.DB) error {
		files := s.files(ctx, up, at, db)
		files.at = commit
		defer files.close()
		for _, i := range places {
			files.prefetch(s.remote.candidates(s.placeAt(i)))
		}
		for _, i := range places {
			f := &s.found[i]
			if f.Tip, f.Err = s.remote.tipAt(files, s.placeAt(i)); f.Err == nil {
				s.remote.trees.Add(s.key(i), f.Tip)
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	for _, i := range places {
		s.found[i].Err = err
	}
}

// placeAt is a place with its path in the form that trees know.
func (s *search) placeAt(i int) Place {
	place := s.places[i]
	place.Path = s.dirs[i]
	return place
}

// cleanDir brings the path of a source into the one form that trees know.
func cleanDir(p string) (string, error) {
	c := path.Clean(p)
	if p == "" || c == "." {
		return "", nil
	}
	if path.IsAbs(c) || c == ".." || strings.HasPrefix(c, "../") {
		return "", fmt.Errorf("the path %q leaves the repository", p)
	}
	return c, nil
}

// branchTip returns the commit of a branch.
func branchTip(refs *packp.AdvRefs, branch string) (string, error) {
	if branch == "" {
		branch = "main"
	}
	if err := checkBranch(branch); err != nil {
		return "", err
	}
	if h := refs.References[plumbing.NewBranchReferenceName(branch).String()]; !h.IsZero() {
		return h.String(), nil
	}
	var others []string
	for name := range refs.References {
		if b, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			others = append(others, b)
		}
	}
	if len(others) == 0 {
		return "", fmt.Errorf("%w as %q: %w", ErrNoBranch, branch, ErrEmpty)
	}
	if _, tag := refs.References[plumbing.NewTagReferenceName(branch).String()]; tag {
		return "", fmt.Errorf("%w as %q: %w", ErrNoBranch, branch, ErrTag)
	}
	slices.Sort(others)
	return "", fmt.Errorf("%w as %q; there are: %s", ErrNoBranch, branch, strings.Join(others[:min(len(others), 5)], ", "))
}
