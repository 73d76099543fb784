package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// manifest is what the content of a manifest says.
type manifest struct {
	mediaType types.MediaType
	// blobs and manifests that it names, and that have to be here, too.
	blobs, manifests []v1.Descriptor
}

// parseManifest reads an image or an index. What its media type is stands in it, or shows by what it holds.
func parseManifest(content []byte) (manifest, error) {
	var said struct {
		MediaType types.MediaType `json:"mediaType"`
		Config    *v1.Descriptor  `json:"config"`
		Layers    []v1.Descriptor `json:"layers"`
		Manifests []v1.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(content, &said); err != nil {
		return manifest{}, err
	}
	m := manifest{mediaType: said.MediaType}
	switch {
	case said.Manifests != nil && said.Config == nil:
		if m.manifests = here(said.Manifests); m.mediaType == "" {
			m.mediaType = types.OCIImageIndex
		}
		if !m.mediaType.IsIndex() {
			return manifest{}, fmt.Errorf("it lists manifests but calls itself %s", m.mediaType)
		}
	case said.Config != nil && said.Manifests == nil:
		if m.blobs = append([]v1.Descriptor{*said.Config}, here(said.Layers)...); m.mediaType == "" {
			m.mediaType = types.OCIManifestSchema1
		}
		if !m.mediaType.IsImage() {
			return manifest{}, fmt.Errorf("it has a config but calls itself %s", m.mediaType)
		}
	default:
		return manifest{}, errors.New("it is neither an image nor an index")
	}
	for _, d := range append(m.blobs, m.manifests...) {
		if d.Digest.Algorithm+":" != algorithm {
			return manifest{}, fmt.Errorf("it names %q, which is no sha256 digest", d.Digest)
		}
	}
	return m, nil
}

// here are the descriptors of what has to be in the registry: not of layers that are only to be had elsewhere.
func here(all []v1.Descriptor) []v1.Descriptor {
	kept := []v1.Descriptor{}
	for _, d := range all {
		if d.MediaType.IsDistributable() {
			kept = append(kept, d)
		}
	}
	return kept
}

// agrees says that a Content-Type is that of a manifest.
func (m manifest) agrees(contentType string) bool {
	given, _, err := mime.ParseMediaType(contentType)
	return err == nil && given == string(m.mediaType)
}
