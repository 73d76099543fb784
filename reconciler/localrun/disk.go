package localrun

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// keptImages are how many unpacked images a project keeps, those that run included: a rollback needs the one before.
const keptImages = 3

// writeLast notes what runs. Values may hold what others are not to read.
func writeLast(file string, w wanted) error {
	content, err := json.Marshal(w)
	if err != nil {
		return err
	}
	partial := file + ".partial"
	if err := os.WriteFile(partial, content, 0o600); err != nil {
		return err
	}
	return os.Rename(partial, file)
}

func readLast(file string) (wanted, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return wanted{}, err
	}
	var w wanted
	if err := json.Unmarshal(content, &w); err != nil {
		return wanted{}, err
	}
	if want := filepath.Join(w.Key.Workspace, w.Key.Project, lastFile); w.Key.Workspace == "" || w.Key.Project == "" || !hasSuffix(file, want) {
		return wanted{}, fmt.Errorf("it is of %s", w.Key)
	}
	return w, nil
}

// hasSuffix says that a path ends with the elements of another.
func hasSuffix(path, suffix string) bool {
	dir := filepath.Dir(path)
	return filepath.Join(filepath.Base(filepath.Dir(dir)), filepath.Base(dir), filepath.Base(path)) == suffix
}

// prune removes images that nothing runs, but for the newest ones.
func (p *project) prune(services []service) {
	entries, err := os.ReadDir(p.dirs.images)
	if err != nil {
		p.options.Log.Warn("old images cannot be removed", "project", p.key.String(), "error", err)
		return
	}
	type image struct {
		dir  string
		used time.Time
	}
	var images []image
	for _, e := range entries {
		dir := filepath.Join(p.dirs.images, e.Name())
		runs := slices.ContainsFunc(services, func(s service) bool { return p.dirs.image(s.digest) == dir })
		if info, err := e.Info(); err == nil && !runs {
			images = append(images, image{dir, info.ModTime()})
		} else if err == nil {
			now := p.options.Clock()
			_ = os.Chtimes(dir, now, now) // only the order in which they go depends on it
		}
	}
	slices.SortFunc(images, func(a, b image) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.dir, b.dir)) })
	kept := max(1, keptImages-len(services))
	for _, old := range images[min(kept, len(images)):] {
		if err := os.RemoveAll(old.dir); err != nil {
			p.options.Log.Warn("an old image cannot be removed", "project", p.key.String(), "error", err)
		}
	}
}
