package embedded

import (
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a manifest says, what it names is a digest, which leads to a file of the store.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"config":{"digest":"` + sha("x") + `","size":1},"layers":[{"digest":"` + sha("y") + `"}]}`))
	f.Add([]byte(`{"manifests":[{"digest":"` + sha("x") + `"}]}`))
	f.Add([]byte(`{"manifests":[{"digest":"sha256:.."}],"mediaType":"` + indexType + `"}`))
	f.Add([]byte(`{"config":{}}`))
	s := &store{dir: "/store"}
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := parseManifest(content)
		if err != nil {
			return
		}
		for _, d := range append(m.blobs, m.manifests...) {
			if _, ok := parseDigest(d.Digest.String()); !ok {
				t.Errorf("it names %q", d.Digest)
			}
			if name := s.blobPath(d.Digest.Hex); filepath.Clean(name) != name || !strings.HasPrefix(name, "/store/blobs/") {
				t.Errorf("it leads to %s", name)
			}
		}
		if m.mediaType.IsImage() == m.mediaType.IsIndex() {
			t.Errorf("it is %s", m.mediaType)
		}
	})
}

// Whatever is asked for, it leads to no other place than a repository of the store.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/v2/", "/v2/_catalog", "/v2/ws-1/shop/manifests/v1.0.0", "/v2/a/blobs/" + sha("x"), "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/x", "/v2/a/tags/list",
		"/v2/../../manifests/..", "/v2/manifests/manifests/manifests", "/v2/a/_tags/b/tags/list", "/v2//tags/list",
	} {
		f.Add(path)
	}
	s := &store{dir: "/store"}
	f.Fuzz(func(t *testing.T, path string) {
		name, _, target := splitPath(path)
		if strings.Contains(target, "/") {
			t.Errorf("%q is about %q", path, target)
		}
		if !repositoryName.MatchString(name) || !tagName.MatchString(target) {
			return
		}
		for _, file := range []string{s.tagPath(name, target), s.manifestPath(name, digestOf(nil))} {
			if filepath.Clean(file) != file || !strings.HasPrefix(file, "/store/repositories/") || strings.Count(file, "/_") != 1 && !strings.HasPrefix(target, "_") {
				t.Errorf("%q leads to %s", path, file)
			}
		}
	})
}
