package localrun

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/reconciler/localrun/container"
)

// otherImage is what is noted of an image that takes a container tool.
type otherImage struct {
	// Name that the tool knows it by. Own says that we had it take the image in.
	Name string `json:"name"`
	Own  bool   `json:"own"`
	// Stop is the signal that the image wants to be ended with.
	Stop string `json:"stop,omitempty"`
}

// otherSuffix is what such notes end with, beside unpacked images.
const otherSuffix = ".other"

// otherImage is the file of such a note. A database's image is known by its tag.
func (i *images) otherImage(s service) string {
	if s.engine == "" {
		return i.dirs.image(s.digest) + otherSuffix
	}
	sum := sha256.Sum256([]byte(s.reference()))
	return i.dirs.image("tag:"+hex.EncodeToString(sum[:])) + otherSuffix
}

// reference is the image of a database.
func (s service) reference() string { return s.repository + ":" + s.tag }

func readOther(file string) (otherImage, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return otherImage{}, fmt.Errorf("looking for an image of a container tool: %w", err)
	}
	var noted otherImage
	if err := json.Unmarshal(content, &noted); err != nil {
		return otherImage{}, fmt.Errorf("%w: %s: %w", fs.ErrNotExist, file, err)
	}
	return noted, nil
}

// imageName is what a container tool is told to call an image.
func (i *images) imageName(digest string) string {
	_, hash, _ := strings.Cut(digest, ":")
	return "localhost/plateform-" + installationOf(i.options.Dir) + "/" + i.key.Workspace + "/" + i.key.Project + ":" + hash
}

// bringDatabase has the image of a database brought to the tool. One that the tool has by that name already is taken as it is:
// that is how to do without a registry.
func (i *images) bringDatabase(ctx context.Context, s service) (launcher, error) {
	tool, err := i.tools.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("a database takes a container tool, and %w", err)
	}
	if tool.Has(ctx, s.reference()) {
		return i.note(s, tool, otherImage{Name: s.reference()})
	}
	found, err := i.options.Images.Resolve(ctx, s.reference())
	if err != nil {
		return nil, err
	}
	s.digest = found.Digest
	image, err := i.options.Images.Pull(ctx, s.repository, s.digest)
	if err != nil {
		return nil, err
	}
	return i.load(ctx, s, tool, image)
}

// load has a tool take an image in.
func (i *images) load(ctx context.Context, s service, tool container.Tool, image v1.Image) (launcher, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading how an image wants to be run: %w", err)
	}
	i.progress(tool.Name + " takes in the image")
	l := container.Load{Image: image, As: i.imageName(s.digest), Dir: i.dirs.images, Limit: cmp.Or(i.options.ContainerLimit, container.DefaultLimit)}
	if err := tool.Load(ctx, l); err != nil {
		return nil, err
	}
	return i.note(s, tool, otherImage{Name: l.As, Own: true, Stop: config.Config.StopSignal})
}

// note notes that an image takes a container tool.
func (i *images) note(s service, tool container.Tool, image otherImage) (launcher, error) {
	content, err := json.Marshal(image)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(i.otherImage(s), content, 0o600); err != nil {
		return nil, fmt.Errorf("noting that an image takes a container tool: %w", err)
	}
	return containerLauncher{tools: i.tools, tool: tool, image: image}, nil
}

// remove removes an unpacked image, or one that a tool took in for us.
func (i *images) remove(ctx context.Context, path string) error {
	if noted, err := readOther(path); strings.HasSuffix(path, otherSuffix) && err == nil && noted.Own {
		tool, err := i.tools.find(ctx)
		if err == nil {
			err = tool.RemoveImage(ctx, noted.Name)
		}
		if err != nil {
			return err
		}
	}
	return os.RemoveAll(path)
}

// removeOthers removes all images that a tool took in for the project. Those that cannot be are left to the tool: a project
// goes all the same.
func (i *images) removeOthers(ctx context.Context) error {
	notes, err := filepath.Glob(filepath.Join(i.dirs.images, "*"+otherSuffix))
	if err != nil {
		return fmt.Errorf("looking for images of a project: %w", err)
	}
	for _, note := range notes {
		if err := i.remove(ctx, note); err != nil {
			i.options.Log.Warn("an old image cannot be removed", "project", i.key.String(), "error", err)
		}
	}
	return nil
}

// removeData removes all that is kept of the project. What containers wrote may belong to users that only their tool can act as.
func (i *images) removeData(ctx context.Context) error {
	err := removeAll(i.dirs.root)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	tool, missing := i.tools.find(ctx)
	if missing != nil {
		return errors.Join(err, missing)
	}
	if err := tool.RemoveAll(ctx, i.dirs.root); err != nil {
		return fmt.Errorf("removing the data of a project: %w", err)
	}
	return nil
}
