package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Refusal is the answer "no" to what somebody asked for: it is not there, or it must not be done. Any other error says
// that there is no answer.
type Refusal struct{ cause error }

// Refuse makes a Refusal of a message.
func Refuse(format string, args ...any) error { return &Refusal{fmt.Errorf(format, args...)} }

func (r *Refusal) Error() string { return r.cause.Error() }

// Unwrap returns what the message wraps.
func (r *Refusal) Unwrap() error { return r.cause }

// ErrNoConfig says that what was opened is not a config repository.
var ErrNoConfig = errors.New("this is not a config repository")

// MustBeConfig refuses a commit that is not one of a config repository.
func MustBeConfig(reader reconciler.Reader, commit string) error {
	_, err := reader.Read(commit, manifest.PlatformFile)
	return noConfig(commit, err)
}

// noConfig says what it means that platform.yaml could not be read.
func noConfig(commit string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s at %.10s: %w", manifest.PlatformFile, commit, ErrNoConfig)
	}
	return err
}

// MustHave refuses a project that is not there.
func MustHave(reader reconciler.Reader, commit string, key manifest.Key) error {
	entries, err := reader.List(commit, manifest.ProjectDir(key))
	if err != nil || len(entries) > 0 {
		return err
	}
	projects, err := reader.List(commit, manifest.ProjectsDir(key.Workspace))
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		if err := MustBeConfig(reader, commit); err != nil {
			return err
		}
		return Refuse("there is no project %s: the workspace %s is not there or empty at %.10s (plateform status lists all projects)",
			key, key.Workspace, commit)
	}
	var names []string
	for _, e := range projects {
		names = append(names, e.Name)
	}
	return Refuse("there is no project %s at %.10s (the workspace has: %s)", key, commit, strings.Join(names, ", "))
}

// ProjectsAt lists the projects of a config repository at a commit, sorted.
func ProjectsAt(reader reconciler.Reader, commit string) ([]manifest.Key, error) {
	workspaces, err := reader.List(commit, manifest.WorkspacesDir)
	if err != nil {
		return nil, err
	}
	var keys []manifest.Key
	for _, w := range workspaces {
		projects, err := reader.List(commit, manifest.ProjectsDir(w.Name))
		if err != nil {
			return nil, err
		}
		for _, p := range projects {
			if p.Dir {
				keys = append(keys, manifest.Key{Workspace: w.Name, Project: p.Name})
			}
		}
	}
	return keys, nil
}
