package change

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// NewProject is a project that is to be added: an app and where its code is. All else is inferred.
type NewProject struct {
	Key manifest.Key
	// Repository, Branch and Path of the code; Branch and Path are empty for the defaults.
	Repository, Branch, Path string
	// Owner of the workspace, where that is not there yet; the zero value when it has to be. Namespace is what that one has in the
	// cluster; empty for its name.
	Owner     manifest.User
	Namespace string
}

// ErrThere says that a project is there already, as it is to be.
var ErrThere = errors.New("the project is there already")

// ErrNotThere says that there is no such project.
var ErrNotThere = errors.New("there is no such project")

// Remove works out the edit that takes a project away. Its releases stay: whoever adds it again goes on from them. A
// project that is not there is ErrNotThere.
func Remove(reader reconciler.Reader, head string, key manifest.Key) (manifest.Edit, error) {
	file := manifest.ProjectFile(key)
	_, err := reader.Read(head, file)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest.Edit{}, ErrNotThere
	}
	if err != nil {
		return manifest.Edit{}, fmt.Errorf("reading %s: %w", file, err)
	}
	return manifest.Edit{Message: fmt.Sprintf("Remove %s\n", key), Files: map[string][]byte{file: nil}}, nil
}

// Add works out the edit that adds a project, with its workspace where that is missing and the owner is known. A project of
// that name with other code is refused; one with the same code is ErrThere, whatever else was written into its file since.
func (n NewProject) Add(reader reconciler.Reader, head string) (manifest.Edit, error) {
	files := map[string][]byte{}
	if err := n.addWorkspace(reader, head, files); err != nil {
		return manifest.Edit{}, err
	}
	if err := n.addProject(reader, head, files); err != nil {
		return manifest.Edit{}, err
	}
	return manifest.Edit{Message: fmt.Sprintf("Add %s\n", n.Key), Files: files}, nil
}

func (n NewProject) addWorkspace(reader reconciler.Reader, head string, files map[string][]byte) error {
	file := manifest.WorkspaceFile(n.Key.Workspace)
	_, err := reader.Read(head, file)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading %s: %w", file, err)
	case n.Owner == (manifest.User{}):
		return config.Refuse("there is no workspace %s (name one that is there, or have it made: it is %s)", n.Key.Workspace, file)
	}
	type spec struct {
		Owner     manifest.User `yaml:"owner,flow"`
		Namespace string        `yaml:"namespace,omitempty"`
	}
	files[file], err = written(manifest.NewHeader(manifest.KindWorkspace, n.Key.Workspace), spec{n.Owner, n.Namespace})
	return err
}

func (n NewProject) addProject(reader reconciler.Reader, head string, files map[string][]byte) error {
	file := manifest.ProjectFile(n.Key)
	content, err := reader.Read(head, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		files[file], err = n.project()
		return err
	case err != nil:
		return fmt.Errorf("reading %s: %w", file, err)
	}
	there, problems := manifest.ParseProject(file, content)
	if len(problems) > 0 {
		return config.Refuse("%s is there already and cannot be read: %s", file, problems[0])
	}
	source := there.Spec.Source
	if source == nil || repourl.ID(source.Repository) != repourl.ID(n.Repository) || strings.Trim(source.Path, "/") != n.Path {
		return config.Refuse("%s is there already, with other code (name this one differently)", n.Key)
	}
	return ErrThere
}

// project is project.yaml as a person would write it.
func (n NewProject) project() ([]byte, error) {
	type source struct {
		Repository string `yaml:"repository"`
		Branch     string `yaml:"branch,omitempty"`
		Path       string `yaml:"path,omitempty"`
	}
	type spec struct {
		Type   manifest.ProjectType `yaml:"type"`
		Source source               `yaml:"source"`
	}
	return written(manifest.NewHeader(manifest.KindProject, n.Key.Project),
		spec{manifest.Monolithic, source{n.Repository, n.Branch, n.Path}})
}

// written is a file as a person would write it: without the keys that say nothing.
func written(header manifest.Header, spec any) ([]byte, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	err := encoder.Encode(struct {
		manifest.Header `yaml:",inline"`
		Spec            any `yaml:"spec"`
	}{header, spec})
	return text.Bytes(), err
}
