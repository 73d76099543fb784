package localrun

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// ran is what runs, and how many replicas of each service do: where one has the port that all want, it is fewer than are wanted.
type ran struct {
	wanted
	Replicas map[string]int
}

// replicas are how many of a service ran.
func (r ran) replicas(s service) int {
	if n, noted := r.Replicas[s.name]; noted {
		return min(n, s.replicas)
	}
	return s.replicas
}

// writeLast notes what runs. Values may hold what others are not to read.
func writeLast(file string, r ran) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	partial := file + ".partial"
	if err := os.WriteFile(partial, content, 0o600); err != nil {
		return err
	}
	return os.Rename(partial, file)
}

func readLast(file string) (ran, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return ran{}, err
	}
	var w ran
	if err := json.Unmarshal(content, &w); err != nil {
		return ran{}, err
	}
	if want := filepath.Join(w.Key.Workspace, w.Key.Project, lastFile); w.Key.Workspace == "" || w.Key.Project == "" || !hasSuffix(file, want) {
		return ran{}, fmt.Errorf("it is of %s", w.Key)
	}
	return w, nil
}

// hasSuffix says that a path ends with the elements of another.
func hasSuffix(path, suffix string) bool {
	dir := filepath.Dir(path)
	return filepath.Join(filepath.Base(filepath.Dir(dir)), filepath.Base(dir), filepath.Base(path)) == suffix
}
