package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// problems are those at the head that the change makes or that are in files it touches, and those that keep back the
// projects it concerns.
func (ch *change) problems() (manifest.Problems, error) {
	var problems manifest.Problems
	for _, p := range ch.catalog.FileProblems() {
		if ch.files[p.File] || !has(ch.before, p) {
			problems = append(problems, p)
		}
	}
	more := map[string]manifest.Problems{}
	for _, p := range ch.blocking {
		if !has(problems, p) && !has(more[p.File], p) {
			more[p.File] = append(more[p.File], p)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(more)) {
		located, err := locate(ch.catalog.Reader, ch.head, file, more[file])
		if err != nil {
			return nil, err
		}
		problems = append(problems, located...)
	}
	return problems, nil
}

// has says that a problem is among others, wherever in its file it is.
func has(problems manifest.Problems, p manifest.Problem) bool {
	return slices.ContainsFunc(problems, func(o manifest.Problem) bool { return o.File == p.File && o.Field == p.Field && o.What == p.What })
}

// locate gives problems of a file their line and column.
func locate(reader reconciler.Reader, commit, file string, problems manifest.Problems) (manifest.Problems, error) {
	data, err := reader.Read(commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return problems, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s at config commit %.10s: %w", file, commit, err)
	}
	return manifest.Locate(file, data, problems), nil
}
