package registry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

// shelf is a repository that a test fills by hand.
type shelf struct {
	t          *testing.T
	host, name string
}

func (s shelf) send(method, path, mediaType string, body []byte) *http.Response {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.host+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", mediaType)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s %s", method, path, answer.Status, said)
	}
	return answer
}

// blob puts a blob there.
func (s shelf) blob(mediaType, content string) v1.Descriptor {
	s.t.Helper()
	hash, size, err := v1.SHA256(strings.NewReader(content))
	if err != nil {
		s.t.Fatal(err)
	}
	at := s.send(http.MethodPost, "/v2/"+s.name+"/blobs/uploads/", "application/octet-stream", nil).Header.Get("Location")
	at = at[strings.Index(at, "/v2/"):]
	s.send(http.MethodPut, at+"?digest="+hash.String(), "application/octet-stream", []byte(content))
	return v1.Descriptor{MediaType: types.MediaType(mediaType), Digest: hash, Size: size}
}

// manifest puts a manifest there, under a tag or its digest.
func (s shelf) manifest(tag string, mediaType types.MediaType, content any) v1.Descriptor {
	s.t.Helper()
	raw, err := json.Marshal(content)
	if err != nil {
		s.t.Fatal(err)
	}
	hash, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	if tag == "" {
		tag = hash.String()
	}
	s.send(http.MethodPut, "/v2/"+s.name+"/manifests/"+tag, string(mediaType), raw)
	return v1.Descriptor{MediaType: mediaType, Digest: hash, Size: size}
}

const (
	ociConfig = string(types.OCIConfigJSON)
	ociLayer  = string(types.OCILayer)
)

// artifact puts an image manifest there whose config and only layer are of these types.
func (s shelf) artifact(tag, config, layer string) v1.Descriptor {
	s.t.Helper()
	content := map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "config": s.blob(config, `{"rootfs":{"type":"layers","diff_ids":["sha256:`+strings.Repeat("1", 64)+`"]}}`),
		"layers": []v1.Descriptor{s.blob(layer, "content of "+layer)},
	}
	return s.manifest(tag, types.OCIManifestSchema1, content)
}

// image puts an image for a platform there.
func (s shelf) image(tag, platform string) v1.Descriptor {
	s.t.Helper()
	of, err := v1.ParsePlatform(platform)
	if err != nil {
		s.t.Fatal(err)
	}
	image := newImage(s.t, v1.Config{})
	file, err := image.ConfigFile()
	if err != nil {
		s.t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Variant = of.OS, of.Architecture, of.Variant
	if image, err = mutate.ConfigFile(image, file); err != nil {
		s.t.Fatal(err)
	}
	if tag == "" {
		tag = "image-" + strings.ReplaceAll(platform, "/", "-")
	}
	push(s.t, newClient(s.t, registry.Options{}), s.host+"/"+s.name, tag, image)
	d := v1.Descriptor{Platform: of}
	if d.Digest, err = image.Digest(); err != nil {
		s.t.Fatal(err)
	}
	if d.MediaType, err = image.MediaType(); err != nil {
		s.t.Fatal(err)
	}
	if d.Size, err = image.Size(); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// index puts an image index there.
func (s shelf) index(tag string, of ...v1.Descriptor) v1.Descriptor {
	s.t.Helper()
	if of == nil {
		of = []v1.Descriptor{}
	}
	return s.manifest(tag, types.OCIImageIndex, map[string]any{"schemaVersion": 2, "mediaType": types.OCIImageIndex, "manifests": of})
}

// lose has the registry lose a manifest that others may list.
func (s shelf) lose(d v1.Descriptor) {
	s.t.Helper()
	s.send(http.MethodDelete, "/v2/"+s.name+"/manifests/"+d.Digest.String(), string(d.MediaType), nil)
}

func attestation(d v1.Descriptor) v1.Descriptor {
	d.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	d.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	return d
}

// What no node can run is refused by what it is.
func TestWhatCannotRunIsRefusedByName(t *testing.T) {
	server := ociregistry.New(t)
	tests := []struct {
		name string
		put  func(s shelf)
		says string
	}{
		{"a chart", func(s shelf) {
			s.artifact("x", "application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
		}, "a Helm chart (application/vnd.cncf.helm.config.v1+json)"},
		{"a signature", func(s shelf) { s.artifact("x", ociConfig, "application/vnd.dev.cosign.simplesigning.v1+json") }, "a signature"},
		{"an SBOM", func(s shelf) { s.artifact("x", ociConfig, "text/spdx+json") }, "a list of contents (SBOM)"},
		{"an attestation", func(s shelf) { s.artifact("x", ociConfig, "application/vnd.in-toto+json") }, "an attestation"},
		{"a WebAssembly module", func(s shelf) { s.artifact("x", "application/vnd.wasm.config.v0+json", "application/wasm") }, "a WebAssembly module"},
		{"an artifact with an empty config", func(s shelf) { s.artifact("x", "application/vnd.oci.empty.v1+json", "application/x-models") },
			"an artifact (application/x-models)"},
		{"an unknown config", func(s shelf) { s.artifact("x", "application/vnd.acme.thing", ociLayer) }, "an artifact (application/vnd.acme.thing)"},
		{"an image without layers", func(s shelf) {
			s.manifest("x", types.OCIManifestSchema1, map[string]any{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1,
				"config": s.blob(ociConfig, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`), "layers": []v1.Descriptor{}})
		}, "without a layer"},
		{"a config that is none", func(s shelf) {
			s.manifest("x", types.OCIManifestSchema1, map[string]any{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1,
				"config": s.blob(ociConfig, `{}`), "layers": []v1.Descriptor{s.blob(ociLayer, "layer")}})
		}, "whose config tells of 0 layers"},
		{"Docker schema 1", func(s shelf) {
			s.manifest("x", types.DockerManifestSchema1Signed, map[string]any{"schemaVersion": 1, "name": "x", "fsLayers": []any{}})
		}, "Docker schema 1"},
		{"an empty index", func(s shelf) { s.index("x") }, "an empty image index"},
		{"an index of attestations", func(s shelf) { s.index("x", attestation(s.artifact("", ociConfig, "application/vnd.in-toto+json"))) },
			"holds nothing but attestations"},
		{"an index of charts", func(s shelf) {
			s.index("x", s.artifact("", "application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"))
		}, "holds nothing but a Helm chart"},
		{"indexes deep inside of each other", func(s shelf) { s.index("x", s.index("", s.index("", s.index("", s.image("", "linux/amd64"))))) },
			"holds nothing but"},
		{"another architecture", func(s shelf) { s.image("x", "linux/arm64") }, "it is for linux/arm64, and the cluster is linux/amd64"},
		{"another system", func(s shelf) { s.image("x", "windows/amd64") }, "it is for windows/amd64"},
		{"an index of other platforms", func(s shelf) { s.index("x", s.image("", "linux/arm64"), s.image("", "linux/s390x")) },
			"there are images for linux/arm64, linux/s390x, and the cluster is linux/amd64"},
		{"an index whose image is gone", func(s shelf) {
			d := s.image("", "linux/amd64")
			s.index("x", d)
			s.lose(d)
		},
			"it is there, but not whole: the registry does not have the image sha256:"},
		{"an index whose image without a platform is gone", func(s shelf) {
			d := s.image("", "linux/amd64")
			d.Platform = nil
			s.index("x", d)
			s.lose(d)
		}, "it is there, but not whole: the registry does not have the image sha256:"},
		{"an index whose index is gone", func(s shelf) {
			d := s.index("", s.image("", "linux/amd64"))
			s.index("x", d)
			s.lose(d)
		},
			"it is there, but not whole: the registry does not have the index sha256:"},
		{"nothing", func(shelf) {}, "it does not exist there; check the name and the tag"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := shelf{t, server.Host, "acme/x" + string(rune('a'+i))}
			tt.put(s)
			_, err := newClient(t, registry.Options{}).Resolve(t.Context(), s.host+"/"+s.name+":x")
			var e *registry.Error
			if !errors.As(err, &e) || e.Temporary() || !strings.Contains(err.Error(), tt.says) || e.Fix == "" {
				t.Errorf("Resolve = %v, want a final error with %q and what to do", err, tt.says)
			}
		})
	}
}

// The digest of an index is kept as long as one of its images fits.
func TestAnIndexIsTakenWhenOneImageFits(t *testing.T) {
	server := ociregistry.New(t)
	tests := []struct {
		name      string
		platforms []string
		put       func(s shelf) v1.Descriptor
	}{
		{"the second", nil, func(s shelf) v1.Descriptor {
			return s.index("x", s.image("", "linux/arm64"), s.image("", "linux/amd64"), attestation(s.artifact("", ociConfig, "application/vnd.in-toto+json")))
		}},
		{"as configured", []string{"linux/arm64"}, func(s shelf) v1.Descriptor { return s.index("x", s.image("", "linux/arm64")) }},
		{"with a variant", []string{"linux/arm/v7"}, func(s shelf) v1.Descriptor { return s.index("x", s.image("", "linux/arm/v7")) }},
		{"either", []string{"linux/amd64", "linux/arm64"}, func(s shelf) v1.Descriptor { return s.index("x", s.image("", "linux/arm64")) }},
		{"an index in an index", nil, func(s shelf) v1.Descriptor { return s.index("x", s.index("", s.image("", "linux/amd64"))) }},
		{"without a platform", nil, func(s shelf) v1.Descriptor {
			d := s.image("", "linux/amd64")
			d.Platform = nil
			return s.index("x", d)
		}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := shelf{t, server.Host, "acme/y" + string(rune('a'+i))}
			want := tt.put(s)
			image, err := newClient(t, registry.Options{Platforms: tt.platforms}).Resolve(t.Context(), s.host+"/"+s.name+":x")
			if err != nil || image.Digest != want.Digest.String() {
				t.Errorf("Resolve = %+v, %v, want the digest %s", image, err, want.Digest)
			}
		})
	}
}

// An index of many manifests that do not say what they are for costs no request for each.
func TestFewUnlabelledManifestsAreRead(t *testing.T) {
	server := ociregistry.New(t)
	s := shelf{t, server.Host, "acme/z"}
	const many = 60
	var all []v1.Descriptor
	for i := range many {
		all = append(all, s.artifact("", "application/vnd.acme.thing", "application/vnd.acme.part-"+strconv.Itoa(i)))
	}
	s.index("x", all...)
	before := server.Requests()
	if _, err := newClient(t, registry.Options{}).Resolve(t.Context(), s.host+"/"+s.name+":x"); err == nil {
		t.Error("an index of artifacts was taken")
	}
	if asked := server.Requests() - before; asked > many/2 {
		t.Errorf("%d requests for an index of %d manifests", asked, many)
	}
}
