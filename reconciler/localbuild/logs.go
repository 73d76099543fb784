package localbuild

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild/buildlog"
)

// keptLogs is how many logs a project keeps.
const keptLogs = 20

// begun is in the first line of each try before the time. The first of a file tells it from one that was begun anew.
const begun = ", begun "

var _ reconciler.BuildLogs = (*Builder)(nil)

// BuildLog implements reconciler.BuildLogs. Tries that come one after the other are one log, unless it gets too long.
func (b *Builder) BuildLog(ctx context.Context, q reconciler.BuildLogQuestion, to io.Writer) (reconciler.BuildLogEnd, error) {
	if !fileName.MatchString(q.Key.Workspace) || !fileName.MatchString(q.Key.Project) || !fileName.MatchString(q.ID) {
		return reconciler.BuildLogEnd{}, fmt.Errorf("no build of %q is called %q: %w", q.Key, q.ID, fs.ErrNotExist)
	}
	b.mu.Lock()
	end := reconciler.BuildLogEnd{Ended: b.active[q.ID] == nil} // asked before the file is read, which then is whole
	b.mu.Unlock()
	file, err := os.Open(b.logName(q.Key, q.ID))
	if err != nil {
		return end, fmt.Errorf("reading the log of a build: %w", err)
	}
	defer file.Close()
	if end.Try, err = tryOf(file); err != nil {
		return end, fmt.Errorf("reading the log of a build: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return end, fmt.Errorf("reading the log of a build: %w", err)
	}
	if q.Try != "" && q.Try != end.Try || q.From > info.Size() {
		return reconciler.BuildLogEnd{Try: end.Try}, nil
	}
	written, err := io.Copy(to, io.NewSectionReader(untilDone{ctx, file}, q.From, info.Size()-q.From))
	if err != nil {
		return end, fmt.Errorf("reading the log of a build: %w", err)
	}
	end.Next = q.From + written
	return end, nil
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx context.Context
	io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (u untilDone) ReadAt(p []byte, at int64) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.ReaderAt.ReadAt(p, at)
}

// tryOf is what tells a log from the one that had its name before: when it was begun.
func tryOf(file *os.File) (string, error) {
	line, err := bufio.NewReader(io.NewSectionReader(file, 0, 4*buildlog.MaxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	_, try, _ := strings.Cut(strings.TrimSuffix(line, "\n"), begun)
	return "begun " + try, nil
}

// logName is the file with the log of a build.
func (b *Builder) logName(k manifest.Key, id string) string {
	return filepath.Join(b.options.Dir, "builds", k.Workspace, k.Project, id+".log")
}

// openLog opens the log of a build for one more try, and removes the oldest of the project.
func (b *Builder) openLog(r reconciler.BuildRequest) (*buildlog.File, error) {
	name := b.logName(r.Key, r.ID)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("beginning the log: %w", err)
	}
	if err := removeOldest(name, keptLogs-1); err != nil {
		return nil, fmt.Errorf("removing old logs: %w", err)
	}
	log, err := buildlog.Open(name, b.options.MaxLog)
	if err != nil {
		return nil, fmt.Errorf("beginning the log: %w", err)
	}
	return log, nil
}

// NewestLog is the file with the log of a project's newest build, below the folder of a Builder; empty when there is none.
func NewestLog(dir string, k manifest.Key) string {
	logs, _ := filepath.Glob(filepath.Join(dir, "builds", k.Workspace, k.Project, "*.log")) // the pattern is right
	newest, changed := "", time.Time{}
	for _, name := range logs {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(changed) {
			newest, changed = name, info.ModTime()
		}
	}
	return newest
}

// removeOldest leaves at most keep files beside one in its folder. Builds of one project may do this side by side.
func removeOldest(beside string, keep int) error {
	dir := filepath.Dir(beside)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == filepath.Base(beside) })
	if len(entries) <= keep {
		return nil
	}
	changed := map[string]time.Time{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			changed[e.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(entries, func(x, y os.DirEntry) int { return changed[x.Name()].Compare(changed[y.Name()]) })
	for _, e := range entries[:len(entries)-keep] {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
