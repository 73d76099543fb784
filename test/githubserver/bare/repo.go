// Package bare keeps bare Git repositories on disk and serves them as git http-backend does: the Git half of a GitHub.
// It runs the git of this machine, and nobody's configuration has a say in it.
package bare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Zero is the hash that stands for no commit.
const Zero = "0000000000000000000000000000000000000000"

// ErrNotFound says that there is no such commit, ref, or file.
var ErrNotFound = errors.New("not found in the repository")

// Repo is one bare repository.
type Repo struct {
	// Dir is where it is.
	Dir string

	mu   sync.Mutex
	last comparison
}

// Person is who made a commit, and when.
type Person struct {
	Name, Email string
	When        time.Time
}

// Create makes an empty repository.
func Create(ctx context.Context, dir, branch string) (*Repo, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making a repository: %w", err)
	}
	r := &Repo{Dir: dir}
	if _, err := r.git(ctx, nil, "init", "-q", "--bare", "-b", branch); err != nil {
		return nil, err
	}
	for _, setting := range [][2]string{{"gc.auto", "0"}, {"http.receivepack", "true"}, {"uploadpack.allowAnySHA1InWant", "true"}} {
		if _, err := r.git(ctx, nil, "config", setting[0], setting[1]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// environment is one in which git looks at nobody's configuration and asks nothing.
func environment(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.DevNull, "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_SYSTEM=" + os.DevNull, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"}, more...)
}

func (r *Repo) git(ctx context.Context, input []byte, args ...string) (string, error) {
	return r.gitAs(ctx, nil, input, args...)
}

// gitAs runs git with more in its environment, and returns all that it prints.
func (r *Repo) gitAs(ctx context.Context, env []string, input []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.Dir, environment(env...), bytes.NewReader(input)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("git %s in %s: %w: %s", args[0], filepath.Base(r.Dir), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

// line is git for what prints one line.
func (r *Repo) line(ctx context.Context, args ...string) (string, error) {
	out, err := r.git(ctx, nil, args...)
	return strings.TrimSpace(out), err
}

// Resolve finds the commit that a name stands for: a branch, a tag, a full ref, or a hash.
func (r *Repo) Resolve(ctx context.Context, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, " \n^~:@{") {
		return "", fmt.Errorf("%q: %w", name, ErrNotFound)
	}
	var asked strings.Builder
	for _, candidate := range []string{"refs/heads/" + name, "refs/tags/" + name, "refs/" + name, name} {
		fmt.Fprintf(&asked, "%s^{commit}\n", candidate)
	}
	out, err := r.git(ctx, []byte(asked.String()), "cat-file", "--batch-check=%(objectname) %(objecttype)")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if hash, kind, _ := strings.Cut(strings.TrimSpace(line), " "); kind == "commit" {
			return hash, nil
		}
	}
	return "", fmt.Errorf("%q: %w", name, ErrNotFound)
}

// Ref returns the hash of a full ref.
func (r *Repo) Ref(ctx context.Context, ref string) (string, error) {
	hash, err := r.line(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
	if err != nil {
		return "", fmt.Errorf("%q: %w", ref, ErrNotFound)
	}
	return hash, nil
}

// Has says that a commit is there.
func (r *Repo) Has(ctx context.Context, hash string) bool {
	_, err := r.git(ctx, nil, "cat-file", "-e", hash+"^{commit}")
	return err == nil
}

// Move moves a ref, if it is still at old; Zero stands for no ref.
func (r *Repo) Move(ctx context.Context, ref, old, to string) error {
	if to == Zero {
		_, err := r.git(ctx, nil, "update-ref", "-d", ref, old)
		return err
	}
	_, err := r.git(ctx, nil, "update-ref", ref, to, old)
	return err
}

// Force moves a ref wherever it was.
func (r *Repo) Force(ctx context.Context, ref, to string) error {
	_, err := r.git(ctx, nil, "update-ref", ref, to)
	return err
}

// Contains says that a commit is reachable from another.
func (r *Repo) Contains(ctx context.Context, of, commit string) bool {
	_, err := r.git(ctx, nil, "merge-base", "--is-ancestor", commit, of)
	return err == nil
}

// MergeBase of two commits.
func (r *Repo) MergeBase(ctx context.Context, a, b string) (string, error) {
	hash, err := r.line(ctx, "merge-base", a, b)
	if err != nil {
		return "", fmt.Errorf("%s and %s have nothing in common: %w", a, b, ErrNotFound)
	}
	return hash, nil
}

// Branches are the branches and where they are.
func (r *Repo) Branches(ctx context.Context) (map[string]string, error) {
	out, err := r.git(ctx, nil, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/")
	if err != nil {
		return nil, err
	}
	branches := map[string]string{}
	for line := range strings.Lines(out) {
		hash, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
		branches[strings.TrimPrefix(ref, "refs/heads/")] = hash
	}
	return branches, nil
}

// Take copies what a commit of another repository needs, so that it can be given a ref here.
func (r *Repo) Take(ctx context.Context, from *Repo, commit string) error {
	if r.Has(ctx, commit) {
		return nil
	}
	_, err := r.git(ctx, nil, "fetch", "-q", "--no-tags", from.Dir, commit)
	return err
}
