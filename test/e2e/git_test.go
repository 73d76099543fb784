package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// repo is a bare repository and the checkout of a person, Alice, who pushes to its branch main.
type repo struct {
	t          *testing.T
	bare, work string
	url        string     // where serve and builds get it from
	people     sync.Mutex // they take turns at pushing; Plateform does not wait for them, nor they for it
	rewritten  []string   // commits the branch was forced to by the story itself
	merged     []string   // merge commits that people made
}

func newRepo(t *testing.T, dir, name string) *repo {
	t.Helper()
	r := &repo{t: t, bare: filepath.Join(dir, name+".git"), work: filepath.Join(dir, name)}
	r.url = r.bare
	r.create()
	r.clone()
	return r
}

// create makes the bare repository anew and empty. It remembers every move of every branch, so that a forced push shows.
func (r *repo) create() {
	r.t.Helper()
	if err := os.RemoveAll(r.bare); err != nil {
		r.t.Fatal(err)
	}
	mustRun(r.t, filepath.Dir(r.bare), "git", "init", "--quiet", "--bare", "--initial-branch=main", r.bare)
	mustRun(r.t, r.bare, "git", "config", "core.logAllRefUpdates", "always")
}

func (r *repo) clone() {
	r.t.Helper()
	mustRun(r.t, filepath.Dir(r.bare), "git", "clone", "--quiet", r.bare, r.work)
}

// git runs git in Alice's checkout.
func (r *repo) git(args ...string) string {
	r.t.Helper()
	return mustRun(r.t, r.work, "git", args...)
}

// look runs git in the bare repository; empty when it fails, as it does for what is not there.
func (r *repo) look(args ...string) string {
	out, err := run1(r.bare, nil, "git", args...)
	if err != nil {
		return ""
	}
	return out
}

// head is where the branch is; empty while there is none.
func (r *repo) head() string { return r.look("rev-parse", "--verify", "--quiet", "main") }

// read is a file of the branch, byte for byte; empty when it is not there.
func (r *repo) read(path string) string { return r.readAt("main", path) }

// readAt is a file of a commit, byte for byte.
func (r *repo) readAt(commit, path string) string {
	cmd := command(r.bare, "git", "cat-file", "blob", commit+":"+path)
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return string(out)
}

// list is the names in a folder of the branch.
func (r *repo) list(dir string) []string {
	return lines(r.look("ls-tree", "--name-only", "main:"+dir))
}

// log is the commits of the branch that touch the paths, the newest first; each as one line of the format.
func (r *repo) log(format string, paths ...string) []string {
	return lines(r.look(append([]string{"log", "--format=" + format, "main", "--"}, paths...)...))
}

// trailer is the value of a trailer of a commit.
func (r *repo) trailer(commit, key string) string {
	return r.look("log", "-1", "--format=%(trailers:key="+key+",valueonly,separator=%x2C)", commit)
}

// pull brings the checkout to where the branch is, below what is not pushed yet.
func (r *repo) pull() {
	r.t.Helper()
	if r.head() != "" {
		r.git("pull", "--quiet", "--rebase", "origin", "main")
	}
}

// push sends the checkout to the branch, again on top of what others pushed meanwhile, and returns the commit it is at.
func (r *repo) push() string {
	r.t.Helper()
	r.people.Lock()
	defer r.people.Unlock()
	const attempts = 100
	var err error
	for range attempts {
		if _, err = run1(r.work, nil, "git", "push", "--quiet", "origin", "HEAD:main"); err == nil {
			return r.git("rev-parse", "HEAD")
		}
		r.pull()
	}
	r.t.Fatalf("pushing to %s: %v", r.bare, err)
	return ""
}

// files are contents by path; an empty content removes the file or folder.
type files map[string]string

// stage writes files into the checkout and adds them to the next commit.
func (r *repo) stage(fs files) {
	r.t.Helper()
	for path, content := range fs {
		full := filepath.Join(r.work, path)
		if content == "" {
			r.git("rm", "--quiet", "-r", path)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			r.t.Fatal(err)
		}
		r.git("add", path)
	}
}

// commit changes files in one commit, pushes it and returns it.
func (r *repo) commit(message string, fs files) string {
	r.t.Helper()
	r.pull()
	r.record(message, fs)
	return r.push()
}

// record changes files in one commit of the checkout, together with what is staged already.
func (r *repo) record(message string, fs files) {
	r.t.Helper()
	r.stage(fs)
	r.git("commit", "--quiet", "--allow-empty", "--message", message)
}

// revert reverts the commits, one commit each, in one push, and returns the last of them.
func (r *repo) revert(commits ...string) string {
	r.t.Helper()
	r.pull()
	for _, c := range commits {
		r.git("revert", "--no-edit", c)
	}
	return r.push()
}

// refs is the state of all refs, to see cheaply whether anything has moved.
func (r *repo) refs() string {
	var b strings.Builder
	packed, _ := os.ReadFile(filepath.Join(r.bare, "packed-refs"))
	b.Write(packed)
	_ = filepath.WalkDir(filepath.Join(r.bare, "refs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			content, _ := os.ReadFile(path)
			b.WriteString(path)
			b.Write(content)
		}
		return nil
	})
	return b.String()
}

// checkHistory holds what is always so: the repository is sound, nobody merged but people where they say so, and no push was forced.
func (r *repo) checkHistory() {
	r.t.Helper()
	mustRun(r.t, r.bare, "git", "fsck", "--strict", "--no-dangling", "--no-progress")
	for _, merge := range lines(r.look("log", "--merges", "--format=%H %s", "main")) {
		if hash, _, _ := strings.Cut(merge, " "); !slices.Contains(r.merged, hash) {
			r.t.Errorf("a merge commit in %s: %s", r.bare, merge)
		}
	}
	for _, ref := range []string{"refs/heads/main", "refs/notes/plateform"} {
		moves, err := os.ReadFile(filepath.Join(r.bare, "logs", ref))
		if err != nil {
			continue
		}
		for _, move := range lines(string(moves)) {
			from, rest, _ := strings.Cut(move, " ")
			to, _, _ := strings.Cut(rest, " ")
			if strings.Trim(from, "0") == "" || slices.Contains(r.rewritten, to) {
				continue
			}
			if _, err := run1(r.bare, nil, "git", "merge-base", "--is-ancestor", from, to); err != nil {
				r.t.Errorf("%s of %s was forced from %s to %s", ref, r.bare, from, to)
			}
		}
	}
}

// longest is how long a program may take that is run once. Then it is asked for the stacks of its goroutines, if it is one of
// ours, and ended.
const longest = 3 * time.Minute

// command is a program with nothing of this machine's settings, acting as Alice.
func command(dir, name string, args ...string) *exec.Cmd {
	return isolated(exec.Command(name, args...), dir)
}

func isolated(cmd *exec.Cmd, dir string) *exec.Cmd {
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@example.com",
		"GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=alice@example.com")
	return cmd
}

// run1 runs a program once and returns what it wrote to standard output, without the last line's end.
func run1(dir string, env []string, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := isolated(exec.CommandContext(ctx, name, args...), dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }
	cmd.WaitDelay = patience / 4
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}

func mustRun(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := run1(dir, nil, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func lines(s string) []string {
	s = strings.Trim(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
