package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"
)

// image is a manifest as it is stored.
type image struct {
	manifest
	digest  string // in hex
	content []byte
}

// maxManifest bounds a manifest, in bytes.
const maxManifest = 4 << 20

// digestOf is the digest of a content, in hex.
func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// tagged is the digest that a tag has, in hex; fs.ErrNotExist when there is no such tag.
func (s *store) tagged(repository, tag string) (string, error) {
	content, err := readSmall(s.tagPath(repository, tag))
	if err != nil {
		return "", err
	}
	digest, ok := parseDigest(strings.TrimSuffix(string(content), "\n"))
	if !ok {
		s.log.Error("a tag is damaged; it is there again once it is pushed again", "image", repository, "tag", tag, "file", s.tagPath(repository, tag))
		return "", fmt.Errorf("the tag %s of %s is damaged on the disk of the registry (push it again): %w", tag, repository, fs.ErrNotExist)
	}
	return digest, nil
}

// parseDigest reads a digest, and returns it in hex.
func parseDigest(text string) (string, bool) {
	digest, found := strings.CutPrefix(text, algorithm)
	raw, err := hex.DecodeString(digest)
	return digest, found && err == nil && len(raw) == sha256.Size && digest == strings.ToLower(digest)
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxManifest+1))
}

// manifestOf reads a manifest and checks it. What is damaged is put aside and not there any more.
func (s *store) manifestOf(repository, digest string) (image, error) {
	f, err := os.Open(s.manifestPath(repository, digest))
	if err != nil {
		return image{}, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && digestOf(content) != digest {
		err = errDamaged
	}
	if err != nil {
		return image{}, s.putAside(f, digest, err)
	}
	m, err := parseManifest(content)
	if err != nil {
		return image{}, fmt.Errorf("reading the manifest %s%s: %w", algorithm, digest, err)
	}
	return image{manifest: m, digest: digest, content: content}, nil
}

// find reads a manifest by its tag or its digest. An image that lacks a part is not there: whoever is told so makes it
// again, and whoever is not would find out when it is to run.
func (s *store) find(ctx context.Context, repository, reference string) (image, error) {
	digest, isDigest := parseDigest(reference)
	if !isDigest {
		var err error
		if digest, err = s.tagged(repository, reference); err != nil {
			return image{}, err
		}
	}
	found, err := s.manifestOf(repository, digest)
	if err != nil {
		return image{}, err
	}
	if err := s.sound(ctx, repository, found.manifest); err != nil {
		return image{}, fmt.Errorf("%s%s is not whole: %w", algorithm, digest, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range found.manifests {
		if err := s.use(s.manifestPath(repository, d.Digest.Hex)); err != nil {
			return image{}, err
		}
	}
	return found, s.use(s.manifestPath(repository, digest))
}

// complete says what a manifest names that is not there: an error is fs.ErrNotExist then. The content of blobs is looked at
// when they are read.
func (s *store) complete(repository string, m manifest) error {
	for _, d := range m.blobs {
		info, err := os.Stat(s.blobPath(d.Digest.Hex))
		if err != nil {
			return lacks(d.Digest.String(), err)
		}
		if info.Size() != d.Size {
			return lacks(d.Digest.String(), fs.ErrNotExist)
		}
	}
	for _, d := range m.manifests {
		if _, err := os.Stat(s.manifestPath(repository, d.Digest.Hex)); err != nil {
			return lacks(d.Digest.String(), err)
		}
	}
	return nil
}

// soundTime is how long the blobs of a manifest are looked at before it is sent: whoever asks whether an image is there does not
// wait much longer. What is not looked at by then is when it is read.
const soundTime = 2 * time.Second

// sound says what a manifest names that is not there or damaged: an error is fs.ErrNotExist then.
func (s *store) sound(ctx context.Context, repository string, m manifest) error {
	if err := s.complete(repository, m); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, soundTime)
	defer cancel()
	for _, d := range m.blobs {
		if s.checkedLately(d.Digest.Hex) {
			continue
		}
		err := s.inspect(bounded, d.Digest.Hex)
		switch {
		case err != nil && bounded.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
	}
	return nil
}

// checkedLately says that a blob was found to be whole a moment ago.
func (s *store) checkedLately(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.checked[digest]
	return known && s.clock().Sub(last) < recent
}

func lacks(digest string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it names %s, which is not here (push it again): %w", digest, fs.ErrNotExist)
	}
	return err
}

// put stores a manifest under a tag or its digest.
func (s *store) put(repository, reference, contentType string, content []byte) (image, error) {
	digest := digestOf(content)
	named, isDigest := parseDigest(reference)
	if isDigest && named != digest {
		return image{}, refuse(http.StatusBadRequest, "DIGEST_INVALID", "the manifest has the digest %s%s", algorithm, digest)
	}
	m, err := parseManifest(content)
	if err != nil {
		return image{}, refuse(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest cannot be used: %v", err)
	}
	if !m.agrees(contentType) {
		return image{}, refuse(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is %s, and not %q", m.mediaType, contentType)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.complete(repository, m); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return image{}, refuse(http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "the manifest cannot be used: %v", err)
		}
		return image{}, err
	}
	if err := s.useParts(repository, m); err != nil {
		return image{}, err
	}
	if err := s.writeManifest(repository, digest, content); err != nil || isDigest {
		return image{m, digest, content}, err
	}
	return image{m, digest, content}, s.writeTag(repository, reference, digest)
}

// useParts notes that what a manifest names is wanted. s.mu is held.
func (s *store) useParts(repository string, m manifest) error {
	for _, d := range m.blobs {
		if err := s.use(s.blobPath(d.Digest.Hex)); err != nil {
			return err
		}
	}
	for _, d := range m.manifests {
		if err := s.use(s.manifestPath(repository, d.Digest.Hex)); err != nil {
			return err
		}
	}
	return nil
}

// writeManifest stores a manifest, unless it is there. s.mu is held.
func (s *store) writeManifest(repository, digest string, content []byte) error {
	name := s.manifestPath(repository, digest)
	if there, err := readSmall(name); err == nil && bytes.Equal(there, content) {
		return s.use(name)
	}
	if err := s.write(name, content); err != nil {
		return err
	}
	s.healed(digest)
	return nil
}

// writeTag gives a manifest a tag, unless it has it. s.mu is held.
func (s *store) writeTag(repository, tag, digest string) error {
	name, content := s.tagPath(repository, tag), []byte(algorithm+digest+"\n")
	if there, err := readSmall(name); err == nil && bytes.Equal(there, content) {
		return nil
	}
	return s.write(name, content)
}

// tags of a repository, sorted; fs.ErrNotExist when it is not there.
func (s *store) tags(repository string) ([]string, error) {
	if _, err := os.Stat(s.path(repositoriesDir, repository, manifestsDir)); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.path(repositoriesDir, repository, tagsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	tags := []string{}
	for _, e := range entries {
		tags = append(tags, e.Name())
	}
	return tags, nil
}
