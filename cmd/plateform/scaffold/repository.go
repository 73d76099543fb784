package scaffold

import (
	"context"
	"path/filepath"

	"github.com/plateform/plateform/cmd/plateform/git"
)

// Repository is one of those that were written: the checkout of a person, and the bare repository that it pushes to.
type Repository struct {
	// Name of its folder.
	Name string
	// Work runs git in the checkout, as the person.
	Work git.Command
	// Bare runs git in the bare repository.
	Bare git.Command
}

// Repository is the one in a folder of the scaffold, with a person in front of it.
func (s *Scaffold) Repository(folder, person string) *Repository {
	email := person + "@example.com"
	identity := []string{
		"GIT_AUTHOR_NAME=" + person, "GIT_AUTHOR_EMAIL=" + email,
		"GIT_COMMITTER_NAME=" + person, "GIT_COMMITTER_EMAIL=" + email,
	}
	return &Repository{
		Name: folder,
		Work: git.Command{Dir: filepath.Join(s.dir, folder), Env: identity},
		Bare: git.Command{Dir: s.remote(folder)},
	}
}

// Write changes a file in the checkout.
func (r *Repository) Write(name, content string) error {
	return writeFile(filepath.Join(r.Work.Dir, filepath.FromSlash(name)), []byte(content))
}

// Pull brings in what others pushed.
func (r *Repository) Pull(ctx context.Context) error {
	_, err := r.Work.Run(ctx, "pull", "--quiet", "--rebase")
	return err
}

// Push commits everything that was changed, pushes it on top of what others pushed, and returns the commit.
func (r *Repository) Push(ctx context.Context, message string) (string, error) {
	for _, args := range [][]string{
		{"add", "--all"}, {"commit", "--quiet", "--message=" + message}, {"pull", "--quiet", "--rebase"}, {"push", "--quiet"},
	} {
		if _, err := r.Work.Run(ctx, args...); err != nil {
			return "", err
		}
	}
	return r.Work.Run(ctx, "rev-parse", "HEAD")
}

// Head is where the branch of the bare repository is.
func (r *Repository) Head(ctx context.Context) (string, error) {
	return r.Bare.Run(ctx, "rev-parse", "main")
}

// Read returns a file of the branch; empty when it is not there.
func (r *Repository) Read(ctx context.Context, name string) string {
	text, err := r.Bare.Run(ctx, "cat-file", "blob", "main:"+name)
	if err != nil {
		return ""
	}
	return text
}

// Blob is the hash of a file of the branch: two files with the same hash are the same, byte for byte.
func (r *Repository) Blob(ctx context.Context, name string) (string, error) {
	return r.Bare.Run(ctx, "rev-parse", "main:"+name)
}
