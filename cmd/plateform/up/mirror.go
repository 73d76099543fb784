package up

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/git"
)

// Mirror is a bare repository that follows a folder, and that the app is built from. The folder's own repository is only
// ever read: not its branches, nor its index, nor its files are touched.
type Mirror struct {
	folder Folder
	// bare runs git in the mirror.
	bare git.Command
	// files runs git on the files of the folder, with an index of the mirror's own.
	files git.Command
	// saved says that it follows the files as they are on the disk, and not the commits.
	saved bool
	// tip is the commit that was taken last, and tree what it holds.
	tip, tree string
}

// The branch of a mirror, and the setting of git that says which folder it is of.
const (
	mirrorBranch  = "main"
	folderSetting = "plateform.folder"
)

// OpenMirror opens the mirror of a folder, and makes it where it is not there. With saved it follows the files on the disk,
// which is all that there is to follow where the folder has no commits.
func OpenMirror(ctx context.Context, dir string, f Folder, saved bool) (*Mirror, error) {
	m := &Mirror{folder: f, bare: git.Command{Dir: dir}, saved: saved}
	m.files = git.Command{Dir: f.Root, Env: []string{
		"GIT_DIR=" + dir, "GIT_WORK_TREE=" + f.Root, "GIT_INDEX_FILE=" + filepath.Join(dir, "saved-index"),
	}}
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); errors.Is(err, fs.ErrNotExist) {
		if err := m.make(ctx, dir); err != nil {
			return nil, fmt.Errorf("making a mirror of %s: %w", f.Root, err)
		}
	}
	if !f.Git || !m.hasCommits(ctx) {
		m.saved = true
	}
	if err := m.ignoreLikeFolder(ctx); err != nil {
		return nil, fmt.Errorf("finding out what %s ignores: %w", f.Root, err)
	}
	var err error
	if m.tip, err = m.bare.Run(ctx, "rev-parse", "--quiet", "--verify", "refs/heads/"+mirrorBranch); err != nil {
		m.tip = "" // nothing was taken yet
		return m, nil
	}
	m.tree, err = m.bare.Run(ctx, "rev-parse", m.tip+"^{tree}")
	return m, err
}

func (m *Mirror) make(ctx context.Context, dir string) error {
	parent := git.Command{Dir: filepath.Dir(dir)}
	if _, err := parent.Run(ctx, "init", "--quiet", "--bare", "--initial-branch="+mirrorBranch, dir); err != nil {
		return err
	}
	for _, setting := range [][2]string{
		{folderSetting, m.folder.Dir()},
		{"gc.auto", "0"}, // not while somebody reads
	} {
		if _, err := m.bare.Run(ctx, "config", setting[0], setting[1]); err != nil {
			return err
		}
	}
	return nil
}

// hasCommits says that the folder's repository has a commit checked out.
func (m *Mirror) hasCommits(ctx context.Context) bool {
	_, err := git.Command{Dir: m.folder.Root}.Run(ctx, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
	return err == nil
}

// Saved says that the mirror follows the files on the disk, and not commits.
func (m *Mirror) Saved() bool { return m.saved }

// URL is where the app is built from.
func (m *Mirror) URL() string { return m.bare.Dir }

// Take brings in what is new in the folder. It returns the commit that the mirror is at, and whether it has moved there.
func (m *Mirror) Take(ctx context.Context) (commit string, moved bool, err error) {
	before := m.tip
	if m.saved {
		err = m.takeFiles(ctx)
	} else {
		err = m.takeHead(ctx)
	}
	if err != nil {
		return m.tip, false, fmt.Errorf("following %s: %w", m.folder.Dir(), err)
	}
	return m.tip, m.tip != before, nil
}

// takeHead brings in the commit that is checked out.
func (m *Mirror) takeHead(ctx context.Context) error {
	head, err := git.Command{Dir: m.folder.Root}.Run(ctx, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil || head == m.tip {
		return err
	}
	_, err = m.bare.Run(ctx, "fetch", "--quiet", "--no-tags", "--force", "--update-shallow", "--", m.folder.Root, "HEAD:refs/heads/"+mirrorBranch)
	if err != nil {
		return err
	}
	m.tip, err = m.bare.Run(ctx, "rev-parse", "refs/heads/"+mirrorBranch) // it may have moved on meanwhile
	return err
}

// takeFiles makes a commit of the files on the disk, where they have changed. What the folder's repository ignores is left
// out. The index is the mirror's own.
func (m *Mirror) takeFiles(ctx context.Context) error {
	add := []string{"-c", "advice.addEmbeddedRepo=false", "-c", "core.safecrlf=false", "-c", "core.fsmonitor=false", "add", "--all", "--", "."}
	if _, err := m.files.Run(ctx, add...); err != nil {
		return err
	}
	tree, err := m.files.Run(ctx, "write-tree")
	if err != nil || tree == m.tree {
		return err
	}
	args := []string{"commit-tree", tree, "-m", "Saved"}
	if m.tip != "" {
		args = append(args, "-p", m.tip)
	}
	author := m.bare
	author.Env = m.Identity(ctx)
	commit, err := author.Run(ctx, args...)
	if err != nil {
		return err
	}
	if _, err := m.bare.Run(ctx, "update-ref", "refs/heads/"+mirrorBranch, commit); err != nil {
		return err
	}
	m.tip, m.tree = commit, tree
	return nil
}

// dependencies are what tools put into a folder and can bring in again, for folders whose repository does not say so.
const dependencies = "node_modules/\n.venv/\n__pycache__/\n"

// ignoreLikeFolder has the mirror leave out what the folder's repository leaves out beside its .gitignore files.
func (m *Mirror) ignoreLikeFolder(ctx context.Context) error {
	text := dependencies
	if m.folder.Git {
		file, err := git.Command{Dir: m.folder.Root}.Run(ctx, "rev-parse", "--git-path", "info/exclude")
		if err != nil {
			return err
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(m.folder.Root, file)
		}
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		text = string(content)
	}
	to := filepath.Join(m.bare.Dir, "info", "exclude")
	if now, err := os.ReadFile(to); err == nil && string(now) == text {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, []byte(text), 0o644)
}

// Identity is who is at work in the folder, as git knows them, for the environment of git; somebody, where it does not.
func (m *Mirror) Identity(ctx context.Context) []string {
	if os.Getenv("GIT_AUTHOR_NAME") != "" && os.Getenv("GIT_COMMITTER_NAME") != "" {
		return nil // the environment says so already
	}
	g := git.Command{Dir: m.folder.Root}
	name, _ := g.Run(ctx, "config", "user.name")
	email, _ := g.Run(ctx, "config", "user.email")
	if strings.TrimSpace(name) == "" || strings.TrimSpace(email) == "" {
		name, email = "you", "you@localhost"
	}
	return []string{"GIT_AUTHOR_NAME=" + name, "GIT_AUTHOR_EMAIL=" + email, "GIT_COMMITTER_NAME=" + name, "GIT_COMMITTER_EMAIL=" + email}
}

// Uncommitted says how many files have changes that are in no commit, and so are not built; 0 where files are followed.
func (m *Mirror) Uncommitted(ctx context.Context) int {
	if m.saved {
		return 0
	}
	changed, err := git.Command{Dir: m.folder.Root}.Run(ctx, "--no-optional-locks", "status", "--porcelain", "--", m.folder.Dir())
	if err != nil || changed == "" {
		return 0
	}
	return strings.Count(changed, "\n") + 1
}

// The pace at which a folder is looked at: often, unless looking takes long.
const (
	soonest = 300 * time.Millisecond
	share   = 10 // of the time goes into looking, at most
)

// Follow takes what is new in the folder until the context ends, and hands it over. Trouble is handed over once, each time
// that it is a new one, and goes by itself.
func (m *Mirror) Follow(ctx context.Context, moved func(commit string), trouble func(error)) {
	said := ""
	for {
		begun := time.Now()
		commit, news, err := m.Take(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != said:
			said = err.Error()
			trouble(err)
		case err == nil:
			said = ""
		}
		if news {
			moved(commit)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(soonest, share*time.Since(begun))):
		}
	}
}

// MirrorDir is where the mirror of a folder is among those in dir, or where a new one goes, and the name it has there: that of
// the folder, with a number where another folder of that name has a mirror.
func MirrorDir(ctx context.Context, dir string, f Folder) (mirror, name string, err error) {
	for n := 1; ; n++ {
		name = f.Name()
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		mirror = filepath.Join(dir, "app-"+name+".git")
		if _, err := os.Stat(mirror); errors.Is(err, fs.ErrNotExist) {
			return mirror, name, nil
		} else if err != nil {
			return "", "", fmt.Errorf("looking for the mirror of %s: %w", f.Dir(), err)
		}
		of, err := git.Command{Dir: mirror}.Run(ctx, "config", folderSetting)
		if err != nil {
			return "", "", fmt.Errorf("finding out what %s mirrors: %w", mirror, err)
		}
		if of == f.Dir() {
			return mirror, name, nil
		}
	}
}
