package bare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Commit is what a commit says.
type Commit struct {
	Hash, Tree, Message string
	Parents             []string
	Author, Committer   Person
	// Signed says that it carries a signature. Nobody checks it here.
	Signed bool
}

// format prints one commit; %x00 stands between the fields and %x01 after each commit.
const format = "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x01"

// Read returns a commit.
func (r *Repo) Read(ctx context.Context, hash string) (Commit, error) {
	list, err := r.log(ctx, "--no-walk", hash)
	if err != nil || len(list) == 0 {
		return Commit{}, fmt.Errorf("commit %s: %w", hash, errors.Join(ErrNotFound, err))
	}
	raw, err := r.git(ctx, nil, "cat-file", "commit", hash)
	if err != nil {
		return Commit{}, err
	}
	head, _, _ := strings.Cut(raw, "\n\n")
	list[0].Signed = strings.Contains(head, "\ngpgsig ")
	return list[0], nil
}

// Range lists commits that are in head and not in base, oldest first, as a pull request does; at most limit of them.
func (r *Repo) Range(ctx context.Context, base, head string, limit int) ([]Commit, error) {
	list, err := r.log(ctx, "--reverse", "--topo-order", base+".."+head)
	return list[:min(limit, len(list))], err
}

// History lists commits from one on, newest first; those that changed a path when there is one.
func (r *Repo) History(ctx context.Context, from, path string, limit int) ([]Commit, error) {
	args := []string{"-n", strconv.Itoa(limit), from}
	if path != "" {
		args = append(args, "--", path)
	}
	return r.log(ctx, args...)
}

func (r *Repo) log(ctx context.Context, args ...string) ([]Commit, error) {
	out, err := r.git(ctx, nil, append([]string{"log", format}, args...)...)
	if err != nil {
		return nil, err
	}
	var list []Commit
	for text := range strings.SplitSeq(out, "\x01") {
		f := strings.Split(strings.TrimPrefix(text, "\n"), "\x00")
		if len(f) < 10 {
			continue
		}
		list = append(list, Commit{Hash: f[0], Tree: f[1], Parents: strings.Fields(f[2]), Message: strings.TrimRight(f[9], "\n"),
			Author: Person{f[3], f[4], unix(f[5])}, Committer: Person{f[6], f[7], unix(f[8])}})
	}
	return list, nil
}

func unix(text string) time.Time {
	seconds, _ := strconv.ParseInt(text, 10, 64) // git printed it
	return time.Unix(seconds, 0).UTC()
}

// Count says how many commits are in head and not in base, and the other way round.
func (r *Repo) Count(ctx context.Context, base, head string) (ahead, behind int, err error) {
	out, err := r.line(ctx, "rev-list", "--left-right", "--count", base+"..."+head)
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(out, &behind, &ahead); err != nil {
		return 0, 0, fmt.Errorf("counting commits: %w", err)
	}
	return ahead, behind, nil
}

// NewCommit is a commit to be made.
type NewCommit struct {
	Tree              string
	Parents           []string
	Author, Committer Person
	Message           string
}

// Make makes a commit and moves nothing.
func (r *Repo) Make(ctx context.Context, c NewCommit) (string, error) {
	args := []string{"commit-tree", c.Tree}
	for _, p := range c.Parents {
		args = append(args, "-p", p)
	}
	env := append(c.Author.env("AUTHOR"), c.Committer.env("COMMITTER")...)
	out, err := r.gitAs(ctx, env, []byte(c.Message), args...)
	return strings.TrimSpace(out), err
}

func (p Person) env(role string) []string {
	return []string{"GIT_" + role + "_NAME=" + p.Name, "GIT_" + role + "_EMAIL=" + p.Email,
		fmt.Sprintf("GIT_%s_DATE=@%d +0000", role, p.When.Unix())}
}

// Tree is the tree of a commit or tree with files set and files taken away; a base of "" is an empty tree.
func (r *Repo) Tree(ctx context.Context, base string, set map[string]string, remove []string) (string, error) {
	index := []string{"GIT_INDEX_FILE=" + r.Dir + "/index.made"}
	from := []string{"read-tree", base}
	if base == "" {
		from = []string{"read-tree", "--empty"}
	}
	if _, err := r.gitAs(ctx, index, nil, from...); err != nil {
		return "", err
	}
	var info strings.Builder
	for _, path := range remove {
		listed, err := r.gitAs(ctx, index, nil, "ls-files", "-z", "--", ":(literal)"+path)
		if err != nil {
			return "", err
		}
		for file := range strings.SplitSeq(strings.TrimSuffix(listed, "\x00"), "\x00") {
			fmt.Fprintf(&info, "0 %s\t%s\x00", Zero, file)
		}
	}
	if len(set) > 0 {
		blobs, err := r.blobs(ctx, set)
		if err != nil {
			return "", err
		}
		for path, blob := range blobs {
			fmt.Fprintf(&info, "100644 %s\t%s\x00", blob, path)
		}
	}
	if _, err := r.gitAs(ctx, index, []byte(info.String()), "update-index", "-z", "--add", "--index-info"); err != nil {
		return "", err
	}
	out, err := r.gitAs(ctx, index, nil, "write-tree")
	return strings.TrimSpace(out), err
}

// blobs writes many blobs at once, and returns the hash of each path's.
func (r *Repo) blobs(ctx context.Context, contents map[string]string) (map[string]string, error) {
	paths := slices.Sorted(maps.Keys(contents))
	var stream strings.Builder
	for i, path := range paths {
		fmt.Fprintf(&stream, "blob\nmark :%d\ndata %d\n%s\nget-mark :%d\n", i+1, len(contents[path]), contents[path], i+1)
	}
	out, err := r.git(ctx, []byte(stream.String()), "fast-import", "--quiet")
	if err != nil {
		return nil, err
	}
	hashes := strings.Fields(out)
	if len(hashes) != len(paths) {
		return nil, fmt.Errorf("git fast-import wrote %d of %d files", len(hashes), len(paths))
	}
	blobs := map[string]string{}
	for i, path := range paths {
		blobs[path] = hashes[i]
	}
	return blobs, nil
}

// Blob writes a blob.
func (r *Repo) Blob(ctx context.Context, content []byte) (string, error) {
	out, err := r.git(ctx, content, "hash-object", "-w", "--stdin")
	return strings.TrimSpace(out), err
}

// Merge makes the tree of two commits merged; ok is false where they do not.
func (r *Repo) Merge(ctx context.Context, base, head string) (tree string, ok bool) {
	out, err := r.git(ctx, nil, "merge-tree", "--write-tree", base, head)
	first, _, _ := strings.Cut(out, "\n")
	return first, err == nil
}

// Pick makes the tree of a commit's change on top of another; ok is false where it does not fit. It is what a rebase does.
func (r *Repo) Pick(ctx context.Context, onto string, c Commit) (tree string, ok bool) {
	if len(c.Parents) != 1 {
		return "", false
	}
	// The three-way merge of onto and the commit with the commit's parent as their base, through a commit that says so.
	who := Person{"Rebase", "rebase@example.com", c.Committer.When}
	top, err := r.Make(ctx, NewCommit{Tree: onto + "^{tree}", Parents: c.Parents, Author: who, Committer: who, Message: "onto"})
	if err != nil {
		return "", false
	}
	return r.Merge(ctx, top, c.Hash)
}

// Landing is the commit of the first-parent line of a branch's tip that brought another commit in; the commit itself when
// it is on that line.
func (r *Repo) Landing(ctx context.Context, tip, commit string) (string, error) {
	out, err := r.git(ctx, nil, "rev-list", "--first-parent", "--ancestry-path", commit+".."+tip)
	if err != nil {
		return "", err
	}
	lines := strings.Fields(out)
	if len(lines) == 0 {
		return commit, nil
	}
	last, err := r.Read(ctx, lines[len(lines)-1])
	if err != nil || len(last.Parents) == 0 || last.Parents[0] == commit {
		return commit, err
	}
	return last.Hash, nil
}
