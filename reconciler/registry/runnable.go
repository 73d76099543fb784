package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

var (
	// errNoImage says that a reference points at something else, such as a Helm chart or an outdated kind of manifest.
	errNoImage = errors.New("this is no container image")
	// errPlatform says that an image is for other machines than those of the cluster.
	errPlatform = errors.New("this image is for other machines")
)

// Indexes inside of indexes are read this deep, and so many manifests of one that do not say which platform they are for.
const (
	maxIndexDepth = 3
	maxUnlabelled = 16
)

// runnable returns the config of the image that a node of the cluster would run, and says why there is none.
func (c *Client) runnable(found *remote.Descriptor) (v1.Config, error) {
	image, err := c.imageOf(found)
	if err != nil {
		return v1.Config{}, err
	}
	file, err := checkImage(image)
	if err != nil {
		return v1.Config{}, err
	}
	if is := platformOf(file); !c.fits(is) {
		return v1.Config{}, fmt.Errorf("%w: it is for %s, and the cluster is %s", errPlatform, is, strings.Join(c.options.Platforms, " or "))
	}
	return file.Config, nil
}

// imageOf returns the image, or that of an index which fits.
func (c *Client) imageOf(found *remote.Descriptor) (v1.Image, error) {
	if !found.MediaType.IsIndex() {
		return found.Image()
	}
	index, err := found.ImageIndex()
	if err != nil {
		return nil, err
	}
	search := &search{client: c}
	if err := search.in(index, 1); err != nil || search.image != nil {
		return search.image, err
	}
	return nil, search.nothing()
}

// search is the way through an index to an image that fits.
type search struct {
	client *Client
	image  v1.Image
	// platforms that there are images for, and what else was there.
	platforms, others []string
	unlabelled        int
}

// in looks through one index. What a node does not look at is passed over.
func (s *search) in(index v1.ImageIndex, depth int) error {
	m, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range m.Manifests {
		switch {
		case s.image != nil:
			return nil
		case d.Annotations["vnd.docker.reference.type"] != "" || d.Platform != nil && d.Platform.OS == "unknown":
			s.note(&s.others, "attestations")
		case d.MediaType.IsIndex() && depth < maxIndexDepth:
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return missing("index", d, err)
			}
			if err := s.in(inner, depth+1); err != nil {
				return err
			}
		case d.MediaType.IsImage() && d.ArtifactType == "":
			if err := s.look(index, d); err != nil {
				return err
			}
		default:
			s.note(&s.others, kindOf(cmp.Or(d.ArtifactType, string(d.MediaType))))
		}
	}
	return nil
}

// look takes one image of an index if it fits.
func (s *search) look(index v1.ImageIndex, d v1.Descriptor) error {
	if d.Platform != nil && !s.client.fits(*d.Platform) {
		s.note(&s.platforms, d.Platform.String())
		return nil
	}
	if d.Platform == nil {
		if s.unlabelled++; s.unlabelled > maxUnlabelled {
			return nil
		}
	}
	image, err := index.Image(d.Digest)
	if err != nil {
		return missing("image", d, err)
	}
	if d.Platform == nil {
		file, err := checkImage(image)
		if errors.Is(err, errNoImage) {
			s.note(&s.others, strings.TrimPrefix(err.Error(), errNoImage.Error()+" but "))
			return nil
		}
		if err != nil {
			return err
		}
		if is := platformOf(file); !s.client.fits(is) {
			s.note(&s.platforms, is.String())
			return nil
		}
	}
	s.image = image
	return nil
}

// missing says which part of an index cannot be read, and that the registry does not have it where that is why.
func missing(kind string, d v1.Descriptor, err error) error {
	what := fmt.Sprintf("the %s %s", kind, d.Digest)
	if d.Platform != nil {
		what += " for " + d.Platform.String()
	}
	if notThere(err) {
		return &incompleteError{what + ", which the index lists", err}
	}
	return fmt.Errorf("reading %s inside of it: %w", what, err)
}

// incompleteError says that what a tag points at is there, and a part of it is not.
type incompleteError struct {
	part string
	err  error
}

func (e *incompleteError) Error() string {
	return "it is there, but not whole: the registry does not have " + e.part
}

func (e *incompleteError) Unwrap() error { return e.err }

// notThere says that a registry does not have what it was asked for.
func notThere(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}

func (*search) note(list *[]string, what string) {
	if !slices.Contains(*list, what) {
		*list = append(*list, what)
	}
}

// nothing says why no image of an index fits.
func (s *search) nothing() error {
	switch {
	case len(s.platforms) > 0:
		return fmt.Errorf("%w: there are images for %s, and the cluster is %s", errPlatform, strings.Join(s.platforms, ", "),
			strings.Join(s.client.options.Platforms, " or "))
	case len(s.others) > 0:
		return fmt.Errorf("%w but an image index that holds nothing but %s", errNoImage, strings.Join(s.others, ", "))
	}
	return fmt.Errorf("%w but an empty image index", errNoImage)
}

// fits says that a node of the cluster can run images for a platform. Images that do not say what they are for are taken at
// their word.
func (c *Client) fits(is v1.Platform) bool {
	if is.OS == "" && is.Architecture == "" {
		return true
	}
	return slices.ContainsFunc(c.options.Platforms, func(wanted string) bool {
		parts := strings.Split(wanted, "/")
		return len(parts) >= 2 && is.OS == parts[0] && is.Architecture == parts[1] && (len(parts) < 3 || is.Variant == "" || is.Variant == parts[2])
	})
}

func platformOf(file *v1.ConfigFile) v1.Platform {
	return v1.Platform{OS: file.OS, Architecture: file.Architecture, Variant: file.Variant}
}

// checkImage returns the config of an image, and refuses what only has the form of one: charts, signatures, attestations and
// other artifacts come in image manifests too.
func checkImage(image v1.Image) (*v1.ConfigFile, error) {
	m, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	if m.Config.MediaType != types.OCIConfigJSON && m.Config.MediaType != types.DockerConfigJSON {
		return nil, fmt.Errorf("%w but %s", errNoImage, kindOf(artifactType(image, m)))
	}
	for _, layer := range m.Layers {
		if !isFileSystem(string(layer.MediaType)) {
			return nil, fmt.Errorf("%w but %s", errNoImage, kindOf(string(layer.MediaType)))
		}
	}
	if len(m.Layers) == 0 {
		return nil, fmt.Errorf("%w but an image without a layer, so that there is nothing in it to run", errNoImage)
	}
	file, err := configOf(image)
	if err == nil && len(file.RootFS.DiffIDs) != len(m.Layers) {
		return nil, fmt.Errorf("%w but an image whose config tells of %d layers, where it has %d", errNoImage, len(file.RootFS.DiffIDs), len(m.Layers))
	}
	return file, err
}

// artifactType is what kind of thing a manifest is that has no config of an image.
func artifactType(image v1.Image, m *v1.Manifest) string {
	var named struct {
		ArtifactType string `json:"artifactType"`
	}
	if raw, err := image.RawManifest(); err == nil {
		_ = json.Unmarshal(raw, &named) // it was parsed before
	}
	const empty = "application/vnd.oci.empty.v1+json"
	switch {
	case named.ArtifactType != "":
		return named.ArtifactType
	case m.Config.MediaType == empty && len(m.Layers) > 0:
		return string(m.Layers[0].MediaType)
	}
	return string(m.Config.MediaType)
}

// isFileSystem says that a layer holds files of an image, however they are packed.
func isFileSystem(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.") || strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.")
}

// configOf reads the config of an image.
func configOf(image v1.Image) (*v1.ConfigFile, error) {
	m, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	if m.Config.Size > maxAnswer {
		return nil, errTooLarge
	}
	raw, err := image.RawConfigFile()
	if notThere(err) {
		return nil, &incompleteError{fmt.Sprintf("the config %s, which the image names", m.Config.Digest), err}
	}
	if err != nil {
		return nil, err
	}
	var file v1.ConfigFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("%w but something whose config is not what images have", errNoImage)
	}
	return &file, nil
}

// kindOf says in the words of people what a media type stands for.
func kindOf(mediaType string) string {
	mediaType = oneLine(mediaType)
	kinds := []struct{ part, name string }{
		{"docker.distribution.manifest.v1", "a manifest of Docker schema 1, which container runtimes have given up"},
		{"helm.", "a Helm chart"},
		{"simplesigning", "a signature"}, {"cosign", "a signature"}, {"notary", "a signature"}, {"sigstore", "a signature"},
		{"in-toto", "an attestation"}, {"dsse", "an attestation"},
		{"spdx", "a list of contents (SBOM)"}, {"cyclonedx", "a list of contents (SBOM)"}, {"syft", "a list of contents (SBOM)"},
		{"wasm", "a WebAssembly module"}, {"docker.plugin", "a Docker plugin"}, {"fluxcd", "a source of Flux"},
	}
	for _, k := range kinds {
		if strings.Contains(mediaType, k.part) {
			return k.name + " (" + mediaType + ")"
		}
	}
	if mediaType == "" {
		return "something without a type"
	}
	return "an artifact (" + mediaType + ")"
}
