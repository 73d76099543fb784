package localrun

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

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
